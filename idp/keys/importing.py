"""Keys made elsewhere, as PEM or JWK: checked hard before they come in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.util import base64_to_int
from sqlalchemy.exc import IntegrityError

from idp.audit import events
from idp.audit.log import record
from idp.db import transaction
from idp.errors import Conflict, FieldErrors
from idp.keys import algorithms, store
from idp.protocol.strict_json import parse_object

if TYPE_CHECKING:
    from idp.keys.algorithms import Algorithm, AsymmetricKey
    from idp.keys.rotation import Change

_LONGEST: Final = 16 * 1024
_RSA_BITS: Final = (2048, 8192)
_LEAST_EXPONENT: Final = 65537
_LARGEST_EXPONENT: Final = 2**32
_JWK_MEMBERS: Final = ("kty", "n", "e", "d", "p", "q", "dp", "dq", "qi", "crv", "x", "y")


def import_key(change: Change, text: str, alg: str) -> str:
    """Add the key in *text* (PEM or JWK) for *alg*, and return its kid.

    A private key is published to follow the one that signs; a public key alone verifies until it has been kept for as
    long as any key that signs no more.

    Raises:
        FieldErrors: ``key`` or ``alg`` cannot be used.
        Conflict: the key is here already.

    """
    made = store.seal(change.vault, alg, read(text, alg))
    state = store.NEXT if made.private_jwk else store.RETIRING
    with transaction() as session:
        try:
            with session.begin_nested():
                name = store.add(session, made, state=state, now=change.now)
                event = events.KeyImported(target_id=made.kid, target_name=name, alg=alg, state=state)
                record(session, event, now=change.now, actor=change.by)
        except IntegrityError as error:
            raise Conflict("This key is here already. A key that was revoked cannot come back.") from error
    return made.kid


def read(text: str, alg: str) -> AsymmetricKey:
    """Read one private or public key for *alg* from PEM or JWK.

    Raises:
        FieldErrors: ``key`` or ``alg`` cannot be used; the sentence never repeats what was given.

    """
    algorithm = store.algorithm_named(alg)
    text = text.strip()
    if not text:
        _refuse("Paste a key.")
    if len(text) > _LONGEST:
        _refuse("This is too long for one key.")
    try:
        key = _from_jwk(text, algorithm) if text.startswith("{") else _from_pem(text, algorithm)
    except (ValueError, TypeError, KeyError, UnsupportedAlgorithm, JoseError):
        # Not one word of the cause: some libraries quote what they could not read.
        _refuse("This cannot be read as a key. Paste one key as PEM (-----BEGIN …) or as JWK ({…}).")
    return key


def _from_jwk(text: str, algorithm: Algorithm) -> AsymmetricKey:
    jwk = parse_object(text)
    if "keys" in jwk:
        _refuse("This is a set of keys. Paste one key of it.")
    if jwk.get("kty") != algorithm.kty or jwk.get("crv", algorithm.curve) != algorithm.curve:
        _misfit(algorithm)
    if jwk.get("alg", algorithm.name) != algorithm.name:
        _refuse(f"This key says that it is for another algorithm than {algorithm.name}.")
    if jwk.get("use", "sig") != "sig":
        _refuse("This key is not for signing.")
    members: dict[str, Any] = {name: jwk[name] for name in _JWK_MEMBERS if name in jwk}
    if algorithm.kty == "RSA":
        _check_rsa(base64_to_int(members["n"]), base64_to_int(members["e"]))
    key = algorithms.parse(algorithm, members)
    if algorithm.kty == "OKP" and algorithms.public_jwk(key)["x"] != members.get("x"):
        _refuse("The private and the public part of this key do not belong together.")
    return key


def _from_pem(text: str, algorithm: Algorithm) -> AsymmetricKey:
    if "ENCRYPTED" in text:
        _refuse("This key is protected by a passphrase. Take the passphrase off first, for example with openssl pkey.")
    data = text.encode("ascii")
    native = load_pem_private_key(data, password=None) if "PRIVATE KEY" in text else load_pem_public_key(data)
    if isinstance(native, RSAPrivateKey | RSAPublicKey) and algorithm.kty == "RSA":
        public = native.public_key() if isinstance(native, RSAPrivateKey) else native
        _check_rsa(public.public_numbers().n, public.public_numbers().e)
        return RSAKey.import_key(native)
    if isinstance(native, EllipticCurvePrivateKey | EllipticCurvePublicKey) and algorithm.kty == "EC":
        key = ECKey.import_key(native)
        if key.curve_name != algorithm.curve:
            _misfit(algorithm)
        return key
    if isinstance(native, Ed25519PrivateKey | Ed25519PublicKey) and algorithm.kty == "OKP":
        return OKPKey.import_key(native)
    return _misfit(algorithm)


def _check_rsa(modulus: int, exponent: int) -> None:
    least, most = _RSA_BITS
    if not least <= modulus.bit_length() <= most:
        _refuse(f"An RSA key must have {least} to {most} bits.")
    if not _LEAST_EXPONENT <= exponent <= _LARGEST_EXPONENT or exponent % 2 == 0:
        _refuse("The public exponent of this RSA key is not safe. Nearly every key has 65537.")


def _misfit(algorithm: Algorithm) -> NoReturn:
    kind = "an RSA key" if algorithm.kty == "RSA" else f"a key on {algorithm.curve}"
    _refuse(f"{algorithm.name} needs {kind}.")


def _refuse(sentence: str) -> NoReturn:
    raise FieldErrors({"key": sentence})
