"""The main journeys by keyboard alone, with the place where one is always to be seen; and forced colors."""

import pyotp
import pytest
from playwright.sync_api import expect

from tests.browser.looks import axe_violations
from tests.browser.portal import ADMINISTRATOR, PASSWORD, sign_in

# Whether something shows where the focus is: the element, what stands for it, or the frame around it.
SEEN = """() => {
    const here = document.activeElement;
    const shows = (element, part) => {
        const style = element && getComputedStyle(element, part);
        return style && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
    };
    return shows(here) || shows(here, '::after') || shows(here.nextElementSibling) || shows(here.closest('.tile'));
}"""
AT = "selector => document.activeElement !== document.body && document.activeElement.matches(selector)"


def go_to(page, selector):
    """Press Tab until the focus is there; at every step it is to be seen."""
    for _ in range(80):
        page.keyboard.press("Tab")
        # After the last element the browser itself has it, for one step.
        if page.evaluate("() => document.activeElement !== document.body"):
            assert page.evaluate(SEEN), page.evaluate("() => document.activeElement.outerHTML.slice(0, 200)")
        if page.evaluate(AT, selector):
            return
    raise AssertionError(f"nobody comes to {selector} by Tab on {page.url}")


def enter(page, selector, text):
    """Go to a field and type; a field with a text in it is written over."""
    if not page.evaluate(AT, selector):
        go_to(page, selector)
    page.keyboard.press("Control+A")
    page.keyboard.type(text)


def press(page, selector, key="Enter"):
    """Go to a control and press a key."""
    go_to(page, selector)
    page.keyboard.press(key)


def expect_focus_at_the_errors(page):
    """What went wrong has the focus, so that it is read out first and is where Tab goes on from."""
    page.wait_for_function(AT, arg=".error-summary")
    assert page.title().startswith("Error: ")
    assert page.evaluate(SEEN)


def open_sign_in(page, portal, person, password=PASSWORD):
    page.goto(f"{portal.issuer}/login")
    enter(page, "input[name=username]", person)
    enter(page, "input[name=password]", password)
    page.keyboard.press("Enter")


def set_up_authenticator(page, portal):
    """Set an authenticator app up, get recovery codes, and return the key of the app."""
    page.goto(f"{portal.issuer}/account/security")
    press(page, "a[href$='/security/authenticator']")
    page.wait_for_url("**/account/security/authenticator")
    key = page.locator("#authenticator-key").inner_text().replace(" ", "")
    enter(page, "input[name=code]", "000000")
    expect_focus_at_the_errors(page)
    key = page.locator("#authenticator-key").inner_text().replace(" ", "")
    enter(page, "input[name=code]", pyotp.TOTP(key).now())
    page.wait_for_url("**/account/security/recovery-codes")
    press(page, "#codes-submit")
    page.locator("#recovery-codes").wait_for()
    press(page, "input[name=saved]", "Space")
    press(page, "#codes-submit")
    page.wait_for_url("**/account/security*")
    return key


def test_second_factor_from_setting_it_up_to_signing_in(browsers, portal, person):
    page = browsers.page()
    open_sign_in(page, portal, person)
    page.wait_for_url(f"{portal.issuer}/")
    key = set_up_authenticator(page, portal)

    page.goto(f"{portal.issuer}/logout")
    press(page, "#logout-confirm")
    page.wait_for_url("**/logout/done/*")
    open_sign_in(page, portal, person, "not the password")
    expect_focus_at_the_errors(page)
    enter(page, "input[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/login/verify*")
    enter(page, "input[name=code]", "000000")
    expect_focus_at_the_errors(page)
    # The code of now was used up by setting it up; the next one is good already.
    enter(page, "input[name=code]", pyotp.TOTP(key).at(page.evaluate("() => Math.floor(Date.now() / 1000) + 30")))
    page.wait_for_url(f"{portal.issuer}/")
    browsers.expect_refusals()


def test_what_an_app_asks_for_is_allowed(browsers, portal, person):
    portal.server.command("client", "edit", "demo-notes", "--set", "skip_consent=false")
    page = browsers.page()
    open_sign_in(page, portal, person)
    page.wait_for_url(f"{portal.issuer}/")
    page.goto(f"{portal.notes}/login")
    press(page, "#consent-allow")
    page.wait_for_url(f"{portal.notes}/")
    expect(page.get_by_text(person).first).to_be_visible()


def test_other_devices_are_signed_out(browsers, portal, person):
    other = browsers.page()
    sign_in(other, portal, person, PASSWORD)
    page = browsers.page()
    sign_in(page, portal, person, PASSWORD)
    page.goto(f"{portal.issuer}/account/sessions")
    press(page, "button[popovertarget=end-others]")
    question = page.locator("#end-others")
    expect(question).to_be_visible()
    assert axe_violations(page) == []
    # Escape says no, and the focus is back at what opened the question.
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    assert page.evaluate(AT, "button[popovertarget=end-others]")
    page.keyboard.press("Enter")
    press(page, "#end-others .button--danger")
    expect(page.locator(".flashes")).not_to_be_empty()
    other.goto(f"{portal.issuer}/account")
    assert "/login" in other.url


def test_a_link_is_asked_for_by_whoever_cannot_sign_in(browsers, portal, person):
    page = browsers.page()
    page.goto(f"{portal.issuer}/login")
    press(page, "#login-recover")
    page.wait_for_url("**/recover*")
    enter(page, "input[name=username]", person)
    page.keyboard.press("Enter")
    expect(page.locator("#recover-submit")).to_have_count(0)
    page.goto(portal.server.command("user", "recover", person)["recovery_link"])
    enter(page, "input[name=new_password]", "short")
    page.keyboard.press("Enter")
    expect_focus_at_the_errors(page)
    enter(page, "input[name=new_password]", "a calm grey heron by the lake")
    page.keyboard.press("Enter")
    page.wait_for_url("**/login*")
    browsers.expect_refusals()


def test_the_account_menu_opens_and_closes(browsers, portal):
    page = browsers.page()
    sign_in(page, portal)
    page.goto(f"{portal.issuer}/account")
    press(page, ".account-button")
    menu = page.locator(".menu:popover-open")
    expect(menu).to_be_visible()
    assert axe_violations(page) == []
    page.keyboard.press("Escape")
    expect(menu).to_have_count(0)
    assert page.evaluate(AT, ".account-button")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    ("path", "control", "face"),
    [
        ("/admin/clients/demo-notes/edit", ".switch__input", ".switch__input"),
        ("/admin/clients/demo-notes/edit", ".check__box", ".check__box"),
        ("/admin/invitations/new", ".check__box", ".check__box"),
        ("/admin/audit", ".chip__input[type=checkbox]", ".chip__input[type=checkbox] + .chip__face"),
        ("/account", ".tile__input:not(:checked)", ".tile:has(.tile__input:not(:checked))"),
    ],
)
def test_forced_colors_show_what_is_chosen_and_where_one_is(browsers, portal, theme, path, control, face):
    page = browsers.page(color_scheme=theme, forced_colors="active", reduced_motion="reduce")
    sign_in(page, portal, ADMINISTRATOR, PASSWORD)
    page.goto(f"{portal.issuer}{path}")
    assert axe_violations(page) == []
    box = page.locator(control).first
    box.scroll_into_view_if_needed()
    shown = page.locator(face).first.element_handle()
    left, there = shown.screenshot(), box.element_handle()
    page.keyboard.press("Tab")
    there.evaluate("element => element.focus()")
    assert page.evaluate(SEEN)
    page.keyboard.press("Space")
    there.evaluate("element => element.blur()")
    assert shown.screenshot() != left
