"""The database: models' base, aware timestamps, the one way to commit, SQLite's settings."""

from __future__ import annotations

import threading
from contextlib import ContextDecorator
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flask import current_app
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import JSON, DateTime, MetaData, event
from sqlalchemy.orm import DeclarativeBase, Session, registry
from sqlalchemy.types import TypeDecorator

from idp.errors import IdpError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import TypeVar

    from flask import Flask
    from sqlalchemy import Connection, Dialect, Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection

    Called = TypeVar("Called", bound=Callable[..., Any])

_BUSY_SECONDS = 5
_AFTER_COMMIT = "idp_after_commit"


class Turn:
    """The turn of one transaction to write: nothing but SQLite makes use of it.

    SQLite lets one connection write at a time, and lets the others sleep and try again, longer each time. So that
    eight threads do not sleep while nobody writes, the threads of a process queue here; only processes meet in SQLite.
    """

    def __init__(self) -> None:
        self._held: threading.Lock | None = None

    def take(self, queue: threading.Lock) -> None:
        """Wait for *queue*; after as long as SQLite itself would wait, SQLite may say that it is busy."""
        if self._held is None and queue.acquire(timeout=_BUSY_SECONDS):
            self._held = queue

    def give_back(self) -> None:
        """Let the next one write."""
        if self._held is not None:
            self._held.release()
            self._held = None


_writing: ContextVar[Turn | None] = ContextVar("idp_writing", default=None)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant, kept in UTC; naive values are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the interface of SQLAlchemy
        """Store *value* in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            message = "a naive datetime was given where an aware one is needed"
            raise ValueError(message)
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the interface of SQLAlchemy
        """Return the stored instant, aware."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """The base of every model; constraints get names, so that migrations can change them."""

    # Flask-SQLAlchemy derives from this class, so the type map belongs to the registry, not to the class.
    registry = registry(
        metadata=MetaData(
            naming_convention={
                "ix": "ix_%(table_name)s_%(column_0_N_name)s",
                "uq": "uq_%(table_name)s_%(column_0_N_name)s",
                "ck": "ck_%(table_name)s_%(constraint_name)s",
                "fk": "fk_%(table_name)s_%(column_0_N_name)s",
                "pk": "pk_%(table_name)s",
            }
        ),
        type_annotation_map={datetime: UtcDateTime, dict[str, Any]: JSON, list[str]: JSON},
    )


db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False}, disable_autonaming=True)


class transaction(ContextDecorator):  # noqa: N801 - reads as a statement: with transaction(): / @transaction()
    """Commit what is written inside, as a decorator of a view or a ``with`` block.

    Commits when the block ends *or refuses with an* ``IdpError`` (its audit rows and revocations must last); any
    other exception rolls back. On SQLite the write lock is taken at the first statement, so a later write in the
    same transaction can never fail for having read first.
    """

    def __enter__(self) -> Session:
        """Begin; reading that happened before is closed first."""
        session = db.session()
        if session.in_transaction():
            session.rollback()
        around = _writing.get()
        if around is not None:
            # What was begun around this block is over now, so others need not wait for it.
            around.give_back()
        self._turn = Turn()
        self._token = _writing.set(self._turn)
        return session

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit or roll back, and let the exception go on."""
        try:
            if error is None or isinstance(error, IdpError):
                db.session.commit()
            else:
                db.session.rollback()
        except BaseException:
            db.session.rollback()
            raise
        finally:
            self._turn.give_back()
            _writing.reset(self._token)

    def _recreate_cm(self) -> transaction:
        return transaction()

    def __call__(self, func: Called) -> Called:
        """Decorate *func*, and mark it as one that commits."""
        decorated = super().__call__(func)
        decorated.writes = True  # type: ignore[attr-defined]  # read by the test that every writing route has it
        return decorated


def on_commit(app: Flask, name: str, call: Callable[[], None]) -> None:
    """Call *call* in *app* after each commit for which ``after_commit`` was told *name*."""
    app.extensions.setdefault(_AFTER_COMMIT, {})[name] = call


def after_commit(session: Session, name: str) -> None:
    """Have what ``on_commit`` knows as *name* called once the transaction of *session* has committed."""
    session.info.setdefault(_AFTER_COMMIT, set()).add(name)


# One listener for all applications of a process: one of each would keep every application alive for ever.
@event.listens_for(db.session, "after_commit")
def _committed(session: Session) -> None:
    # Released savepoints are announced, too; others see nothing of them yet.
    if _AFTER_COMMIT in session.info and not session.in_nested_transaction():
        calls = current_app.extensions.get(_AFTER_COMMIT, {})
        for name in sorted(session.info.pop(_AFTER_COMMIT)):
            if name in calls:
                calls[name]()


@event.listens_for(db.session, "after_rollback")
def _rolled_back(session: Session) -> None:
    session.info.pop(_AFTER_COMMIT, None)


def end_reading() -> None:
    """End a transaction that has only read, before slow work begins (a fetch, a signature, a hash).

    Raises:
        RuntimeError: inside ``transaction()``, where slow work would keep others from writing.

    """
    if _writing.get() is not None:
        message = "slow work must not begin inside a transaction"
        raise RuntimeError(message)
    session = db.session()
    if session.in_transaction():
        session.rollback()


def commits_in_steps(func: Called) -> Called:
    """Mark a view that commits by several ``with transaction():`` blocks, because slow work lies between them."""
    func.writes = True  # type: ignore[attr-defined]  # read by the test that every writing route has it
    return func


def engine_options(url: str) -> dict[str, Any]:
    """Return the engine options for the database at *url*."""
    # What a statement was given never gets into an error's text, and so into no log.
    hidden = {"hide_parameters": True}
    if url.startswith("sqlite"):
        return hidden | {
            "connect_args": {"timeout": _BUSY_SECONDS, "check_same_thread": False},
            "pool_size": 16,
            "max_overflow": 8,
        }
    return hidden | {"pool_size": 10, "max_overflow": 6, "pool_timeout": 5, "pool_pre_ping": True, "pool_recycle": 1800}


def prepare_engine(engine: Engine, *, synchronous: str = "normal") -> None:
    """Set SQLite up for several writing processes; other databases are left as they are."""
    if engine.dialect.name != "sqlite":
        return

    def connect(connection: DBAPIConnection, _record: object) -> None:
        connection.isolation_level = None  # BEGIN is emitted below, not by sqlite3
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={synchronous.upper()}",
            f"busy_timeout={_BUSY_SECONDS * 1000}",
            "foreign_keys=ON",
            "temp_store=MEMORY",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    queue = threading.Lock()

    def begin(connection: Connection) -> None:
        turn = _writing.get()
        if turn is not None:
            turn.take(queue)
        connection.exec_driver_sql("BEGIN" if turn is None else "BEGIN IMMEDIATE")

    event.listen(engine, "connect", connect)
    event.listen(engine, "begin", begin)
