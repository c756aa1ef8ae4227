"""Relying parties and their secrets."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from idp.db import Base


class ClientRow(Base):
    """A registered client; ``metadata_json`` holds its validated metadata in RFC 7591 names."""

    __tablename__ = "clients"
    __table_args__ = (Index("ix_clients_name_key", "name_key", "client_id"),)

    client_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    client_name: Mapped[str] = mapped_column(String(200))
    # NFKC + casefold of the name: what lists are sorted and searched by.
    name_key: Mapped[str] = mapped_column(String(800))
    metadata_json: Mapped[dict[str, Any]] = mapped_column(default=dict)
    # The HMAC secret that signs for a JWT redirect client, encrypted; never the client secret. The other is live, too,
    # while one replaces the other: made and not signing yet, or not signing any more.
    jwt_secret: Mapped[str | None] = mapped_column(Text)
    jwt_secret_at: Mapped[datetime | None]
    jwt_secret_other: Mapped[str | None] = mapped_column(Text)
    jwt_secret_other_at: Mapped[datetime | None]
    # Which defaults shape its tokens (idp.clients.defaults).
    defaults_version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ClientSecret(Base):
    """One of a client's live secrets, kept as its fingerprint."""

    __tablename__ = "client_secrets"
    __table_args__ = (Index("ix_client_secrets_client_id", "client_id"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("clients.client_id", ondelete="CASCADE"))
    fingerprint: Mapped[str] = mapped_column(String(64))
    # The last four characters, so that an administrator can tell two secrets apart.
    hint: Mapped[str] = mapped_column(String(4))
    # The secret itself, encrypted, for a client that signs with it (client_secret_jwt); of all others nothing is kept.
    envelope: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]


class ClientRegistration(Base):
    """That a client registered itself (RFC 7591), and the fingerprint of the token that it manages itself with."""

    __tablename__ = "client_registrations"

    client_id: Mapped[str] = mapped_column(ForeignKey("clients.client_id", ondelete="CASCADE"), primary_key=True)
    # The initial access token that let it in, with its name then; NULL where anybody may register.
    initial_token_id: Mapped[str | None] = mapped_column(String(64))
    initial_token_name: Mapped[str] = mapped_column(String(200))
    token_fingerprint: Mapped[str] = mapped_column(String(64))
    # As it was presented: it is handed back with everything else.
    software_statement: Mapped[str | None] = mapped_column(Text)


class InitialAccessToken(Base):
    """Lets its holder register clients, until it has run out, been used up or been revoked."""

    __tablename__ = "initial_access_tokens"
    __table_args__ = (Index("ix_initial_access_tokens_fingerprint", "fingerprint", unique=True),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200))
    uses: Mapped[int]
    # NULL: as many as it is used for before it runs out.
    most_uses: Mapped[int | None]
    made_by: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class ClientLogo(Base):
    """The picture behind a client's ``logo_uri``, as it was when it was fetched."""

    __tablename__ = "client_logos"
    __table_args__ = (Index("ix_client_logos_digest", "digest"),)

    client_id: Mapped[str] = mapped_column(ForeignKey("clients.client_id", ondelete="CASCADE"), primary_key=True)
    # SHA-256 of the picture in hexadecimal: what its address is made from.
    digest: Mapped[str] = mapped_column(String(64))
    media_type: Mapped[str] = mapped_column(String(32))
    picture: Mapped[bytes] = mapped_column(LargeBinary)
    fetched_at: Mapped[datetime]


class TokenContract(Base):
    """What the tokens of one kind, for the same scopes, have held for a client: what it can count on."""

    __tablename__ = "token_contracts"

    client_id: Mapped[str] = mapped_column(ForeignKey("clients.client_id", ondelete="CASCADE"), primary_key=True)
    # One of idp.contracts.schema.KINDS.
    kind: Mapped[str] = mapped_column(String(40), primary_key=True)
    # The granted scopes, with spaces between them.
    scope: Mapped[str] = mapped_column(String(1024), primary_key=True)
    frame: Mapped[dict[str, Any]]
    # In seconds, as in the frame: the tokens go on living for as long. NULL where they have no exp.
    lifetime: Mapped[int | None] = mapped_column(Integer)
    pinned_at: Mapped[datetime]
    # Who agreed to it; empty where it is how the first tokens were.
    accepted_by: Mapped[str] = mapped_column(String(200))
    # Since then: how many tokens, in how many of them each claim was, and what did not fit.
    tokens: Mapped[int] = mapped_column(BigInteger)
    seen: Mapped[dict[str, Any]]
    last_at: Mapped[datetime]
    faults: Mapped[list[str]]
    # When the first token came that did not fit.
    deviated_at: Mapped[datetime | None]
