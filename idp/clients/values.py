"""Reads single values of client metadata; one that does not fit raises BadValue with a sentence for a person."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from idp.protocol.redirect_uris import UriKind, check_registrable

_MOST_ENTRIES = 100
_LONGEST_ADDRESS = 2000
# RFC 6749 section 3.3.
_SCOPE_TOKEN: Final = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]{1,100}")


class BadValue(ValueError):
    """A value of client metadata that cannot be registered; the text says why."""


def text(longest: int) -> Callable[[object], str]:
    """Return a reader of one line of text, trimmed, of at most *longest* characters."""

    def read(value: object) -> str:
        if not isinstance(value, str):
            raise BadValue("Write this as text.")
        trimmed = value.strip()
        if len(trimmed) > longest:
            raise BadValue(f"Use at most {longest} characters.")
        if not trimmed.isprintable():
            raise BadValue("Use one line, without control characters.")
        return trimmed

    return read


def flag(value: object) -> bool:
    """Read a JSON boolean."""
    if not isinstance(value, bool):
        raise BadValue("Write true or false.")
    return value


def whole_number(most: int) -> Callable[[object], int]:
    """Return a reader of a whole number from 0 to *most*."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            raise BadValue(f"Write a whole number from 0 to {most}.")
        return value

    return read


def one_of(*choices: str) -> Callable[[object], str]:
    """Return a reader of exactly one of *choices*."""

    def read(value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            raise BadValue(f"{_shown(value)} is not served here. Choose {_either(choices)}.")
        return value

    return read


def several(inner: Callable[[object], str]) -> Callable[[object], tuple[str, ...]]:
    """Return a reader of a list whose entries *inner* reads; repeated entries count once."""

    def read(value: object) -> tuple[str, ...]:
        if not isinstance(value, list | tuple):
            raise BadValue("Write this as a list.")
        if len(value) > _MOST_ENTRIES:
            raise BadValue(f"Use at most {_MOST_ENTRIES} entries.")
        return tuple(dict.fromkeys(inner(entry) for entry in value))

    return read


def scope(value: object) -> str:
    """Read a space-separated scope; repeated names count once (RFC 6749 section 3.3)."""
    if not isinstance(value, str):
        raise BadValue("Write the scope as text, with spaces between the names.")
    names = tuple(dict.fromkeys(value.split()))
    for name in names:
        if not _SCOPE_TOKEN.fullmatch(name):
            raise BadValue(f"{_shown(name)} cannot be a scope: use printable ASCII without quotes and backslashes.")
    if len(names) > _MOST_ENTRIES:
        raise BadValue(f"Use at most {_MOST_ENTRIES} scopes.")
    return " ".join(names)


def address(value: object) -> str:
    """Read an address of whatever scheme, one that may be checked only together with the application type."""
    if not isinstance(value, str):
        raise BadValue("Write the address as text.")
    return value


def check_address(uri: str, *, application_type: str, kind: UriKind) -> str:
    """Return *uri* when it can be registered; the reason names it when it cannot."""
    fault = check_registrable(uri, application_type=application_type, kind=kind)
    if fault:
        raise BadValue(f"{_shown(uri)} cannot be registered. {fault}")
    return uri


def page_address(value: object) -> str:
    """Read the address of a page or picture that people are shown (RFC 7591 section 2)."""
    return check_address(address(value), application_type="web", kind=UriKind.PAGE)


def receiving_address(value: object) -> str:
    """Read an https address, or an http one on this computer, that something is sent to."""
    return check_address(address(value), application_type="web", kind=UriKind.POST_LOGOUT)


def request_address(value: object) -> str:
    """Read the address of a request object; its fragment says which version it is (OpenID Connect Core section 6.2)."""
    whole = address(value)
    receiving_address(whole.partition("#")[0])
    return whole


def resource(value: object) -> str:
    """Read a resource indicator: an absolute URI without a fragment (RFC 8707 section 2)."""
    read = address(value)
    if len(read) > _LONGEST_ADDRESS:
        raise BadValue(f"Use at most {_LONGEST_ADDRESS} characters.")
    try:
        parts = urlsplit(read)
    except ValueError:
        raise BadValue(f"{_shown(read)} is not an address.") from None
    is_clean = read.isascii() and read.isprintable() and " " not in read
    if not is_clean or not parts.scheme or not (parts.netloc or parts.path):
        raise BadValue(f"{_shown(read)} is not an absolute address such as https://api.example.com.")
    if "#" in read:
        raise BadValue(f"{_shown(read)} has a fragment (#); a resource has none.")
    return read


def _shown(value: object) -> str:
    return f"“{str(value)[:80]}”"


def _either(choices: tuple[str, ...]) -> str:
    return choices[0] if len(choices) == 1 else f"{', '.join(choices[:-1])} or {choices[-1]}"
