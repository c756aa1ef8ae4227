"""Fixtures of every test: databases of its own, the application over them, no network but loopback."""

import ipaddress
import logging
import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from types import FrameType

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import FileSystemBytecodeCache

from idp import prepare
from idp.app import create_app
from idp.clients.secrets import SecretUse
from idp.contracts.notes import Notes
from idp.db import db
from idp.keys.ledger import Ledger
from idp.settings import Settings
from tests import shortcuts
from tests.copies import Copy
from tests.services import Services

BACKENDS = ("sqlite", "postgresql")
# The folders whose tests start servers, and mark them; the longest first.
SLOW = ("faults", "browser", "clients")
_SERVICES = pytest.StashKey[Services]()


# One folder a run: made by the process that begins it, told to the workers, removed with all that runs in it.


class _ShareServices:
    """Tells each xdist worker where the servers of this run are."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node) -> None:
        node.workerinput["services"] = str(node.config.stash[_SERVICES].folder)


def pytest_configure(config: pytest.Config) -> None:
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        config.stash[_SERVICES] = Services(Path(worker["services"]))
    else:
        config.stash[_SERVICES] = Services.create()
        config.pluginmanager.register(_ShareServices())
        signal.signal(signal.SIGTERM, _interrupt)
    for name in [name for name in os.environ if name.startswith("IDP_")]:
        del os.environ[name]
    shortcuts.take()
    # Hundreds of servers and commands start in a run; compiling their modules anew takes each a second and more.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    # Ends the run by its usual way out, which stops the servers.
    raise KeyboardInterrupt


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.stash[_SERVICES].stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by what it needs, so that `-m "not postgres"` is quick and complete; and put them in turns."""
    for item in items:
        if _folder(item) in SLOW:
            item.add_marker(_folder(item))
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        if "postgresql" in parameters.values() or "postgres_url" in getattr(item, "fixturenames", ()):
            item.add_marker("postgres")
    items[:] = _in_turns(items)


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(item.config.rootpath / "tests").parts[0]


def _in_turns(items: list[pytest.Item]) -> list[pytest.Item]:
    """Spread the files that start servers over the run, so that few of them share the processors at any time."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    slow = sorted(
        (file for file in files.values() if _folder(file[0]) in SLOW), key=lambda file: SLOW.index(_folder(file[0]))
    )
    quick = [file for file in files.values() if _folder(file[0]) not in SLOW]
    share = len(quick) // len(slow) + 1 if slow else len(quick)
    order: list[pytest.Item] = []
    for number, file in enumerate(slow or [[]]):
        order += chain(file, *quick[number * share : (number + 1) * share])
    return order


@pytest.fixture(scope="session", autouse=True)
def loopback_only() -> Iterator[None]:
    """Refuse every connection of this process that would leave the machine."""
    original = socket.socket.connect

    def connect(self: socket.socket, address) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6} and not _is_loopback(address[0]):
            message = f"a test tried to reach {address[0]}"
            raise AssertionError(message)
        original(self, address)

    socket.socket.connect = connect
    yield
    socket.socket.connect = original


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture(autouse=True)
def quiet_loggers() -> Iterator[None]:
    """Put back what an application does to the root logger."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = handlers, level


# Services


@pytest.fixture(scope="session")
def services(pytestconfig: pytest.Config) -> Services:
    """PostgreSQL and Redis of this run; each starts when it is first asked for."""
    return pytestconfig.stash[_SERVICES]


@pytest.fixture(scope="session")
def worker(request: pytest.FixtureRequest) -> str:
    """The name of this worker: `gw0`, `gw1`, … or `main`."""
    return getattr(request.config, "workerinput", {}).get("workerid", "main")


@pytest.fixture(scope="session")
def postgres_url(services: Services, worker: str) -> Iterator[str]:
    """The URL of this worker's own PostgreSQL database, empty at first and kept for the whole session."""
    name = f"own_{worker}"
    services.create_database(name)
    yield services.postgres_url(name)
    services.drop_database(name)


