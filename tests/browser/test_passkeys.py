"""Passkeys in Chromium, with a virtual authenticator: added, used in every place where they can be, removed."""

import json
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from tests.browser.looks import axe_violations
from tests.browser.portal import PASSWORD, fill_sign_in, sign_in
from tests.factories import totp_code


class Virtual:
    """A virtual authenticator of one page's browser."""

    def __init__(self, page, **options):
        self.cdp = page.context.new_cdp_session(page)
        self.cdp.send("WebAuthn.enable", {"enableUI": False})
        given = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
            **options,
        }
        self.id = self.cdp.send("WebAuthn.addVirtualAuthenticator", {"options": given})["authenticatorId"]

    @property
    def credentials(self):
        return self.cdp.send("WebAuthn.getCredentials", {"authenticatorId": self.id})["credentials"]


def sign_out(page, portal):
    page.goto(f"{portal.issuer}/logout")
    page.click("#logout-confirm")
    page.wait_for_url(re.compile("/logout/done/"))


def add_passkey(page, portal):
    page.goto(f"{portal.issuer}/account/security")
    page.get_by_role("link", name="Add passkey").first.click()
    page.get_by_role("button", name="Add passkey").click()
    page.wait_for_url(re.compile("/account/security"))
    expect(page.get_by_role("status")).to_contain_text("is added")


def shown(page, portal):
    """Return the row of the one passkey on the security page."""
    page.goto(f"{portal.issuer}/account/security")
    return page.locator("section[aria-labelledby=passkeys] .row")


def test_a_passkey_is_added_renamed_used_and_removed(browsers, portal, person):
    page = browsers.page()
    sign_in(page, portal, person)
    device = Virtual(page)
    add_passkey(page, portal)
    assert [one["rpId"] for one in device.credentials] == ["localhost"]
    expect(shown(page, portal)).to_contain_text("Not used yet")
    shown(page, portal).get_by_role("link", name="Rename").click()
    page.fill("input[name=name]", "Work laptop")
    page.get_by_role("button", name="Save name").click()
    # The same device makes no second one.
    page.goto(f"{portal.issuer}/account/passkeys/new")
    page.get_by_role("button", name="Add passkey").click()
    expect(page.locator("#passkey-error")).to_contain_text("already has a passkey")

    sign_out(page, portal)
    sign_in_by_button(page, portal)
    expect(shown(page, portal)).to_contain_text("Work laptop")
    expect(shown(page, portal)).to_contain_text("Last used")
    shown(page, portal).get_by_role("link", name="Remove").click()
    page.get_by_role("button", name="Remove passkey").click()
    expect(page.locator("section[aria-labelledby=passkeys]")).to_contain_text("No passkey yet")
    # Told so, the browser has forgotten it.
    expect_soon(page, lambda: device.credentials == [])


def test_a_removed_passkey_says_so_and_is_forgotten(browsers, portal, person):
    page = browsers.page()
    sign_in(page, portal, person)
    device = Virtual(page)
    add_passkey(page, portal)
    (held,) = portal.server.command("user", "passkeys", person)
    assert portal.server.command("user", "passkeys", person, "--remove", held["id"]) == []
    # The virtual authenticator takes the first suggestion at the name field.
    page.goto(f"{portal.issuer}/login")
    expect(page.locator("#passkey-error")).to_contain_text("We don’t know this passkey any more")
    expect_soon(page, lambda: device.credentials == [])
    browsers.expect_refusals()


def test_the_browser_suggests_passkeys_at_the_name_field(browsers, portal, person):
    page = browsers.page()
    sign_in(page, portal, person)
    Virtual(page)
    add_passkey(page, portal)
    sign_out(page, portal)
    page.goto(portal.notes)
    page.click("#sign-in")
    page.wait_for_url(f"{portal.notes}/")
    expect(page.locator("body")).to_contain_text(person)


def test_the_offer_after_a_password_and_not_now(browsers, portal, person):
    page = browsers.page()
    Virtual(page)
    page.goto(f"{portal.issuer}/login")
    page.locator("[data-passkey-offer][value='1']").wait_for(state="attached")
    fill_sign_in(page, person, PASSWORD)
    expect(page.get_by_role("heading", name="Sign in faster next time")).to_be_visible()
    page.click("#passkey")
    page.wait_for_url(f"{portal.issuer}/")
    expect(page.locator(".banner--ok")).to_contain_text("Your passkey is saved")


def test_not_now_leads_on_and_is_not_asked_again(browsers, portal, person):
    page = browsers.page()
    Virtual(page)
    for heading in ("Sign in faster next time", None):
        page.goto(f"{portal.issuer}/login")
        page.locator("[data-passkey-offer][value='1']").wait_for(state="attached")
        fill_sign_in(page, person, PASSWORD)
        if heading:
            expect(page.get_by_role("heading", name=heading)).to_be_visible()
            page.click("#passkey-later")
        page.wait_for_url(f"{portal.issuer}/")
        sign_out(page, portal)


