"""A JWT redirect in front of a person: which client, where to, who is here, what is next.

The decision is the one of OpenID Connect: same session, same consent, same rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode, urljoin

from idp.accounts import store as accounts
from idp.cache import Cache
from idp.clients import jwt_secrets
from idp.clients import store as clients
from idp.clients.jwt_redirect import JwtRedirect
from idp.clients.store import Client
from idp.consents import store as consents
from idp.db import db
from idp.diagnosis import reasons
from idp.errors import DisabledClient, InvalidRedirectUri, InvalidRequest, UnknownClient
from idp.interactions import store as interactions
from idp.interactions.models import Interaction
from idp.login import second_step
from idp.login.browser import current_session
from idp.protocol import discourse_connect, parameters, scopes
from idp.protocol.discourse_connect import Question
from idp.protocol.parameters import Parameters
from idp.protocol.redirect_uris import check_registrable, may_return_to
from idp.protocol.steps import Decision, Situation, next_step
from idp.sessions.store import SessionView
from idp.vault import Vault
from idp.web.current import service

KNOWN_PARAMETERS = frozenset({"return_to", "nonce", "state", "redirect_uri", "sso", "sig"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A checked request: the client, and what it sent; ``question`` is that of a Discourse forum."""

    client: Client
    delivery: JwtRedirect
    parameters: Parameters
    question: Question | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """The person in front of a request, and the next step."""

    person: SessionView | None
    remembered: frozenset[str]
    decision: Decision


def asked(client_id: str, given: Parameters) -> Asked:
    """Check a request against what its client registered.

    Raises:
        UnknownClient: there is no such client, or it does not take part in the JWT redirect.
        DisabledClient: it is switched off.
        InvalidRequest: a parameter is repeated, malformed or too long, or a forum's question is not signed by it.
        InvalidRedirectUri: the person would be sent to an address that is not the client's.

    """
    client = clients.find(service(Cache), db.session(), client_id)
    facts = {"client_id": client_id}
    if client is None:
        raise UnknownClient(reasons.UNKNOWN_CLIENT.public, reason=reasons.UNKNOWN_CLIENT, facts=facts)
    if client.disabled:
        raise DisabledClient(reasons.DISABLED_CLIENT.public, reason=reasons.DISABLED_CLIENT, facts=facts)
    delivery = client.metadata.jwt_sso
    if delivery is None:
        raise UnknownClient(reasons.NO_JWT_REDIRECT.public, reason=reasons.NO_JWT_REDIRECT, facts=facts)
    for name in KNOWN_PARAMETERS & given.refused.keys():
        raise given.refused[name]
    _check_addresses(delivery, given, facts)
    return Asked(client, delivery, given, _question(client, delivery, given) if delivery.is_discourse_connect else None)


def echoed(request: Asked) -> list[tuple[str, str]]:
    """Return what goes back beside the token as it came; nothing to a forum, which has it all in its own message."""
    names = () if request.delivery.is_discourse_connect else ("return_to", "state")
    return [(name, request.parameters[name]) for name in names if name in request.parameters]


def forum_start(request: Asked) -> str:
    """Return where a Discourse forum begins a sign-in: its own address, which comes back here with a question."""
    return_to = request.parameters.get("return_to", "")
    query = f"?{urlencode({'return_path': return_to})}" if return_to.startswith("/") else ""
    return urljoin(request.delivery.delivery_uri, f"/session/sso{query}")


def asked_before(waiting: Interaction) -> Asked:
    """Check the request that *waiting* keeps once more, against its client as it is now."""
    return asked(waiting.client_id or "", parameters.from_stored(waiting.parameters))


def decide(request: Asked, waiting: Interaction | None, now: datetime) -> Pending:
    """Decide what the request needs at *now*."""
    metadata, person, session = request.client.metadata, current_session(), db.session()
    account = accounts.find(session, person.person_id) if person else None
    remembered: frozenset[str] = frozenset()
    if person is not None and not metadata.skip_consent:
        remembered = consents.granted(session, person.person_id, request.client.client_id)
    situation = Situation(
        max_age=None if metadata.default_max_age is None else timedelta(seconds=metadata.default_max_age),
        scopes=frozenset(shared_scopes(metadata.scopes)),
        skip_consent=metadata.skip_consent,
        created_at=waiting.created_at if waiting else None,
        subject=person.person_id if person else None,
        auth_time=person.auth_time if person else None,
        is_too_weak=person is not None and second_step.lacks_factor(session, person, account, request.client),
        remembered=remembered,
        decided=interactions.consent_of(waiting, person.person_id) if waiting and person else None,
        denied=interactions.is_denied(waiting, person.person_id) if waiting and person else False,
    )
    return Pending(person, remembered, next_step(situation, now))


def shared_scopes(registered: Sequence[str]) -> tuple[str, ...]:
    """Return the scopes that a redirect token can carry: those about the person."""
    return tuple(name for name in registered if name in scopes.KNOWN_NAMES and name != scopes.OFFLINE_ACCESS)


def _question(client: Client, delivery: JwtRedirect, given: Parameters) -> Question | None:
    if "sso" not in given and "sig" not in given:
        return None
    facts = {"client_id": client.client_id}
    try:
        question = discourse_connect.asked(
            given.get("sso", ""), given.get("sig", ""), jwt_secrets.keys(service(Vault), client)
        )
    except discourse_connect.BadMessage as error:
        reason = reasons.DISCOURSE_SIGNATURE
        raise InvalidRequest(reason.public, detail=str(error), reason=reason, facts=facts) from None
    if question.return_sso_url != delivery.delivery_uri:
        reason = reasons.DISCOURSE_RETURN
        raise InvalidRedirectUri(
            reason.public, reason=reason, facts=facts | {"redirect_uri": question.return_sso_url[:2048]}
        )
    return question


def _check_addresses(delivery: JwtRedirect, given: Parameters, facts: dict[str, str]) -> None:
    # Checked when it was registered, and again at use: what may be registered can have become narrower since.
    if check_registrable(delivery.delivery_uri) is not None:
        reason = reasons.REDIRECT_URI_SCHEME
        raise InvalidRedirectUri(reason.public, reason=reason, facts=facts | {"redirect_uri": delivery.delivery_uri})
    # Apps that speak like OpenID Connect say where they wait; the token goes to the registered address alone.
    redirect_uri = given.get("redirect_uri", delivery.delivery_uri)
    if redirect_uri != delivery.delivery_uri:
        reason = reasons.REDIRECT_URI_MISMATCH
        raise InvalidRedirectUri(reason.public, reason=reason, facts=facts | {"redirect_uri": redirect_uri})
    return_to = given.get("return_to")
    allowed = return_to is None or may_return_to(
        return_to, delivery_uri=delivery.delivery_uri, prefixes=delivery.return_to_prefixes
    )
    if not allowed:
        facts = facts | {"return_to": return_to or ""}
        raise InvalidRedirectUri(reasons.RETURN_TO.public, reason=reasons.RETURN_TO, facts=facts)
