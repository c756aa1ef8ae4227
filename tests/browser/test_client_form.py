"""The form for clients with all its parts unfolded, as administrators with any eyes and any screen use it."""

import pytest

from tests.browser.looks import axe_violations
from tests.browser.portal import sign_in

KINDS = ("web", "spa", "native", "machine", "jwt")


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (1280, "dark"), (320, "light")])
def test_every_part_of_the_form_can_be_read(browsers, portal, width, theme):
    page = browsers.page(viewport={"width": width, "height": 900}, color_scheme=theme)
    sign_in(page, portal)
    for kind in KINDS:
        page.goto(f"{portal.issuer}/admin/clients/new?kind={kind}&preset=generic&address=")
        folded = page.locator("details.more:not([open]) > summary")
        while folded.count():
            folded.first.click()
        assert axe_violations(page) == [], kind
        widths = page.evaluate("() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert widths[0] <= widths[1], kind


def test_a_part_is_unfolded_and_filled_in_by_keyboard_alone(browsers, portal):
    page = browsers.page()
    sign_in(page, portal)
    page.goto(f"{portal.issuer}/admin/clients/new?kind=web")
    page.locator("#part-sign-out > summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("https://notes.example/signed-out")
    assert page.locator("[name=backchannel_logout_uri]").input_value() == "https://notes.example/signed-out"
