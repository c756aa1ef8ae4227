"""The standard claims that forms ask for, and how what was typed becomes a person's claims."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from idp.errors import FieldErrors
from idp.protocol.standard_claims import ADDRESS_MEMBERS, address_fault, check_standard_claims

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

# What people may say of themselves: everything that the account keeps beside what they sign in with, which
# administrators change, and beside whether the phone number is theirs.
_CLAIMS = (
    "given_name",
    "middle_name",
    "family_name",
    "nickname",
    "profile",
    "website",
    "picture",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "phone_number",
)
_ADDRESS = "address_"
# The fields of a form: one a claim, and one for each member of the address.
FIELDS = (*_CLAIMS, *(f"{_ADDRESS}{member}" for member in ADDRESS_MEMBERS))


def shown(claims: Mapping[str, Any]) -> dict[str, str]:
    """Return *claims* as a form shows them, by field."""
    address = claims.get("address") or {}
    plain = {name: str(claims.get(name, "")) for name in _CLAIMS}
    return plain | {f"{_ADDRESS}{member}": str(address.get(member, "")) for member in ADDRESS_MEMBERS}


def merged(claims: Mapping[str, Any], typed: Mapping[str, str], *, now: datetime) -> dict[str, Any]:
    """Return *claims* with what was *typed* into some of ``FIELDS``; an empty field takes its claim away.

    Whether the phone number is theirs is no longer known once it is another one.

    Raises:
        FieldErrors: one sentence for each field that is malformed.

    """
    before = shown(claims)
    # What came back as it was shown stays as it was kept.
    fields = before | {name: _text(text) for name, text in typed.items() if _text(text) != _text(before[name])}
    address = {member: text for member in ADDRESS_MEMBERS if (text := fields[f"{_ADDRESS}{member}"])}
    found = {**claims, **{name: fields[name] for name in _CLAIMS}, "address": address}
    if found["phone_number"] != claims.get("phone_number", ""):
        found.pop("phone_number_verified", None)
    try:
        return check_standard_claims(found, now=now)
    except FieldErrors as error:
        raise FieldErrors(_by_field(error.fields, address)) from None


def _by_field(faults: Mapping[str, str], address: Mapping[str, str]) -> dict[str, str]:
    """Return *faults* by field: those of an address stand by its members."""
    found = {name: sentence for name, sentence in faults.items() if name != "address"}
    if "address" in faults:
        members = {member: address_fault(part) for member, part in address.items()}
        found |= {f"{_ADDRESS}{member}": sentence for member, sentence in members.items() if sentence}
    return found


def _text(typed: str) -> str:
    # Browsers send the lines of a text area with both characters (HTML section 4.10.22).
    return typed.replace("\r\n", "\n").strip()


def all_faults(*steps: Callable[[], object]) -> None:
    """Run every one of *steps*, so that a form tells all of its faults at once.

    Raises:
        FieldErrors: what any of them raised, together.

    """
    faults: dict[str, str] = {}
    for step in steps:
        try:
            step()
        except FieldErrors as error:
            faults |= error.fields
    if faults:
        raise FieldErrors(faults)
