"""Random values, and the fingerprints under which they are kept.

A value handed to somebody (code, refresh token, session cookie, secret, link) is never stored: only its SHA-256
fingerprint is. The values are random 256 bits, so a plain hash cannot be guessed backwards.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


def token(nbytes: int = 32) -> str:
    """Return *nbytes* random bytes as unpadded base64url (43 characters for 32 bytes)."""
    return secrets.token_urlsafe(nbytes)


def hexadecimal(nbytes: int = 32) -> str:
    """Return *nbytes* random bytes as lower-case hexadecimal characters, two a byte."""
    return secrets.token_hex(nbytes)


def digits(count: int) -> str:
    """Return *count* random decimal digits."""
    return f"{secrets.randbelow(10**count):0{count}}"


def crockford(count: int) -> str:
    """Return *count* random characters of Crockford's base32, five bits each; none looks like another."""
    return "".join(secrets.choice(_CROCKFORD) for _ in range(count))


def random_bytes(nbytes: int = 32) -> bytes:
    """Return *nbytes* random bytes."""
    return secrets.token_bytes(nbytes)


def fingerprint(value: str) -> str:
    """Return the SHA-256 of *value* as 64 lower-case hexadecimal characters."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def same(left: str, right: str) -> bool:
    """Compare two strings of any characters in constant time."""
    return hmac.compare_digest(left.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogatepass"))


def new_id(prefix: str) -> str:
    """Return ``<prefix>_`` and 26 characters that sort by creation time (48 bits of milliseconds, 80 random bits)."""
    # An identifier carries its own coarse time only to sort well in an index; nothing is ever decided by it.
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    letters = []
    for _ in range(26):
        number, digit = divmod(number, 32)
        letters.append(_CROCKFORD[digit])
    return f"{prefix}_{''.join(reversed(letters))}"
