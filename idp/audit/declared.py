"""What every audited event is: a frozen class whose fields are all that the log may hold about it.

A field of an event class is what the log may hold about it, and nothing else: the class is the allow-list. No field is
ever a secret, a code, a token or a password. ``TYPES`` finds a class by its dotted, past-tense name.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, dataclass_transform

DONE = "done"
REFUSED = "refused"

# What the filter of the audit page offers, in its order.
ABOUT = {
    "sign-ins": "Sign-ins",
    "accounts": "Accounts",
    "apps": "Apps",
    "keys": "Keys",
    "consent": "Consent",
    "tokens": "Tokens",
    "settings": "Settings",
}
_COMMON = frozenset({"target_id", "target_name"})
_CONTROL = dict.fromkeys((*range(32), *range(127, 160), 0x2028, 0x2029), " ")
_LONGEST_FACT = 2000


def one_line(text: str, longest: int = _LONGEST_FACT) -> str:
    """Return *text* with control characters made spaces, so that no value can look like another entry."""
    return text.translate(_CONTROL)[:longest]


@dataclass(frozen=True)
class Change:
    """One field before and after, both as the page shows them."""

    field: str
    before: str
    after: str


@dataclass_transform(frozen_default=True, kw_only_default=True)
class _Declared:
    """Makes each subclass a frozen dataclass, and known by its type."""

    def __init_subclass__(cls, *, type: str = "", title: str = "", about: str = "", outcome: str = DONE) -> None:  # noqa: A002 - reads as the event's type where it is given
        super().__init_subclass__()
        dataclass(frozen=True, kw_only=True)(cls)
        if type and issubclass(cls, Event):
            cls.type, cls.title, cls.about, cls.outcome = type, title, about, outcome
            TYPES[type] = cls


class Event(_Declared):
    """The base: what was acted on, and the facts that the subclass allows."""

    type: ClassVar[str]
    # What the audit page says was done, after the name of who did it.
    title: ClassVar[str]
    about: ClassVar[str]
    outcome: ClassVar[str]

    target_id: str = ""
    target_name: str = ""

    def detail(self) -> dict[str, Any]:
        """Return the facts for the log; empty ones are left out."""
        found = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name not in _COMMON and value not in ("", None, ()):
                found[field.name] = _plain(value)
        return found


TYPES: dict[str, type[Event]] = {}


def _plain(value: object) -> object:
    if isinstance(value, bool | int):
        return value
    if isinstance(value, Change):
        return {"field": value.field, "before": one_line(value.before), "after": one_line(value.after)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return one_line(str(value))
