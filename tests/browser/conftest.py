"""Debian's Chromium over a real server with its sample apps; whatever the console complains of fails the test."""

import itertools
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from bench.server import Server, free_port
from tests.browser.portal import ADMINISTRATOR, PASSWORD, Portal

# For what is to happen on a page, in milliseconds: long, since the machine may have others to serve.
WAIT = 30_000
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One Chromium for all tests of a module.

    Not longer: as long as Playwright runs, no other test of this worker can run an event loop of its own.
    """
    expect.set_options(timeout=WAIT)
    path = shutil.which("chromium")
    assert path is not None, "apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A server with its sample apps, and one administrator."""
    port = free_port(2)
    server = Server(
        folder=tmp_path_factory.mktemp("portal"),
        arguments=["--demo", "--demo-port", str(port)],
        settings={"IDP_KEYS__JWKS_MAX_AGE": "1s"},
    )
    try:
        server.start()
        server.command(
            "user", "add", ADMINISTRATOR, "--email", "root@example.com", "--admin", "--password-stdin", given=PASSWORD
        )
        yield Portal(server, port)
    finally:
        server.stop()


@pytest.fixture
def person(portal: Portal) -> str:
    """Somebody who can sign in with a password."""
    name = f"person{next(_numbers)}"
    portal.server.command("user", "add", name, "--email", f"{name}@example.com", "--password-stdin", given=PASSWORD)
    return name


class Watched:
    """Contexts whose pages are watched for console errors, script errors and broken content security policies."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.complaints: list[str] = []

    def page(self, **options: object) -> Page:
        """Return a page of a new, empty browser context."""
        context = self._browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        context.set_default_timeout(WAIT)
        self._contexts.append(context)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.complaints.append(f"script error: {error.error}"))
        return context.new_page()

    def _console(self, message) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type} on {message.page.url}: {message.text}")

    def expect_refusals(self) -> None:
        """Forget that pages which are refusals came with a status that says so."""
        self.complaints[:] = [text for text in self.complaints if "Failed to load resource" not in text]

    def taken(self) -> list[str]:
        """Return what was complained of since, and forget it."""
        complaints, self.complaints[:] = list(self.complaints), []
        return complaints

    def close(self) -> None:
        """Close all contexts."""
        for context in self._contexts:
            context.close()


@pytest.fixture
def browsers(chromium: Browser) -> Iterator[Watched]:
    """Makes browsers of their own; the test fails when one of them complained."""
    watched = Watched(chromium)
    yield watched
    watched.close()
    assert watched.complaints == []


@pytest.fixture
def page(browsers: Watched) -> Page:
    """A page of an empty browser."""
    return browsers.page()
