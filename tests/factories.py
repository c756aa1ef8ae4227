"""What tests need to exist, made by plain functions through the product's own stores."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import pyotp
from sqlalchemy import update

from idp import clock
from idp.accounts import groups
from idp.accounts import store as accounts
from idp.accounts.passwords import PasswordHasher
from idp.clients import registration
from idp.clients import store as clients
from idp.db import transaction
from idp.factors import recovery_codes, totp
from idp.login.browser import session_cookie_name
from idp.sessions import store as sessions
from idp.sessions.models import BrowserSession
from idp.settings import Settings
from idp.vault import Secrets, Vault
from idp.web.current import service

_numbers = itertools.count(1)

# Every standard claim that an administrator can give.
ALL_CLAIMS = {
    "given_name": "Ana",
    "family_name": "Ruiz",
    "middle_name": "Luz",
    "nickname": "ani",
    "profile": "https://people.example/ana",
    "picture": "https://people.example/ana.png",
    "website": "https://ana.example",
    "gender": "female",
    "birthdate": "1990-05-17",
    "zoneinfo": "Europe/Madrid",
    "locale": "en-GB",
    "phone_number": "+34 555 0100",
    "phone_number_verified": True,
    "address": {"formatted": "Calle Mayor 1, Madrid", "locality": "Madrid", "country": "ES"},
}


@dataclass(frozen=True)
class MadePerson:
    """A person that a test made."""

    id: str
    username: str
    email: str


@dataclass(frozen=True)
class MadeClient:
    """A client that a test registered, with the secret that is shown once."""

    client_id: str
    client_secret: str | None
    name: str


def make_person(
    app, username: str | None = None, *, password: str | None = None, in_groups: tuple[str, ...] = (), **changes: Any
) -> MadePerson:
    """Add a person; only one with a *password* can sign in by the form."""
    if password is not None:
        with app.app_context():
            changes["password_hash"] = service(PasswordHasher).hash(password)
    name = username or f"person{next(_numbers)}"
    given = {
        "username": name,
        "email": f"{name}@people.example",
        "email_verified": True,
        "name": "Ana Ruiz",
        "claims": {},
        "password_hash": None,
        **changes,
    }
    now = clock.utc_now()
    with app.app_context(), transaction() as session:
        person = accounts.add(session, **given, now=now)
        for group_name in in_groups:
            group = groups.find_by_name(session, group_name) or groups.add(session, group_name, now)
            groups.add_member(session, group.id, person.id)
        return MadePerson(person.id, person.username, person.email)


def disable_person(app, person_id: str, *, disabled: bool = True) -> None:
    """Switch a person off or on."""
    with app.app_context(), transaction() as session:
        accounts.set_disabled(session, accounts.find(session, person_id), disabled, clock.utc_now())


def make_client(app, **metadata: Any) -> MadeClient:
    """Register a client; by default a confidential one at an address of its own."""
    number = next(_numbers)
    given = {
        "client_name": f"App {number}",
        "redirect_uris": [f"https://app{number}.example/callback"],
        "grant_types": ["authorization_code"],
        "scope": "openid profile email",
        "skip_consent": True,
        **metadata,
    }
    given = {name: value for name, value in given.items() if value is not None}
    with app.app_context(), transaction() as session:
        made = clients.create(session, service(Vault), registration.read(given), clock.utc_now())
        return MadeClient(made.client.client_id, made.client_secret, made.client.name)


def disable_client(app, client_id: str, *, disabled: bool = True) -> None:
    """Switch a client off or on."""
    with app.app_context(), transaction() as session:
        clients.set_disabled(session, client_id, disabled=disabled, now=clock.utc_now())


def give_totp(app, person_id: str) -> str:
    """Give somebody an authenticator app; return its seed, of which ``totp_code`` makes codes."""
    seed = totp.new_seed()
    with app.app_context(), transaction() as session:
        totp.add(session, service(Vault), person_id, seed, step=0, now=clock.utc_now())
    return seed


def totp_code(seed: str, *, steps: int = 0) -> str:
    """Return the code that an authenticator app shows now, or so many steps of 30 seconds from now."""
    return pyotp.TOTP(seed).at(clock.utc_now(), counter_offset=steps)


def give_recovery_codes(app, person_id: str) -> list[str]:
    """Give somebody new recovery codes."""
    with app.app_context(), transaction() as session:
        return recovery_codes.replace(session, service(Secrets), person_id, clock.utc_now())


def sign_in(app, browser, person: MadePerson) -> str:
    """Give *browser* (a test client) a session of *person*, as signing in does; return the session's id."""
    with app.app_context(), transaction() as session:
        settings = service(Settings)
        row, cookie = sessions.start(
            session,
            person_id=person.id,
            amr=["pwd"],
            acr="1",
            user_agent="tests",
            address="127.0.0.1",
            settings=settings,
            now=clock.utc_now(),
        )
        # A request context is not needed for the name alone.
        browser.set_cookie(session_cookie_name(), cookie, domain=settings.issuer.split("//")[1].partition(":")[0])
        return row.id


def let_sessions_show_both_factors(app, person: MadePerson) -> None:
    """Let the sessions of *person* be as after a password and a code."""
    with app.app_context(), transaction() as session:
        theirs = update(BrowserSession).where(BrowserSession.person_id == person.id)
        session.execute(theirs.values(amr=["pwd", "otp", "mfa"], acr="2"))
