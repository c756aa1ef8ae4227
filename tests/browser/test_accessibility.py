"""Every page, in both themes and at phone and desk width: no axe violation, nothing to scroll sideways."""

import base64
import json

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import axe_violations
from tests.browser.portal import fill_sign_in, sign_in

OPEN = [
    "/login",
    "/recover",
    "/recover/no-such-link",
    "/setup",
    "/register",
    "/join/unknown",
    "/logout",
    "/no-such-page",
    "/oauth/authorize?client_id=unknown",
]
SIGNED_IN = [
    "/",
    "/account",
    "/account/email",
    "/email/gone",
    "/account/security",
    "/account/passkeys/new",
    "/account/security/authenticator",
    "/account/security/recovery-codes",
    "/account/password",
    "/account/sessions",
    "/account/connected",
    "/account/activity",
    "/account/secure",
    "/account/export",
    "/account/delete",
    "/developer/jwt",
    "/logout",
    "/login/passkey/offer",
    "/reauth",
    "/select",
    "/admin/clients",
    "/admin/clients/new",
    "/admin/clients/demo-notes",
    "/admin/clients/demo-notes/claims?q=chie",
    "/admin/clients/demo-notes/contract",
    "/admin/clients/demo-notes/edit",
    "/admin/clients/demo-notes/delete",
    "/admin/clients/demo-wiki",
    "/admin/registration",
    "/admin/registration/new",
    "/admin/clients/demo-wiki/claims?q=i",
    "/admin/keys",
    "/admin/keys/rotate",
    "/admin/keys/replace",
    "/admin/keys/import",
    "/admin/keys/readiness",
    "/admin/users",
    "/admin/users/new",
    "/admin/groups",
    "/admin/branding",
    "/admin/invitations",
    "/admin/invitations/new",
    "/admin/outbox",
    "/admin/audit",
    "/oauth/authorize?client_id=demo-notes&redirect_uri=http://notes.localhost/elsewhere",
]
LOOKS = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]


@pytest.fixture(scope="module")
def deliveries(chromium, portal):
    """Somebody has signed out of an app, so that the outbox has something to list; return where it is listed."""
    with chromium.new_context() as context:
        sign_out_of_notes(context.new_page(), portal)
    return f"{portal.issuer}/admin/outbox"


