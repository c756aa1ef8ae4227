"""The standard claims that an administrator gives for a person, checked form by form (Core section 5.1)."""

import functools
import re
import zoneinfo
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from idp.errors import FieldErrors
from idp.protocol.claims import has_value
from idp.protocol.parameters import is_clean
from idp.protocol.redirect_uris import check_web_address
from idp.wording import say

MAX_TEXT = 300
_LOCALE = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,5}", re.ASCII)
_PHONE = re.compile(r"\+?[0-9][0-9 ().-]{2,30}(;ext=[0-9]{1,10})?", re.ASCII)
_BIRTHDATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})-([0-9]{2}))?", re.ASCII)
# The members of an address (Core section 5.1.1); the first two may have several lines.
ADDRESS_MEMBERS = ("formatted", "street_address", "locality", "region", "postal_code", "country")
# The first word of the zones that are named after places; the others are old spellings and offsets.
_AREAS = frozenset(
    ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
)
# Files beside the zones, which say where this machine is or that nobody knows.
_NO_ZONES = frozenset({"localtime", "Factory"})
_FIRST_YEAR = 1850
_LEAP_YEAR = 2000
# The account itself keeps these; a file may repeat them, and may not say otherwise.
_KEPT_BY_THE_ACCOUNT = ("sub", "preferred_username", "email", "email_verified", "updated_at")

_Check = Callable[[Any, datetime], str | None]


def check_standard_claims(
    given: Mapping[str, Any], *, now: datetime, account: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """Return the claims to keep for a person: every form is right, and what has no value is left out.

    *account* holds what the account itself says (`preferred_username`, `email`, `email_verified`): a claim of that name
    is accepted when it says the same, and not kept twice. `updated_at` is accepted and follows the account.

    Raises:
        FieldErrors: one sentence for every claim that is unknown or malformed.

    """
    faults: dict[str, str] = {}
    kept: dict[str, Any] = {}
    for name, value in given.items():
        if name in _KEPT_BY_THE_ACCOUNT:
            fault = _account_fault(name, value, account)
        else:
            check = _CHECKS.get(name)
            fault = check(value, now) if check else say("This is not a standard claim.")
            if not fault and has_value(value):
                kept[name] = value
        if fault:
            faults[str(name)] = fault
    if faults:
        raise FieldErrors(faults)
    return kept


def _account_fault(name: str, value: object, account: Mapping[str, Any]) -> str | None:
    if name == "updated_at" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return None
    if name in account and type(value) is type(account[name]) and value == account[name]:
        return None
    return say("The account itself keeps this; change it there.")


def _text(value: Any, _now: datetime, *, limit: int = MAX_TEXT) -> str | None:  # noqa: ANN401 - JSON as it came
    if not isinstance(value, str):
        return say("It must be text.")
    if len(value) > limit or not is_clean(value):
        return say("It must have at most %(most)s characters and none of control.", most=limit)
    return None


@functools.cache
def zones() -> frozenset[str]:
    """Return the names of every time zone in the IANA database."""
    return frozenset(zoneinfo.available_timezones()) - _NO_ZONES


@functools.cache
def zones_by_place() -> tuple[str, ...]:
    """Return the zones that people choose from, in order: those named after a place, and UTC."""
    return (*sorted(name for name in zones() if name.partition("/")[0] in _AREAS), "UTC")


def _zone(value: Any, now: datetime) -> str | None:  # noqa: ANN401 - JSON as it came
    fault = _text(value, now)
    if fault or not value or value in zones():
        return fault
    meant = next((name for name in zones() if name.casefold() == value.casefold().replace(" ", "_")), None)
    return (
        say("The time zone is written %(zone)s.", zone=meant)
        if meant
        else say("It must be a time zone as in Europe/Paris.")
    )


def _form(pattern: re.Pattern[str], sentence: str) -> _Check:
    def check(value: Any, now: datetime) -> str | None:  # noqa: ANN401 - JSON as it came
        return _text(value, now) or (None if not value or pattern.fullmatch(value) else sentence)

    return check


def _web_address(value: Any, now: datetime) -> str | None:  # noqa: ANN401 - JSON as it came
    fault = _text(value, now, limit=2048)
    if fault is None and value and check_web_address(value):
        fault = say("It must be a web address, as in %(example)s.", example="https://example.com/ana")
    return fault


def _flag(value: Any, _now: datetime) -> str | None:  # noqa: ANN401 - JSON as it came
    return None if isinstance(value, bool) else say("It must be true or false.")


def _birthdate(value: Any, now: datetime) -> str | None:  # noqa: ANN401 - JSON as it came
    sentence = say("It must be a date as YYYY-MM-DD, 0000-MM-DD or YYYY.")
    fault = _text(value, now)
    if fault or not value:
        return fault
    parts = _BIRTHDATE.fullmatch(value)
    if not parts or not _is_day(parts):
        return sentence
    year = int(parts[1])
    if year == 0:
        return None if parts[2] else sentence
    if year < _FIRST_YEAR or (parts[0] > now.date().isoformat() if parts[2] else year > now.year):
        return say("It must lie between %(year)s and today.", year=_FIRST_YEAR)
    return None


def _is_day(parts: re.Match[str]) -> bool:
    if not parts[2]:
        return True
    try:
        datetime(int(parts[1]) or _LEAP_YEAR, int(parts[2]), int(parts[3]))  # noqa: DTZ001 - a date of the calendar
    except ValueError:
        return False
    return True


def _address(value: Any, _now: datetime) -> str | None:  # noqa: ANN401 - JSON as it came
    if not isinstance(value, dict) or not set(value) <= set(ADDRESS_MEMBERS):
        return say("It must be an object with any of %(members)s.", members=", ".join(ADDRESS_MEMBERS))
    if any(address_fault(part) for part in value.values()):
        return say("Each of its parts must be text of 1 to %(most)s characters.", most=MAX_TEXT)
    return None


def address_fault(part: object) -> str | None:
    """Return why *part* cannot be a member of an address; ``None`` when it can."""
    if not isinstance(part, str) or not part.strip() or len(part) > MAX_TEXT or not is_clean(_one_line(part)):
        return say("It must be text of 1 to %(most)s characters.", most=MAX_TEXT)
    return None


def _one_line(text: str) -> str:
    return text.replace("\r\n", " ").replace("\n", " ")


_CHECKS: Mapping[str, _Check] = MappingProxyType(
    {
        **dict.fromkeys(("name", "given_name", "family_name", "middle_name", "nickname", "gender"), _text),
        **dict.fromkeys(("profile", "picture", "website"), _web_address),
        "birthdate": _birthdate,
        "zoneinfo": _zone,
        "locale": _form(_LOCALE, say("It must be a language tag as in en-US.")),
        "phone_number": _form(_PHONE, say("It must be a phone number as in +1 604 555 1234.")),
        "phone_number_verified": _flag,
        "address": _address,
    }
)
