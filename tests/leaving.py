"""Signing out as a relying party and its person do it."""

from html import unescape
from urllib.parse import urlencode

from tests.relying_party import hidden_fields, text_of


def logout(browser, method="GET", **given):
    """Send *browser* to the end-session endpoint; what is None is left out."""
    pairs = {name: value for name, value in given.items() if value is not None}
    if method == "GET":
        return browser("GET", f"/logout?{urlencode(pairs)}" if pairs else "/logout")
    return browser("POST", "/logout", pairs)


def follow(browser, response):
    """Follow redirects on this site; what is returned is a page, or a redirect to another one."""
    while response.location and response.location.startswith("/"):
        response = browser("GET", response.location)
    return response


def confirm(browser, page):
    """Press the button of the confirmation page, and follow what comes."""
    assert 'id="logout-confirm"' in page.text
    address = unescape(page.text.partition('<form method="post" action="')[2].partition('"')[0])
    response = browser("POST", address, dict(hidden_fields(page.text)))
    assert response.status == 303
    return follow(browser, response)


def sign_out(browser, **given):
    """Do it all, saying yes where the person is asked; return where it ends."""
    page = follow(browser, logout(browser, **given))
    return confirm(browser, page) if 'id="logout-confirm"' in page.text else page


def is_signed_in(party, browser):
    """Tell whether the party gets a code without a page."""
    return "code=" in (party.start(browser, prompt="none").location or "")


def assert_signed_out(party, browser, page):
    """Make sure that the person reads it, that nothing leads away, and that it is so."""
    assert page.status == 200
    assert page.location is None
    assert "You are signed out" in text_of(page.text)
    assert 'http-equiv="refresh"' not in page.text
    assert party.answer(party.start(browser, prompt="none"))["error"] == "login_required"
