"""OAuth 2.0 Form Post Response Mode (oidc.md A.3)."""

from __future__ import annotations

import re
from html import unescape

import pytest

from tests.protocol import flows
from tests.relying_party import answer_of, hidden_fields

TEXTS = ["a b\"c&d<e>'f%20ü", "+ +%2B", "&amp;&#34;", '"><script>alert(1)</script>', "=" * 128]


@pytest.fixture
def rp(idp, request):
    party = idp.party(**flows.metadata_for(request.param))
    party.response_type, party.response_mode = request.param, "form_post"
    return party


every_type = pytest.mark.parametrize("rp", flows.ALL, indirect=True)


@every_type
def test_the_page_posts_itself_and_works_without_script(rp, browser):
    response = rp.start(browser)
    assert response.status == 200
    assert response.headers["Content-Type"].startswith("text/html")
    assert response.headers["Cache-Control"] == "no-store"
    assert len(re.findall("<form", response.text)) == 1
    form = re.search(r"<form[^>]*>", response.text)[0]
    assert 'method="post"' in form
    assert unescape(re.search(r'action="([^"]*)"', form)[1]) == rp.redirect_uri
    # Without an enctype a form is sent as application/x-www-form-urlencoded.
    assert "enctype" not in form
    assert "<button" in response.text
    assert not re.search(r"<script(?![^>]*\bsrc=)", response.text)
    assert " onload" not in response.text
    assert "csrf" not in response.text
    assert "form-action" not in response.headers["Content-Security-Policy"]
    assert "'unsafe-inline'" not in response.headers["Content-Security-Policy"]


@every_type
@pytest.mark.parametrize("text", TEXTS)
def test_A10_values_are_escaped_for_html_and_not_percent_encoded(rp, browser, text):
    response = rp.start(browser, state=text)
    assert dict(hidden_fields(response.text))["state"] == text
    assert "<script>alert" not in response.text


@every_type
def test_nothing_stands_in_the_address(rp, browser):
    response = rp.start(browser)
    assert response.location is None
    assert rp.finish(response).id_claims


@every_type
@pytest.mark.parametrize(
    ("changes", "error"),
    [({"scope": "nothing"}, "invalid_scope"), ({"prompt": "none login"}, "invalid_request"), ({"max_age": "x"}, None)],
)
def test_errors_are_posted_too(rp, browser, changes, error):
    response = rp.start(browser, **changes)
    assert response.status == 200
    given = rp.answer(response)
    assert given["error"] == (error or "invalid_request")
    assert set(given) - {"session_state"} == {"error", "error_description", "state", "iss"}


@every_type
def test_a_silent_answer_may_sit_in_the_clients_own_frame_alone(rp, browser):
    origin = rp.redirect_uri.removesuffix("/callback")
    silent, shown = rp.start(browser, prompt="none"), rp.start(browser)
    assert silent.headers["Content-Security-Policy"].endswith(f"frame-ancestors {origin}")
    assert "X-Frame-Options" not in silent.headers
    assert "frame-ancestors 'none'" in shown.headers["Content-Security-Policy"]
    assert shown.headers["X-Frame-Options"] == "DENY"


def test_a_registered_query_stays_in_the_address(idp, browser):
    party = idp.party(redirect_uris=["https://query.example/callback?bar=foo&x=1"])
    response = party.start(browser, response_mode="form_post")
    assert 'action="https://query.example/callback?bar=foo&amp;x=1"' in response.text
    assert set(answer_of(response)) - {"session_state"} == {"code", "state", "iss"}
