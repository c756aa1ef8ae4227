"""The account chooser: prompt=select_account, and who of the people known in this browser goes on."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from sqlalchemy import select

from idp.db import db
from idp.sessions.models import KnownDevice
from tests import factories
from tests.relying_party import Answer, RelyingParty, text_of, through_test_client
from tests.visitor import PASSWORD, Visitor, forms_of


@pytest.fixture
def ana(app):
    return factories.make_person(app, "ana", password=PASSWORD)


@pytest.fixture
def bob(app):
    return factories.make_person(app, "bob", password=PASSWORD, name="Bob Fox")


@pytest.fixture
def visitor(app):
    return Visitor(app)


@pytest.fixture
def party(app, visitor):
    made = factories.make_client(app, redirect_uris=["https://chooser.example/cb"])
    http = through_test_client(app.test_client(use_cookies=False), visitor.issuer)
    return RelyingParty(http, visitor.issuer, made.client_id, made.client_secret, "https://chooser.example/cb")


def ask(visitor, party, **changes):
    given = party.parameters(**{"prompt": "select_account", **changes})
    return visitor.visit(f"/oauth/authorize?{urlencode(given)}")


def accounts_of(page):
    return re.findall(r'account-choice__name">([^<]*)<', page.text)


def choice(page, person_id):
    """Return the form that chooses a person."""
    return next(
        form
        for form in forms_of(page.text)
        if form.values.get("account") == person_id and form.action.startswith("/select?")
    )


def forgetting(page, person_id):
    return [
        form
        for form in forms_of(page.text)
        if form.values.get("account") == person_id and form.action.startswith("/select/forget")
    ]


def code_of(visitor, party, answer):
    """Return the code that an answer, or the redirect after it, hands to the party."""
    answer = visitor.visit(answer.headers["Location"]) if answer.headers["Location"].startswith("/") else answer
    assert answer.headers["Location"].startswith("https://chooser.example/cb?code=")
    return answer.headers["Location"]


def who(party, location):
    given = party.answer(Answer(302, {"Location": location}, b""))
    return party.verified(party.exchange(given["code"]), nonce=party.pending[-1].nonce).id_claims["sub"]


def test_in_a_browser_that_knows_nobody_the_sign_in_form_comes_at_once(visitor, party, ana):
    page = ask(visitor, party)
    assert 'id="login-submit"' in page.text
    form = next(form for form in forms_of(page.text) if "password" in form.values)
    answer = visitor.submit(form, username="ana", password=PASSWORD)
    assert who(party, code_of(visitor, party, answer)) == ana.id


def test_the_one_who_is_signed_in_goes_on_without_a_password(visitor, party, ana):
    visitor.sign_in("ana")
    page = ask(visitor, party)
    assert accounts_of(page) == ["Ana Ruiz"]
    assert "Signed in" in text_of(page.text)
    cookie = visitor.session_cookie
    answer = visitor.submit(choice(page, ana.id))
    assert who(party, code_of(visitor, party, answer)) == ana.id
    assert visitor.session_cookie == cookie


def test_each_request_asks_anew(visitor, party, ana):
    visitor.sign_in("ana")
    code_of(visitor, party, visitor.submit(choice(ask(visitor, party), ana.id)))
    assert accounts_of(ask(visitor, party)) == ["Ana Ruiz"]


def test_another_account_signs_in_with_its_name_filled_in(visitor, party, ana, bob):
    visitor.sign_in("bob")
    visitor.sign_in("ana", path="/login?account=other")
    page = ask(visitor, party)
    assert accounts_of(page) == ["Ana Ruiz", "Bob Fox"]
    answer = visitor.submit(choice(page, bob.id))
    assert answer.headers["Location"].startswith("/login?interaction=")
    form = next(form for form in forms_of(visitor.visit(answer.headers["Location"]).text) if "password" in form.values)
    assert form.values["username"] == "bob"
    assert who(party, code_of(visitor, party, visitor.submit(form, password=PASSWORD))) == bob.id


def test_use_another_account_leads_to_an_empty_form(visitor, party, ana, bob):
    visitor.sign_in("ana")
    page = ask(visitor, party)
    address = re.search(r'href="(/login\?[^"]*account=other)"', page.text)[1].replace("&amp;", "&")
    form = next(form for form in forms_of(visitor.visit(address).text) if "password" in form.values)
    assert form.values["username"] == ""
    answer = visitor.submit(form, username="bob", password=PASSWORD)
    assert who(party, code_of(visitor, party, answer)) == bob.id


def test_whoever_signed_out_is_still_known_and_needs_the_password(visitor, party, ana):
    visitor.sign_in("ana")
    visitor.submit(visitor.form("/logout/confirm", action="/logout/confirm"))
    page = ask(visitor, party)
    assert accounts_of(page) == ["Ana Ruiz"]
    assert "Signed in" not in text_of(page.text)
    answer = visitor.submit(choice(page, ana.id))
    form = next(form for form in forms_of(visitor.visit(answer.headers["Location"]).text) if "password" in form.values)
    assert form.values["username"] == "ana"


def test_prompt_login_beside_it_asks_for_the_password_of_the_chosen_one(visitor, party, ana):
    visitor.sign_in("ana")
    page = ask(visitor, party, prompt="login select_account")
    answer = visitor.submit(choice(page, ana.id))
    page = visitor.visit(answer.headers["Location"])
    assert 'id="login-submit"' in page.text
    form = next(form for form in forms_of(page.text) if "password" in form.values)
    assert who(party, code_of(visitor, party, visitor.submit(form, username="ana", password=PASSWORD))) == ana.id


def test_an_account_is_taken_off_the_list_of_this_browser(app, visitor, party, ana, bob):
    visitor.sign_in("bob")
    visitor.sign_in("ana", path="/login?account=other")
    page = ask(visitor, party)
    # Whoever is signed in stays on the list.
    assert forgetting(page, ana.id) == []
    answer = visitor.submit(forgetting(page, bob.id)[0])
    assert accounts_of(visitor.visit(answer.headers["Location"])) == ["Ana Ruiz"]
    with app.app_context():
        known = db.session().execute(select(KnownDevice.person_id)).scalars().all()
    assert known == [ana.id]


def test_the_one_who_is_signed_in_is_never_forgotten(app, visitor, party, ana):
    visitor.sign_in("ana")
    page = ask(visitor, party)
    form = choice(page, ana.id)
    form.action = form.action.replace("/select?", "/select/forget?")
    visitor.submit(form)
    with app.app_context():
        assert db.session().execute(select(KnownDevice.person_id)).scalars().all() == [ana.id]


@pytest.mark.parametrize("sent", ["usr_nobody", "", "other", "../x", "<b>"])
def test_only_accounts_of_this_browser_can_be_chosen(visitor, party, ana, bob, sent):
    visitor.sign_in("ana")
    form = choice(ask(visitor, party), ana.id)
    for account in (sent, bob.id):
        answer = visitor.submit(form, account=account)
        assert answer.headers["Location"].endswith("account=other")


def test_a_name_is_filled_in_only_where_it_is_known(visitor, ana, bob):
    visitor.sign_in("ana")
    assert "bob" not in visitor.visit(f"/login?account={bob.id}").text


def test_another_browser_knows_nobody(app, visitor, party, ana):
    visitor.sign_in("ana")
    ask(visitor, party)
    stranger = Visitor(app)
    page = ask(stranger, party)
    assert "Ana Ruiz" not in page.text
    assert 'id="login-submit"' in page.text


def test_a_disabled_person_is_not_offered(app, visitor, party, ana, bob):
    visitor.sign_in("bob")
    visitor.sign_in("ana", path="/login?account=other")
    factories.disable_person(app, bob.id)
    assert accounts_of(ask(visitor, party)) == ["Ana Ruiz"]


def test_the_choice_needs_the_token_of_its_page(visitor, party, ana):
    visitor.sign_in("ana")
    form = choice(ask(visitor, party), ana.id)
    for changes in ({"csrf_token": None}, {"csrf_token": "x"}):
        answer = visitor.submit(form, **changes)
        assert not answer.headers.get("Location")


def test_A39_the_chooser_belongs_to_its_browser(app, visitor, party, ana):
    visitor.sign_in("ana")
    action = choice(ask(visitor, party), ana.id).action
    assert Visitor(app).open(action).status_code == 403


def test_A34_the_page_cannot_be_framed_and_its_forms_may_lead_to_the_app(visitor, party, ana):
    visitor.sign_in("ana")
    page = ask(visitor, party)
    assert page.headers["X-Frame-Options"] == "DENY"
    assert "form-action" not in page.headers["Content-Security-Policy"]


def test_a_silent_request_never_chooses(visitor, party, ana):
    visitor.sign_in("ana")
    answer = ask(visitor, party, prompt="none select_account")
    assert "error=invalid_request" in answer.headers["Location"]


def test_a_choice_is_not_inherited_by_somebody_else(app, visitor, party, ana, bob):
    visitor.sign_in("ana")
    page = ask(visitor, party)
    answer = visitor.submit(choice(page, ana.id), options={})
    assert answer.status_code == 303
    # Before the request goes on, somebody else signs in, in another tab.
    visitor.sign_in("bob", path="/login?account=other")
    answer = visitor.visit(answer.headers["Location"])
    # What waited for Ana is gone with her.
    assert answer.status_code in {200, 410}
    assert "code=" not in answer.headers.get("Location", "")


def test_who_signed_in_here_last_is_offered_on_the_sign_in_page(app, ana, bob, visitor, party):
    assert "login-known" not in visitor.visit("/login").text, "nobody did yet"
    for name in ("bob", "ana"):
        visitor.sign_in(name)
        visitor.client.delete_cookie("idp")
    waiting = visitor.open(f"/oauth/authorize?{urlencode(party.parameters())}").headers["Location"]
    page = visitor.visit(waiting)
    assert accounts_of(page) == ["Continue as Ana Ruiz"]
    (there,) = re.findall(r'id="login-known" href="([^"]+)"', page.text)
    (others,) = re.findall(r'id="login-select" href="([^"]+)"', page.text)
    assert accounts_of(visitor.visit(others)) == ["Ana Ruiz", "Bob Fox"]
    chosen = visitor.visit(there.replace("&amp;", "&"))
    assert 'value="ana"' in chosen.text
    assert accounts_of(chosen) == []
    form = next(form for form in forms_of(chosen.text) if form.action.startswith("/login?"))
    code_of(visitor, party, visitor.submit(form, username="ana", password=PASSWORD))
    # Another browser is told of nobody.
    assert accounts_of(Visitor(app).visit("/login")) == []
