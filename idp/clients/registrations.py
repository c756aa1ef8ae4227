"""Clients that registered themselves, and the token with which each manages itself and nothing else (RFC 7592)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from idp import opaque
from idp.clients.models import ClientRegistration

PREFIX: Final = "idpm_"


@dataclass(frozen=True, slots=True)
class Origin:
    """How a client came to register itself; the token's id and name are empty where anybody may."""

    initial_token_id: str
    initial_token_name: str
    software_statement: str | None


def begin(
    session: Session,
    client_id: str,
    *,
    initial_token_id: str | None,
    initial_token_name: str = "",
    software_statement: str | None,
) -> str:
    """Note that a new client registered itself, and return its registration access token, which is kept nowhere."""
    token = PREFIX + opaque.token()
    session.add(
        ClientRegistration(
            client_id=client_id,
            initial_token_id=initial_token_id,
            initial_token_name=initial_token_name,
            token_fingerprint=opaque.fingerprint(token),
            software_statement=software_statement,
        )
    )
    session.flush()
    return token


def holds(session: Session, client_id: str, token: str) -> bool:
    """Tell whether *token* is the registration access token of this very client."""
    expected = session.execute(
        select(ClientRegistration.token_fingerprint).where(ClientRegistration.client_id == client_id)
    ).scalar_one_or_none()
    return expected is not None and opaque.same(opaque.fingerprint(token), expected)


def rotate(session: Session, client_id: str, token: str, *, software_statement: str | None) -> str | None:
    """Replace *token* by a new one, and return that; ``None`` when *token* was replaced meanwhile."""
    fresh = PREFIX + opaque.token()
    replaced = session.execute(
        update(ClientRegistration)
        .where(
            ClientRegistration.client_id == client_id,
            ClientRegistration.token_fingerprint == opaque.fingerprint(token),
        )
        .values(token_fingerprint=opaque.fingerprint(fresh), software_statement=software_statement)
        .returning(ClientRegistration.client_id)
    )
    return fresh if replaced.first() is not None else None


def origin_of(session: Session, client_id: str) -> Origin | None:
    """Return how the client registered itself; ``None`` for one that an administrator registered."""
    row = session.execute(
        select(
            ClientRegistration.initial_token_id,
            ClientRegistration.initial_token_name,
            ClientRegistration.software_statement,
        ).where(ClientRegistration.client_id == client_id)
    ).first()
    return None if row is None else Origin(row[0] or "", row[1], row[2])
