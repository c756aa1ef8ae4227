"""The four addresses that clients of djangorestframework-simplejwt know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, url_for

from idp import clock
from idp.accounts import store as accounts
from idp.audit.events import PersonSignedIn, TokenRevoked
from idp.audit.log import record
from idp.db import commits_in_steps, db, end_reading, transaction
from idp.errors import InvalidGrant
from idp.keys.ring import KeyRing
from idp.login import attempts, second_step
from idp.login.actor import acting
from idp.login.methods.password import METHOD
from idp.settings import Settings
from idp.token_api import answers, cookies, cors, pairs, reading
from idp.token_api.answers import BLACKLISTED, NO_ACCOUNT_OF_TOKEN, NO_ACTIVE_ACCOUNT
from idp.tokens import refresh, restarts, revocation
from idp.vault import Secrets
from idp.web.csrf import csrf
from idp.web.current import service
from idp.web.limits import takes_json

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.clients.store import Client
    from idp.login.attempts import Proof
    from idp.token_api.pairs import Presented
    from idp.tokens.codes import GrantView
    from idp.tokens.refresh import Presented as Held

bp = Blueprint("token_api", __name__, url_prefix="/api/token")
answers.answer_errors(bp)
cors.serve_preflight(bp, "/", "/refresh/", "/verify/", "/blacklist/")


@bp.post("/")
@csrf.exempt  # type: ignore[untyped-decorator]  # Flask-WTF is untyped; no cookie opens anything here
@takes_json
@commits_in_steps
def obtain() -> Response:
    """Answer a name and a password with an access and a refresh token."""
    client = cors.the_client()
    username, password = reading.read("username", "password")
    end_reading()
    proof = attempts.prove(username, password, client_id=client.client_id)
    if proof is None:
        raise answers.account_refused(NO_ACTIVE_ACCOUNT)
    now = clock.utc_now()
    begun, missing = _begin(client, proof, now)
    if begun is None and not missing:
        # Nobody learns by this that the password was right, so the try stays counted as well.
        raise answers.account_refused(NO_ACTIVE_ACCOUNT)
    attempts.give_back(proof)
    if begun is None:
        raise answers.browser_needed(missing[0], f"{service(Settings).issuer}{url_for('login.index')}")
    grant, token = begun
    made = {
        "refresh": pairs.sign_refresh(client, grant, token, now),
        "access": pairs.sign_access(client, grant, now),
    }
    return _hand_over(client, made)


@bp.post("/refresh/")
@csrf.exempt  # type: ignore[untyped-decorator]  # Flask-WTF is untyped; a cookie counts for the app's pages alone
@takes_json
@commits_in_steps
def renew() -> Response:
    """Answer a refresh token with an access token, and where it rotates with its successor."""
    client, now = cors.the_client(), clock.utc_now()
    presented = _presented(client, now)
    successor = None
    with transaction() as session:
        held = _held(session, client, presented, now)
        if client.metadata.token_api is not None and client.metadata.token_api.rotate:
            successor = _rotate(session, held, now)
        elif refresh.expiry(session, presented.jti, client_id=client.client_id, now=now) is None:
            # Used up while tokens rotated.
            raise answers.token_refused(BLACKLISTED)
    made = {"access": pairs.sign_access(client, held.grant, now)}
    if successor is not None:
        made["refresh"] = pairs.sign_refresh(client, held.grant, successor, now)
    return _hand_over(client, made)


@bp.post("/verify/")
@csrf.exempt  # type: ignore[untyped-decorator]  # Flask-WTF is untyped; no cookie opens anything here
@takes_json
@commits_in_steps
def verify() -> Response:
    """Answer with an empty document for a token that is good, be it an access or a refresh token."""
    client, now = cors.the_client(), clock.utc_now()
    (token,) = reading.read("token")
    presented = pairs.read(client, token, now)
    session = db.session()
    if presented.kind == pairs.ACCESS:
        alive = revocation.is_live(session, presented.jti)
    else:
        alive = refresh.expiry(session, presented.jti, client_id=client.client_id, now=now) is not None
    if not alive:
        raise answers.fields_refused({"non_field_errors": BLACKLISTED})
    return answers.answer({})


@bp.post("/blacklist/")
@csrf.exempt  # type: ignore[untyped-decorator]  # Flask-WTF is untyped; a cookie counts for the app's pages alone
@takes_json
@commits_in_steps
def blacklist() -> Response:
    """End the refresh token with its whole family, and every access token made from it."""
    client, now = cors.the_client(), clock.utc_now()
    cookies.take_back(client)
    presented = _presented(client, now)
    with transaction() as session:
        grant_id = refresh.revoke(session, presented.jti, client_id=client.client_id, now=now)
        if grant_id is None:
            raise answers.token_refused(BLACKLISTED)
        event = TokenRevoked(target_id=client.client_id, target_name=client.name, grant_id=grant_id)
        record(session, event, now=now, actor=acting(presented.person_id, ""))
    return answers.answer({})


def _presented(client: Client, now: datetime) -> Presented:
    """Return the refresh token of this request, from the cookie if it came in one."""
    token = cookies.presented(client) or reading.read("refresh")[0]
    return pairs.read_refresh(client, token, now)


def _hand_over(client: Client, made: dict[str, str]) -> Response:
    """Answer with what was *made*; a page that keeps its refresh token in a cookie gets it there alone."""
    if "refresh" not in made or not cookies.is_used(client):
        return answers.answer(made)
    response = answers.answer({"access": made["access"]})
    cookies.keep(response, made["refresh"], pairs.limits().refresh_idle)
    return response


def _begin(client: Client, proof: Proof, now: datetime) -> tuple[tuple[GrantView, str] | None, tuple[str, ...]]:
    """Return the new grant with its refresh token, and the steps that are missing beside the password."""
    with transaction() as session:
        person = attempts.accept(session, proof, client_id=client.client_id)
        if person is None or person.disabled_at is not None:
            return None, ()
        # Here is no browser that could be remembered, and nobody to ask.
        missing = second_step.outstanding(session, person, METHOD.alone, client, may_skip=False)
        missing += second_step.password_due(person)
        if missing:
            return None, missing
        begun = pairs.begin(session, client, person.id, now)
        accounts.note_sign_in(session, person, now)
        name = person.name or person.username
        event = PersonSignedIn(target_id=person.id, target_name=name, amr=METHOD.amr, client_id=client.client_id)
        record(session, event, now=now, actor=acting(person.id, name))
        restarts.watch(session, service(KeyRing), client.client_id, person.id, now)
        return begun, ()


def _held(session: Session, client: Client, presented: Presented, now: datetime) -> Held:
    """Return the family of *presented*.

    Raises:
        Refused: it was ended, or its person is disabled.

    """
    try:
        return refresh.find(session, presented.jti, client_id=client.client_id, now=now, prefix=refresh.API_PREFIX)
    except InvalidGrant:
        person = accounts.find(session, presented.person_id)
        if person is None or person.disabled_at is not None:
            raise answers.account_refused(NO_ACCOUNT_OF_TOKEN) from None
        raise answers.token_refused(BLACKLISTED) from None


def _rotate(session: Session, held: Held, now: datetime) -> str:
    actor = acting(held.grant.person_id, "")
    try:
        return refresh.rotate(session, held, secrets=service(Secrets), limits=pairs.limits(), now=now, actor=actor)
    except InvalidGrant as error:
        raise answers.token_refused(BLACKLISTED, detail=error.detail) from None
