"""What a token request, or the authorization endpoint itself, is answered with, once it is decided that it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from idp.contracts import schema
from idp.contracts.notes import Notes
from idp.keys.signer import Signer
from idp.oidc import disclosure, encryption, signing
from idp.oidc.subjects import subject_for
from idp.protocol import access_token, claims_request, id_token
from idp.protocol.access_token import AccessToken
from idp.protocol.id_token import IdToken
from idp.protocol.scopes import OPENID
from idp.sessions import store as sessions
from idp.settings import Settings
from idp.tokens import access, lifetimes
from idp.vault import Secrets
from idp.web.current import service

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from idp.clients.store import Client
    from idp.protocol.claims import PersonView
    from idp.tokens.codes import GrantView


_KIND_FOR_RESOURCES: Final = {
    schema.ACCESS_TOKEN: schema.RESOURCE_TOKEN,
    schema.CLIENT_TOKEN: schema.CLIENT_RESOURCE_TOKEN,
}


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
    response = _access_response(issue)
    if issue.refresh_token is not None:
        response["refresh_token"] = issue.refresh_token
    if OPENID in issue.scopes:
        token = id_token_of(issue, profile=issue.client.metadata.id_token_profile_claims)
        token = replace(token, access_token=response["access_token"])
        response["id_token"] = _sealed(issue, token, schema.ID_TOKEN)
    return response


def answer_in_front(issue: Issue, issues: Collection[str], code: str | None) -> list[tuple[str, str]]:
    """Return what the authorization endpoint hands out itself: those of code, token and id_token in *issues*.

    An ID token that comes alone tells all that its scopes say, since nothing else ever will (Core section 5.4).
    """
    pairs = [] if code is None else [("code", code)]
    handed_out = None
    if "token" in issues:
        response = _access_response(issue)
        handed_out = response["access_token"]
        pairs += [(name, str(response[name])) for name in ("access_token", "token_type", "expires_in")]
    if "id_token" in issues:
        profile = issue.client.metadata.id_token_profile_claims or set(issues) == {"id_token"}
        token = id_token_of(issue, profile=profile, kind=schema.FRONT_ID_TOKEN)
        token = replace(token, access_token=handed_out, code=code)
        pairs.append(("id_token", _sealed(issue, token, schema.FRONT_ID_TOKEN)))
    return pairs


def answer_for_itself(
    client: Client, scopes: tuple[str, ...], resources: tuple[str, ...], now: datetime
) -> dict[str, Any]:
    """Return the token response for a client that acts for itself (RFC 6749 section 4.4.3); nothing is stored."""
    kind = schema.CLIENT_RESOURCE_TOKEN if resources else schema.CLIENT_TOKEN
    return _response(client, own_token_of(client, scopes, resources), kind, now)


def own_token_of(client: Client, scopes: tuple[str, ...], resources: tuple[str, ...]) -> AccessToken:
    """Return the access token of a client that acts for itself, not signed."""
    return _token(client, schema.CLIENT_TOKEN, client.client_id, access.new_jti(), scopes, resources)


def _access_response(issue: Issue) -> dict[str, Any]:
    kind = schema.RESOURCE_TOKEN if issue.resources else schema.ACCESS_TOKEN
    return _response(issue.client, access_token_of(issue), kind, issue.now)


def access_token_of(issue: Issue) -> AccessToken:
    """Return the access token of *issue*, not signed."""
    grant, subject = issue.grant, subject_for(issue.client, issue.person.subject)
    return replace(
        _token(issue.client, schema.ACCESS_TOKEN, subject, access.new_jti(grant.id), issue.scopes, issue.resources),
        auth_time=grant.auth_time,
        acr=grant.acr,
        amr=grant.amr,
        extra=disclosure.in_access_token(issue.client, issue.person, issue.scopes),
    )


def _token(
    client: Client, kind: str, subject: str, jti: str, scopes: tuple[str, ...], resources: tuple[str, ...]
) -> AccessToken:
    settings = service(Settings)
    kind = _KIND_FOR_RESOURCES[kind] if resources else kind
    usual = client.metadata.default_resource
    return AccessToken(
        issuer=settings.issuer,
        subject=subject,
        client_id=client.client_id,
        lifetime=lifetimes.of(client, kind, settings.tokens.access, settings),
        jti=jti,
        # Nothing asked for: the client's default, else the issuer alone (RFC 8707 section 2).
        audiences=resources or ((usual,) if usual else ()),
        scopes=scopes,
    )


def _response(client: Client, token: AccessToken, kind: str, now: datetime) -> dict[str, Any]:
    alg, claims = access.algorithm(client, token), token.claims(now)
    service(Notes).note(client.client_id, kind, token.scopes, claims, now=now, alg=alg, typ=access_token.TYP)
    response: dict[str, Any] = {
        "access_token": access.mint(service(Signer), token, claims, alg=alg, now=now),
        "token_type": "Bearer",
        "expires_in": int(token.lifetime.total_seconds()),
    }
    if token.scopes:
        response["scope"] = " ".join(token.scopes)
    return response


def id_token_of(issue: Issue, *, profile: bool, kind: str = schema.ID_TOKEN) -> IdToken:
    """Return the ID token of *issue*, unsigned and without hashes; with *profile* it tells what the scopes say.

    *kind* is one of ``schema.KINDS``: whether it goes through the browser.
    """
    client, grant, settings = issue.client, issue.grant, service(Settings)
    names = claims_request.named(
        grant.claims,
        "id_token",
        narrowed=set(grant.scope.split()) - set(issue.scopes),
        allowed=client.view.scopes,
    )
    return IdToken(
        issuer=settings.issuer,
        subject=subject_for(client, issue.person.subject),
        client_id=client.client_id,
        lifetime=lifetimes.of(client, kind, settings.tokens.id, settings),
        auth_time=grant.auth_time,
        alg=client.metadata.id_token_signed_response_alg,
        nonce=grant.nonce,
        sid=sessions.sid(service(Secrets), grant.session_id, client.client_id),
        acr=grant.acr,
        amr=grant.amr,
        backdate=client.metadata.backdate,
        person=disclosure.in_id_token(client, issue.person, issue.scopes, names, profile=profile),
    )


def _sealed(issue: Issue, token: IdToken, kind: str) -> str:
    """Return *token* as its client wants to have it."""
    claims = token.claims(issue.now)
    # What a request asked for by name is as it asked, and so no part of what an app gets in any case.
    if not (issue.grant.claims or {}).get("id_token"):
        sealing = encryption.of_id_tokens(issue.client)
        service(Notes).note(
            issue.client.client_id, kind, issue.scopes, claims, now=issue.now, alg=token.alg, encryption=sealing
        )
    signed = signing.sign(issue.client, token.alg, header=id_token.HEADER, claims=claims, now=issue.now)
    return encryption.id_token(issue.client, signed, issue.now)
