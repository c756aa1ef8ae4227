"""How well a person's account is protected, in one line at the top of the security page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import url_for

from idp.accounts import store as accounts
from idp.db import db
from idp.factors import recovery_codes
from idp.login.factor import factors
from idp.passkeys import store as passkeys

if TYPE_CHECKING:
    from idp.sessions.store import SessionView

# What people call it when they list what they have, by the name of the method.
_NAMES = {"totp": "authenticator app", "email_code": "codes by email", "passkey": "passkeys"}


@dataclass(frozen=True, slots=True)
class Health:
    """``kind`` is that of a banner: ok, warn; ``action`` is what to do about it, and the page ``href`` where."""

    kind: str
    title: str
    text: str
    action: str = ""
    href: str = ""


def of(view: SessionView) -> Health:
    """Return how well the account of *view* is protected, and what would make it better."""
    session = db.session()
    person = accounts.find(session, view.person_id)
    had = [one for one in factors() if person is not None and one.fulfils and one.has(session, person)]
    names = [_NAMES[one.name] for one in had if one.name in _NAMES]
    if not names:
        return Health(
            "warn", "A password alone.", "Whoever learns it can sign in. Add a passkey or a second step below."
        )
    if any(one.demands for one in had):
        return _with_codes(names, recovery_codes.left(session, view.person_id))
    if person is not None and person.password_hash is not None:
        return Health("ok", f"Good: {_listed(names)}.", "Lose your device and you can still sign in with the password.")
    if passkeys.count_of(session, view.person_id) > 1:
        return Health("ok", f"Good: {_listed(names)}.", "Lose one of them and you can still sign in.")
    return Health(
        "warn", "Almost: a single passkey.", "Add one on another device, so that you get in without this one."
    )


def _with_codes(names: list[str], left: int) -> Health:
    if left == 0:
        text = "Make recovery codes, so that you get in without your phone."
        return _codes(f"Almost: {_listed(names)}, but no recovery codes.", text, "Make recovery codes")
    if left <= recovery_codes.LOW:
        text = "Make new ones before they are used up."
        return _codes(f"Only {left} recovery code{'' if left == 1 else 's'} left.", text, "Make new codes")
    return Health("ok", f"Good: {_listed([*names, 'recovery codes'])}.", "Lose one of them and you can still sign in.")


def _codes(title: str, text: str, action: str) -> Health:
    return Health("warn", title, text, action, url_for("account_two_step.codes"))


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
