"""Client secrets: made here, shown once, kept as fingerprints; two may be live, so that one can replace another.

A client that signs with its secret (``client_secret_jwt``), or whose ID tokens are signed with it, is the exception:
what verifies an HMAC can make it, so its secret is kept, too, encrypted.
"""

from __future__ import annotations

import base64
import re
import threading
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, func, select, update

from idp import cache, opaque
from idp.clients.metadata import from_stored
from idp.clients.models import ClientRow, ClientSecret
from idp.errors import Conflict, FieldErrors, NotFound
from idp.periodic import Periodic

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from idp.clients.store import Client
    from idp.vault import Vault

PREFIX = "idps_"
MOST_LIVE = 2
_CHOSEN: Final = re.compile(r"[A-Za-z0-9._~-]{32,200}")
_LONGEST = 200
# HS512 takes a key of 64 bytes at least (RFC 7518 section 3.2).
_SIGNING_BYTES = 64


@dataclass(frozen=True, slots=True)
class SecretFacts:
    """What may be known of a live secret after it was shown: never the secret."""

    id: str
    hint: str
    created_at: datetime
    last_used_at: datetime | None


def generate(nbytes: int = 32) -> str:
    """Return a new secret: ``idps_``, *nbytes* of chance, six characters that tell a typing mistake from a guess."""
    start = PREFIX + opaque.token(nbytes)
    return start + _checksum(start)


def has_good_checksum(value: str) -> bool:
    """Tell whether *value* was made by ``generate``, as far as its form tells."""
    return value.startswith(PREFIX) and opaque.same(_checksum(value[:-6]), value[-6:])


def _checksum(text: str) -> str:
    return base64.urlsafe_b64encode(zlib.crc32(text.encode()).to_bytes(4, "big")).rstrip(b"=").decode()


def check_chosen(value: object) -> str:
    """Return *value* when it may be a secret that somebody chose.

    Raises:
        FieldErrors: it is too short, or has characters that need encoding in HTTP.

    """
    if not isinstance(value, str) or not _CHOSEN.fullmatch(value):
        raise FieldErrors({"client_secret": "Use 32 to 200 letters, digits, dots, underscores, tildes or dashes."})
    return value


def issue(session: Session, vault: Vault, client_id: str, now: datetime, *, chosen: str | None = None) -> str:
    """Do what ``add`` does, and return the secret alone."""
    return add(session, vault, client_id, now, chosen=chosen)[1]


def add(session: Session, vault: Vault, client_id: str, now: datetime, *, chosen: str | None = None) -> tuple[str, str]:
    """Give the client one more live secret; return its id, and the secret itself, which cannot be read again.

    It is kept encrypted where one of the two signs with it, as its metadata in the database say, else as a fingerprint.

    Raises:
        NotFound: there is no such client.
        Conflict: two secrets are live already.

    """
    # Taking the client's row first makes two administrators wait for each other, so the count below is true.
    touched = session.execute(
        update(ClientRow)
        .where(ClientRow.client_id == client_id)
        .values(updated_at=now)
        .returning(ClientRow.metadata_json)
    ).first()
    if touched is None:
        raise NotFound("There is no such app.")
    signs_with_it = from_stored(touched.metadata_json).signs_with_secret
    live = session.execute(
        select(func.count()).select_from(ClientSecret).where(ClientSecret.client_id == client_id)
    ).scalar_one()
    if live >= MOST_LIVE:
        raise Conflict("Two secrets are live already. Remove the one that is not used any more, then add another.")
    usual = generate(_SIGNING_BYTES) if signs_with_it else generate()
    secret = usual if chosen is None else check_chosen(chosen)
    secret_id = opaque.new_id("sec")
    session.add(
        ClientSecret(
            id=secret_id,
            client_id=client_id,
            fingerprint=opaque.fingerprint(secret),
            hint=secret[-4:],
            envelope=vault.encrypt(secret.encode(), place=place(secret_id)) if signs_with_it else None,
            created_at=now,
        )
    )
    session.flush()
    cache.bump(session)
    return secret_id, secret


def remove(session: Session, client_id: str, secret_id: str) -> SecretFacts:
    """End one live secret; whoever still uses it is refused within a second.

    Raises:
        NotFound: the client has no such secret.

    """
    found = session.execute(
        delete(ClientSecret)
        .where(ClientSecret.client_id == client_id, ClientSecret.id == secret_id)
        .returning(ClientSecret.id, ClientSecret.hint, ClientSecret.created_at, ClientSecret.last_used_at)
    ).first()
    if found is None:
        raise NotFound("This secret is gone already.")
    cache.bump(session)
    return SecretFacts(*found)


