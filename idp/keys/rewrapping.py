"""Replacing the master key while the server works: everything encrypted is read with the old key, written with the new.

Each value is changed by itself, if it is still the one that was read, so this can be ended at any time and begun again.
The installation secret comes last: until everything is done, nothing starts without the old key, and once it has begun
nothing without the new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import String, exists, select, update

from idp import cache
from idp.clients import jwt_secrets, secrets
from idp.clients.models import ClientRow, ClientSecret
from idp.db import Base, db, transaction
from idp.keys import installation, store
from idp.keys.models import Installation, SigningKey
from idp.vault import SEALED, VaultError, place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Column
    from sqlalchemy.orm import InstrumentedAttribute, Session

    from idp.vault import Vault

_BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A column of encrypted values, and what each is bound to."""

    row: InstrumentedAttribute[Any]
    column: InstrumentedAttribute[Any]
    place: Callable[[str], str]


_SEALED: Final = (
    _Sealed(SigningKey.kid, SigningKey.private_jwk, store.place),
    _Sealed(ClientSecret.id, ClientSecret.envelope, secrets.place),
    _Sealed(ClientRow.client_id, ClientRow.jwt_secret, jwt_secrets.place),
    _Sealed(ClientRow.client_id, ClientRow.jwt_secret_other, jwt_secrets.place),
    _Sealed(Installation.id, Installation.secret, lambda _: installation.PLACE),
)


def rewrap(vault: Vault) -> int:
    """Encrypt everything under the present master key of *vault*, and return how many values that changed.

    Opens transactions of its own, so none may be open.

    Raises:
        VaultError: a value is under a key that *vault* does not have.

    """
    changed = 0
    for sealed in (*_declared(), *_SEALED):
        while found := _batch(vault, sealed):
            changed += found
    return changed


def require_held(session: Session, vault: Vault) -> None:
    """Make sure that *vault* has every master key under which something is encrypted: one query, cheap at each start.

    Raises:
        VaultError: naming the columns that hold something under a key that it does not have.

    """
    columns = [sealed.column for sealed in (*_declared(), *_SEALED)]
    unreadable = [
        exists().where(column.like("v1:%"), *(column.not_like(f"{prefix}%") for prefix in vault.prefixes))
        for column in columns
    ]
    found = session.execute(select(*unreadable)).one()
    named = ", ".join(str(column.expression) for column, is_there in zip(columns, found, strict=True) if is_there)
    if named:
        message = (
            f"Encrypted under a master key that is not here: {named}. Set IDP_OTHER_MASTER_KEY to it as well, and end "
            "what `idp keys rewrap` began."
        )
        raise VaultError(message)


def left(vault: Vault) -> list[str]:
    """Return the columns that hold a value under another master key, wherever in the database they are."""
    return [f"{table}.{column}" for table, column in _under_another(vault)]


def _declared() -> Iterator[_Sealed]:
    """Yield the columns that say of themselves that they are sealed; their packages may stand above this one."""
    for mapper in sorted(Base.registry.mappers, key=lambda one: one.class_.__name__):
        [key, *others] = mapper.primary_key
        for column in mapper.columns:
            if SEALED in column.info and not others:
                row, envelope = (
                    getattr(mapper.class_, mapper.get_property_by_column(one).key) for one in (key, column)
                )
                yield _Sealed(row, envelope, partial(_place, column))


def _place(column: Column[Any], row: str) -> str:
    return place_of(column.table.name, row, column.name)


def _batch(vault: Vault, sealed: _Sealed) -> int:
    statement = select(sealed.row, sealed.column).where(
        sealed.column.is_not(None), sealed.column.not_like(f"{vault.prefix}%")
    )
    session = db.session()
    rows = session.execute(statement.limit(_BATCH)).all()
    session.rollback()
    made = [
        (row, old, vault.encrypt(vault.decrypt(old, place=sealed.place(row)), place=sealed.place(row)))
        for row, old in rows
    ]
    with transaction() as writing:
        for row, old, new in made:
            writing.execute(
                update(sealed.row.class_)
                .where(sealed.row == row, sealed.column == old)
                .values({sealed.column: new})
                .execution_options(synchronize_session=False)
            )
        if made:
            # What a process remembers is under the old key.
            cache.bump(writing)
    return len(made)


def _under_another(vault: Vault) -> Iterator[tuple[str, str]]:
    session = db.session()
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            if not isinstance(column.type, String):
                continue
            known = select(column).where(column.regexp_match("^v1:[0-9a-f]{12}:"), column.not_like(f"{vault.prefix}%"))
            if session.execute(known.limit(1)).first() is not None:
                yield table.name, column.name
    session.rollback()
