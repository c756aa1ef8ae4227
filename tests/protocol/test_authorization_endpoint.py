"""The authorization endpoint (OpenID Connect Core section 3.1.2, oidc.md A.3)."""

from __future__ import annotations

import re
import time
from html import unescape
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import time_machine
from sqlalchemy import update

from idp import clock
from idp.accounts.models import Person
from idp.db import transaction
from idp.deliveries import sign_outs
from idp.oidc import front_channel
from tests.protocol.flows import metadata_for
from tests.relying_party import answer_of, hidden_fields

ERROR_NAMES = {"error", "error_description", "error_uri", "state", "iss", "session_state"}


def _is_page(response) -> bool:
    return (
        400 <= response.status < 500
        and response.location is None
        and response.headers["Content-Type"].startswith("text/html")
    )


def test_a_request_without_a_session_leads_to_the_sign_in_page(idp, party):
    response = party.start(idp.browser())
    assert response.status == 303
    assert response.location.startswith("/login?interaction=")
    assert party.client_id not in response.location


def test_a_request_with_a_session_is_answered_at_once(party, browser):
    response = party.start(browser)
    assert response.status == 302
    assert response.location.startswith(party.redirect_uri + "?code=")
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("response_type", ["code", "code id_token"])
@pytest.mark.parametrize("gone", ["signed out", "disabled"])
def test_a_person_who_is_gone_meanwhile_is_told_to_the_client_that_waited(idp, monkeypatch, response_type, gone):
    party, browser, person = idp.party(**metadata_for(response_type)), idp.browser(), idp.person()
    party.response_type = response_type
    waiting = party.start(browser).location.partition("interaction=")[2]
    session_id = idp.sign_in(browser, person)
    decide = front_channel.decide

    def decide_and_lose(*given):
        pending = decide(*given)
        with transaction() as session:
            if gone == "disabled":
                session.execute(update(Person).where(Person.id == person.id).values(disabled_at=clock.utc_now()))
            else:
                sign_outs.end(session, session_id, person.id, clock.utc_now())
        return pending

    monkeypatch.setattr(front_channel, "decide", decide_and_lose)
    given = party.answer(browser("GET", f"/oauth/authorize/{waiting}"))
    # A code alone says nothing of a person; redeeming it does.
    assert given.get("error") == (None if (response_type, gone) == ("code", "disabled") else "login_required")


def test_a_post_is_kept_and_answered_by_a_get(idp, party, person):
    browser = idp.browser(person)
    without_cookies = idp.http()
    kept = without_cookies("POST", "/oauth/authorize", party.parameters(), {})
    assert kept.status == 303
    assert kept.location.startswith("/oauth/authorize/")
    assert "Set-Cookie" not in kept.headers
    assert "code" in party.answer(browser("GET", kept.location))


def test_a_post_never_reads_the_session(idp, party, browser):
    kept = browser("POST", "/oauth/authorize", party.parameters(prompt="none"))
    assert kept.status == 303


def test_an_unknown_client_is_a_page(idp, browser):
    response = idp.party().start(browser, client_id="nobody")
    assert _is_page(response)


def test_a_missing_client_is_a_page(party, browser):
    assert _is_page(party.start(browser, client_id=None))


@pytest.mark.parametrize("redirect_uri", [None, "https://elsewhere.example/callback"])
def test_a_bad_redirect_uri_is_a_page_that_says_so(party, browser, redirect_uri):
    response = party.start(browser, redirect_uri=redirect_uri)
    assert _is_page(response)
    assert "redirect uri" in unescape(response.text).lower()


def test_a_missing_response_type_is_told_in_the_query(party, browser):
    response = party.start(browser, response_type=None)
    assert urlsplit(response.location).fragment == ""
    given = party.answer(response)
    assert given["error"] in {"invalid_request", "unsupported_response_type"}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"scope": "nothing known"}, "invalid_scope"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "sing"}, "invalid_request"),
        # Nobody makes an account for themselves here.
        ({"prompt": "create"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "1e3"}, "invalid_request"),
        ({"response_mode": "web_message"}, "invalid_request"),
        ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
        ({"request_uri": "https://party.example/request.jwt#1"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"resource": "https://api.example"}, "invalid_target"),
        ({"id_token_hint": "not.a.token"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
    ],
)
def test_other_faults_are_told_to_the_client(party, browser, changes, error):
    given = party.answer(party.start(browser, **changes))
    assert given["error"] == error
    assert set(given) <= ERROR_NAMES
    assert all(" " <= letter <= "~" and letter not in '"\\' for letter in given["error_description"])


@pytest.mark.parametrize(
    ("response_type", "error"),
    [
        ("token", "unsupported_response_type"),
        *(
            (response_type, "unauthorized_client")
            for response_type in ("id_token", "id_token token", "code id_token", "code token", "token code id_token")
        ),
    ],
)
def test_refused_types_with_a_token_are_answered_in_the_fragment_alone(party, browser, response_type, error):
    response = party.start(browser, response_type=response_type)
    parts = urlsplit(response.location)
    assert parts.query == ""
    assert dict(parse_qsl(parts.fragment))["error"] == error
    assert dict(parse_qsl(parts.fragment))["iss"] == party.issuer


@pytest.mark.parametrize("mode", ["query", "fragment"])
def test_the_answer_comes_where_it_was_asked_for(party, browser, mode):
    response = party.start(browser, response_mode=mode)
    parts = urlsplit(response.location)
    assert bool(parts.query) == (mode == "query")
    assert bool(parts.fragment) == (mode == "fragment")
    assert party.sign_in(browser, response_mode=mode).id_claims is not None


