"""B15: what the pages say of when somebody is asked again is what the server does, to the second."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
import time_machine

from idp import clock
from idp.consents import store as consents
from idp.db import transaction
from idp.settings import SessionSettings
from tests import factories

SECOND = timedelta(seconds=1)


@pytest.fixture
def ana(idp):
    return idp.person("ana")


def foretold(browser, page="/account/sessions"):
    """Return the instants that a page tells, in its order, but for those of the past."""
    shown = re.findall(r'<time datetime="([^"]+)">', browser("GET", page).text)
    return [found for text in shown if (found := datetime.fromisoformat(text)) > clock.utc_now()]


def is_asked(party, browser, at):
    """Tell whether *party*, at *at*, is told that the person has to sign in."""
    with time_machine.travel(at, tick=False):
        answer = party.answer(party.start(browser, prompt="none"))
    return answer.get("error") == "login_required"


def test_B15_every_instant_that_the_page_tells_is_when_it_happens(idp, ana):
    now = clock.utc_now().replace(microsecond=0) + SECOND
    party, strict = idp.party(), idp.party(default_max_age=900)
    with time_machine.travel(now, tick=False):
        # Asking is a use, so each instant is tried in browsers of its own, all signed in at once.
        looking, *browsers = [idp.browser(ana) for _ in range(7)]
        for each in (party, strict):
            assert "code" in each.answer(each.start(looking))
        told = foretold(looking)
    idle, longest, wanted = now + timedelta(hours=8), now + timedelta(hours=24), now + timedelta(minutes=15)
    # The server, then the two apps: each when unused, and in any case.
    assert told[:2] == [idle, longest]
    assert sorted(told[2:]) == [wanted, idle, longest]
    asks = [
        is_asked(party, browsers[0], idle - SECOND),
        is_asked(party, browsers[1], idle),
        is_asked(strict, browsers[2], wanted),
        is_asked(strict, browsers[3], wanted + SECOND),
    ]
    assert asks == [False, True, False, True]


def test_B15_a_session_in_use_ends_with_its_longest_life(idp, ana, make_app):
    idp.app = make_app(session=SessionSettings(idle=timedelta(minutes=10), max=timedelta(minutes=25)))
    now, party = clock.utc_now().replace(microsecond=0) + SECOND, idp.party()
    with time_machine.travel(now, tick=False):
        browser = idp.browser(ana)
    # A use moves the one instant and never the other; looking is a use, too, and said so in its own answer.
    for minutes in (0, 9, 18):
        with time_machine.travel(now + timedelta(minutes=minutes), tick=False):
            told = foretold(browser)
        ends = now + timedelta(minutes=25)
        idle = now + timedelta(minutes=minutes + 10)
        assert told == ([idle, ends] if idle < ends else [ends])
    assert not is_asked(party, browser, now + timedelta(minutes=25) - SECOND)
    assert is_asked(party, browser, now + timedelta(minutes=25))


def test_B15_access_without_the_person_ends_when_it_is_told(idp, ana):
    now, party = clock.utc_now().replace(microsecond=0) + SECOND, idp.offline_party()
    with time_machine.travel(now, tick=False):
        browser = idp.browser(ana)
        tokens = party.sign_in(browser)
        told = foretold(browser, "/account/connected")
    unused, latest = now + timedelta(days=30), now + timedelta(days=90)
    assert told[:2] == [unused, latest]
    with time_machine.travel(unused - SECOND, tick=False):
        second = party.refresh(tokens.refresh)
        assert second.status == 200
    # From then on it is renewed up to the longest.
    last = second.json["refresh_token"]
    for days in (58, 87):
        with time_machine.travel(now + timedelta(days=days), tick=False):
            last = party.refresh(last).json["refresh_token"]
    with time_machine.travel(latest, tick=False):
        assert party.refresh(last).status == 400


def test_what_is_gone_or_switched_off_is_not_foretold(idp, ana):
    party = idp.party()
    browser = idp.browser(ana)
    assert "code" in party.answer(party.start(browser))
    factories.disable_client(idp.app, party.client_id)
    assert browser("GET", "/account/sessions").text.count("Asks you to sign in again") == 2


@pytest.mark.parametrize("has_factor", [True, False], ids=["with a factor", "without one"])
@pytest.mark.parametrize(
    ("client", "asks"),
    [
        ({}, {"with a factor": False, "without one": False}),
        ({"require_second_factor": True}, {"with a factor": True, "without one": True}),
        ({"default_acr_values": ["2"]}, {"with a factor": True, "without one": False}),
        ({"default_acr_values": ["2", "1"]}, {"with a factor": False, "without one": False}),
        ({"default_acr_values": ["phr"]}, {"with a factor": False, "without one": False}),
    ],
    ids=["any", "required", "wanted", "rather", "passkey"],
)
def test_B15_the_page_says_who_asks_for_the_second_factor_first(idp, ana, client, asks, has_factor):
    party, browser = idp.party(**client), idp.browser(ana)
    if has_factor:
        # The session is one of a password alone, as where a browser is left out of asking.
        factories.give_totp(idp.app, ana.id)
    with idp.app.app_context(), transaction() as session:
        consents.remember(session, ana.id, party.client_id, ["openid"], now=clock.utc_now())
    said = "Asks for your second factor when you open it next" in browser("GET", "/account/connected").text
    asked = party.start(browser).location.startswith("/login/step-up")
    assert (said, asked) == (asks["with a factor" if has_factor else "without one"],) * 2
