"""DiscourseConnect: how a Discourse forum asks who somebody is, and how it is answered.

Both ways the message is a query string in base64 with, beside it, the HMAC-SHA256 of the base64 text in hexadecimal:
``sso`` and ``sig`` (Discourse's "DiscourseConnect - Official Single-Sign-On").
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

MAX_LENGTH = 8 * 1024


class BadMessage(ValueError):
    """A message cannot be read, or is by nobody who has the secret; the text says which, for the log."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a forum asks: its nonce, where the answer goes, and the secret that it signed with."""

    nonce: str
    return_sso_url: str
    secret: bytes


def signature(payload: str, secret: bytes) -> str:
    """Return the HMAC-SHA256 of *payload*, the base64 text as it is, as lower-case hexadecimal."""
    return hmac.new(secret, payload.encode(), hashlib.sha256).hexdigest()


def asked(sso: str, sig: str, secrets: Sequence[bytes]) -> Question:
    """Return what the forum asks in *sso*, which one of *secrets* must have signed.

    Raises:
        BadMessage: for every fault.

    """
    if len(sso) > MAX_LENGTH:
        raise BadMessage("sso is too long")
    found = sig.lower().encode("utf-8", "surrogatepass")
    secret = next((one for one in secrets if hmac.compare_digest(signature(sso, one).encode(), found)), None)
    if secret is None:
        raise BadMessage("sig is by none of the secrets")
    members = read(sso)
    nonce, address = members.get("nonce", ""), members.get("return_sso_url", "")
    if not nonce or not address:
        raise BadMessage("nonce or return_sso_url is missing")
    return Question(nonce, address, secret)


def read(sso: str) -> dict[str, str]:
    """Return the members of a message, whoever it is by.

    Raises:
        BadMessage: it is no base64, or no query string in UTF-8.

    """
    try:
        # Discourse breaks long base64 into lines.
        text = base64.b64decode("".join(sso.split()), validate=True).decode()
        return dict(parse_qsl(text, keep_blank_values=True, strict_parsing=True, max_num_fields=64))
    except (binascii.Error, ValueError) as error:
        raise BadMessage("sso is no query string in base64") from error


def answered(members: Mapping[str, Any], secret: bytes) -> tuple[str, str]:
    """Return ``sso`` and ``sig`` that say *members*: truth values as words, lists with commas."""
    text = urlencode([(name, _text(value)) for name, value in members.items()])
    payload = base64.b64encode(text.encode()).decode()
    return payload, signature(payload, secret)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ",".join(_text(one) for one in value)
    return str(value)
