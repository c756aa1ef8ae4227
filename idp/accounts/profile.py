"""The standard claims that forms ask for, and how what was typed becomes a person's claims."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from idp.errors import FieldErrors
from idp.protocol.standard_claims import check_standard_claims

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

# What people may say of themselves. The e-mail address and the user name are what they sign in with: administrators
# change those.
OWN_CLAIMS = (
    "given_name",
    "family_name",
    "nickname",
    "website",
    "picture",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "phone_number",
    "address",
)
ALL_CLAIMS = (*OWN_CLAIMS, "middle_name", "profile")


def shown(claims: Mapping[str, Any], name: str) -> str:
    """Return the claim *name* as a form shows it; of an address its lines."""
    value = claims.get(name, "")
    if name == "address" and isinstance(value, dict):
        return str(value.get("formatted", ""))
    return str(value)


def merged(claims: Mapping[str, Any], typed: Mapping[str, str], *, now: datetime) -> dict[str, Any]:
    """Return *claims* with what was *typed* for some of them; an empty field takes its claim away.

    Raises:
        FieldErrors: one sentence for each field that is malformed.

    """
    changed = {name: text for name, text in _lines(typed) if text != shown(claims, name)}
    found = {name: value for name, value in claims.items() if name not in changed}
    for name, text in changed.items():
        if name == "address":
            # The other parts belong to the lines that were replaced.
            found[name] = {"formatted": text} if text else {}
        else:
            found[name] = text
    if "phone_number" in changed:
        # Whoever verified the number verified another one.
        found.pop("phone_number_verified", None)
    return check_standard_claims(found, now=now)


def _lines(typed: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, text in typed.items():
        # Browsers send the lines of a text area with both characters (HTML section 4.10.22).
        yield name, text.replace("\r\n", "\n").strip()


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
