"""How well a person's account is protected, in one line at the top of the security page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from flask import url_for

from idp.accounts import store as accounts
from idp.db import db
from idp.factors import recovery_codes
from idp.login.factor import factors
from idp.passkeys import store as passkeys
from idp.wording import listed, say, say_count

if TYPE_CHECKING:
    from idp.sessions.store import SessionView

# What people call it when they list what they have, by the name of the method.
_NAMES: Final = {
    "totp": say("authenticator app"),
    "email_code": say("codes by email"),
    "passkey": say("passkeys"),
}


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
    names: list[str] = [_NAMES[one.name] for one in had if one.name in _NAMES]
    if not names:
        return Health(
            "warn",
            say("A password alone."),
            say("Whoever learns it can sign in. Add a passkey or a second step below."),
        )
    if any(one.demands for one in had):
        return _with_codes(names, recovery_codes.left(session, view.person_id))
    if person is not None and person.password_hash is not None:
        return _good(names, say("Lose your device and you can still sign in with the password."))
    if passkeys.count_of(session, view.person_id) > 1:
        return _good(names, say("Lose one of them and you can still sign in."))
    return Health(
        "warn",
        say("Almost: a single passkey."),
        say("Add one on another device, so that you get in without this one."),
    )


def _with_codes(names: list[str], left: int) -> Health:
    if left == 0:
        text = say("Make recovery codes, so that you get in without your phone.")
        title = say("Almost: %(ways)s, but no recovery codes.", ways=listed(names))
        return _codes(title, text, say("Make recovery codes"))
    if left <= recovery_codes.LOW:
        text = say("Make new ones before they are used up.")
        title = say_count("Only %(count)s recovery code left.", "Only %(count)s recovery codes left.", left)
        return _codes(title, text, say("Make new codes"))
    return _good([*names, say("recovery codes")], say("Lose one of them and you can still sign in."))


def _codes(title: str, text: str, action: str) -> Health:
    return Health("warn", title, text, action, url_for("account_two_step.codes"))


def _good(names: list[str], text: str) -> Health:
    return Health("ok", say("Good: %(ways)s.", ways=listed(names)), text)
