"""Fourteen ways to maltreat a sign-in: each ends at the app that asked, or at a page from which it starts again."""

from __future__ import annotations

import re
import sqlite3
import time

import pyotp
import pytest
from playwright.sync_api import Error, expect

from tests.browser import requesting_app
from tests.browser.portal import ADMINISTRATOR, PASSWORD, fill_sign_in, sign_in

ANA, BEN = "tired-ana", "hasty-ben"
NEW = "a calm grey heron by the lake"


@pytest.fixture(scope="module")
def app(portal):
    """An app on a domain of its own, and two people who may use it."""
    for name in (ANA, BEN):
        portal.server.command("user", "add", name, "--email", f"{name}@example.com", "--password-stdin", given=PASSWORD)
    made = requesting_app.start(portal.server, "Ledger")
    yield made
    made.stop()


@pytest.fixture
def page(browsers):
    """A page of an empty browser, in which refusals may be seen."""
    found = browsers.page()
    yield found
    browsers.expect_refusals()


def begin(page, app, state, **parameters):
    """Ask for a sign-in, and wait for the form."""
    page.goto(app.start(state, **parameters))
    expect(page.locator("#login-submit")).to_be_visible()


def finish(page, app, state, username=ANA):
    """Sign in, allow the app what it asks for where that is a question, and arrive."""
    fill_sign_in(page, username, PASSWORD)
    arrive(page, app, state)


def arrive(page, app, state):
    """Wait until the app has got its answer; the consent is given once, by the first who is asked."""
    page.wait_for_url(lambda url: url.startswith(f"{app.address}/callback") or "/consent" in url)
    if "/consent" in page.url:
        page.click("#consent-allow")
        page.wait_for_url(f"{app.address}/callback*")
    expect(page.locator("h1")).to_have_text(f"Arrived {state}".strip())


def start_again(page, app, username=ANA):
    """Follow the one main action of a page that says what happened: it leads to the app, which begins anew."""
    expect(page.locator("h1")).to_be_visible()
    link = page.locator("main a.button--primary")
    expect(link).to_have_count(1)
    link.click()
    page.wait_for_url(lambda url: "/login" in url or "/consent" in url or url.startswith(f"{app.address}/callback"))
    if "/login" in page.url:
        fill_sign_in(page, username, PASSWORD)
    arrive(page, app, "")


def of_hours_ago(portal, hours):
    """Make everything that waits older by *hours*."""
    database = sqlite3.connect(portal.server.data_dir / "idp.db", timeout=10)
    with database:
        for column in ("created_at", "expires_at"):
            # The names of columns and a number of ours.
            database.execute(f"UPDATE interactions SET {column} = datetime({column}, '-{hours} hours')")  # noqa: S608
    database.close()


def add_authenticator(page, portal, username):
    """Set an authenticator app up for somebody, and return what makes its codes."""
    sign_in(page, portal, username)
    page.goto(f"{portal.issuer}/account/security/authenticator")
    made = pyotp.TOTP(page.locator("#authenticator-key").inner_text().replace(" ", ""))
    page.fill("input[name=code]", made.now())
    page.wait_for_url("**/account/security/recovery-codes")
    return made


def mailed_link(page, portal, username):
    """Return the link in the one mail that waits for somebody, as an administrator hands it on."""
    sign_in(page, portal, ADMINISTRATOR)
    page.goto(f"{portal.issuer}/admin/outbox?q={username}")
    page.locator("a[href^='/admin/outbox/mail/']").click()
    page.get_by_role("button", name="Show the mail").click()
    return page.locator("#mail-link").inner_text().strip()


def test_01_a_tab_of_eight_hours_ago(page, portal, app):
    begin(page, app, "old-tab")
    of_hours_ago(portal, 8)
    finish(page, app, "old-tab")


def test_02_the_back_button_after_arriving(page, app):
    begin(page, app, "back")
    finish(page, app, "back")
    page.go_back()
    # Whatever page of the past it was, it leads on to the app.
    if "/callback" not in page.url:
        page.wait_for_url(f"{app.address}/callback*")
    # And the address of the sign-in page itself, kept as a bookmark, too.
    page.context.clear_cookies(name="idp")
    begin(page, app, "bookmark")
    bookmark = page.url
    finish(page, app, "bookmark")
    page.goto(bookmark)
    page.wait_for_url(f"{app.address}/callback*")


def test_03_five_tabs_that_finish_in_any_order(page, app):
    tabs = [page, *(page.context.new_page() for _ in range(4))]
    for number, tab in enumerate(tabs):
        begin(tab, app, f"tab-{number}")
    for number in (3, 0, 4, 1, 2):
        finish(tabs[number], app, f"tab-{number}")


def test_04_cookies_cleared_midway(page, app):
    begin(page, app, "no-cookies")
    page.context.clear_cookies()
    fill_sign_in(page, ANA, PASSWORD)
    start_again(page, app)


def test_05_the_server_is_killed_and_started_again_midway(page, portal, app):
    begin(page, app, "restart")
    portal.server.kill()
    portal.server.start()
    finish(page, app, "restart")


