"""A real server over the test's installation, and what is done to it through its own network port."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from bench.http import Answer, Connection
from bench.scenarios import CLIENT
from bench.server import Server
from idp import clock
from idp.accounts.passwords import PasswordHasher
from idp.app import create_app
from idp.clients import registration
from idp.clients import store as clients
from idp.db import db, transaction
from idp.settings import Settings
from idp.vault import Vault
from idp.web.current import service
from tests import factories
from tests.factories import MadePerson
from tests.visitor import PASSWORD

CSRF = re.compile(rb'name="csrf_token"[^>]*value="([^"]+)"')


@dataclass
class Installed:
    """A running server, and an application in this process over the same installation."""

    server: Server
    app: Any = None
    # One event loop for the whole test: a connection belongs to the loop that opened it.
    runner: asyncio.Runner = field(default_factory=asyncio.Runner)
    _connections: list[Connection] = field(default_factory=list)

    @property
    def issuer(self) -> str:
        return self.server.issuer

    def person(self, username: str, **changes: Any) -> MadePerson:
        """Add a person with the password of all test people."""
        with self.app.app_context():
            password_hash = service(PasswordHasher).hash(PASSWORD)
        return factories.make_person(self.app, username, password_hash=password_hash, **changes)

    def client(self, **changes: Any) -> None:
        """Register the client that the scenarios of the load harness speak for."""
        with self.app.app_context(), transaction() as session:
            clients.create(session, service(Vault), registration.read({**CLIENT, **changes}), clock.utc_now())

    def connection(self, person: MadePerson | None = None) -> Connection:
        """Return a connection of its own, signed in as *person*."""
        connection = Connection("localhost", self.server.port)
        self._connections.append(connection)
        if person is not None:
            factories.sign_in(self.app, _CookieJar(connection), person)
        return connection

    def run(self, work: Any) -> Any:
        """Run one coroutine, and return what it returned."""
        return self.runner.run(work)

    def together(self, *work: Any) -> list[Any]:
        """Run the coroutines at once, and return what each returned."""
        return self.runner.run(_gather(work))

    def get(self, path: str) -> Answer:
        """Ask for *path* over a connection of its own."""
        return self.run(self.connection().request("GET", path))

    def stop(self) -> None:
        """End what belongs to it: connections, server, application."""
        self.runner.run(_close(self._connections))
        self.runner.close()
        self.server.stop()
        if self.app is not None:
            with self.app.app_context():
                db.session.remove()
                db.engine.dispose()

    def read(self, statement: Any) -> list[Any]:
        """Return the rows of *statement* as the database has them now."""
        with self.app.app_context():
            db.session.rollback()
            return list(db.session.execute(statement))


@dataclass
class _CookieJar:
    connection: Connection

    def set_cookie(self, name: str, value: str, domain: str) -> None:
        self.connection.cookies[name] = value


@pytest.fixture
def install(request, tmp_path, database_url):
    """Return a function that starts the server on this test's installation; its arguments are settings."""
    running: list[Installed] = []

    def start(*, workers: int = 2, **variables: str) -> Installed:
        server = Server(workers=workers, folder=tmp_path, settings={"IDP_DATABASE_URL": database_url, **variables})
        # Stopped even when it does not come up.
        installed = Installed(server)
        running.append(installed)
        server.start()
        installed.app = create_app(
            Settings(data_dir=server.data_dir, database_url=database_url, issuer=server.issuer, log={"level": "error"})
        )
        return installed

    yield start
    for installed in running:
        installed.stop()


@pytest.fixture
def idp(install) -> Installed:
    """Two worker processes, the client `bench`, and nobody yet."""
    installed = install()
    installed.client()
    return installed


async def _gather(work: Any) -> list[Any]:
    return list(await asyncio.gather(*work))


async def _close(connections: list[Connection]) -> None:
    for connection in connections:
        connection.close()
    # The loop closes the sockets in its next rounds.
    await asyncio.sleep(0.01)


async def warm(connections: list[Connection]) -> None:
    """Open the connections, so that what follows arrives together."""
    await asyncio.gather(*(connection.request("GET", "/livez") for connection in connections))


async def csrf_token(connection: Connection, path: str) -> str:
    """Return the token of the form at *path*."""
    page = await connection.request("GET", path)
    found = CSRF.search(page.body)
    assert found, (path, page.status)
    return found.group(1).decode()


async def submit(connection: Connection, path: str, action: str | None = None, **fields: str) -> Answer:
    """Fill in the form at *path* and send it."""
    token = await csrf_token(connection, path)
    return await connection.request("POST", action or path, form={"csrf_token": token, **fields})
