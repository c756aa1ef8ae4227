"""Keys that apps hold, and what they sign with them: made by joserfc, apart from the product's own code."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass
from functools import cache
from typing import Any

from joserfc import jwe
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from tests.relying_party import now

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ENCRYPTION = [name for kind in ("alg", "enc") for name in jwe.JWERegistry.algorithms[kind]]
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}


@dataclass(frozen=True)
class AppKey:
    """One private key of an app, and the algorithm that it signs with."""

    key: Any
    alg: str
    kid: str | None

    @property
    def jwk(self) -> dict[str, Any]:
        """The public key as it is registered."""
        given = {"use": "sig"} if self.kid is None else {"use": "sig", "kid": self.kid}
        return {**self.key.as_dict(private=False), **given}

    @property
    def jwks(self) -> dict[str, Any]:
        return {"keys": [self.jwk]}

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        named = {} if self.kid is None else {"kid": self.kid}
        whole = {name: value for name, value in {"alg": self.alg, **named, **header}.items() if value is not None}
        signed = f"{segment(whole)}.{segment(claims)}"
        signature = JWSRegistry.algorithms[self.alg].sign(signed.encode(), self.key)
        return f"{signed}.{segment(signature)}"


def segment(value: Any) -> str:
    """Return bytes, or a value as JSON, as a part of a JWT."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unsigned(claims: dict[str, Any], alg: str = "none") -> str:
    """Return a JWT that nobody signed."""
    return f"{segment({'alg': alg})}.{segment(claims)}."


def make_key(alg: str = "RS256", kid: str | None = "k1", *, fresh: bool = False) -> AppKey:
    """Make a key; RSA keys are slow to make, so one serves all tests unless a *fresh* one is asked for."""
    if alg.startswith(("RS", "PS")):
        return AppKey(RSAKey.generate_key(2048) if fresh else _usual_rsa_key(), alg, kid)
    key = OKPKey.generate_key("Ed25519") if alg == "EdDSA" else ECKey.generate_key(_CURVES[alg])
    return AppKey(key, alg, kid)


@cache
def _usual_rsa_key() -> RSAKey:
    return RSAKey.generate_key(2048)


def with_secret(secret: str, alg: str = "HS256") -> AppKey:
    """Return the key of an app that signs with its client secret."""
    return AppKey(OctKey.import_key(secret), alg, None)


def assertion_claims(client_id: str, audience: Any, **changes: Any) -> dict[str, Any]:
    """Return the claims of a client assertion; a change to None leaves one out."""
    given = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": secrets.token_urlsafe(16),
        "iat": now(),
        "exp": now() + 60,
        **changes,
    }
    return {name: value for name, value in given.items() if value is not None}


def decrypted(token: str, key: Any) -> tuple[dict[str, Any], bytes]:
    """Return the header of a JWE and what it holds."""
    found = jwe.decrypt_compact(token, key, algorithms=_ENCRYPTION)
    return dict(found.headers()), found.plaintext
