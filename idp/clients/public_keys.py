"""The public keys that a client registers by value (RFC 7591 section 2, RFC 7517)."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from idp.clients.values import BadValue

# What clients may sign with: assertions and request objects.
CLIENT_SIGNING_ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"),
)
# Of those, what the fapi profile allows (FAPI 2.0 Security Profile section 5.4.1).
FAPI_ALGORITHMS: Final = frozenset({"PS256", "ES256", "EdDSA"})
KEY_ENCRYPTION_ALGORITHMS: Final = (
    *("RSA-OAEP", "RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"),
)
CONTENT_ENCRYPTION_ALGORITHMS: Final = (
    *("A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512", "A128GCM", "A192GCM", "A256GCM"),
)
MOST_KEYS: Final = 20
_LARGEST: Final = 32 * 1024
_LEAST_RSA_BITS: Final = 2048
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_KINDS: Final[dict[str, type[RSAKey | ECKey | OKPKey]]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}


def read(value: object) -> dict[str, Any]:
    """Return the JWK set in *value*.

    Raises:
        BadValue: it is none, is too large, or holds a key that is private, weak or malformed.

    """
    keys = value.get("keys") if isinstance(value, Mapping) else None
    if not isinstance(keys, list) or not keys or not all(isinstance(key, dict) for key in keys):
        raise BadValue('Write this as a JWK set: {"keys": [ … ]} with at least one key.')
    if len(keys) > MOST_KEYS or len(json.dumps(keys)) > _LARGEST:
        raise BadValue(f"Use at most {MOST_KEYS} keys and 32 KiB.")
    for place, key in enumerate(keys, 1):
        fault = fault_of(key)
        if fault:
            raise BadValue(f"Key {place}: {fault}")
    return {"keys": keys}


def fault_of(key: Mapping[str, Any]) -> str | None:
    """Return why *key* cannot be used as a client's public key; ``None`` when it can."""
    if _PRIVATE & key.keys():
        return "register the public part alone; a private or secret key never leaves the app."
    kind = _KINDS.get(str(key.get("kty")))
    if kind is None:
        return "its kty must be RSA, EC or OKP."
    try:
        # Before the import, which warns of a short key.
        if kind is RSAKey and len(base64.urlsafe_b64decode(key["n"] + "==")) * 8 < _LEAST_RSA_BITS:
            return f"an RSA key has at least {_LEAST_RSA_BITS} bits."
        kind.import_key(dict(key))
    except (JoseError, ValueError, TypeError, KeyError):
        return "it is not a well-formed JWK."
    return None
