"""Every sentence of setting up, of what an app asks for, and of leaving an app can be translated."""

import json
from datetime import timedelta
from itertools import product

import pytest
from flask import render_template

from idp import clock
from idp.consents.lines import sentence
from idp.db import transaction
from idp.oidc import receipts
from idp.oidc.receipts import AppLine, Frame
from idp.protocol import claims, scopes
from idp.setup import links
from idp.web import language
from tests import pseudo
from tests.leaving import confirm, logout
from tests.visitor import Visitor

HOST = "localhost:8000"
# With the letters on tiles and avatars.
EVERYWHERE = ("Doorward", HOST, "Ana Ruiz", "AR", "A")
NOTHING = {"link": None, "continues": False, "reason": None, "signed_out_at": None, "apps": [], "frames": []}


@pytest.fixture(autouse=True)
def _brackets(monkeypatch):
    pseudo.speak(monkeypatch)


def test_what_an_app_asks_for(idp):
    person = idp.person(in_groups=(), claims={"phone_number": "+34 555 0100", "zoneinfo": "Europe/Madrid"})
    values = (person.email, person.username, "+34 555 0100", "Europe/Madrid", "App", "app.example")
    asking = idp.party(
        skip_consent=False,
        scope="openid profile email address phone groups",
        policy_uri="https://app.example/privacy",
        tos_uri="https://app.example/terms",
    )
    browser = idp.browser(person)
    wanted = json.dumps({"userinfo": {"zoneinfo": None, "email_verified": None, "nickname": None}})
    for changes in ({"scope": "openid profile email address phone groups"}, {"scope": "openid", "claims": wanted}):
        page = browser("GET", asking.start(browser, **changes).location)
        assert page.status == 200
        assert pseudo.unspoken(page.text, *values, *EVERYWHERE) == []


def test_every_scope_and_every_claim_has_a_sentence_of_its_own(app):
    with app.app_context():
        for name in (*scopes.KNOWN_NAMES, "orders:read"):
            assert pseudo.unspoken(f"<p>{sentence(name).__html__()}</p>", "orders:read") == []
    said = {sentence(f"claim:{name}") for name in claims.SCOPE_OF}
    assert len(said) == len(claims.SCOPE_OF)


def test_the_question_whether_to_sign_out_and_the_answer(idp):
    party = idp.party()
    browser = idp.browser(idp.person(name="Ana Ruiz"))
    token = party.sign_in(browser).id_token
    for given in ({}, {"client_id": party.client_id}):
        page = browser("GET", logout(browser, **given).location)
        assert page.status == 200
        assert pseudo.unspoken(page.text, "App", "app.example", *EVERYWHERE, request_id(page.text)) == []
    page = browser("GET", logout(browser, id_token_hint=token).location)
    assert "⟦You are signed out⟧" in page.text
    home = party.redirect_uri.partition("://")[2].partition("/")[0]
    assert pseudo.unspoken(page.text, "App", home, *EVERYWHERE, request_id(page.text)) == []


def test_leaving_is_in_the_language_that_the_app_asks_for(idp):
    party = idp.party()
    browser = idp.browser(idp.person())
    party.sign_in(browser)
    asked = logout(browser, client_id=party.client_id, ui_locales="sv fr")
    page = browser("GET", asked.location)
    assert '<html lang="fr"' in page.text
    left = confirm(browser, page)
    assert "You are signed out" in left.text
    assert '<html lang="fr"' in left.text


def test_what_became_of_the_apps(app):
    now = clock.utc_now()
    states = (receipts.FAILED, receipts.RETRYING, receipts.UNTOLD, receipts.TELLING, receipts.FRAMED, receipts.ASKER)
    lines = [
        AppLine("App", None, "app.example", "https://app.example/", state, now - timedelta(hours=1), now)
        for state in (*states, receipts.TOLD)
    ]
    with app.test_request_context():
        data = ("App", "app.example", *EVERYWHERE, language.date(now), f"{now:%H:%M} UTC")
        for name, continues, apps in product(
            ("App", None), (True, False), ([], lines, lines[:1], lines[-2:], lines[3:5])
        ):
            given = {"link": "https://app.example/bye", "continues": continues, "signed_out_at": now, "again": "/again"}
            given |= {"apps": apps, "frames": [Frame("App", "https://app.example/out")]}
            page = render_template("oidc/signed_out.html", **NOTHING | given, client_name=name, kept_id="req_1")
            assert pseudo.unspoken(page, *data) == []


def test_other_pages_between_an_app_and_a_person(app):
    with app.test_request_context():
        page = render_template("oidc/finished.html", client_name="App", again="/again")
        assert pseudo.unspoken(page, "App", *EVERYWHERE) == []
        page = render_template("oidc/form_post.html", action="https://app.example/back", fields=[("state", "x")])
        assert pseudo.unspoken(page, *EVERYWHERE) == []
    page = app.test_client().get("/oauth/check-session", headers={"Accept-Language": "fr"}).text
    assert '<html lang="fr">' in page
    assert pseudo.unspoken(page, *EVERYWHERE) == []


def test_setting_up(app):
    visitor = Visitor(app)
    with app.app_context(), transaction() as session:
        token = links.make(session, clock.utc_now())
    commands = ("idp setup-link",)
    for path in ("/setup", "/setup/nonsense"):
        assert pseudo.unspoken(visitor.open(path).text, *EVERYWHERE, *commands) == []
    page = visitor.form(f"/setup/{token}")
    assert pseudo.unspoken(visitor.open(f"/setup/{token}").text, *EVERYWHERE) == []
    for given in ({}, {"password": "short"}, {"password": "a wholly new sentence", "username": "a b", "email": "no"}):
        answer = visitor.submit(page, **given)
        assert answer.status_code == 400
        assert pseudo.unspoken(answer.text, *EVERYWHERE) == []
    good = {"username": "ruth", "email": "ruth@people.example", "password": "a wholly new sentence"}
    assert visitor.submit(page, **good).status_code == 303
    assert pseudo.unspoken(visitor.open(f"/setup/{token}").text, *EVERYWHERE) == []


def request_id(page):
    return "req_" + page.partition("req_")[2][:26]
