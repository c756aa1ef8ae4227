"""Signing in with a passkey alone, and confirming with one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request, url_for

from idp import clock
from idp.accounts import store as accounts
from idp.db import db, transaction
from idp.login import halfway, passkey_attempts
from idp.login.browser import browser_fingerprint
from idp.login.passkey_attempts import Expected
from idp.login.passkey_party import party
from idp.login.refused import DISABLED, Refused
from idp.passkeys import challenges, store
from idp.sessions.known_people import known_people
from idp.settings import Settings
from idp.web.current import service

if TYPE_CHECKING:
    from collections.abc import Mapping

    from idp.login.halfway import Outcome
    from idp.login.waiting import Waiting
    from idp.sessions.store import SessionView


def expected_at_sign_in(waiting: Waiting) -> Expected:
    """Return whose passkey a sign-in asks for: anybody's, or that of the account that was chosen or hinted at.

    Only people whom this browser knows are narrowed down to: asking for another's would tell that they exist.
    """
    policy = service(Settings).passkeys.user_verification
    return Expected(challenges.SIGN_IN, policy, person_id=_meant(waiting))


def expected_at_confirm(view: SessionView) -> Expected:
    """Return that a passkey of the signed-in person is asked for, in their session."""
    policy = service(Settings).passkeys.user_verification
    return Expected(challenges.CONFIRM, policy, session_id=view.id, person_id=view.person_id)


def sign_in(text: str, waiting: Waiting) -> Outcome | Refused:
    """Sign in whoever the passkey in *text* belongs to."""
    proof = passkey_attempts.prove(text, expected_at_sign_in(waiting), client_id=waiting.client_id)
    if isinstance(proof, Refused):
        return proof
    outcome = None
    with transaction() as session:
        person = passkey_attempts.accept(session, proof, client_id=waiting.client_id)
        if person is not None and person.disabled_at is None:
            outcome = halfway.prove(session, person, proof.method, waiting, known_device=proof.known_device)
    passkey_attempts.give_back(proof)
    if person is None:
        return passkey_attempts.gone()
    if outcome is None:
        return Refused((("", DISABLED),), status=403)
    return outcome


def confirm(view: SessionView, text: str, waiting: Waiting) -> Outcome | Refused:
    """Note that the person of the session *view* has just shown a passkey of theirs."""
    proof = passkey_attempts.prove(text, expected_at_confirm(view), client_id=waiting.client_id)
    if isinstance(proof, Refused):
        return proof
    outcome = None
    with transaction() as session:
        person = passkey_attempts.accept(session, proof, client_id="")
        if person is not None and person.disabled_at is None:
            outcome = halfway.confirm(session, view, person, proof.method, waiting)
    passkey_attempts.give_back(proof)
    return outcome or passkey_attempts.gone()


def on_sign_in_page(waiting: Waiting) -> Mapping[str, str] | None:
    """Return the addresses of the passkey form of the sign-in page; nothing where there can be no passkeys."""
    account = request.args.get("account")
    return _form("login_passkey.options", "login_passkey.sign_in", interaction=waiting.id, account=account)


def on_confirm_page(view: SessionView, waiting: Waiting) -> Mapping[str, str] | None:
    """Return the addresses of the passkey form of the page that asks again; nothing for whoever has no passkey."""
    if not store.count_of(db.session(), view.person_id):
        return None
    return _form("login_passkey.confirm_options", "login_passkey.confirm", interaction=waiting.id)


def _form(options: str, action: str, *, interaction: str, account: str | None = None) -> Mapping[str, str] | None:
    ours = party()
    if ours is None:
        return None
    addresses = [url_for(one, interaction=interaction or None, account=account) for one in (options, action)]
    return {"rp_id": ours.id, "options": addresses[0], "action": addresses[1]}


def _meant(waiting: Waiting) -> str | None:
    session = db.session()
    known = known_people(session, browser_fingerprint(), clock.utc_now())
    person_id = request.args.get("account")
    if person_id is None and waiting.login_hint:
        hinted = accounts.find_by_login(session, waiting.login_hint)
        person_id = hinted.id if hinted else None
    meant = next((one.person_id for one in known if one.person_id == person_id), None)
    return meant if meant and store.count_of(session, meant) else None
