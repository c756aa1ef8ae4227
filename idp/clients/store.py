"""The client registry: snapshots for every request, rows for those who change them."""

from __future__ import annotations

import base64
import binascii
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, delete, func, or_, select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from idp import opaque
from idp.cache import Cache, bump
from idp.clients import defaults, jwt_secrets, logos, secrets
from idp.clients.defaults import Defaults
from idp.clients.metadata import ClientMetadata, from_stored
from idp.clients.models import ClientLogo, ClientRegistration, ClientRow, ClientSecret, TokenContract
from idp.clients.registration import Registration
from idp.errors import FieldErrors, NotFound
from idp.protocol.authorization_request import ClientView
from idp.vault import Vault


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client as it was when read; immutable, shared by the threads of a process.

    ``view`` is what the protocol needs of it; ``secrets`` are pairs of id and fingerprint, ``secret_envelopes`` of id
    and encrypted secret where it is signed with, the oldest first; ``jwt_secret`` is that of the JWT redirect. Its
    tokens are shaped by ``defaults``; ``lifetimes``, in seconds, are those that they have had so far, by kind.
    """

    client_id: str
    name: str
    metadata: ClientMetadata
    view: ClientView
    disabled: bool
    created_at: datetime
    updated_at: datetime
    secrets: tuple[tuple[str, str], ...] = ()
    secret_envelopes: tuple[tuple[str, str], ...] = ()
    jwt_secret: str | None = None
    jwt_secret_other: str | None = None
    # The digest that the address of its logo is made from, and whether it registered itself.
    logo: str | None = None
    registered_itself: bool = False
    defaults_version: int = 1
    lifetimes: Mapping[str, int] = field(default_factory=dict)

    @property
    def defaults(self) -> Defaults:
        """What shapes its tokens where nothing else does."""
        return defaults.of(self.defaults_version)


@dataclass(frozen=True, slots=True)
class Created:
    """A new client, with what can be shown only now."""

    client: Client
    client_secret: str | None
    jwt_secret: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the list; ``after`` and ``before`` are cursors of its neighbours, ``total`` counts all matches."""

    clients: tuple[Client, ...]
    total: int
    before: str | None
    after: str | None


def find(cache: Cache, session: Session, client_id: str) -> Client | None:
    """Return the client out of the process's memory, or read it once; ``None`` when there is none."""
    return cache.get(("client", client_id), lambda: read(session, client_id))


def read(session: Session, client_id: str) -> Client | None:
    """Return the client as the database has it now."""
    row = session.execute(_rows().where(ClientRow.client_id == client_id)).first()
    if row is None:
        return None
    secrets_of = session.execute(
        select(ClientSecret.id, ClientSecret.fingerprint, ClientSecret.envelope)
        .where(ClientSecret.client_id == client_id)
        .order_by(ClientSecret.created_at, ClientSecret.id)
    ).all()
    lifetimes = session.execute(
        select(TokenContract.kind, TokenContract.lifetime)
        .where(TokenContract.client_id == client_id, TokenContract.lifetime.is_not(None))
        .order_by(TokenContract.pinned_at)
    ).all()
    return replace(
        _snapshot(row),
        lifetimes={one.kind: one.lifetime for one in lifetimes},
        secrets=tuple((one.id, one.fingerprint) for one in secrets_of),
        secret_envelopes=tuple((one.id, one.envelope) for one in secrets_of if one.envelope is not None),
    )


