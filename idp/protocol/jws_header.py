"""Compact JWS, taken apart and bounded before any cryptography (RFC 7515, RFC 8725)."""

import base64
import binascii
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from idp.errors import InvalidToken
from idp.protocol.strict_json import parse_object

MAX_TOKEN_LENGTH = 16 * 1024
MAX_HEADER_LENGTH = 8 * 1024
MAX_KID_LENGTH = 128
_SEGMENT = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_KID = re.compile(rf"[\x21-\x7e]{{1,{MAX_KID_LENGTH}}}", re.ASCII)
# What would change how the token is to be read; `jwk`, `jku`, `x5u` and `x5c` are merely ignored.
_REFUSED = ("crit", "b64", "zip", "enc", "epk", "p2c", "p2s")
_PUBLIC = "The token is not valid."


@dataclass(frozen=True, slots=True)
class Jws:
    """A token in pieces. Nothing in it is proven: the key, and with it the algorithm, comes from our own record.

    `typ` is in lower case and without `application/`, empty when the header has none. `unverified_claims` may be
    trusted once a signature over `signing_input` holds.
    """

    alg: str
    kid: str | None
    typ: str
    unverified_claims: Mapping[str, Any]
    signing_input: bytes
    signature: bytes


def parse(token: str, *, algorithms: Collection[str]) -> Jws:
    """Take a compact JWS with a JSON payload apart.

    Raises:
        InvalidToken: for anything else, for a token above 16 KiB or a header above 8 kB, for an algorithm outside
            *algorithms* (`none` in any spelling always) and for every header that asks to be read in another way.

    """
    header_text, payload_text, signature_text = _segments(token)
    if len(header_text) > MAX_HEADER_LENGTH:
        raise InvalidToken(_PUBLIC, detail="header too long")
    header = _object(header_text, "header")
    refused = [name for name in _REFUSED if name in header]
    if refused:
        raise InvalidToken(_PUBLIC, detail=f"header has {refused[0]}")
    alg = header.get("alg")
    if not isinstance(alg, str) or alg.lower() == "none" or alg not in algorithms:
        raise InvalidToken(_PUBLIC, detail="algorithm not allowed")
    return Jws(
        alg=alg,
        kid=_kid(header),
        typ=_typ(header),
        unverified_claims=MappingProxyType(_object(payload_text, "payload")),
        signing_input=f"{header_text}.{payload_text}".encode("ascii"),
        signature=_decoded(signature_text, "signature"),
    )


def is_unsigned(token: str) -> bool:
    """Tell whether *token* is a JWT that says of itself that it has no signature (``alg`` is `none`, in any case)."""
    header_text, dot, _ = token[:MAX_TOKEN_LENGTH].partition(".")
    if not dot or len(header_text) > MAX_HEADER_LENGTH:
        return False
    try:
        return str(_object(header_text, "header").get("alg", "none")).lower() == "none"
    except InvalidToken:
        return False


def _segments(token: str) -> list[str]:
    if len(token) > MAX_TOKEN_LENGTH:
        raise InvalidToken(_PUBLIC, detail="token too long")
    segments = token.split(".", 5)
    # Five segments are a JWE, a brace is the JSON serialisation; neither is ever read here.
    if len(segments) != 3 or not all(_SEGMENT.fullmatch(segment) for segment in segments):  # noqa: PLR2004 - RFC 7515
        raise InvalidToken(_PUBLIC, detail="not a compact JWS")
    return segments


def _object(segment: str, part: str) -> dict[str, Any]:
    try:
        return parse_object(_decoded(segment, part))
    except ValueError as error:
        raise InvalidToken(_PUBLIC, detail=f"{part}: {error}") from None


def _decoded(segment: str, part: str) -> bytes:
    try:
        raw = base64.b64decode(segment + "=" * (-len(segment) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise InvalidToken(_PUBLIC, detail=f"{part}: not base64url") from None
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii") != segment:
        # Leftover bits would give one token many spellings.
        raise InvalidToken(_PUBLIC, detail=f"{part}: not canonical base64url")
    return raw


def _kid(header: Mapping[str, Any]) -> str | None:
    if "kid" not in header:
        return None
    kid = header["kid"]
    if not isinstance(kid, str) or not _KID.fullmatch(kid):
        raise InvalidToken(_PUBLIC, detail="malformed kid")
    return kid


def _typ(header: Mapping[str, Any]) -> str:
    typ = header.get("typ", "")
    if not isinstance(typ, str):
        raise InvalidToken(_PUBLIC, detail="malformed typ")
    return typ.lower().removeprefix("application/")
