"""``/account/connected/<client_id>``: what one app is told of the person who looks, value by value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, render_template

from idp import clock
from idp.account import connected
from idp.clients import store as clients
from idp.consents.lines import lines_for
from idp.db import db
from idp.login.browser import signed_in
from idp.login.guards import login_required
from idp.protocol import claims_request
from idp.protocol.scopes import ordered
from idp.tokens.previews import Asked, Previews
from idp.web.current import service
from idp.wording import say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from idp.account.connected import Connection

bp = Blueprint("account_known", __name__, url_prefix="/account/connected")

# What every token says of itself and of the sign-in, and of nobody in particular.
_OF_THE_TOKEN: Final = frozenset(
    {
        *("iss", "aud", "azp", "exp", "iat", "nbf", "jti", "sid", "nonce", "auth_time", "acr", "amr", "at_hash"),
        *("c_hash", "s_hash", "client_id", "scope", "require_activation", "return_sso_url"),
    }
)
_LABELS: Final = {
    "sub": say("What it knows you by"),
    "external_id": say("What it knows you by"),
    "name": say("Full name"),
    "given_name": say("First name"),
    "middle_name": say("Middle name"),
    "family_name": say("Last name"),
    "nickname": say("Nickname"),
    "preferred_username": say("Username"),
    "username": say("Username"),
    "profile": say("Address of a profile page"),
    "picture": say("Address of a picture"),
    "avatar_url": say("Address of a picture"),
    "website": say("Website"),
    "gender": say("Gender"),
    "birthdate": say("Date of birth"),
    "zoneinfo": say("Time zone"),
    "locale": say("Language"),
    "updated_at": say("Last change to your profile"),
    "email": say("Email address"),
    "email_verified": say("Email address was checked"),
    "phone_number": say("Phone number"),
    "phone_number_verified": say("Phone number was checked"),
    "address": say("Postal address"),
    "groups": say("Groups"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """One value: what it is called in words, the text of it, and whether those words are the app's own name for it."""

    label: str
    value: str
    is_named_by_app: bool = False
    # Instead of the text.
    at: datetime | None = None


@bp.get("/<client_id>")
@login_required
def show(client_id: str) -> str:
    """Show what an app is told today of the person who looks."""
    session = db.session()
    connection = connected.one(session, client_id)
    return render_template("account/known.html", connection=connection, told=_told(session, connection))


def _told(session: Session, connection: Connection) -> list[Told]:
    """Return the values in all that the app would be answered with, each once."""
    client, person_id = clients.read(session, connection.client_id), signed_in().person_id
    if client is None:
        return []
    granted = tuple(name for name in ordered(client.metadata.scopes) if name in connection.scopes)
    previews = service(Previews).of(session, Asked(client, person_id, granted, clock.utc_now()))
    values: dict[str, Any] = {}
    for preview in previews:
        values = {**preview.claims, **values}
    found = [_one(name, value) for name, value in _in_order(values)]
    single = [entry for entry in connection.scopes if _is_new(claims_request.claim_of(entry), values)]
    lines = lines_for(session, person_id, single, ())
    return found + [Told(_label(claims_request.claim_of(line.scope) or ""), line.values) for line in lines]


def _is_new(claim: str | None, values: dict[str, Any]) -> bool:
    return claim is not None and claim not in values


def _in_order(values: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    about = {name: value for name, value in values.items() if name not in _OF_THE_TOKEN}
    places = {name: place for place, name in enumerate(_LABELS)}
    return sorted(about.items(), key=lambda item: (places.get(item[0], len(places)), item[0]))


def _label(name: str) -> str:
    return _LABELS.get(name, name)


def _one(name: str, value: Any) -> Told:  # noqa: ANN401 - whatever a claim holds
    if name == "updated_at" and isinstance(value, int):
        return Told(_label(name), "", at=datetime.fromtimestamp(value, UTC))
    return Told(_label(name), _text(value), is_named_by_app=name not in _LABELS)


def _text(value: Any) -> str:  # noqa: ANN401 - whatever a claim holds
    if isinstance(value, bool):
        return say("Yes") if value else say("No")
    if isinstance(value, list | tuple):
        return ", ".join(_text(one) for one in value)
    if isinstance(value, dict):
        return str(value.get("formatted") or ", ".join(_text(one) for one in value.values()))
    return str(value)
