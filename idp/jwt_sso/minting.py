"""The message of the JWT redirect: signed as the client asked for, recorded by its jti."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import insert
from sqlalchemy.orm import Session

from idp import opaque
from idp.accounts import groups, store
from idp.clients import jwt_secrets
from idp.clients.store import Client
from idp.contracts import schema
from idp.contracts.notes import Notes
from idp.diagnosis import reasons
from idp.errors import AccessDenied, ServerError
from idp.jwt_sso.front_channel import Asked
from idp.keys.signer import Signer
from idp.protocol import claims, discourse_connect
from idp.protocol.claims import PersonView
from idp.protocol.redirect_jwt import HEADER, RedirectJwt
from idp.sessions.store import SessionView
from idp.settings import Settings
from idp.tokens import lifetimes
from idp.tokens.models import RedirectToken
from idp.vault import Vault
from idp.web.current import service

# DiscourseConnect has names of its own for these claims; where a client maps others to them, those hold.
_FORUM_NAMES: Final = {"email": "email", "name": "name", "preferred_username": "username", "picture": "avatar_url"}


@dataclass(frozen=True, slots=True)
class Minted:
    """What is handed over, by the names of its fields: a signed token or message; and what is recorded of it."""

    fields: tuple[tuple[str, str], ...]
    jti: str
    expires_at: datetime


def mint(session: Session, request: Asked, person: SessionView, granted: Sequence[str], now: datetime) -> Minted:
    """Sign a message about *person* for the client of *request*, with the claims that *granted* scopes cover.

    Raises:
        AccessDenied: the person is gone or disabled since the session was loaded, or the app takes verified addresses
            alone and theirs is not.
        ServerError: nothing can sign for this client.

    """
    if request.delivery.require_verified_email:
        _check_address(session, request, person)
    content = content_of(session, request, person.person_id, person.auth_time, granted, now)
    is_forum = request.delivery.is_discourse_connect
    service(Notes).note(
        request.client.client_id,
        schema.REDIRECT_JWT,
        tuple(granted),
        content,
        now=now,
        alg=request.delivery.alg,
        typ="" if is_forum else HEADER["typ"],
    )
    if is_forum:
        lifetime, jti = service(Settings).tokens.redirect_jwt, opaque.token(24)
    else:
        lifetime, jti = timedelta(seconds=content["exp"] - content["iat"]), content["jti"]
    return Minted(signed(request, content, now), jti, now + lifetime)


def _check_address(session: Session, request: Asked, person: SessionView) -> None:
    if not _view(session, person.person_id, ()).email_verified:
        reason, facts = reasons.EMAIL_UNVERIFIED, {"client_id": request.client.client_id}
        raise AccessDenied(reason.public, detail=f"person {person.person_id}", reason=reason, facts=facts)


def signed(request: Asked, content: dict[str, Any], now: datetime) -> tuple[tuple[str, str], ...]:
    """Return the fields that carry *content*, made by ``content_of``, to the client of *request*.

    Raises:
        ServerError: nothing can sign for this client.

    """
    if not request.delivery.is_discourse_connect:
        return ((request.delivery.field, _sign(request.client, request.delivery.alg, content, now)),)
    secret = request.question.secret if request.question is not None else _secret(request.client)
    sso, sig = discourse_connect.answered(content, secret)
    return ("sso", sso), ("sig", sig)


def content_of(
    session: Session, request: Asked, person_id: str, auth_time: datetime, granted: Sequence[str], now: datetime
) -> dict[str, Any]:
    """Return what the message for *request* says about somebody who signed in at *auth_time*, not signed.

    Raises:
        AccessDenied: the person is gone or disabled.

    """
    return content_about(_view(session, person_id, granted), request, auth_time, granted, now)


def content_about(
    view: PersonView, request: Asked, auth_time: datetime, granted: Sequence[str], now: datetime
) -> dict[str, Any]:
    """Return what the message for *request* says about *view*, a person who signed in at *auth_time*, not signed."""
    settings, client = service(Settings), request.client
    if request.delivery.is_discourse_connect:
        return _for_forum(view, request, granted)
    return RedirectJwt(
        issuer=settings.issuer,
        subject=view.subject,
        client_id=client.client_id,
        lifetime=lifetimes.of(client, schema.REDIRECT_JWT, settings.tokens.redirect_jwt, settings),
        jti=opaque.token(24),
        auth_time=auth_time,
        nonce=request.parameters.get("nonce"),
        backdate=request.client.metadata.backdate,
        person=_about(view, request, granted),
    ).claims(now)


def record(session: Session, minted: Minted, *, client_id: str, person_id: str, now: datetime) -> None:
    """Keep the jti until the token has expired."""
    session.execute(
        insert(RedirectToken).values(
            jti=minted.jti, client_id=client_id, person_id=person_id, issued_at=now, expires_at=minted.expires_at
        )
    )


def _about(view: PersonView, request: Asked, granted: Sequence[str]) -> dict[str, Any]:
    """Return the standard claims, and once more those that the client knows under other names."""
    standard = claims.claims_for(view, granted, version=request.client.defaults_version)
    return standard | claims.with_mapping(view, granted, request.delivery.claims)


def _for_forum(view: PersonView, request: Asked, granted: Sequence[str]) -> dict[str, Any]:
    """Return what DiscourseConnect says of a person; the forum itself proves an address that was not verified here."""
    known = claims.claims_for(view, granted, version=request.client.defaults_version)
    members = {name: known[claim] for claim, name in _FORUM_NAMES.items() if claim in known}
    if "groups" in known:
        members["groups"] = known["groups"]
    members |= claims.with_mapping(view, granted, request.delivery.claims)
    # These are the protocol's, whatever is mapped: who it is, what was asked, and whether the address can be trusted.
    members |= {"external_id": view.subject, "require_activation": not view.email_verified}
    return members | {"nonce": request.question.nonce if request.question is not None else ""}


def _view(session: Session, person_id: str, granted: Sequence[str]) -> PersonView:
    person = store.find(session, person_id)
    if person is None or person.disabled_at is not None:
        raise AccessDenied("The account is switched off.", detail=f"person {person_id}")
    return PersonView(
        subject=person.id,
        username=person.username,
        email=person.email,
        email_verified=person.email_verified,
        name=person.name,
        claims=person.claims,
        groups=groups.names_of(session, person.id) if "groups" in granted else (),
        updated_at=person.updated_at,
    )


def _sign(client: Client, alg: str, content: dict[str, object], now: datetime) -> str:
    signer = service(Signer)
    if not alg.startswith("HS"):
        return signer.sign(alg, header=HEADER, claims=content, now=now, client_id=client.client_id)
    return signer.sign_with_secret(_secret(client), alg=alg, header=HEADER, claims=content, now=now)


def _secret(client: Client) -> bytes:
    found = jwt_secrets.keys(service(Vault), client)
    if not found:
        raise ServerError("The server cannot sign at the moment.", detail=f"no secret for {client.client_id}")
    return found[0]
