"""An authorization request in front of a person: who is here, what was decided, what is next.

The authorize endpoint and the consent page ask the same question here, so that the page never asks for anything the
endpoint would not, and never leads anywhere but back to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from idp.consents import store as consents
from idp.db import db
from idp.diagnosis import reasons
from idp.errors import DisabledClient, InvalidRequest, InvalidToken, UnknownClient
from idp.interactions import store as interactions
from idp.login.browser import current_session
from idp.oidc import clients, hints
from idp.protocol import authorization_request, parameters
from idp.protocol.steps import Decision, Situation, next_step

if TYPE_CHECKING:
    from datetime import datetime

    from idp.clients.store import Client
    from idp.interactions.models import Interaction
    from idp.protocol.authorization_request import AuthorizationRequest, ClientView
    from idp.protocol.parameters import Parameters
    from idp.sessions.store import SessionView


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters of a request, and the client that they name."""

    parameters: Parameters
    client: Client

    @property
    def view(self) -> ClientView:
        """What the protocol needs to know of the client."""
        return self.client.view


@dataclass(frozen=True, slots=True)
class Pending:
    """A checked request, the person in front of it, and the next step."""

    authorization: AuthorizationRequest
    person: SessionView | None
    remembered: frozenset[str]
    decision: Decision


def asked(given: Parameters) -> Asked:
    """Find the client of a request; nothing else of it is looked at before.

    Raises:
        UnknownClient: none or an unknown one is named.
        DisabledClient: it is switched off.

    """
    refused = given.refused.get("client_id")
    if refused is not None:
        raise UnknownClient(refused.public, reason=refused.reason)
    client_id = given.get("client_id")
    client = clients.find(client_id) if client_id else None
    if client is None:
        raise UnknownClient(
            "No app is registered under this client_id.",
            reason=reasons.UNKNOWN_CLIENT,
            facts={"client_id": client_id or ""},
        )
    if client.disabled:
        raise DisabledClient(
            "This app is switched off.", reason=reasons.DISABLED_CLIENT, facts={"client_id": client.client_id}
        )
    return Asked(given, client)


def asked_before(interaction: Interaction) -> Asked:
    """Return the request that *interaction* keeps, with its client as it is now."""
    return asked(parameters.from_stored(interaction.parameters))


def decide(request: Asked, interaction: Interaction | None, now: datetime) -> Pending:
    """Check the request and decide what it needs at *now*.

    Raises:
        InvalidRedirectUri: its address is not the client's.
        ProtocolError: another fault, which the client is told of.

    """
    authorization = authorization_request.parse(request.parameters, request.view)
    hint_subject = _hint_subject(authorization, now)
    person = current_session()
    remembered: frozenset[str] = frozenset()
    if person is not None and not request.view.skip_consent:
        remembered = consents.granted(db.session(), person.person_id, authorization.client_id)
    situation = Situation(
        prompts=authorization.prompts,
        max_age=authorization.max_age,
        scopes=frozenset(authorization.scopes),
        may_refresh=request.view.may_refresh,
        skip_consent=request.view.skip_consent,
        hint_subject=hint_subject,
        created_at=interaction.created_at if interaction else None,
        subject=person.person_id if person else None,
        auth_time=person.auth_time if person else None,
        remembered=remembered,
        decided=interactions.consent_of(interaction, person.person_id) if interaction and person else None,
        denied=interactions.is_denied(interaction, person.person_id) if interaction and person else False,
    )
    return Pending(authorization, person, remembered, next_step(situation, now))


def _hint_subject(authorization: AuthorizationRequest, now: datetime) -> str | None:
    """Return whom the id_token_hint names; it only ever narrows who may answer, and never signs anybody in."""
    if authorization.id_token_hint is None:
        return None
    try:
        hint = hints.read(authorization.id_token_hint, now=now)
    except InvalidToken as error:
        raise _not_a_hint(error.detail) from None
    if hint.client_id != authorization.client_id:
        raise _not_a_hint("issued to another client")
    return hint.subject


def _not_a_hint(detail: str) -> InvalidRequest:
    return InvalidRequest(
        "id_token_hint is not an ID token issued to this client.", reason=reasons.ID_TOKEN_HINT, detail=detail
    )
