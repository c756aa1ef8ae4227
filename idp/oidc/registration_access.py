"""Who may register an app, how many, and who may manage which (RFC 7591 section 3, RFC 7592 section 2)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from flask import request

from idp.audit.events import ThrottleHit
from idp.audit.log import Actor, record
from idp.clients import initial_access, registrations, store
from idp.db import db, transaction
from idp.errors import AccessDenied, InvalidToken
from idp.oidc.bearer import NothingPresented
from idp.settings import Settings
from idp.web.addresses import client_address, network_of
from idp.web.current import service
from idp.web.request_ids import request_id
from idp.web.throttle import Limit, Rule, throttle

if TYPE_CHECKING:
    from datetime import datetime

    from idp.clients.initial_access import TokenFacts
    from idp.clients.store import Client

_DAY: Final = timedelta(days=1)
_NO_TOKEN: Final = "The initial access token is not valid, has run out, or was used up."
_NOT_YOURS: Final = "The registration access token is not valid for this client."


def let_in(now: datetime) -> TokenFacts | None:
    """Return the initial access token of this request; ``None`` where none is needed and none came along.

    Raises:
        AccessDenied: apps cannot register themselves here.
        NothingPresented: a token is needed.
        InvalidToken: the one that came along is not good.

    """
    mode, token = _mode(), _presented()
    if token is None:
        if mode == "open":
            return None
        raise NothingPresented("An initial access token is needed; an administrator can make one.")
    facts = initial_access.look_up(db.session(), token, now)
    if facts is None:
        raise InvalidToken(_NO_TOKEN)
    return facts


def used_up() -> InvalidToken:
    """Return the refusal of a token whose last use went to somebody else meanwhile."""
    return InvalidToken(_NO_TOKEN)


def count(entry: TokenFacts | None, now: datetime) -> None:
    """Count one registration against the token, or else against the network that it comes from (R07).

    Raises:
        TooManyAttempts: the day's quota is used up.

    """
    quota = service(Settings).registration.quota
    # The wait begins with the last one that is free, so it is over a day after the first at the latest.
    rule = Rule("registration", free=quota, first_wait=_DAY, longest_wait=_DAY, doubles=False, window=_DAY)
    address = client_address()
    subject = f"token {entry.id}" if entry is not None else f"network {network_of(address)}"
    reservation = throttle().reserve([Limit(rule, subject)], now)
    if any(blocked_until is not None for _, blocked_until in reservation.taken):
        # From here on apps are refused; said once, however many follow.
        event = ThrottleHit(target_id=entry.id if entry else "", limit=rule.name, seconds=int(_DAY.total_seconds()))
        with transaction() as session:
            record(session, event, now=now, actor=actor(entry))


def managed(client_id: str) -> tuple[Client, str]:
    """Return the client whose registration access token came along, as the database has it, and that token.

    Raises:
        AccessDenied: apps cannot register themselves here, or the client is switched off.
        NothingPresented: no token came along.
        InvalidToken: it is not this client's; nobody learns whether there is such a client (R06).

    """
    _mode()
    token = _presented()
    if token is None:
        raise NothingPresented("A registration access token is needed.")
    session = db.session()
    client = store.read(session, client_id) if registrations.holds(session, client_id, token) else None
    if client is None:
        raise InvalidToken(_NOT_YOURS)
    if client.disabled:
        raise AccessDenied("An administrator has switched this app off.")
    return client, token


def replaced_meanwhile() -> InvalidToken:
    """Return the refusal of a token that another request has just replaced."""
    return InvalidToken(_NOT_YOURS)


def actor(entry: TokenFacts | None) -> Actor:
    """Return who registers: the token, or nobody known."""
    address, found = client_address(), request_id()
    return Actor(entry.id, f"Token {entry.name}", address, found) if entry else Actor("", "", address, found)


def actor_of(client: Client) -> Actor:
    """Return a client that manages itself."""
    return Actor(client.client_id, client.name, client_address(), request_id())


def _mode() -> str:
    mode = service(Settings).registration.mode
    if mode == "off":
        raise AccessDenied("Apps cannot register themselves here. Ask an administrator to register yours.")
    return mode


def _presented() -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
