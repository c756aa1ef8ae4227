"""Encryption at rest, and the one installation secret from which every other is derived.

The master key (32 bytes) lives outside the database. It encrypts columns, and it encrypts the installation secret,
which is made once and never changes: rotating the master key leaves forms, refresh successors and pairwise subjects
as they were.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from idp import opaque

if TYPE_CHECKING:
    from pathlib import Path

# A column with this in its ``info`` holds envelopes, each bound to ``place_of`` its row.
SEALED: Final = "sealed"
_KEY_BYTES = 32
_NONCE_BYTES = 12


class VaultError(Exception):
    """The master key is missing, malformed or not the one that encrypted the data."""


def place_of(table: str, row: str, column: str) -> str:
    """Return the place that an envelope is bound to."""
    return f"{table}/{row}/{column}"


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Vault:
    """Encrypts columns under one master key (AES-256-GCM), and decrypts them.

    What was encrypted under one of *others* is read, too, while one master key replaces another.
    """

    def __init__(self, master_key: bytes, *others: bytes) -> None:
        if any(len(key) != _KEY_BYTES for key in (master_key, *others)):
            message = "The master key must be 32 bytes in base64url (43 characters)."
            raise VaultError(message)
        self._cipher = AESGCM(master_key)
        self.key_id = _key_id(master_key)
        self._ciphers = {_key_id(key): AESGCM(key) for key in (*others, master_key)}

    @property
    def prefix(self) -> str:
        """Return what everything begins with that is encrypted under the present key."""
        return f"v1:{self.key_id}:"

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Return what everything begins with that can be read."""
        return tuple(f"v1:{key_id}:" for key_id in self._ciphers)

    def encrypt(self, plaintext: bytes, *, place: str) -> str:
        """Return ``v1:<key id>:<nonce>:<ciphertext>``, bound to *place* (``table/row/column``)."""
        nonce = opaque.random_bytes(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, plaintext, place.encode())
        return f"{self.prefix}{_encode(nonce)}:{_encode(sealed)}"

    def decrypt(self, envelope: str, *, place: str) -> bytes:
        """Return what ``encrypt`` was given for the same *place*.

        Raises:
            VaultError: another master key, another place, or an altered envelope.

        """
        try:
            version, key_id, nonce, sealed = envelope.split(":")
            cipher = self._ciphers.get(key_id)
            if version != "v1" or cipher is None:
                message = "The master key is not the one that encrypted this database. Put the right master key back."
                raise VaultError(message)
            return cipher.decrypt(_decode(nonce), _decode(sealed), place.encode())
        except (ValueError, binascii.Error, InvalidTag) as error:
            message = f"An encrypted value cannot be read: {place}."
            raise VaultError(message) from error


def _key_id(master_key: bytes) -> str:
    return hashlib.sha256(b"doorward master key id" + master_key).hexdigest()[:12]


class Secrets:
    """What is derived from the installation secret: one key a purpose (HKDF-SHA256, RFC 5869)."""

    def __init__(self, installation_secret: bytes) -> None:
        self._root = installation_secret
        self._made: dict[str, bytes] = {}

    def derive(self, label: str, length: int = 32) -> bytes:
        """Return *length* bytes that only this installation can make for *label*."""
        name = f"{label}/{length}"
        if name not in self._made:
            kdf = HKDF(algorithm=SHA256(), length=length, salt=None, info=f"doorward {label}".encode())
            self._made[name] = kdf.derive(self._root)
        return self._made[name]


def parse_master_key(text: str) -> bytes:
    """Read a master key from its base64url or base64 form.

    Raises:
        VaultError: it is not 32 bytes.

    """
    try:
        key = _decode(text.strip().rstrip("=").replace("+", "-").replace("/", "_"))
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != _KEY_BYTES or len(set(key)) < 8:  # noqa: PLR2004 - catches repeated-letter keys typed by hand
        message = "The master key must be 32 random bytes in base64url (43 characters)."
        raise VaultError(message)
    return key


def read_master_key(path: Path) -> bytes:
    """Read the master key file.

    Raises:
        VaultError: it is missing or malformed.

    """
    try:
        return parse_master_key(path.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError) as error:
        message = f"The master key file {path} cannot be read. Put it back from your copy; a new one cannot replace it."
        raise VaultError(message) from error


def create_master_key(path: Path) -> bytes:
    """Make a new master key file, readable by its owner alone (0600); an existing one is never overwritten."""
    key = opaque.random_bytes(_KEY_BYTES)
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(_encode(key) + "\n", encoding="ascii")
    return key
