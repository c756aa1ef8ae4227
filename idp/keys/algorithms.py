"""The signature algorithms a key can be made for, and keys as joserfc sees them."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateNumbers, RSAPublicNumbers
from joserfc.jwk import ECKey, OKPKey, RSAKey

# Importing it registers the algorithms.
from joserfc.jws import JWSRegistry

if TYPE_CHECKING:
    from joserfc.jwa import JWSAlgModel

AsymmetricKey = RSAKey | ECKey | OKPKey

_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One ``alg`` of RFC 7518 section 3.1 or RFC 8037 section 3.1, and the only kind of key that it takes."""

    name: str
    kty: str
    # The one curve; empty for RSA.
    curve: str
    # What people read.
    key_label: str
    # First letter of the names of its keys.
    initial: str

    @property
    def model(self) -> JWSAlgModel:
        """Return what signs and verifies."""
        # Not `get_alg`: that consults a list of recommendations and warns; which algorithms exist is decided here.
        return JWSRegistry.algorithms[self.name]


ALGORITHMS: Final[dict[str, Algorithm]] = {
    algorithm.name: algorithm
    for algorithm in (
        Algorithm("RS256", "RSA", "", "RSA 2048", "k"),
        Algorithm("RS384", "RSA", "", "RSA 2048", "k"),
        Algorithm("RS512", "RSA", "", "RSA 2048", "k"),
        Algorithm("PS256", "RSA", "", "RSA 2048", "k"),
        Algorithm("PS384", "RSA", "", "RSA 2048", "k"),
        Algorithm("PS512", "RSA", "", "RSA 2048", "k"),
        Algorithm("ES256", "EC", "P-256", "EC P-256", "e"),
        Algorithm("ES384", "EC", "P-384", "EC P-384", "e"),
        Algorithm("ES512", "EC", "P-521", "EC P-521", "e"),
        Algorithm("EdDSA", "OKP", "Ed25519", "Ed25519", "e"),
    )
}
FIRST: Final = ("RS256", "ES256")


def generate(algorithm: Algorithm) -> AsymmetricKey:
    """Make a private key for *algorithm*; RSA takes about a tenth of a second, so no transaction may be open."""
    if algorithm.kty == "RSA":
        return RSAKey.generate_key(_RSA_BITS)
    if algorithm.kty == "EC":
        return ECKey.generate_key(algorithm.curve)
    return OKPKey.generate_key("Ed25519")


def parse(algorithm: Algorithm, jwk: dict[str, Any]) -> AsymmetricKey:
    """Return the key of one of our own rows; *jwk* holds the key's members alone."""
    if algorithm.kty == "RSA":
        return RSAKey.import_key(jwk)
    if algorithm.kty == "EC":
        return ECKey.import_key(jwk)
    return OKPKey.import_key(jwk)


def parse_private(algorithm: Algorithm, text: bytes) -> AsymmetricKey:
    """Return the key that ``private_jwk`` wrote as *text*, which the vault has authenticated."""
    jwk = json.loads(text)
    if algorithm.kty != "RSA":
        return parse(algorithm, jwk)
    # Proving anew that its primes are primes would take longer than everything else at the start of a process.
    return RSAKey.import_key(_rsa_numbers(jwk).private_key(unsafe_skip_rsa_key_validation=True))


def _rsa_numbers(jwk: dict[str, str]) -> RSAPrivateNumbers:
    n, e, d, p, q, dp, dq, qi = (_integer(jwk[name]) for name in ("n", "e", "d", "p", "q", "dp", "dq", "qi"))
    return RSAPrivateNumbers(p, q, d, dp, dq, qi, RSAPublicNumbers(e, n))


def _integer(text: str) -> int:
    """Read Base64urlUInt (RFC 7518 section 2)."""
    return int.from_bytes(base64.urlsafe_b64decode(f"{text}=="), "big")


def public_jwk(key: AsymmetricKey) -> dict[str, Any]:
    """Return the public members: written from the public key itself, so nothing private can slip through."""
    return dict(type(key).import_key(key.as_pem(private=False)).as_dict(private=False))


def private_jwk(key: AsymmetricKey) -> bytes:
    """Return the whole key as JSON, to be encrypted; again from the key itself, not from what was imported."""
    return json.dumps(type(key).import_key(key.as_pem(private=True)).as_dict(private=True)).encode()


def public_pem(algorithm: Algorithm, jwk: dict[str, Any]) -> str:
    """Return the public key as SubjectPublicKeyInfo in PEM (RFC 7468 section 13)."""
    return parse(algorithm, jwk).as_pem(private=False).decode()


def size_label(jwk: dict[str, Any]) -> str:
    """Return what people call the kind of key: ``RSA 3072``, ``EC P-256``, ``Ed25519``."""
    if jwk["kty"] == "RSA":
        return f"RSA {RSAKey.import_key(jwk).public_key.key_size}"
    return f"EC {jwk['crv']}" if jwk["kty"] == "EC" else str(jwk["crv"])