@pytest.fixture
def redis_url(services: Services, worker: str) -> Iterator[str]:
    """The URL of this worker's own Redis database, empty."""
    url = services.redis_url(int(worker.removeprefix("gw")) + 1 if worker != "main" else 0)
    with redis.Redis.from_url(url) as connection:
        connection.flushdb()
        yield url
        connection.flushdb()


# An installation: a data directory with its master key and a database that is set up. Both are copies of one that
# was prepared once a run and a backend, since migrating and making keys take a second.


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """The kind of database: everything that asks for it runs on both."""
    return request.param


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """The data directory of this test's installation; it does not exist until something makes it."""
    return tmp_path / "data"


@pytest.fixture
def empty_database_url(request: pytest.FixtureRequest, backend: str, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without a table."""
    if backend == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    services, name = request.getfixturevalue("services"), f"empty_{request.getfixturevalue('worker')}"
    services.create_database(name)
    yield services.postgres_url(name)
    services.drop_database(name)


@pytest.fixture(scope="session")
def postgres_copy(services: Services, worker: str) -> Iterator[Copy]:
    """This worker's copy of the prepared PostgreSQL database."""
    _template(services, "postgresql")
    made = Copy(services, f"test_{worker}")
    yield made
    made.drop()


@pytest.fixture
def database_url(request: pytest.FixtureRequest, services: Services, backend: str, data_dir: Path) -> Iterator[str]:
    """The URL of a database that is set up, with nothing in it but its keys; `data_dir` holds its master key."""
    template = _template(services, backend)
    shutil.copytree(template, data_dir)
    if backend == "sqlite":
        yield f"sqlite:///{data_dir / 'idp.db'}"
        return
    prepared = request.getfixturevalue("postgres_copy")
    yield prepared.make()
    prepared.put_back()


def _template(services: Services, backend: str) -> Path:
    """Return the data directory of the installation to copy; the first to ask prepares it."""
    folder = services.folder / f"prepared-{backend}"
    done = services.folder / f"prepared-{backend}.done"
    with services.alone(folder.name):
        if not done.exists():
            url = ""
            if backend == "postgresql":
                services.create_database("prepared")
                url = services.postgres_url("prepared")
            prepare.prepare(Settings(data_dir=folder, database_url=url))
            done.touch()
    return folder


# The application


@pytest.fixture
def settings(data_dir: Path, database_url: str) -> Settings:
    """The settings of the test's installation: `http://localhost:8000` and defaults."""
    return Settings(data_dir=data_dir, database_url=database_url)


@pytest.fixture
def make_app(settings: Settings, services: Services) -> Iterator[Callable[..., Flask]]:
    """Return a function that makes an application over the test's installation; its arguments are settings."""
    made: list[Flask] = []

    def make(**changed: object) -> Flask:
        app = create_app(Settings(**{**settings.model_dump(), **changed}))
        app.testing = True
        app.test_client_class = Browser
        # Compiled templates are shared by the applications of a run: most tests show a page or two.
        app.jinja_env.bytecode_cache = FileSystemBytecodeCache(str(services.shared("templates")))
        made.append(app)
        return app

    yield make
    for app in made:
        # Their threads write into the database of this test; the next one's may have the same name.
        for gathering in (Ledger, Notes, SecretUse):
            app.extensions["idp"][gathering]._thread._work = _forget
            app.extensions["idp"][gathering].stop()
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


def _forget() -> None:
    """Take the place of writing: nobody reads what was gathered when its test is over."""


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """The whole application over the test's installation, on SQLite and on PostgreSQL."""
    return make_app()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser at the application's own address."""
    return app.test_client()


class Browser(FlaskClient):
    """A test client that calls the issuer's own address when only a path is given."""

    def open(self, *args, **kwargs):
        if args and isinstance(args[0], str) and args[0].startswith("/"):
            kwargs.setdefault("base_url", self.application.extensions["idp"][Settings].issuer)
        return super().open(*args, **kwargs)
