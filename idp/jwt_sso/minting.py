"""The token of the JWT redirect: signed as the client asked for, recorded by its jti."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from idp import opaque
from idp.accounts import groups, store
from idp.clients import jwt_secrets
from idp.clients.store import Client
from idp.errors import AccessDenied, ServerError
from idp.jwt_sso.front_channel import Asked
from idp.keys.signer import Signer
from idp.protocol import claims
from idp.protocol.redirect_jwt import HEADER, RedirectJwt
from idp.sessions.store import SessionView
from idp.settings import Settings
from idp.tokens.models import RedirectToken
from idp.vault import Vault
from idp.web.current import service

_SIGNED_BY_SECRET = "HS256"


@dataclass(frozen=True, slots=True)
class Minted:
    """A signed token, and what is recorded of it."""

    token: str
    jti: str
    expires_at: datetime


def mint(session: Session, request: Asked, person: SessionView, granted: Sequence[str], now: datetime) -> Minted:
    """Sign a token about *person* for the client of *request*, with the claims that *granted* scopes cover.

    Raises:
        AccessDenied: the person is gone or disabled since the session was loaded.
        ServerError: nothing can sign for this client.

    """
    content = content_of(session, request, person.person_id, person.auth_time, granted, now)
    expires_at = now + timedelta(seconds=content["exp"] - content["iat"])
    return Minted(_sign(request.client, request.delivery.alg, content, now), content["jti"], expires_at)


def content_of(
    session: Session, request: Asked, person_id: str, auth_time: datetime, granted: Sequence[str], now: datetime
) -> dict[str, Any]:
    """Return what the token for *request* says about somebody who signed in at *auth_time*, not signed.

    Raises:
        AccessDenied: the person is gone or disabled.

    """
    settings = service(Settings)
    return RedirectJwt(
        issuer=settings.issuer,
        subject=person_id,
        client_id=request.client.client_id,
        lifetime=settings.tokens.redirect_jwt,
        jti=opaque.token(24),
        auth_time=auth_time,
        nonce=request.parameters.get("nonce"),
        person=_about(session, person_id, request, granted),
    ).claims(now)


def record(session: Session, minted: Minted, *, client_id: str, person_id: str, now: datetime) -> None:
    """Keep the jti until the token has expired."""
    session.execute(
        insert(RedirectToken).values(
            jti=minted.jti, client_id=client_id, person_id=person_id, issued_at=now, expires_at=minted.expires_at
        )
    )


def _about(session: Session, person_id: str, request: Asked, granted: Sequence[str]) -> dict[str, object]:
    """Return the standard claims, and once more those that the client knows under other names."""
    person = store.find(session, person_id)
    if person is None or person.disabled_at is not None:
        raise AccessDenied("The account is switched off.", detail=f"person {person_id}")
    view = claims.PersonView(
        subject=person.id,
        username=person.username,
        email=person.email,
        email_verified=person.email_verified,
        name=person.name,
        claims=person.claims,
        groups=groups.names_of(session, person.id) if "groups" in granted else (),
        updated_at=person.updated_at,
    )
    return claims.claims_for(view, granted) | claims.with_mapping(view, granted, request.delivery.claims)


def _sign(client: Client, alg: str, content: dict[str, object], now: datetime) -> str:
    signer = service(Signer)
    if alg != _SIGNED_BY_SECRET:
        return signer.sign(alg, header=HEADER, claims=content, now=now)
    if client.jwt_secret is None:
        raise ServerError("The server cannot sign at the moment.", detail=f"no secret for {client.client_id}")
    key = jwt_secrets.key_bytes(service(Vault), client.client_id, client.jwt_secret)
    return signer.sign_with_secret(key, header=HEADER, claims=content, now=now)
