"""An app that signs people in in a popup, which can report to the page that opened it where it was asked to."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from tests.browser import requesting_app
from tests.browser.portal import PASSWORD, fill_sign_in


@pytest.fixture
def app(portal):
    """An app on a domain of its own."""
    made = requesting_app.start(portal.server, "Studio")
    yield made
    made.stop()


def sign_in_by_popup(page, app, person, **parameters):
    """Press the button of the app's page, and do everything that the popup asks for; return the popup."""
    page.goto(f"{app.address}/opener?{urlencode(parameters)}")
    with page.expect_popup() as opened:
        page.click("button")
    popup = opened.value
    fill_sign_in(popup, person, PASSWORD)
    popup.click("#consent-allow")
    popup.wait_for_url(f"{app.address}/callback*")
    expect(popup.locator("h1")).to_have_text(f"Arrived {parameters['state']}")
    return popup


def test_N05_a_popup_reports_to_the_page_that_opened_it(page, app, person):
    popup = sign_in_by_popup(page, app, person, state="small", display="popup")
    expect(page.locator("h1")).to_have_text(f"{app.address} says Arrived small")
    assert popup.evaluate("opener !== null && opener.location.pathname") == "/opener"


def test_N05_a_window_that_was_not_asked_for_as_a_popup_is_parted_from_its_opener(page, app, person):
    popup = sign_in_by_popup(page, app, person, state="large")
    assert popup.evaluate("opener") is None
    expect(page.locator("h1")).to_have_text("Not signed in")
