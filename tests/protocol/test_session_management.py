"""OpenID Connect Session Management 1.0: what an app can ask a frame of ours about the browser."""

from __future__ import annotations

import hashlib

import pytest

from tests.architecture.tree import ROOT
from tests.leaving import sign_out

REDIRECT = "https://spa.example:8443/callback?x=1"
ORIGIN = "https://spa.example:8443"


@pytest.fixture
def spa(idp):
    return idp.public_party(redirect_uris=[REDIRECT])


def cookie_of(browser):
    found = [cookie for cookie in browser.client._cookies.values() if cookie.key == "idp-state"]
    return found[0].value if found else ""


def computed(party, browser, given, origin=ORIGIN):
    """Do what the frame does."""
    salt = given.partition(".")[2]
    text = f"{party.client_id} {origin} {cookie_of(browser)} {salt}"
    return f"{hashlib.sha256(text.encode()).hexdigest()}.{salt}"


def test_oidcc_session_management_rp_initiated_logout_discovery_endpoint_verification(idp):
    found = idp.http()("GET", "/.well-known/openid-configuration", None, {}).json
    assert found["check_session_iframe"] == f"{idp.issuer}/oauth/check-session"


def test_oidcc_session_management_rp_initiated_logout(idp, spa, browser):
    state = spa.answer(spa.start(browser))["session_state"]
    assert " " not in state
    assert computed(spa, browser, state) == state
    sign_out(browser)
    assert computed(spa, browser, state) != state


def test_the_state_stays_while_the_session_does(idp, spa, browser, person):
    state = spa.answer(spa.start(browser))["session_state"]
    browser("GET", "/")
    spa.start(browser)
    assert computed(spa, browser, state) == state
    idp.sign_in(browser, idp.person())
    browser("GET", "/")
    assert computed(spa, browser, state) != state


def test_every_answer_has_a_salt_of_its_own_and_every_client_another_state(idp, spa, browser):
    other = idp.public_party(redirect_uris=["https://spa.example:8443/other"])
    states = [party.answer(party.start(browser))["session_state"] for party in (spa, spa, other)]
    assert len({state.partition(".")[2] for state in states}) == 3
    assert computed(other, browser, states[2]) == states[2]
    assert computed(spa, browser, states[2]) != states[2]
    assert computed(spa, browser, states[0], "https://spa.example") != states[0]


def test_a_refusal_says_it_too_so_that_a_sign_in_elsewhere_is_noticed(idp, spa, person):
    browser = idp.browser()
    given = spa.answer(spa.start(browser, prompt="none"))
    assert given["error"] == "login_required"
    assert cookie_of(browser) == "out"
    assert computed(spa, browser, given["session_state"]) == given["session_state"]
    idp.sign_in(browser, person)
    browser("GET", "/")
    assert computed(spa, browser, given["session_state"]) != given["session_state"]


@pytest.mark.parametrize("mode", ["query", "fragment", "form_post"])
def test_it_is_in_answers_of_every_mode(spa, browser, mode):
    assert "session_state" in spa.answer(spa.start(browser, response_mode=mode))


def test_only_authentication_answers_hold_it(idp, browser):
    party = idp.party(scope="profile")
    assert "session_state" not in party.answer(party.start(browser, nonce=None))


def test_a_visitor_gets_no_such_cookie(idp):
    browser = idp.browser()
    browser("GET", "/login")
    assert cookie_of(browser) == ""


def test_the_cookie_says_nothing_about_the_session(idp, spa, browser):
    spa.start(browser)
    cookies = {cookie.key: cookie.value for cookie in browser.client._cookies.values()}
    assert cookies["idp-state"] not in {cookies["idp"], hashlib.sha256(cookies["idp"].encode()).hexdigest()}
    assert cookies["idp-state"] not in cookies["idp"]
    thief = idp.browser()
    thief.client.set_cookie("idp", cookies["idp-state"], domain="localhost")
    assert spa.answer(spa.start(thief, prompt="none"))["error"] == "login_required"


def test_the_page_may_be_framed_by_anybody_and_can_do_nothing_else(idp):
    page = idp.http()("GET", "/oauth/check-session", None, {})
    assert page.status == 200
    assert "X-Frame-Options" not in page.headers
    policy = page.headers["Content-Security-Policy"]
    assert policy == ("default-src 'none'; script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors *")
    assert "Set-Cookie" not in page.headers
    # In the head and neither deferred nor a module: the app asks as soon as the frame has loaded.
    head = page.text.partition("</head>")[0]
    assert 'src="/static/' in head
    assert "defer" not in head
    assert "module" not in head
    assert 'data-cookie="idp-state"' in head


def test_the_script_is_of_a_kind_that_the_oldest_engines_read():
    script = (ROOT / "static" / "js" / "check_session.js").read_text(encoding="utf-8")
    for newer in ("=>", "const ", "let ", "class ", "async ", "`", "crypto.", "import "):
        assert newer not in script.partition("*/")[2], newer
