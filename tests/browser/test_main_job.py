"""The main job: sign in once, in at every app on every domain, and nobody notices a rotation."""

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from bench.server import Server
from tests.browser.portal import PASSWORD, fill_sign_in, sign_in


def _send_late(route):
    time.sleep(1)
    route.continue_()


def test_the_first_administrator_comes_in_by_the_link_once(browsers, tmp_path):
    server = Server(folder=tmp_path)
    server.start()
    try:
        link = server.said(r"Finish setup +(\S+)")
        page = browsers.page()
        page.goto(link)
        page.fill("input[name=name]", "Ruth Keeper")
        page.fill("input[name=username]", "ruth")
        page.fill("input[name=email]", "ruth@example.com")
        page.fill("input[name=password]", PASSWORD)
        # Takes longer than the pause after which the meter asks: a question then would come with a spent form.
        page.route(link, _send_late)
        asked = []
        page.on("request", lambda sent: asked.append(sent.url))
        page.click("#setup-submit")
        page.wait_for_url(f"{server.issuer}/admin/clients")
        assert not any("/password/strength" in url for url in asked)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert server.command("user", "list")[0]["is_admin"] is True
    finally:
        server.stop()


def test_signing_in_once_is_enough_for_both_apps(page, portal):
    page.goto(portal.notes)
    page.click("#sign-in")
    expect(page.locator("h1")).to_have_text("Sign in to Notes")
    fill_sign_in(page, "ana", portal.password_of("ana"))
    page.wait_for_url(f"{portal.notes}/")
    expect(page.locator("h1")).to_have_text("Hello, Ana Ferreira")
    expect(page.locator("dl")).to_contain_text("Engineering, Staff")

    page.goto(portal.wiki)
    forms = []
    page.on("framenavigated", lambda frame: forms.append(frame.url))
    page.click("#sign-in")
    page.wait_for_url(f"{portal.wiki}/")
    expect(page.locator("h1")).to_have_text("Hello, Ana Ferreira")
    assert not any("/login?" in url and url.startswith(portal.issuer) for url in forms)


def test_signing_out_at_notes_ends_the_portal_and_leaves_the_wiki(page, portal):
    page.goto(portal.notes)
    page.click("#sign-in")
    fill_sign_in(page, "ben", portal.password_of("ben"))
    page.wait_for_url(f"{portal.notes}/")
    page.goto(portal.wiki)
    page.click("#sign-in")
    page.wait_for_url(f"{portal.wiki}/")

    page.goto(portal.notes)
    page.click("#sign-out")
    page.wait_for_url(re.compile(re.escape(portal.notes)))
    expect(page.locator("h1")).to_have_text("You are not signed in")
    page.goto(portal.issuer)
    page.wait_for_url(f"{portal.issuer}/login")
    page.goto(portal.wiki)
    expect(page.locator("h1")).to_have_text("Hello, Ben Okafor")

    page.click("#sign-out")
    page.click("#sign-in")
    expect(page.locator("#login-submit")).to_be_visible()


def test_signing_out_at_the_portal_signs_out_of_notes_and_says_so(page, portal):
    page.goto(portal.notes)
    page.click("#sign-in")
    fill_sign_in(page, "ana", portal.password_of("ana"))
    page.wait_for_url(f"{portal.notes}/")
    page.goto(portal.wiki)
    page.click("#sign-in")
    page.wait_for_url(f"{portal.wiki}/")

    page.goto(f"{portal.issuer}/logout")
    page.click("#logout-confirm")
    page.wait_for_url(f"{portal.issuer}/logout/done/*")
    expect(page.locator("h1")).to_have_text("You are signed out")
    # The page looks again by itself, without script, until the app has been told.
    told = page.locator("li", has=page.get_by_role("heading", name="Notes"))
    expect(told).to_contain_text("Signed out")
    expect(page.locator("li", has=page.get_by_role("heading", name="Wiki"))).to_contain_text("Can’t be told")
    page.goto(portal.notes)
    expect(page.locator("h1")).to_have_text("You are not signed in")
    page.goto(portal.wiki)
    expect(page.locator("h1")).to_have_text("Hello, Ana Ferreira")


def test_a_wrong_password_says_so_beside_the_form_and_keeps_the_name(browsers, portal):
    page = browsers.page()
    page.goto(f"{portal.issuer}/login")
    fill_sign_in(page, "chie", "not the password at all")
    expect(page.locator("[role=alert], .error-summary").first).to_be_visible()
    assert page.input_value("input[name=username]") == "chie"
    assert page.title().startswith("Error:")
    browsers.expect_refusals()
    fill_sign_in(page, "chie", portal.password_of("chie"))
    page.wait_for_url(f"{portal.issuer}/")


def register(admin, portal, name):
    """Register an app in the administrators' pages."""
    admin.goto(f"{portal.issuer}/admin/clients")
    admin.get_by_role("link", name="Register a client").first.click()
    admin.get_by_role("button", name="Continue").click()
    admin.fill("[name=client_name]", name)
    admin.fill("[name=redirect_uris]", "https://third.example/callback")
    admin.get_by_role("button", name="Register client").click()
    expect(admin.locator("body")).to_contain_text("idps_")


def rotate(admin, portal):
    """Rotate the signing key in the administrators' pages."""
    admin.goto(f"{portal.issuer}/admin/keys")
    admin.get_by_role("link", name="Rotate now").click()
    admin.get_by_role("button", name="Rotate").first.click()
    admin.wait_for_url(f"{portal.issuer}/admin/keys*")


def active_keys(portal):
    """Return the kids of the keys that sign."""
    return {key["kid"] for key in portal.server.command("keys", "list") if key["state"] == "active"}


