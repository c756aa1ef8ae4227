"""Make an installation ready: data directory, database, master key, installation secret, first signing keys.

Everything here can run again and again, and by two processes at once: one works, the other waits.
"""

from __future__ import annotations

import fcntl
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import inspect, select, text, update
from sqlalchemy.exc import DBAPIError

from idp import assets
from idp.app import create_database_app
from idp.clients.models import ClientRow
from idp.clock import utc_now
from idp.db import db, transaction
from idp.keys import installation, rewrapping, store
from idp.keys.models import Installation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask import Flask

    from idp.settings import Settings

# One number that every server of an installation agrees on; it has no other meaning.
_POSTGRES_LOCK = 0x646F6F72


class StartError(Exception):
    """The server cannot start; the text is one line that says why and what to do."""


def prepare(settings: Settings, *, accept_issuer: bool = False) -> None:
    """Create or migrate whatever is missing.

    Raises:
        StartError: the data directory, the database or the issuer stands in the way.
        VaultError: the master key is missing or is not the one of this database, or another one is still needed.

    """
    _make_data_folder(settings.data_dir)
    app = create_database_app(settings)
    try:
        with app.app_context():
            try:
                with _alone(settings):
                    _migrate(app)
                    _set_up(settings)
                    _check_issuer(settings, accept=accept_issuer)
            finally:
                # After the lock's own connection is back: nothing may stay open, a worker is forked next.
                db.session.remove()
                db.engine.dispose()
    except DBAPIError as error:
        # The driver's text names the cause, and never holds the password of the URL.
        cause = " ".join(str(error.orig).split())
        message = f"The database cannot be used: {cause}"
        raise StartError(message) from error


def head_revision() -> str:
    """Return the newest revision that this version of the program knows."""
    newest = max((assets.folder("migrations") / "versions").glob("*.py"), key=lambda path: path.name)
    found = re.search(r"^revision = [\"'](\w+)[\"']", newest.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        message = f"The migration {newest.name} names no revision."
        raise StartError(message)
    return found.group(1)


def known_revisions() -> set[str]:
    """Return every revision that this version of the program knows."""
    files = (assets.folder("migrations") / "versions").glob("*.py")
    return {
        found
        for path in files
        for found in re.findall(r"^revision = [\"'](\w+)[\"']", path.read_text(encoding="utf-8"), re.MULTILINE)
    }


def current_revision() -> str | None:
    """Return the revision of the database, ``None`` when it is empty."""
    with db.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _make_data_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        message = f"The data directory {folder} cannot be created: {error.strerror}."
        raise StartError(message) from error


@contextmanager
def _closing() -> Iterator[None]:
    try:
        yield
    finally:
        db.session.remove()
        db.engine.dispose()


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect() as connection:
            connection.execute(select(text("pg_advisory_lock(:lock)")), {"lock": _POSTGRES_LOCK})
            try:
                yield
            finally:
                connection.execute(select(text("pg_advisory_unlock(:lock)")), {"lock": _POSTGRES_LOCK})
        return
    with (settings.data_dir / "prepare.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _migrate(app: Flask) -> None:
    current = current_revision()
    if current == head_revision():
        return
    if current is not None and current not in known_revisions():
        message = (
            f"This database belongs to a newer version (schema {current}). Install that version or newer, "
            "or restore the backup taken before the upgrade."
        )
        raise StartError(message)
    # Half a second of imports that only a migration needs.
    import flask_migrate

    folder = str(assets.folder("migrations"))
    flask_migrate.Migrate(app, db, directory=folder)
    flask_migrate.upgrade(directory=folder)


def _set_up(settings: Settings) -> None:
    first_start = not installation.exists(db.session())
    vault = installation.open_vault(settings, may_create=first_start)
    if first_start:
        with transaction() as session:
            installation.create(session, vault, settings, utc_now())
    else:
        installation.open_secrets(db.session(), vault)
        rewrapping.require_held(db.session(), vault)
    db.session.rollback()
    store.create_first_keys(db.session(), vault, utc_now())


def _check_issuer(settings: Settings, *, accept: bool) -> None:
    with transaction() as session:
        known = session.execute(select(Installation.issuer)).scalar_one()
        if known == settings.issuer:
            return
        if not accept and session.execute(select(ClientRow.client_id).limit(1)).first() is not None:
            message = (
                f"IDP_ISSUER is {settings.issuer}, but apps are registered under {known} and hold it. Put it back, "
                "or run `idp migrate --accept-issuer` and change it in every app."
            )
            raise StartError(message)
        session.execute(update(Installation).values(issuer=settings.issuer))
