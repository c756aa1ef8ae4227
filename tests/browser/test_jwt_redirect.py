"""The JWT redirect in Chromium, to apps on another domain that check what they receive by their own rules."""

import base64
import hashlib
import hmac
import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import jwt
import pytest
from playwright.sync_api import expect

from tests.browser.looks import axe_violations
from tests.browser.portal import fill_sign_in, sign_in


@dataclass
class Vendor:
    """An app on a domain of its own; ``secrets`` are the ones that it was given."""

    address: str
    secrets: dict[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    asks: str = ""

    def accept(self, path: str, sent: dict[str, str]) -> str | None:
        """Return whom the app lets in, as its kind checks it."""
        if path == "/access/jwt":
            claims = jwt.decode(sent["jwt"], self.secrets["zendesk"], ["HS256"], options={"verify_aud": False})
            return self._once(claims) and claims["name"]
        if path == "/auth/sso":
            claims = jwt.decode(sent["jwt"], self.secrets["metabase"], ["HS256"], options={"verify_aud": False})
            return f"{claims['first_name']} {claims['last_name']}"
        secret = self.secrets["discourse"].encode()
        if not hmac.compare_digest(hmac.new(secret, sent["sso"].encode(), hashlib.sha256).hexdigest(), sent["sig"]):
            return None
        members = {name: value for name, (value,) in parse_qs(base64.b64decode(sent["sso"]).decode()).items()}
        return members["name"] if members["nonce"] == "nonce-of-the-forum" else None

    def question(self) -> str:
        """Return where a forum sends somebody who wants to sign in."""
        members = {"nonce": "nonce-of-the-forum", "return_sso_url": f"{self.address}/session/sso_login"}
        payload = base64.b64encode(urlencode(members).encode()).decode()
        sig = hmac.new(self.secrets["discourse"].encode(), payload.encode(), hashlib.sha256).hexdigest()
        return f"{self.asks}?{urlencode({'sso': payload, 'sig': sig})}"

    def _once(self, claims: dict) -> bool:
        is_new = claims["jti"] not in self.used
        self.used.add(claims["jti"])
        return is_new


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    """Serves one app at vendor.localhost, which is another site than the portal."""
    made = Vendor("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/session/sso":
                self.send_response(302)
                self.send_header("Location", made.question())
                self.end_headers()
            elif parts.path == "/favicon.ico":
                self.send_response(204)
                self.end_headers()
            else:
                self._answer(dict(parse_qsl(parts.query)))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._answer(dict(parse_qsl(body)))

        def _answer(self, sent: dict[str, str]) -> None:
            assert "Referer" not in self.headers or "jwt" not in self.headers["Referer"]
            try:
                name = made.accept(urlsplit(self.path).path, sent)
            except jwt.PyJWTError:
                name = None
            page = f"<!doctype html><title>App</title><h1>{f'Hello, {name}' if name else 'Refused'}</h1>".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.address = f"http://vendor.localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


def connect(portal, vendor, preset):
    client_id = f"{preset}-{urlsplit(vendor.address).port}"
    made = portal.server.command(
        *("client", "add", "--name", preset.title(), "--client-id", client_id, "--jwt-preset", preset),
        *("--address", vendor.address, "--skip-consent"),
    )
    vendor.secrets[preset] = made["jwt_secret"]
    return f"{portal.issuer}/sso/{client_id}"


def come_in(page, portal, start):
    page.goto(start)
    fill_sign_in(page, "ana", portal.password_of("ana"))
    expect(page.locator("h1")).to_have_text("Hello, Ana Ferreira")


def come_until(page, start, greeting):
    """Come to the app again and again until it says *greeting*: a change reaches every worker within a moment."""
    until = time.monotonic() + 30
    while True:
        page.goto(start)
        expect(page.locator("h1")).to_have_text(re.compile("Hello|Refused"))
        if page.inner_text("h1") == greeting:
            return
        assert time.monotonic() < until, page.inner_text("h1")


@pytest.mark.parametrize(("preset", "lands"), [("zendesk", "/access/jwt"), ("metabase", "/auth/sso")])
def test_a_person_comes_into_an_app_on_another_domain(page, portal, vendor, preset, lands):
    come_in(page, portal, connect(portal, vendor, preset))
    assert urlsplit(page.url).netloc == urlsplit(vendor.address).netloc
    assert urlsplit(page.url).path == lands
    # Posted, so that it stands in no address and no log.
    assert ("jwt=" in page.url) == (preset == "metabase")


def test_a_forum_asks_and_is_answered(page, portal, vendor):
    vendor.asks = connect(portal, vendor, "discourse")
    come_in(page, portal, f"{vendor.address}/session/sso")
    # From the portal it goes by way of the forum, whose nonce has to come back.
    page.goto("about:blank")
    page.goto(vendor.asks)
    expect(page.locator("h1")).to_have_text("Hello, Ana Ferreira")
    assert urlsplit(page.url).path == "/session/sso_login"


def test_no_sign_in_fails_while_a_secret_is_replaced(page, portal, vendor):
    start = connect(portal, vendor, "zendesk")
    come_in(page, portal, start)
    client_id = start.rpartition("/")[2]
    first = vendor.secrets["zendesk"]
    second = portal.server.command("client", "secret", client_id, "--jwt-add")["jwt_secret"]
    page.goto(start)
    expect(page.locator("h1")).to_have_text("Hello, Ana Ferreira")
    portal.server.command("client", "secret", client_id, "--jwt-switch")
    vendor.secrets["zendesk"] = second
    come_until(page, start, "Hello, Ana Ferreira")
    portal.server.command("client", "secret", client_id, "--jwt-remove")
    vendor.secrets["zendesk"] = first
    come_until(page, start, "Refused")


def test_the_wiki_refuses_a_token_that_came_before(browsers, portal):
    page = browsers.page()
    posted = []
    page.on("request", lambda one: posted.append(one.post_data) if one.url == f"{portal.wiki}/sso" else None)
    page.goto(portal.wiki)
    page.click("#sign-in")
    fill_sign_in(page, "ana", portal.password_of("ana"))
    expect(page.locator("h1")).to_have_text("Hello, Ana Ferreira")
    (body,) = posted

    def bring_again(there) -> str:
        form = json.dumps(dict(parse_qsl(body)))
        there.evaluate(
            """([address, form]) => {
                const made = document.createElement("form");
                made.method = "post";
                made.action = address;
                for (const [name, value] of Object.entries(JSON.parse(form))) {
                    const field = document.createElement("input");
                    field.name = name;
                    field.value = value;
                    made.append(field);
                }
                document.body.append(made);
                made.submit();
            }""",
            [f"{portal.wiki}/sso", form],
        )
        there.wait_for_url(f"{portal.wiki}/sso")
        return there.locator("body").inner_text()

    # By the same browser, and by another one that stole it.
    assert "refused" in bring_again(page)
    other = browsers.page()
    other.goto(portal.wiki)
    assert "refused" in bring_again(other)
    browsers.expect_refusals()


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (1280, "dark"), (320, "light")])
def test_the_simulator_can_be_read(browsers, portal, vendor, width, theme):
    start = connect(portal, vendor, "zendesk")
    page = browsers.page(viewport={"width": width, "height": 900}, color_scheme=theme)
    sign_in(page, portal)
    client = f"{portal.issuer}/admin/clients/{start.rpartition('/')[2]}"
    for address in (
        f"{client}/simulator?q=ana",
        f"{client}/jwt-secrets",
        client,
        f"{portal.issuer}/admin/clients/new?kind=jwt",
    ):
        page.goto(address)
        assert axe_violations(page) == [], address
        widths = page.evaluate("() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert widths[0] <= widths[1], address
