"""The consent page, and the whole way through the sign-in form (oidc.md A.3 and C)."""

from __future__ import annotations

from html import unescape

import pytest
from sqlalchemy import select

from idp.accounts import store as accounts
from idp.accounts.passwords import PasswordHasher
from idp.audit.models import AuditEvent, Refusal
from idp.consents.models import Consent
from idp.db import transaction
from idp.web.current import service
from tests.relying_party import text_of

PASSWORD = "correct horse battery"


@pytest.fixture
def asking(idp):
    """A client whose consent is asked for."""
    return idp.party(
        skip_consent=False,
        scope="openid profile email groups",
        policy_uri="https://app.example/privacy",
        tos_uri="https://app.example/terms",
    )


def consent(browser, party, **changes):
    address = party.start(browser, **changes).location
    assert address.startswith("/consent?interaction=")
    page = browser("GET", address)
    assert page.status == 200
    return address, page


def answer(idp, browser, address, page, decision, *scopes):
    form = [("csrf_token", idp.form_of(page)["csrf_token"]), ("decision", decision)]
    form += [("scope", scope) for scope in scopes]
    back = browser("POST", address, form)
    assert back.status == 303
    return browser("GET", back.location)


def test_the_page_shows_who_asks_for_what_with_the_values(idp, asking):
    person = idp.person(in_groups=("Engineering",))
    _, page = consent(idp.browser(person), asking)
    text = text_of(page.text)
    for words in ("App", person.email, person.username, "Engineering", "Ana Ruiz"):
        assert words in text
    for hook in ("consent-allow", "consent-deny", "client-policy-link", "client-tos-link"):
        assert f'id="{hook}"' in page.text
    assert "New" not in text
    assert "form-action" not in page.headers["Content-Security-Policy"]
    assert page.headers["Cache-Control"] == "no-store"


def test_allowing_gives_a_code_and_is_remembered(idp, asking, browser, person):
    address, page = consent(browser, asking)
    given = asking.answer(answer(idp, browser, address, page, "allow"))
    assert asking.exchange(given["code"]).json["scope"] == "openid profile email groups"
    assert "code" in asking.answer(asking.start(browser, prompt="none"))
    kept = idp.rows(select(Consent.person_id, Consent.scopes))
    assert [tuple(row) for row in kept] == [(person.id, ["email", "groups", "openid", "profile"])]
    assert len(idp.rows(select(AuditEvent.id).where(AuditEvent.type == "consent.granted"))) == 1


def test_denying_is_an_answer_and_is_not_remembered(idp, asking, browser):
    address, page = consent(browser, asking)
    given = asking.answer(answer(idp, browser, address, page, "deny"))
    assert given["error"] == "access_denied"
    assert idp.rows(select(Consent.person_id)) == []
    assert len(idp.rows(select(AuditEvent.id).where(AuditEvent.type == "consent.denied"))) == 1
    consent(browser, asking)


def test_prompt_consent_asks_again(idp, asking, browser):
    address, page = consent(browser, asking)
    answer(idp, browser, address, page, "allow")
    consent(browser, asking, prompt="consent")


def test_new_scopes_are_marked(idp, asking, browser):
    address, page = consent(browser, asking, scope="openid email")
    answer(idp, browser, address, page, "allow")
    _, page = consent(browser, asking, scope="openid email groups")
    assert text_of(page.text).count("New") == 1


def test_offline_access_is_optional(idp, browser):
    party = idp.offline_party(skip_consent=False)
    address, page = consent(browser, party, prompt="consent")
    assert 'value="offline_access"' in page.text
    assert "checked" not in page.text.partition('value="offline_access"')[2].partition(">")[0]
    given = party.answer(answer(idp, browser, address, page, "allow"))
    assert "refresh_token" not in party.exchange(given["code"]).json
    address, page = consent(browser, party, prompt="consent")
    given = party.answer(answer(idp, browser, address, page, "allow", "offline_access"))
    assert "refresh_token" in party.exchange(given["code"]).json


def test_a_consent_page_without_a_session_leads_to_sign_in(idp, asking, browser):
    address, _ = consent(browser, asking)
    browser.client.delete_cookie("idp")
    back = browser("GET", address)
    assert back.location.startswith("/oauth/authorize/")
    assert browser("GET", back.location).location.startswith("/login")


def test_the_whole_way_from_the_app_to_the_app(idp, asking):
    person = idp.person()
    with idp.app.app_context():
        secret = service(PasswordHasher).hash(PASSWORD)
        with transaction() as session:
            account = accounts.find(session, person.id)
            accounts.set_password_hash(session, account, secret, account.created_at)
    browser = idp.browser()
    login = asking.start(browser, login_hint=person.username).location
    page = browser("GET", login)
    assert person.username in page.text
    assert 'id="client-policy-link"' in page.text
    form = {**idp.form_of(page), "username": person.username, "password": PASSWORD}
    back = browser("POST", login, form)
    assert back.status == 303
    assert back.location.startswith("/oauth/authorize/")
    to_consent = browser("GET", back.location)
    assert to_consent.location.startswith("/consent?interaction=")
    page = browser("GET", to_consent.location)
    given = asking.answer(answer(idp, browser, to_consent.location, page, "allow"))
    tokens = asking.verified(asking.exchange(given["code"]), nonce=asking.pending[-1].nonce)
    assert tokens.id_claims["sub"] == person.id


def test_a_refused_address_is_explained_and_its_reason_kept(idp, asking, browser):
    page = asking.start(browser, redirect_uri="https://elsewhere.example/cb")
    assert page.status == 400
    assert "https://elsewhere.example/cb" in unescape(page.text)
    assert asking.redirect_uri not in page.text
    kept = idp.rows(select(Refusal.reason, Refusal.client_id, Refusal.facts, Refusal.request_id))
    assert (kept[0].reason, kept[0].client_id) == ("redirect_uri_mismatch", asking.client_id)
    assert kept[0].facts["redirect_uri"] == "https://elsewhere.example/cb"
    assert kept[0].request_id in page.text


def test_only_an_administrator_sees_what_is_registered(idp, asking):
    page = asking.start(idp.browser(idp.person(is_admin=True)), redirect_uri="https://elsewhere.example/cb")
    assert "app" in page.text
    registered = text_of(page.text).replace(" ", "")
    assert asking.redirect_uri.removeprefix("https://") in registered.replace("\n", "")


def test_a_refused_logout_address_is_kept_too(idp, browser):
    party = idp.party(post_logout_redirect_uris=["https://after.example/"])
    hint = party.sign_in(browser).id_token
    response = browser("GET", f"/logout?id_token_hint={hint}&post_logout_redirect_uri=https%3A%2F%2Fevil.example%2F")
    assert (response.status, response.location.startswith("/logout/done/")) == (303, True)
    kept = idp.rows(select(Refusal.reason, Refusal.client_id))
    assert [tuple(row) for row in kept] == [("post_logout_redirect_uri_unregistered", party.client_id)]
