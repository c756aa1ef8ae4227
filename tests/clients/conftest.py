"""Real applications, unmodified, over a real server: each folder here holds one as its own documentation sets it up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.server import free_port
from tests.browser.conftest import browsers, chromium, page  # noqa: F401 - for applications that need a browser with scripts
from tests.clients.processes import Process
from tests.clients.provider import ENVIRONMENTS, FOLDER, Provider
from tests.clients.visitor import Visitor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_RUNNING: list[Process] = []
_PROVIDERS: list[Provider] = []


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Show with a failure what the provider and the applications that run wrote last."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        report.sections += [("log of the provider", provider.server.output.read_text()) for provider in _PROVIDERS]
        report.sections += [(f"log of {process.name}", process.log()) for process in _RUNNING]


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """One provider for all applications of a worker."""
    assert (ENVIRONMENTS / ".done").exists(), "run scripts/set_up.sh clients (make test does)"
    # Logout tokens go to the applications, and keys come from them; all are on this machine.
    made = Provider(tmp_path_factory.mktemp("provider"), {"IDP_OUTBOUND__ALLOW": "127.0.0.0/8,::1/128"})
    try:
        made.start()
        _PROVIDERS.append(made)
        yield made
    finally:
        _PROVIDERS.clear()
        made.stop()


@pytest.fixture(scope="module")
def port() -> int:
    """A free port for the application of this module."""
    return free_port()


def _files() -> set[Path]:
    """Return the files of all applications; what they make belongs into temporary folders, keys above all."""
    folders = [path for path in FOLDER.iterdir() if path.is_dir() and path.name not in {"__pycache__", "node_modules"}]
    return {path for folder in folders for path in folder.rglob("*") if "__pycache__" not in path.parts}


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Process]]:
    """Return a function that starts an application and waits for it; what it started ends with the module.

    ``folder`` is a path, or the name of a folder here; ``ready`` the path that answers when it is up; ``environment``
    is all that it gets besides PATH and a HOME of its own.
    """
    started: list[Process] = []

    def run(
        command: Sequence[str | Path],
        *,
        port: int,
        folder: Path | str,
        environment: Mapping[str, str],
        ready: str = "/",
    ) -> Process:
        log = tmp_path_factory.mktemp("application") / "log.txt"
        where = folder if isinstance(folder, Path) else FOLDER / folder
        process = Process(command, port=port, folder=where, log=log)
        started.append(process)
        _RUNNING.append(process)
        process.start(environment, ready)
        return process

    before = _files()
    yield run
    for process in reversed(started):
        process.end()
        _RUNNING.remove(process)
    assert _files() == before, "an application wrote into its own folder"


@pytest.fixture
def visitor(provider: Provider) -> Iterator[Visitor]:
    """A browser where nobody is signed in."""
    made = Visitor(provider.issuer)
    yield made
    made.close()