def test_06_the_sign_in_page_is_opened_in_another_browser(browsers, app, page):
    begin(page, app, "moved")
    other = browsers.page()
    other.goto(page.url)
    start_again(other, app)
    finish(page, app, "moved")


def test_07_a_consent_that_was_left_open_until_it_ran_out(page, portal, app):
    begin(page, app, "late", scope="openid email", prompt="consent")
    fill_sign_in(page, ANA, PASSWORD)
    page.wait_for_url("**/consent?*")
    of_hours_ago(portal, 25)
    page.click("#consent-allow")
    start_again(page, app)


def test_08_forms_that_are_sent_twice(page, app):
    begin(page, app, "twice", prompt="consent")
    page.fill("input[name=username]", ANA)
    page.fill("input[name=password]", PASSWORD)
    page.dblclick("#login-submit", no_wait_after=True)
    page.wait_for_url("**/consent?*")
    page.dblclick("#consent-allow", no_wait_after=True)
    page.wait_for_url(f"{app.address}/callback*")
    # Where the first answer was on its way when the second form came, the app begins anew: with a state of its own.
    expect(page.locator("h1")).to_have_text(re.compile(r"^Arrived( twice)?$"))


def test_09_signed_out_elsewhere_while_a_question_is_open(page, portal, app):
    begin(page, app, "gone", prompt="consent")
    fill_sign_in(page, ANA, PASSWORD)
    page.wait_for_url("**/consent?*")
    other = page.context.new_page()
    other.goto(f"{portal.issuer}/logout")
    other.click("#logout-confirm")
    expect(other.locator("h1")).to_have_text("You are signed out")
    page.click("#consent-allow")
    # The form is of before the sign-out; the page that says so leads back to where it can be filled in.
    if page.locator("main a.button--primary").count():
        page.locator("main a.button--primary").click()
    page.wait_for_url("**/login?*")
    fill_sign_in(page, ANA, PASSWORD)
    arrive(page, app, "gone")


def test_10_somebody_else_signs_in_meanwhile_in_another_tab(page, app):
    begin(page, app, "first", prompt="consent")
    fill_sign_in(page, ANA, PASSWORD)
    page.wait_for_url("**/consent?*")
    other = page.context.new_page()
    other.goto(app.start("second", prompt="login"))
    finish(other, app, "second", BEN)
    # What was asked of Ana is not answered by Ben: the page starts again, and says for whom.
    page.click("#consent-allow")
    start_again(page, app, BEN)


def test_11_a_reload_and_a_retype_on_every_page(page, app):
    begin(page, app, "reload", prompt="consent")
    page.reload()
    fill_sign_in(page, ANA, "not the password")
    expect(page.locator(".error-summary")).to_be_visible()
    page.reload()
    fill_sign_in(page, ANA, PASSWORD)
    page.wait_for_url("**/consent?*")
    page.reload()
    answered = page.url
    page.click("#consent-allow")
    page.wait_for_url(f"{app.address}/callback*")
    page.goto(answered)
    page.wait_for_url(f"{app.address}/callback*")


def test_12_the_network_is_gone_when_the_form_is_sent(page, app):
    begin(page, app, "offline")
    form = page.url
    page.fill("input[name=username]", ANA)
    page.fill("input[name=password]", PASSWORD)
    page.context.set_offline(True)
    with pytest.raises(Error, match="ERR_INTERNET_DISCONNECTED"), page.expect_navigation():
        page.click("#login-submit", no_wait_after=True)
    page.context.set_offline(False)
    page.goto(form)
    finish(page, app, "offline")


def test_13_a_second_step_in_two_tabs_and_the_other_is_sent_when_one_is_done(page, portal, app, person):
    authenticator = add_authenticator(page, portal, person)
    page.context.clear_cookies()
    other = page.context.new_page()
    for tab, state in ((page, "first-tab"), (other, "second-tab")):
        begin(tab, app, state)
        fill_sign_in(tab, person, PASSWORD)
        tab.wait_for_url("**/login/verify*")
    # The code of now was used up by setting it up; the next one is good already. It is sent once it is whole.
    code = authenticator.at(int(time.time()) + 30)
    other.fill("input[name=code]", code)
    arrive(other, app, "second-tab")
    page.fill("input[name=code]", code)
    arrive(page, app, "first-tab")


def test_14_a_recovery_link_that_is_opened_in_another_browser(browsers, page, portal, app, person):
    begin(page, app, "forgotten")
    page.click("#login-recover")
    page.fill("input[name=username]", person)
    page.click("#recover-submit")
    expect(page.locator("#recover-again")).to_be_visible()
    link = mailed_link(browsers.page(), portal, person)
    other = browsers.page()
    other.goto(link)
    other.fill("input[name=new_password]", NEW)
    other.click("#recover-set")
    other.wait_for_url("**/login?*")
    page.get_by_role("link", name="Back to sign in").click()
    fill_sign_in(page, person, NEW)
    arrive(page, app, "forgotten")
    # And the browser in which it was opened is where a sign-in begins, too.
    fill_sign_in(other, person, NEW)
    other.wait_for_url(f"{portal.issuer}/")