def check(page, address):
    """Open a page and return what is wrong with it."""
    page.goto(address)
    found = [f"{address}: {violation}" for violation in axe_violations(page)]
    width = page.evaluate("() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    if width[0] > width[1]:
        found.append(f"{address}: {width[0]} px wide in a window of {width[1]} px")
    return found


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_pages_before_signing_in(browsers, portal, width, theme):
    page = browsers.page(viewport={"width": width, "height": 900}, color_scheme=theme)
    assert [fault for path in OPEN for fault in check(page, f"{portal.issuer}{path}")] == []
    fill_sign_in_with_a_mistake(page, portal)
    assert axe_violations(page) == []
    browsers.expect_refusals()


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_pages_of_somebody_signed_in(browsers, portal, deliveries, width, theme):
    page = browsers.page(viewport={"width": width, "height": 900}, color_scheme=theme)
    sign_in(page, portal)
    page.goto(deliveries)
    expect(page.get_by_role("cell", name="Sign-out of chie").first).to_be_visible()
    assert [fault for path in SIGNED_IN for fault in check(page, f"{portal.issuer}{path}")] == []
    browsers.expect_refusals()


@pytest.mark.parametrize(("width", "theme"), [*LOOKS, (320, "light")])
def test_what_an_app_knows(browsers, portal, width, theme):
    page = browsers.page(viewport={"width": width, "height": 900}, color_scheme=theme)
    page.goto(portal.notes)
    page.click("#sign-in")
    fill_sign_in(page, "chie", portal.password_of("chie"))
    page.wait_for_url(f"{portal.notes}/")
    page.goto(f"{portal.issuer}/account/connected")
    page.get_by_role("link", name="What it knows about you: Notes").click()
    expect(page.get_by_role("heading", name="What Notes knows about you")).to_be_visible()
    expect(page.get_by_role("navigation", name="Account").locator("[aria-current=page]")).to_have_text("Connected apps")
    assert check(page, page.url) == []


@pytest.mark.parametrize(("width", "theme"), [*LOOKS, (320, "light")])
def test_the_receipt_of_a_sign_out(browsers, portal, width, theme):
    page = browsers.page(viewport={"width": width, "height": 900}, color_scheme=theme)
    sign_out_of_notes(page, portal)
    # The page looks again by itself until the app has been told.
    expect(page.locator("li", has=page.get_by_role("heading", name="Notes"))).to_contain_text("Signed out")
    assert check(page, page.url) == []


def sign_out_of_notes(page, portal):
    """Sign in to both sample apps, and out of the portal."""
    page.goto(portal.notes)
    page.click("#sign-in")
    fill_sign_in(page, "chie", portal.password_of("chie"))
    page.wait_for_url(f"{portal.notes}/")
    page.goto(portal.wiki)
    page.click("#sign-in")
    page.wait_for_url(f"{portal.wiki}/")
    page.goto(f"{portal.issuer}/logout")
    page.click("#logout-confirm")
    page.wait_for_url("**/logout/done/*")


def test_nothing_scrolls_sideways_at_320_pixels(browsers, portal, deliveries):
    page = browsers.page(viewport={"width": 320, "height": 700})
    sign_in(page, portal)
    assert [fault for path in SIGNED_IN for fault in check(page, f"{portal.issuer}{path}")] == []
    browsers.expect_refusals()


def fill_sign_in_with_a_mistake(page, portal):
    """Show the sign-in form with an error in it."""
    page.goto(f"{portal.issuer}/login")
    fill_sign_in(page, "nobody", "not the password")


def test_signing_in_by_keyboard_alone(browsers, portal):
    page = browsers.page()
    page.goto(f"{portal.issuer}/login")
    page.locator("input[name=username]").focus()
    page.keyboard.type("chie")
    page.keyboard.press("Tab")
    page.keyboard.type(portal.password_of("chie"))
    page.keyboard.press("Enter")
    page.wait_for_url(f"{portal.issuer}/")


def test_the_sign_in_page_is_at_most_60_kb(browsers, portal):
    page = browsers.page()
    sizes = []
    page.on("requestfinished", lambda request: sizes.append(request.sizes()))
    page.goto(f"{portal.issuer}/login", wait_until="networkidle")
    total = sum(size["responseBodySize"] + size["responseHeadersSize"] for size in sizes)
    assert 0 < total <= 60 * 1024


@pytest.mark.parametrize(("width", "theme"), [*LOOKS, (320, "light"), (320, "dark")])
def test_a_token_that_was_looked_into(browsers, portal, width, theme):
    page = browsers.page(viewport={"width": width, "height": 900}, color_scheme=theme)
    sign_in(page, portal)
    good = b64({"alg": "RS256", "kid": "k" * 43, "typ": "JWT"})
    claims = b64({"iss": portal.issuer, "sub": "usr_" + "x" * 60, "aud": "app", "exp": 1, "a" * 90: "b" * 300})
    for pasted in (f"{good}.{claims}.{'s' * 342}", f"{good}.e30", f"{good}.bm8.QQ", "idpr_x", f"{good}.a.b.c.d"):
        page.goto(f"{portal.issuer}/developer/jwt?audience=app")
        page.fill("textarea[name=token]", pasted)
        page.get_by_role("button", name="Inspect").click()
        page.wait_for_selector(".banner")
        assert axe_violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), pasted
        shown = "" if pasted.startswith("idpr_") else pasted
        assert page.input_value("textarea[name=token]") == shown


def b64(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
