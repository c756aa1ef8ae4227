"""How well a person's account is protected, in one line at the top of the security page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from idp.accounts import store as accounts
from idp.db import db
from idp.factors import recovery_codes
from idp.login.factor import factors

if TYPE_CHECKING:
    from idp.sessions.store import SessionView

# What people call it when they list what they have, by the name of the method.
_NAMES = {"totp": "authenticator app", "email_code": "codes by email", "passkey": "passkeys"}


@dataclass(frozen=True, slots=True)
class Health:
    """``kind`` is that of a banner: ok, warn."""

    kind: str
    title: str
    text: str


def of(view: SessionView) -> Health:
    """Return how well the account of *view* is protected, and what would make it better."""
    session = db.session()
    person = accounts.find(session, view.person_id)
    had = [one.name for one in factors() if person is not None and one.demands and one.has(session, person)]
    left = recovery_codes.left(session, view.person_id)
    names = [_NAMES[name] for name in had if name in _NAMES]
    if not names:
        return Health("warn", "A password alone.", "Whoever learns it can sign in. Add a second step below.")
    if left == 0:
        text = "Make recovery codes, so that you get in without your phone."
        return Health("warn", f"Almost: {_listed(names)}, but no recovery codes.", text)
    if left <= recovery_codes.LOW:
        text = "Make new ones before they are used up."
        return Health("warn", f"Only {left} recovery code{'' if left == 1 else 's'} left.", text)
    return Health("ok", f"Good: {_listed([*names, 'recovery codes'])}.", "Lose one of them and you can still sign in.")


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