def create(session: Session, vault: Vault, registration: Registration, now: datetime) -> Created:
    """Register a client, with a secret of its own making unless it brings one or needs none.

    Raises:
        FieldErrors: the identifier is taken.

    """
    metadata = registration.metadata
    client_id = registration.client_id or opaque.new_id("app")
    _require_only_token_api(session, client_id, metadata)
    name = metadata.client_name or client_id
    row = ClientRow(
        client_id=client_id,
        client_name=name,
        name_key=_key(name),
        metadata_json=metadata.as_json(),
        defaults_version=defaults.latest().version,
        created_at=now,
        updated_at=now,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        raise FieldErrors({"client_id": "Another app has this identifier."}) from None
    secret = None
    if metadata.needs_secret:
        secret = secrets.issue(session, vault, client_id, now, chosen=registration.client_secret)
    jwt_secret = _with_jwt_secret(session, vault, client_id, metadata, now)
    bump(session)
    return Created(_must_read(session, client_id), secret, jwt_secret)


def update(
    session: Session, vault: Vault, client_id: str, metadata: ClientMetadata, now: datetime
) -> tuple[Client, Created]:
    """Replace a client's metadata; return it as it was, and as it is now with the secrets that this made.

    A client that becomes public loses its secrets; one that comes to need a secret gets one. Where signing with the
    secret begins or ceases it gets another, since only a secret that is signed with is kept so that it can be read; so
    it does where its own is too short for a new algorithm.

    Raises:
        NotFound: there is no such client.

    """
    row = session.get(ClientRow, client_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound("There is no such app.")
    _require_only_token_api(session, client_id, metadata)
    before = _must_read(session, client_id)
    row.client_name = metadata.client_name or client_id
    row.name_key = _key(row.client_name)
    row.metadata_json = metadata.as_json()
    row.updated_at = now
    session.flush()
    if before.metadata.logo_uri != metadata.logo_uri:
        logos.forget(session, client_id)
    secret = None
    if not metadata.needs_secret:
        secrets.remove_all(session, client_id)
    elif (
        not before.secrets
        or metadata.signs_with_secret != before.metadata.signs_with_secret
        or not secrets.are_long_enough(vault, before, metadata.least_secret_bytes)
    ):
        secrets.remove_all(session, client_id)
        secret = secrets.issue(session, vault, client_id, now)
    jwt_secret = None
    if metadata.jwt_sso is None or not metadata.jwt_sso.is_symmetric:
        jwt_secrets.forget(session, client_id)
    elif not jwt_secrets.suit(vault, before, metadata.jwt_sso.alg):
        jwt_secret = _with_jwt_secret(session, vault, client_id, metadata, now)
    bump(session)
    return before, Created(_must_read(session, client_id), secret, jwt_secret)


def set_disabled(session: Session, client_id: str, *, disabled: bool, now: datetime) -> Client:
    """Switch a client off or on; every process heeds it within a second.

    Raises:
        NotFound: there is no such client.

    """
    row = session.get(ClientRow, client_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound("There is no such app.")
    row.disabled_at = (row.disabled_at or now) if disabled else None
    row.updated_at = now
    session.flush()
    bump(session)
    return _must_read(session, client_id)


def remove(session: Session, client_id: str) -> Client:
    """Delete a client with all that was granted to it; return it as it was.

    Raises:
        NotFound: there is no such client.

    """
    client = _must_read(session, client_id)
    session.execute(delete(ClientRow).where(ClientRow.client_id == client_id))
    session.expire_all()
    bump(session)
    return client


def page(
    session: Session, *, search: str = "", before: str | None = None, after: str | None = None, limit: int = 50
) -> Page:
    """Return *limit* clients by name, those whose name or identifier contains *search*.

    *after* and *before* are cursors of an earlier page; what cannot be read as one begins at the first page.
    """
    matching = _matching(search)
    total = session.execute(select(func.count()).select_from(ClientRow).where(*matching)).scalar_one()
    order = tuple_(ClientRow.name_key, ClientRow.client_id)
    start, end = _read_cursor(after), _read_cursor(before)
    query = _rows().where(*matching)
    if end is not None:
        query = query.where(order < end).order_by(ClientRow.name_key.desc(), ClientRow.client_id.desc())
    else:
        query = query.where(order > start) if start is not None else query
        query = query.order_by(ClientRow.name_key, ClientRow.client_id)
    rows = list(session.execute(query.limit(limit + 1)))
    has_more, rows = len(rows) > limit, rows[:limit]
    if end is not None:
        rows.reverse()
    has_before, has_after = (has_more, True) if end is not None else (start is not None, has_more)
    return Page(
        tuple(_snapshot(row) for row in rows),
        total,
        before=_cursor(rows[0]) if rows and has_before else None,
        after=_cursor(rows[-1]) if rows and has_after else None,
    )


def enabled(session: Session) -> list[Client]:
    """Return every client that is switched on, by name."""
    rows = session.execute(
        _rows().where(ClientRow.disabled_at.is_(None)).order_by(ClientRow.name_key, ClientRow.client_id)
    )
    return [_snapshot(row) for row in rows]


def of_token_api(session: Session) -> Client | None:
    """Return the one client that signs people in by the token API; ``None`` also when it is switched off."""
    found = [client for client in enabled(session) if client.metadata.token_api is not None]
    # The requests name no client, so of several none could be meant.
    return read(session, found[0].client_id) if len(found) == 1 else None


def with_metadata(client: Client, metadata: ClientMetadata) -> Client:
    """Return *client* as it would be with other metadata."""
    name = metadata.client_name or client.client_id
    return replace(client, name=name, metadata=metadata, view=_view(client.client_id, metadata))


def _require_only_token_api(session: Session, client_id: str, metadata: ClientMetadata) -> None:
    if metadata.token_api is None:
        return
    for row in session.execute(_rows().where(ClientRow.client_id != client_id)):
        other = _snapshot(row)
        if other.metadata.token_api is not None:
            raise FieldErrors({"token_api": f"Only one app can use the token API, and {other.name} does."})


def _with_jwt_secret(
    session: Session, vault: Vault, client_id: str, metadata: ClientMetadata, now: datetime
) -> str | None:
    if metadata.jwt_sso is None or not metadata.jwt_sso.is_symmetric:
        return None
    return jwt_secrets.replace(session, vault, client_id, now)


def _must_read(session: Session, client_id: str) -> Client:
    client = read(session, client_id)
    if client is None:
        raise NotFound("There is no such app.")
    return client


def _rows() -> Select[Any]:
    columns = (
        ClientRow.client_id,
        ClientRow.client_name,
        ClientRow.name_key,
        ClientRow.metadata_json,
        ClientRow.defaults_version,
        ClientRow.disabled_at,
        ClientRow.created_at,
        ClientRow.updated_at,
        ClientRow.jwt_secret,
        ClientRow.jwt_secret_other,
        ClientLogo.digest.label("logo"),
        ClientRegistration.client_id.label("registration"),
    )
    return (
        select(*columns)
        .select_from(ClientRow)
        .outerjoin(ClientLogo, ClientLogo.client_id == ClientRow.client_id)
        .outerjoin(ClientRegistration, ClientRegistration.client_id == ClientRow.client_id)
    )


def _snapshot(row: Row[Any]) -> Client:
    stored: Mapping[str, Any] = row.metadata_json
    metadata = from_stored(stored)
    return Client(
        client_id=row.client_id,
        name=row.client_name,
        metadata=metadata,
        view=_view(row.client_id, metadata),
        disabled=row.disabled_at is not None,
        created_at=row.created_at,
        updated_at=row.updated_at,
        jwt_secret=row.jwt_secret,
        jwt_secret_other=row.jwt_secret_other,
        logo=row.logo,
        registered_itself=row.registration is not None,
        defaults_version=row.defaults_version,
    )


def _view(client_id: str, metadata: ClientMetadata) -> ClientView:
    max_age = metadata.default_max_age
    return ClientView(
        client_id=client_id,
        redirect_uris=metadata.redirect_uris,
        post_logout_redirect_uris=metadata.post_logout_redirect_uris,
        application_type=metadata.application_type,
        token_endpoint_auth_method=metadata.token_endpoint_auth_method,
        is_public=metadata.is_public,
        require_pkce=metadata.require_pkce or metadata.is_public,
        scopes=frozenset(metadata.scopes),
        grant_types=frozenset(metadata.grant_types),
        response_types=frozenset(metadata.response_types),
        resources=frozenset(metadata.resources),
        default_max_age=None if max_age is None else timedelta(seconds=max_age),
        default_acr_values=metadata.default_acr_values,
        require_auth_time=metadata.require_auth_time,
        skip_consent=metadata.skip_consent,
    )


def _matching(search: str) -> list[ColumnElement[bool]]:
    text = search.strip()
    if not text:
        return []
    return [
        or_(
            ClientRow.name_key.contains(_key(text), autoescape=True),
            func.lower(ClientRow.client_id).contains(text.lower(), autoescape=True),
        )
    ]


def _key(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _cursor(row: Row[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps([row.name_key, row.client_id]).encode()).rstrip(b"=").decode()


def _read_cursor(cursor: str | None) -> tuple[str, str] | None:
    try:
        padded = (cursor or "") + "=" * (-len(cursor or "") % 4)
        name_key, client_id = json.loads(base64.urlsafe_b64decode(padded))
    except (ValueError, TypeError, binascii.Error, RecursionError):
        return None
    if not isinstance(name_key, str) or not isinstance(client_id, str):
        return None
    # No database takes these, though JSON can hold them.
    if any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in name_key + client_id):
        return None
    return name_key, client_id
