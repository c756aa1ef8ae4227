"""An authorization request in front of a person: who is here, what was decided, what is next.

The authorize endpoint and the consent page ask the same question here, so that the page never asks for anything the
endpoint would not, and never leads anywhere but back to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from idp.accounts import store as accounts
from idp.consents import store as consents
from idp.db import db
from idp.diagnosis import reasons
from idp.errors import DisabledClient, InvalidRequest, InvalidToken, PageError, ProtocolError, UnknownClient
from idp.interactions import store as interactions
from idp.login import second_step
from idp.login.browser import current_session
from idp.oidc import clients, hints, request_objects
from idp.oidc.subjects import subject_for
from idp.protocol import authorization_request, claims_request, parameters
from idp.protocol.prompts import Prompt
from idp.protocol.steps import Decision, Situation, next_step
from idp.settings import Settings
from idp.web.current import service

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


def resolved(request: Asked, now: datetime) -> Asked:
    """Return *request* with the parameters of its request object in place of its own, where it has one.

    Raises:
        ProtocolError: the object cannot be had or does not verify; told at the address that *request* itself proves.
        PageError: the same, where the address stands in the object alone.

    """
    try:
        return replace(request, parameters=request_objects.resolve(request.parameters, request.client, now))
    except ProtocolError as error:
        if "redirect_uri" in request.parameters:
            raise
        facts = {"client_id": request.client.client_id}
        raise PageError(error.public, detail=error.detail, reason=error.reason, facts=facts) from None


def asked_before(interaction: Interaction) -> Asked:
    """Return the request that *interaction* keeps, with its client as it is now."""
    return asked(parameters.from_stored(interaction.parameters))


def parsed(request: Asked) -> AuthorizationRequest:
    """Return what *request* asks for; raises what ``decide`` does."""
    authorization = authorization_request.parse(request.parameters, request.view)
    if Prompt.CREATE in authorization.prompts and service(Settings).sign_up.mode == "invite":
        raise InvalidRequest("Nobody makes an account by themselves here.", reason=reasons.PROMPT)
    return authorization


def decide(request: Asked, interaction: Interaction | None, now: datetime) -> Pending:
    """Check the request and decide what it needs at *now*.

    Raises:
        InvalidRedirectUri: its address is not the client's.
        ProtocolError: another fault, which the client is told of.

    """
    authorization = parsed(request)
    hint_subject = _hint_subject(authorization, now)
    person = current_session()
    entries = authorization.claims.entries(authorization.scopes)
    situation = Situation(
        prompts=authorization.prompts,
        max_age=authorization.max_age,
        scopes=entries | frozenset(authorization.scopes),
        # Without a code no refresh token is ever given, so that nobody is asked for it (Core section 11).
        may_refresh=request.view.may_refresh and "code" in authorization.issues,
        skip_consent=request.view.skip_consent,
        hint_subject=hint_subject,
        meant=authorization.claims.subjects,
        acr_request=authorization.acr,
        levels=second_step.levels(),
        created_at=interaction.created_at if interaction else None,
    )
    if person is not None:
        situation = _in_front(situation, request.client, person, interaction)
        # Whoever allowed a scope has allowed each of its claims.
        remembered = situation.remembered | claims_request.covered(entries, situation.remembered)
        situation = replace(situation, remembered=remembered)
    return Pending(authorization, person, situation.remembered, next_step(situation, now))


def _in_front(situation: Situation, client: Client, person: SessionView, interaction: Interaction | None) -> Situation:
    """Return *situation* with *person* in front of it, and what they allowed or chose before."""
    person_id, session = person.person_id, db.session()
    account = accounts.find(session, person_id)
    # Nobody has to set anything up for what the client can do without.
    own = second_step.levels_of(session, account, by_enrolling=situation.acr_request.is_essential) if account else ()
    remembered: frozenset[str] = frozenset()
    if not situation.skip_consent:
        remembered = consents.granted(session, person_id, client.client_id)
    return replace(
        situation,
        # Whom the client means, it names as it knows them.
        subject=subject_for(client, person_id),
        auth_time=person.auth_time,
        acr=person.acr,
        own_levels=own,
        may_add_passkey=second_step.may_add_passkey(),
        is_too_weak=second_step.lacks_factor(session, person, account, client),
        remembered=remembered,
        decided=interactions.consent_of(interaction, person_id) if interaction else None,
        denied=interaction is not None and interactions.is_denied(interaction, person_id),
        account_chosen=interaction is not None and interactions.is_chosen(interaction, person_id),
    )


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