def remove_all(session: Session, client_id: str) -> None:
    """End every secret of a client, as when it becomes one that cannot keep a secret."""
    session.execute(delete(ClientSecret).where(ClientSecret.client_id == client_id))
    cache.bump(session)


def live(session: Session, client_id: str) -> list[SecretFacts]:
    """Return the client's live secrets, the newest first."""
    rows = session.execute(
        select(ClientSecret.id, ClientSecret.hint, ClientSecret.created_at, ClientSecret.last_used_at)
        .where(ClientSecret.client_id == client_id)
        .order_by(ClientSecret.created_at.desc(), ClientSecret.id.desc())
    )
    return [SecretFacts(*row) for row in rows]


def verify(client: Client, presented: str) -> str | None:
    """Return the id of the client's secret that *presented* is, or ``None``; every fingerprint is compared."""
    return _match(client.secrets, presented)


def verify_with_reread(session: Session, client: Client, presented: str) -> str | None:
    """Do the same, and on a mismatch once more past the cache: a secret made a moment ago works at once."""
    found = _match(client.secrets, presented)
    if found is not None or client.metadata.is_public:
        return found
    rows = session.execute(
        select(ClientSecret.id, ClientSecret.fingerprint).where(ClientSecret.client_id == client.client_id)
    )
    current = tuple((row.id, row.fingerprint) for row in rows)
    return None if current == client.secrets else _match(current, presented)


def signing_keys(vault: Vault, client: Client) -> list[tuple[str, bytes]]:
    """Return the ids and bytes of the secrets that are signed with, the oldest first; none where nothing is."""
    return [
        (secret_id, vault.decrypt(envelope, place=place(secret_id))) for secret_id, envelope in client.secret_envelopes
    ]


def are_long_enough(vault: Vault, client: Client, least: int) -> bool:
    """Tell whether every secret that is signed with has *least* bytes; one that somebody chose may be shorter."""
    return all(len(secret) >= least for _, secret in signing_keys(vault, client))


def last_used(session: Session, client_id: str) -> str | None:
    """Return the id of the live secret that the client used last; as long as it used none, of the oldest."""
    # The order of NULL differs between databases.
    first = ClientSecret.last_used_at.is_(None), ClientSecret.last_used_at.desc(), ClientSecret.created_at
    statement = select(ClientSecret.id).where(ClientSecret.client_id == client_id).order_by(*first, ClientSecret.id)
    return session.execute(statement.limit(1)).scalar()


def place(secret_id: str) -> str:
    """Return what the encrypted secret *secret_id* is bound to."""
    return f"client_secrets/{secret_id}/envelope"


def _match(known: tuple[tuple[str, str], ...], presented: str) -> str | None:
    if len(presented) > _LONGEST:
        return None
    fingerprint = opaque.fingerprint(presented)
    found = None
    for secret_id, expected in known:
        if opaque.same(fingerprint, expected):
            found = secret_id
    return found


class SecretUse:
    """When each secret was last used, gathered in this process and written every few seconds.

    Nothing is written on the way to a token; a process that dies loses the last seconds.
    """

    def __init__(self, engine: Engine, *, every: float = 10.0) -> None:
        self._engine = engine
        self._used: dict[str, datetime] = {}
        self._lock = threading.Lock()
        self._thread = Periodic("secret-use", self.flush, every)

    def note(self, secret_id: str, now: datetime) -> None:
        """Remember that *secret_id* was used; the first call starts the writing thread."""
        with self._lock:
            self._used[secret_id] = now
        self._thread.begin()

    def flush(self) -> None:
        """Write what was gathered; a secret removed meanwhile is passed over."""
        with self._lock:
            used, self._used = self._used, {}
        if not used:
            return
        try:
            with self._engine.begin() as connection:
                for secret_id, at in sorted(used.items()):
                    connection.execute(
                        update(ClientSecret)
                        .where(ClientSecret.id == secret_id)
                        .where((ClientSecret.last_used_at.is_(None)) | (ClientSecret.last_used_at < at))
                        .values(last_used_at=at)
                    )
        except BaseException:
            # For the next time; what was used meanwhile is newer.
            with self._lock:
                self._used = used | self._used
            raise

    def stop(self) -> None:
        """End the thread, after it has written what is left."""
        self._thread.stop()
