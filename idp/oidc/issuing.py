"""What a token request is answered with, once its grant has decided that it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from idp.keys.signer import Signer
from idp.protocol import claims, id_token
from idp.protocol.access_token import AccessToken
from idp.protocol.id_token import IdToken
from idp.protocol.scopes import OPENID
from idp.sessions import store as sessions
from idp.settings import Settings
from idp.tokens import access
from idp.vault import Secrets
from idp.web.current import service

if TYPE_CHECKING:
    from datetime import datetime

    from idp.clients.store import Client
    from idp.protocol.claims import PersonView
    from idp.tokens.codes import GrantView


@dataclass(frozen=True, slots=True)
class Issue:
    """What one token request gives: the scopes and resources are those of these tokens, not of the whole grant."""

    client: Client
    grant: GrantView
    person: PersonView
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    refresh_token: str | None
    now: datetime


def answer(issue: Issue) -> dict[str, Any]:
    """Return the token response for a person's grant (RFC 6749 section 5.1, OpenID Connect Core section 3.1.3.3)."""
    grant = issue.grant
    token = replace(
        _token(issue.client, issue.person.subject, access.new_jti(grant.id), issue.scopes, issue.resources),
        auth_time=grant.auth_time,
        acr=grant.acr,
        amr=grant.amr,
        # An API that decides by group need not ask (RFC 9068 section 2.2.3.1); there are none without the scope.
        extra={"groups": list(issue.person.groups)} if issue.person.groups else {},
    )
    response = _response(issue.client, token, issue.now)
    if issue.refresh_token is not None:
        response["refresh_token"] = issue.refresh_token
    if OPENID in issue.scopes:
        response["id_token"] = _id_token(issue, response["access_token"])
    return response


def answer_for_itself(
    client: Client, scopes: tuple[str, ...], resources: tuple[str, ...], now: datetime
) -> dict[str, Any]:
    """Return the token response for a client that acts for itself (RFC 6749 section 4.4.3); nothing is stored."""
    return _response(client, _token(client, client.client_id, access.new_jti(), scopes, resources), now)


def _token(client: Client, subject: str, jti: str, scopes: tuple[str, ...], resources: tuple[str, ...]) -> AccessToken:
    settings = service(Settings)
    usual = client.metadata.default_resource
    return AccessToken(
        issuer=settings.issuer,
        subject=subject,
        client_id=client.client_id,
        lifetime=settings.tokens.access,
        jti=jti,
        # Nothing asked for: the client's default, else the issuer alone (RFC 8707 section 2).
        audiences=resources or ((usual,) if usual else ()),
        scopes=scopes,
    )


def _response(client: Client, token: AccessToken, now: datetime) -> dict[str, Any]:
    alg = client.metadata.access_token_signed_response_alg
    response: dict[str, Any] = {
        "access_token": access.mint(service(Signer), token, alg=alg, now=now),
        "token_type": "Bearer",
        "expires_in": int(token.lifetime.total_seconds()),
    }
    if token.scopes:
        response["scope"] = " ".join(token.scopes)
    return response


def _id_token(issue: Issue, access_token: str) -> str:
    metadata, grant, settings = issue.client.metadata, issue.grant, service(Settings)
    token = IdToken(
        issuer=settings.issuer,
        subject=issue.person.subject,
        client_id=issue.client.client_id,
        lifetime=settings.tokens.id,
        auth_time=grant.auth_time,
        alg=metadata.id_token_signed_response_alg,
        nonce=grant.nonce,
        access_token=access_token,
        sid=sessions.sid(service(Secrets), grant.session_id, issue.client.client_id),
        acr=grant.acr,
        amr=grant.amr,
        person=claims.claims_for(issue.person, issue.scopes) if metadata.id_token_profile_claims else {},
    )
    return service(Signer).sign(
        metadata.id_token_signed_response_alg, header=id_token.HEADER, claims=token.claims(issue.now), now=issue.now
    )