def come_in_again(person, portal, app):
    """Sign out of the app where one is signed in, and come in again."""
    person.goto(app)
    if person.locator("#sign-out").count():
        person.click("#sign-out")
        person.goto(app)
    person.click("#sign-in")
    if person.locator("#login-submit").count():
        fill_sign_in(person, "ana", portal.password_of("ana"))
    person.wait_for_url(f"{app}/")
    expect(person.locator("h1")).to_have_text("Hello, Ana Ferreira")


def test_an_administrator_registers_an_app_and_rotates_while_the_apps_go_on(browsers, portal):
    person, admin = browsers.page(), browsers.page()
    come_in_again(person, portal, portal.notes)
    sign_in(admin, portal)
    register(admin, portal, "Third app")
    assert any(client["client_name"] == "Third app" for client in portal.server.command("client", "list"))
    before = active_keys(portal)
    rotate(admin, portal)
    assert active_keys(portal) != before
    come_in_again(person, portal, portal.notes)
    come_in_again(person, portal, portal.wiki)


def test_the_whole_sign_in_works_without_javascript(browsers, portal):
    page = browsers.page(java_script_enabled=False)
    page.goto(portal.notes)
    page.click("#sign-in")
    fill_sign_in(page, "ben", portal.password_of("ben"))
    page.wait_for_url(f"{portal.notes}/")
    expect(page.locator("h1")).to_have_text("Hello, Ben Okafor")
    page.goto(portal.wiki)
    page.click("#sign-in")
    page.get_by_role("button").first.click()
    page.wait_for_url(f"{portal.wiki}/")
    expect(page.locator("h1")).to_have_text("Hello, Ben Okafor")
    page.goto(f"{portal.issuer}/logout")
    page.click("#logout-confirm")
    expect(page.locator("body")).to_contain_text("You are signed out")


def test_what_needs_javascript_is_not_shown_without_it(browsers, portal):
    page = browsers.page(java_script_enabled=False)
    page.goto(f"{portal.issuer}/oauth/authorize?client_id=nobody")
    expect(page.locator("[data-copy]").first).to_be_hidden()
    sign_in(page, portal)
    page.goto(f"{portal.issuer}/admin/clients/demo-notes")
    assert page.locator("[data-copy]").count() > 3
    assert page.locator("[data-copy]:visible").count() == 0
    browsers.expect_refusals()


class _Elsewhere(BaseHTTPRequestHandler):
    """An app whose callback sends the browser on to another origin of its own."""

    def do_GET(self) -> None:
        port = self.server.server_address[1]
        if self.path.startswith("/callback"):
            self.send_response(302)
            self.send_header("Location", f"http://third.localhost:{port}/arrived")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(
            b'<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>x</title><h1>Arrived</h1>'
        )

    def log_message(self, *arguments: object) -> None:
        """Stay quiet."""


@pytest.fixture
def elsewhere():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("response_mode", ["query", "form_post"])
def test_an_app_may_send_the_browser_on_to_a_third_origin(page, portal, elsewhere, response_mode):
    if response_mode == "form_post":
        _Elsewhere.do_POST = _Elsewhere.do_GET
    redirect_uri = f"http://second.localhost:{elsewhere}/callback"
    client = {
        "client_name": "Hop",
        "redirect_uris": [redirect_uri],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code"],
    }
    made = portal.server.command("client", "add", "--metadata", "-", given=json.dumps(client))
    query = {
        "client_id": made["client_id"],
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "response_mode": response_mode,
        "scope": "openid",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    }
    page.goto(f"{portal.issuer}/oauth/authorize?{urlencode(query)}")
    fill_sign_in(page, "ana", portal.password_of("ana"))
    page.click("#consent-allow")
    page.wait_for_url(f"http://third.localhost:{elsewhere}/arrived")
    expect(page.locator("h1")).to_have_text("Arrived")


def test_two_tabs_with_two_apps_need_one_sign_in(page, portal):
    second = page.context.new_page()
    page.goto(portal.notes)
    page.click("#sign-in")
    second.goto(portal.wiki)
    second.click("#sign-in")
    fill_sign_in(page, "ana", portal.password_of("ana"))
    page.wait_for_url(f"{portal.notes}/")
    # The form in this tab is older than the session; whatever is typed into it, its app is reached.
    fill_sign_in(second, "ana", "typed in a hurry")
    second.wait_for_url(f"{portal.wiki}/")
    expect(second.locator("h1")).to_have_text("Hello, Ana Ferreira")


def test_a_form_after_the_cookies_were_lost_leads_to_the_sign_in(browsers, portal):
    page = browsers.page()
    sign_in(page, portal)
    page.goto(f"{portal.issuer}/admin/groups")
    page.fill("[name=name]", "Operations")
    page.context.clear_cookies()
    page.get_by_role("button", name="Add group").click()
    expect(page.locator("h1")).to_have_text("This page is out of date")
    browsers.expect_refusals()
    page.get_by_role("link", name="Try again").click()
    expect(page.locator("#login-submit")).to_be_visible()


def test_every_error_page_offers_a_way_on(browsers, portal):
    page = browsers.page()
    for path in (
        "/no-such-page",
        "/login?interaction=none",
        "/consent",
        "/oauth/authorize",
        "/sso/none",
        "/oauth/token",
    ):
        page.goto(f"{portal.issuer}{path}")
        assert page.title().startswith("Error:"), path
        expect(page.get_by_role("link", name="Go to sign-in")).to_be_visible()
    browsers.expect_refusals()
    page.get_by_role("link", name="Go to sign-in").click()
    sign_in(page, portal)
    page.goto(f"{portal.issuer}/no-such-page")
    expect(page.get_by_role("link", name="Go to your apps")).to_be_visible()
    browsers.expect_refusals()