def test_a_form_post_carries_the_answer_unencoded(party, browser):
    state = "a b\"c&d<e>'f%20ü"
    response = party.start(browser, response_mode="form_post", state=state)
    assert response.status == 200
    assert f'action="{party.redirect_uri}"' in response.text
    assert 'method="post"' in response.text
    given = dict(hidden_fields(response.text))
    assert set(given) == {"code", "state", "iss", "session_state"}
    assert given["state"] == state
    assert "form-action" not in response.headers["Content-Security-Policy"]
    assert "<button" in response.text
    assert "onload" not in response.text
    assert "csrf" not in response.text


def test_a_form_post_carries_errors_too(party, browser):
    given = party.answer(party.start(browser, response_mode="form_post", scope="nothing"))
    assert given["error"] == "invalid_scope"


def test_a_silent_form_post_may_be_framed_by_the_client_alone(idp, party, browser):
    response = party.start(browser, response_mode="form_post", prompt="none")
    origin = party.redirect_uri.removesuffix("/callback")
    assert response.headers["Content-Security-Policy"].endswith(f"frame-ancestors {origin}")
    assert "X-Frame-Options" not in response.headers
    shown = party.start(browser, response_mode="form_post")
    assert "frame-ancestors 'none'" in shown.headers["Content-Security-Policy"]
    assert shown.headers["X-Frame-Options"] == "DENY"


def test_prompt_none_without_a_session_is_login_required(idp, party):
    state = "s" * 128
    given = party.answer(party.start(idp.browser(), prompt="none", state=state))
    assert given["error"] == "login_required"
    assert set(given) <= ERROR_NAMES


def test_prompt_none_with_a_session_shows_nothing(party, browser):
    assert "code" in party.answer(party.start(browser, prompt="none"))


@pytest.mark.parametrize(("prompt", "page"), [("login", "/login"), ("select_account", "/select")])
def test_prompts_lead_to_their_page(party, browser, prompt, page):
    assert party.start(browser, prompt=prompt).location.startswith(f"{page}?interaction=")


def test_max_age_asks_again_only_when_the_sign_in_is_older(idp, party, person):
    browser = idp.browser(person)
    with time_machine.travel(time.time() + 2, tick=False):
        assert party.start(browser, max_age="1").location.startswith("/login")
        assert "auth_time" in party.sign_in(browser, max_age="15000").id_claims


def test_a_default_max_age_of_the_client_counts(idp, person):
    party = idp.party(default_max_age=1)
    browser = idp.browser(person)
    with time_machine.travel(time.time() + 3, tick=False):
        assert party.start(browser).location.startswith("/login")
        assert "code" in party.answer(party.start(browser, max_age="100"))


def test_an_id_token_hint_of_the_person_is_accepted_even_when_expired(party, browser):
    hint = party.sign_in(browser).id_token
    with time_machine.travel(time.time() + 3700, tick=False):
        assert "code" in party.answer(party.start(browser, prompt="none", id_token_hint=hint))


def test_an_id_token_hint_of_another_person_is_login_required(idp, party, browser):
    hint = party.sign_in(idp.browser(idp.person())).id_token
    given = party.answer(party.start(browser, prompt="none", id_token_hint=hint))
    assert given["error"] == "login_required"


def test_a_waiting_request_goes_on_after_sign_in(idp, party, person):
    browser = idp.browser()
    waiting = party.start(browser).location.partition("interaction=")[2]
    idp.sign_in(browser, person)
    response = browser("GET", f"/oauth/authorize/{waiting}")
    assert "code" in party.answer(response)


def test_an_answered_request_leads_to_the_app_again(idp, person):
    party = idp.party(client_uri="https://home.example/", initiate_login_uri="https://home.example/start?x=1")
    plain = idp.party()
    for one, expected in (
        (party, f"https://home.example/start?x=1&iss={idp.issuer.replace(':', '%3A').replace('/', '%2F')}"),
        (plain, None),
    ):
        browser = idp.browser()
        waiting = one.start(browser).location.partition("interaction=")[2]
        idp.sign_in(browser, person)
        assert "code" in one.answer(browser("GET", f"/oauth/authorize/{waiting}"))
        again = browser("GET", f"/oauth/authorize/{waiting}")
        assert again.location == expected
        if expected is None:
            assert again.status == 200
            link = unescape(re.search(r'button--primary[^>]* href="([^"]+)"', again.text)[1])
            assert "code" in answer_of(browser("GET", link))


def test_an_old_waiting_request_says_so(idp, party):
    browser = idp.browser()
    waiting = party.start(browser).location.partition("interaction=")[2]
    with time_machine.travel(time.time() + 25 * 3600, tick=False):
        response = browser("GET", f"/oauth/authorize/{waiting}")
    assert response.status == 410
    assert response.location is None


def test_an_eight_hour_old_tab_still_works(idp, party, person):
    browser = idp.browser()
    waiting = party.start(browser).location.partition("interaction=")[2]
    with time_machine.travel(time.time() + 8 * 3600 + 60, tick=False):
        idp.sign_in(browser, person)
        assert "code" in party.answer(browser("GET", f"/oauth/authorize/{waiting}"))


def test_a_trailing_slash_is_not_redirected(party, browser):
    response = browser("GET", f"/oauth/authorize/?{urlencode(party.parameters())}")
    assert response.status == 404