def test_an_invitation_is_accepted_with_a_passkey_alone(browsers, portal):
    link = portal.server.command("invite", "add", "zoe@example.com", "--link")["link"]
    page = browsers.page()
    device = Virtual(page)
    page.goto(link)
    expect(page.locator("#password")).to_be_hidden()
    assert axe_violations(page) == []
    page.fill("#name", "Zoe Quill")
    # What is wrong with the names is told before anything is made.
    page.fill("#username", "root")
    page.click("#passkey")
    expect(page.locator("#username-error")).to_contain_text("Somebody else has this username")
    assert device.credentials == []
    # Either way can be chosen at any time.
    page.get_by_role("button", name="Use a password instead").click()
    expect(page.locator("#password")).to_be_focused()
    page.get_by_role("button", name="Use a passkey instead").click()
    page.fill("#username", "zoe")
    page.click("#passkey")
    page.wait_for_url(f"{portal.issuer}/")
    sign_out(page, portal)
    sign_in_by_button(page, portal)
    row = shown(page, portal)
    row.get_by_role("link", name="Remove").click()
    expect(page.locator("body")).to_contain_text("This is your only way to sign in")
    browsers.expect_refusals()


@pytest.mark.parametrize("script", [True, False])
def test_an_invitation_is_accepted_with_a_password_where_there_are_no_passkeys(browsers, portal, script):
    name = f"noor{int(script)}"
    link = portal.server.command("invite", "add", f"{name}@example.com", "--link")["link"]
    page = browsers.page(java_script_enabled=script)
    page.add_init_script("delete window.PublicKeyCredential")
    page.goto(link)
    expect(page.locator("#passkey")).to_be_hidden()
    page.fill("#username", name)
    page.fill("#password", PASSWORD)
    page.click("#join-submit")
    page.wait_for_url(f"{portal.issuer}/")


def test_a_passkey_is_the_second_step(browsers, portal, person):
    page = browsers.page()
    sign_in(page, portal, person)
    Virtual(page)
    add_passkey(page, portal)
    add_authenticator(page, portal)
    sign_out(page, portal)
    page.add_init_script("PublicKeyCredential.isConditionalMediationAvailable = async () => false")
    page.goto(portal.notes)
    page.click("#sign-in")
    fill_sign_in(page, person, PASSWORD)
    page.wait_for_url(re.compile("/login/verify"))
    expect(page.locator("body")).to_contain_text("Use one of your passkeys")
    assert axe_violations(page) == []
    page.click("#verify-submit")
    page.wait_for_url(f"{portal.notes}/")
    expect(page.locator("body")).to_contain_text(person)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_recovery_codes_are_saved_copied_and_printed_without_anything_else(browsers, portal, person, theme):
    page = browsers.page(color_scheme=theme)
    sign_in(page, portal, person)
    add_authenticator(page, portal)
    page.click("#codes-submit")
    codes = page.locator(".recovery-codes__code").all_inner_texts()
    assert len(codes) == 10
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert Path(download.value.path()).read_text().split() == codes
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    assert (page.evaluate("navigator.clipboard.readText()")).split() == codes
    expect(page.get_by_role("button", name="Print")).to_be_visible()
    page.emulate_media(media="print")
    seen = "[...document.querySelectorAll('body *')].filter((one) => one.checkVisibility({visibilityProperty: true}))"
    words = page.evaluate(f"{seen}.filter((one) => !one.children.length).map((one) => one.textContent.trim())")
    assert [one for one in words if one] == ["Doorward", *codes]
    # Paper is white, whatever the theme.
    expect(page.locator(".recovery-codes__code").first).to_have_css("color", "rgb(0, 0, 0)")


def test_an_app_that_insists_on_a_passkey_gets_one_that_is_added_on_the_way(browsers, portal, person):
    page = browsers.page()
    page.goto(portal.notes)
    with page.expect_request(re.compile("/oauth/authorize")) as begun:
        page.click("#sign-in")
    claims = json.dumps({"id_token": {"acr": {"essential": True, "values": ["phr"]}}})
    page.goto(f"{begun.value.url}&{urlencode({'claims': claims})}")
    fill_sign_in(page, person, PASSWORD)
    page.wait_for_url(re.compile("/login/passkey/needed"))
    device = Virtual(page)
    expect(page.get_by_role("heading", name="Add a passkey to go on")).to_be_visible()
    expect(page.get_by_role("button", name="without it")).to_be_visible()
    assert axe_violations(page) == []
    page.click("#passkey")
    page.wait_for_url(re.compile("/login/verify"))
    assert len(device.credentials) == 1
    page.click("#verify-submit")
    page.wait_for_url(f"{portal.notes}/")
    expect(page.locator("body")).to_contain_text(person)


def add_authenticator(page, portal):
    """Set an authenticator app up, so that a second step is asked for."""
    page.goto(f"{portal.issuer}/account/security/authenticator")
    seed = re.search(r"secret=([A-Z2-7]+)", page.content()).group(1)
    page.fill("#code", totp_code(seed))
    page.wait_for_url(re.compile("/recovery-codes"))


def sign_in_by_button(page, portal):
    """Sign in with the button, in a browser that suggests nothing by itself."""
    page.add_init_script("PublicKeyCredential.isConditionalMediationAvailable = async () => false")
    page.goto(f"{portal.issuer}/login")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(f"{portal.issuer}/")


def expect_soon(page, holds):
    """Wait until *holds* does."""
    for _ in range(50):
        if holds():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it never was so")
