"""An authenticator in software, and a browser around it: makes passkeys and signs with them, honestly or not."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

ORIGIN = "http://localhost:8000"
RP_ID = "localhost"
UP, UV, BE, BS, AT = 0x01, 0x04, 0x08, 0x10, 0x40


def b64(value: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def unb64(value: str) -> bytes:
    """Return what base64url without padding stands for."""
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))


@dataclass
class Authenticator:
    """One authenticator with at most one passkey; every part of what it says can be set."""

    flags: int = UP | UV
    aaguid: str = "00000000-0000-0000-0000-000000000000"
    transports: tuple[str, ...] = ("internal",)
    counts: bool = True
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: os.urandom(32))
    user_handle: str | None = None
    count: int = 0

    def create(self, options: dict[str, Any], *, origin: str = ORIGIN, rp_id: str = RP_ID, flags: int = 0) -> str:
        """Answer a request for a new passkey."""
        self.user_handle = options["user"]["id"]
        data = self._data(rp_id, (flags or self.flags) | AT) + self._attested()
        response = {
            "clientDataJSON": b64(_client_data("webauthn.create", options["challenge"], origin)),
            "attestationObject": b64(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})),
            "transports": list(self.transports),
        }
        return self._credential(response)

    def get(self, options: dict[str, Any], *, origin: str = ORIGIN, rp_id: str = RP_ID, **changes: Any) -> str:
        """Answer a request to sign in; *changes* are ``flags``, ``user_handle``, ``type``, ``tampered``."""
        self.count += self.counts
        data = self._data(rp_id, changes.get("flags") or self.flags)
        client_data = _client_data(changes.get("type", "webauthn.get"), options["challenge"], origin)
        signature = self.key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(SHA256()))
        if changes.get("tampered"):
            data = data[:33] + (1_000_000).to_bytes(4, "big")
        response = {
            "clientDataJSON": b64(client_data),
            "authenticatorData": b64(data),
            "signature": b64(signature),
            "userHandle": changes.get("user_handle", self.user_handle),
        }
        return self._credential(response)

    def _credential(self, response: dict[str, Any]) -> str:
        name = b64(self.credential_id)
        return json.dumps(
            {
                "id": name,
                "rawId": name,
                "type": "public-key",
                "authenticatorAttachment": "platform",
                "clientExtensionResults": {},
                "response": response,
            }
        )

    def _data(self, rp_id: str, flags: int) -> bytes:
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _attested(self) -> bytes:
        numbers = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        aaguid = bytes.fromhex(self.aaguid.replace("-", ""))
        return aaguid + len(self.credential_id).to_bytes(2, "big") + self.credential_id + cbor2.dumps(cose)


def _client_data(kind: str, challenge: str, origin: str) -> bytes:
    return json.dumps({"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False}).encode()
