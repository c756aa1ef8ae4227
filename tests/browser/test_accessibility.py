"""Every page in both themes, at phone and desk width and in forced colors: no axe violation, nothing too wide."""

import base64
import json

import pytest

from bench.server import Server, free_port
from tests.browser import tour
from tests.browser.conftest import Watched
from tests.browser.looks import faults_of
from tests.browser.portal import ADMINISTRATOR, PASSWORD, Portal

HEAVY = ["clients", "clients/demo-notes", "clients/demo-notes/edit", "clients/demo-notes/claims?q=chie", "keys"]
HEAVY += ["keys/readiness", "users", "groups", "branding", "invitations", "outbox", "audit"]


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """A server with its sample apps that anybody may join, and nobody in it yet but the sample people."""
    port = free_port(2)
    server = Server(
        folder=tmp_path_factory.mktemp("portal"),
        arguments=["--demo", "--demo-port", str(port)],
        settings={"IDP_KEYS__JWKS_MAX_AGE": "1s", "IDP_SIGN_UP__MODE": "open"},
    )
    try:
        server.start()
        yield Portal(server, port)
    finally:
        server.stop()


@pytest.fixture(scope="module")
def everybody(chromium):
    """The browsers of all who go around, watched together."""
    watched = Watched(chromium)
    yield watched
    watched.close()


@pytest.fixture(scope="module")
def setup_faults(portal, everybody):
    """Make the first administrator, and return what is wrong with the page that does it."""
    page = everybody.page()
    page.goto(portal.server.said(r"Finish setup +(\S+)"))
    found = faults_of(page)
    values = {"name": "Ruth Keeper", "username": ADMINISTRATOR, "email": "root@example.com", "password": PASSWORD}
    for name, value in values.items():
        page.fill(f"input[name={name}]", value)
    page.click("#setup-submit")
    page.wait_for_url(f"{portal.issuer}/admin/clients")
    return found


@pytest.fixture(scope="module")
def guide(portal, everybody, setup_faults):
    """Leads to every page of the tour."""
    assert setup_faults == []
    leader = tour.Guide(portal, everybody.page)
    tour.furnish(leader)
    return leader


@pytest.mark.parametrize("stop", tour.STOPS, ids=lambda stop: stop.name)
def test_a_page_in_every_look(guide, everybody, stop):
    look_at(stop, guide, everybody)


def look_at(stop, guide, everybody):
    """Go to a page, and find nothing wrong with it."""
    page = guide.page(stop.who)
    stop.reach(page, guide)
    assert tour.pattern_of(stop.rule).fullmatch(page.url.removeprefix(guide.portal.issuer))
    assert faults_of(page) == []
    assert [text for text in everybody.taken() if "Failed to load resource" not in text] == []


def test_the_sign_in_page_is_at_most_60_kb(browsers, portal):
    assert 0 < weight(browsers.page(), f"{portal.issuer}/login") <= 60 * 1024


@pytest.mark.parametrize("path", HEAVY)
def test_a_page_for_administrators_is_at_most_100_kb(guide, path):
    page = guide.page(tour.ROOT)
    session = page.context.new_cdp_session(page)
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    assert 0 < weight(page, f"{guide.portal.issuer}/admin/{path}") <= 100 * 1024
    session.detach()


def weight(page, address):
    """Return the bytes of a page with all that it loads."""
    requests = []

    def note(request):
        requests.append(request)

    page.on("requestfinished", note)
    with page.expect_request_finished(lambda request: request.url == address):
        page.goto(address, wait_until="networkidle")
    page.remove_listener("requestfinished", note)
    sizes = [request.sizes() for request in requests]
    return sum(size["responseBodySize"] + size["responseHeadersSize"] for size in sizes)


def test_a_token_that_was_looked_into(guide):
    page = guide.page(tour.ROOT)
    good = b64({"alg": "RS256", "kid": "k" * 43, "typ": "JWT"})
    claims = b64({"iss": guide.portal.issuer, "sub": "usr_" + "x" * 60, "aud": "app", "exp": 1, "a" * 90: "b" * 300})
    for pasted in (f"{good}.{claims}.{'s' * 342}", f"{good}.e30", f"{good}.bm8.QQ", "idpr_x", f"{good}.a.b.c.d"):
        page.goto(f"{guide.portal.issuer}/developer/jwt?audience=app")
        page.fill("textarea[name=token]", pasted)
        page.locator("main").get_by_role("button", name="Inspect").click()
        page.wait_for_selector(".banner")
        assert faults_of(page) == []
        shown = "" if pasted.startswith("idpr_") else pasted
        assert page.input_value("textarea[name=token]") == shown


def b64(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def later(guide):
    """Leads to what there is once nobody joins by themselves, and every sign-in was too long ago."""
    server = guide.portal.server
    server.environment |= {"IDP_SIGN_UP__MODE": "invite", "IDP_SESSION__REAUTH": "1s"}
    server.restart()
    return guide


@pytest.mark.parametrize("stop", tour.LATER, ids=lambda stop: stop.name)
def test_a_page_of_later_in_every_look(later, everybody, stop):
    look_at(stop, later, everybody)
