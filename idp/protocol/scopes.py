"""Scopes: the words, what each means to a person, and which of them a request gets (RFC 6749 section 3.3)."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from idp.diagnosis import reasons
from idp.errors import InvalidScope
from idp.wording import say

OPENID = "openid"
OFFLINE_ACCESS = "offline_access"
MAX_LENGTH = 1024
_WORD = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope the product knows; `sentence` finishes "The app would like to"."""

    name: str
    sentence: str


KNOWN = (
    Scope(OPENID, say("Know that it is you")),
    Scope("profile", say("See your name and profile")),
    Scope("email", say("See your email address")),
    Scope("address", say("See your postal address")),
    Scope("phone", say("See your phone number")),
    Scope("groups", say("See which groups you are in")),
    Scope(OFFLINE_ACCESS, say("Stay signed in for you while you are away")),
)
KNOWN_NAMES = tuple(scope.name for scope in KNOWN)
_SENTENCES = {scope.name: scope.sentence for scope in KNOWN}
_ORDER = {name: place for place, name in enumerate(KNOWN_NAMES)}


def sentence(name: str) -> str:
    """Return what a scope means to a person; one that only a resource server knows is named as it is."""
    return _SENTENCES.get(name, say("Use “%(scope)s” on your behalf", scope=name))


def ordered(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names once each: the known ones in their order, then the others by name."""
    return tuple(sorted(set(names), key=lambda name: (_ORDER.get(name, len(_ORDER)), name)))


def parse(text: str | None) -> tuple[str, ...]:
    """Read a scope parameter in any order and with repetitions.

    Raises:
        InvalidScope: when it is longer than 1 kB or has characters that no scope may have.

    """
    if text is None:
        return ()
    if len(text) > MAX_LENGTH:
        raise InvalidScope("scope is longer than 1024 characters.", reason=reasons.SCOPE)
    words = [word for word in text.split(" ") if word]
    if not all(_WORD.fullmatch(word) for word in words):
        raise InvalidScope("scope holds characters that are not allowed.", reason=reasons.SCOPE)
    return ordered(words)


def narrowed(requested: Iterable[str], allowed: Collection[str]) -> tuple[str, ...]:
    """Return what of *requested* the client may have; unknown words fall away (RFC 6749 section 3.3).

    Raises:
        InvalidScope: when nothing remains.

    """
    granted = ordered(name for name in requested if name in allowed)
    if not granted:
        raise InvalidScope("Nothing in scope is allowed for this client.", reason=reasons.SCOPE)
    return granted


def subset(requested: tuple[str, ...], original: Collection[str]) -> tuple[str, ...]:
    """Return the scopes of a refreshed token: those of the original grant, or the part of them that was asked for.

    Raises:
        InvalidScope: when more is asked for than was granted (RFC 6749 section 6).

    """
    if not requested:
        return ordered(original)
    if not set(requested) <= set(original):
        raise InvalidScope("scope holds more than was granted.", reason=reasons.SCOPE)
    return ordered(requested)
