"""The sign-in page: who gets in, where it leads, what it says."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from idp import clock
from idp.accounts.models import Person
from idp.accounts.passwords import PasswordHasher
from idp.audit.models import AuditEvent
from idp.db import db, transaction
from idp.interactions import store as interactions
from idp.interactions.models import Interaction
from idp.sessions.models import BrowserSession, KnownDevice
from idp.web.throttle import ThrottleCounter
from tests.factories import disable_person, make_client, make_person
from tests.visitor import PASSWORD, Visitor, forms_of


@pytest.fixture
def ana(app):
    return make_person(app, "ana", password=PASSWORD)


@pytest.fixture
def visitor(app):
    return Visitor(app)


def rows(app, statement):
    with app.app_context():
        return list(db.session().execute(statement).scalars())


def authorize(party, **more):
    """Return an authorization request of *party*."""
    parameters = {
        "client_id": party.client_id,
        "redirect_uri": "https://app.example/cb",
        "response_type": "code",
        "scope": "openid",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
        "state": "a state",
        **more,
    }
    from urllib.parse import urlencode

    return f"/oauth/authorize?{urlencode(parameters)}"


@pytest.fixture
def party(app):
    return make_client(app, client_name="Grafana", redirect_uris=["https://app.example/cb"])


@pytest.mark.parametrize(
    "name", ["ana", "ANA", " ana ", "ana@people.example", "Ana@People.Example", "\uff41\uff4e\uff41"]
)
def test_a_person_signs_in_by_user_name_or_address_in_any_spelling(app, ana, visitor, name):
    answer = visitor.sign_in(name)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert visitor.session_cookie
    assert rows(app, select(BrowserSession.person_id)) == [ana.id]


def test_a_session_tells_how_and_on_what_somebody_signed_in(app, ana, visitor):
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    visitor.submit(
        visitor.form("/login"), username="ana", password=PASSWORD, options={"headers": {"User-Agent": agent}}
    )
    (session,) = rows(app, select(BrowserSession))
    assert (session.amr, session.user_agent, session.address) == (["pwd"], "Firefox on Linux", "127.0.0.1")
    assert rows(app, select(KnownDevice.person_id)) == [ana.id]
    assert rows(app, select(Person.last_sign_in_at))[0] is not None


@pytest.mark.parametrize(
    ("name", "password", "says"),
    [
        ("ana", "wrong", "don’t match"),
        ("nobody", PASSWORD, "don’t match"),
        ("", PASSWORD, "Enter your username"),
        ("ana", "", "Enter your password"),
        ("ana", f" {PASSWORD}", "don’t match"),
    ],
)
def test_a_failed_try_says_so_next_to_the_field(ana, visitor, name, password, says):
    answer = visitor.sign_in(name, password)
    assert answer.status_code == 400
    assert says in answer.text
    assert "<title>Error: Sign in" in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert visitor.session_cookie is None
    if password.strip():
        assert password not in answer.text


def test_the_name_that_was_typed_is_kept(ana, visitor):
    assert 'value="ana"' in visitor.sign_in("ana", "wrong").text


def test_the_page_names_the_app_and_where_it_leads(app, visitor, party):
    page = visitor.visit(authorize(party)).text
    assert "<title>Sign in to Grafana · Doorward</title>" in page
    assert "Next stop: <b>app.example</b>" in page
    assert "localhost:8000" in page


def test_the_page_links_to_what_the_app_says_of_itself(app, visitor):
    links = {"policy_uri": "https://app.example/privacy", "tos_uri": "https://app.example/terms"}
    party = make_client(app, redirect_uris=["https://app.example/cb"], **links)
    page = visitor.visit(authorize(party)).text
    assert all(f'href="{link}"' in page for link in links.values())


def test_login_hint_fills_the_name_in(visitor, party):
    assert 'value="ana@people.example"' in visitor.visit(authorize(party, login_hint="ana@people.example")).text


def test_a_sign_in_leads_back_to_the_app(app, ana, visitor, party):
    form = forms_of(visitor.visit(authorize(party)).text)[0]
    answer = visitor.submit(form, username="ana", password=PASSWORD)
    assert answer.status_code == 303
    assert re.fullmatch(r"/oauth/authorize/[\w-]{43}", answer.headers["Location"])
    answer = visitor.visit(answer.headers["Location"])
    assert answer.headers["Location"].startswith("https://app.example/cb?")


def test_a_plain_visit_makes_no_interaction(app, visitor):
    visitor.visit("/login")
    visitor.visit("/")
    assert rows(app, select(Interaction.id)) == []


def test_whoever_is_signed_in_is_not_asked_again(ana, visitor):
    visitor.sign_in("ana")
    answer = visitor.open("/login")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


def test_a_guarded_page_comes_back_after_the_sign_in(ana, visitor):
    answer = visitor.open("/account?tab=2")
    assert answer.status_code == 303
    answer = visitor.submit(visitor.form(answer.headers["Location"]), username="ana", password=PASSWORD)
    assert visitor.open(answer.headers["Location"]).headers["Location"] == "/account?tab=2"


def test_five_tabs_end_at_their_own_requests(ana, visitor, party):
    tabs = [forms_of(visitor.visit(authorize(party, state=f"tab-{number}")).text)[0] for number in range(5)]
    answer = visitor.submit(tabs[2], username="ana", password=PASSWORD)
    assert "state=tab-2" in visitor.visit(answer.headers["Location"]).headers["Location"]
    # The other tabs hold a form of before the sign-in; nothing is signed in with it, and it leads on.
    cookie, answer = visitor.session_cookie, visitor.submit(tabs[4], username="ana", password=PASSWORD)
    assert (answer.status_code, answer.headers["Location"]) == (303, tabs[4].action)
    assert visitor.session_cookie == cookie
    for number in (0, 1, 3, 4):
        assert f"state=tab-{number}" in visitor.visit(tabs[number].action).headers["Location"]


def test_an_old_form_is_refused_to_whoever_is_not_signed_in(ana, visitor, party):
    form = visitor.form(authorize(party))
    answer = visitor.submit(form, username="ana", password=PASSWORD, csrf_token="old")
    assert answer.status_code == 400
    assert visitor.session_cookie is None
    assert f'href="{form.action}"' in answer.text


def test_a_tab_of_eight_hours_ago_still_signs_in(app, ana, visitor, party):
    form = forms_of(visitor.visit(authorize(party)).text)[0]
    with app.app_context(), transaction() as session:
        session.execute(
            update(Interaction).values(
                created_at=Interaction.created_at, expires_at=clock.utc_now() + timedelta(hours=16)
            )
        )
    assert visitor.submit(form, username="ana", password=PASSWORD).status_code == 303


def test_a_sign_in_that_took_too_long_is_explained(app, ana, visitor, party):
    form = forms_of(visitor.visit(authorize(party)).text)[0]
    with app.app_context(), transaction() as session:
        session.execute(update(Interaction).values(expires_at=clock.utc_now()))
    answer = visitor.submit(form, username="ana", password=PASSWORD)
    assert answer.status_code == 410
    assert "This sign-in has run out" in answer.text


def test_a_disabled_person_is_told_so_after_the_right_password_alone(app, ana, visitor):
    disable_person(app, ana.id)
    wrong = visitor.sign_in("ana", "wrong")
    right = visitor.sign_in("ana")
    assert (wrong.status_code, right.status_code) == (400, 403)
    assert "switched off" not in wrong.text
    assert "switched off" in right.text
    assert visitor.session_cookie is None


def test_a_hash_under_old_parameters_is_made_anew(app, ana, visitor):
    import argon2

    old = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    with app.app_context(), transaction() as session:
        session.execute(update(Person).values(password_hash=old))
    assert visitor.sign_in("ana").status_code == 303
    (new,) = rows(app, select(Person.password_hash))
    assert "m=19456,t=2,p=1" in new
    assert Visitor(app).sign_in("ana").status_code == 303


def test_when_no_place_to_hash_is_left_a_plain_page_says_when_to_come_back(app, ana, visitor):
    form = visitor.form("/login")
    with app.app_context():
        hasher = app.extensions["idp"][PasswordHasher]
    hasher._places._free, hasher._places._most_waiting = 0, 0
    answer = visitor.submit(form, username="ana", password=PASSWORD)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "Many people are signing in" in answer.text
    hasher._places._free = 1
    # The try was given back.
    assert rows(app, select(ThrottleCounter.failures)) == [0, 0, 0]
    assert visitor.submit(form, username="ana", password=PASSWORD).status_code == 303


def test_sign_ins_and_failures_are_audited(app, ana, visitor):
    visitor.sign_in("ana", "wrong")
    visitor.sign_in("nobody", "wrong")
    visitor.sign_in("ana")
    events = rows(app, select(AuditEvent).where(AuditEvent.type.startswith("person.")).order_by(AuditEvent.row))
    assert [(event.type, event.target_id, event.actor_id) for event in events] == [
        ("person.sign_in_failed", ana.id, ""),
        ("person.sign_in_failed", "", ""),
        ("person.signed_in", ana.id, ana.id),
    ]
    assert events[0].detail == {"reason": "wrong_password", "device": "Unknown browser"}
    assert all(event.address == "127.0.0.1" and event.request_id.startswith("req_") for event in events)


def test_reauthentication_asks_for_the_password_of_the_same_person(app, ana, visitor):
    visitor.sign_in("ana")
    before = visitor.session_cookie
    with app.app_context(), transaction() as session:
        session.execute(update(BrowserSession).values(auth_time=clock.utc_now() - timedelta(minutes=6)))
    form = visitor.form("/reauth")
    assert visitor.submit(form, password="wrong").status_code == 400
    assert visitor.session_cookie == before
    # The name in the form is for password managers; whose password it is, is not up to it.
    make_person(app, "eve", password="another good password")
    assert visitor.submit(form, username="eve", password="another good password").status_code == 400
    assert visitor.submit(form, password=PASSWORD).status_code == 303
    assert visitor.session_cookie != before
    (session,) = rows(app, select(BrowserSession))
    assert clock.utc_now() - session.auth_time < timedelta(minutes=1)
    assert Visitor(app).open("/reauth", headers={"Cookie": f"idp={before}"}).headers["Location"] == "/login"


def test_reauthentication_leads_back_to_what_waited(app, ana, visitor):
    visitor.sign_in("ana")
    (browser,) = rows(app, select(KnownDevice.browser))
    with app.app_context(), transaction() as session:
        session.execute(update(BrowserSession).values(auth_time=clock.utc_now() - timedelta(minutes=6)))
        waiting = interactions.begin(
            session,
            resume_endpoint="login.resume_page",
            client_id=None,
            parameters={"path": "/account/password"},
            browser=browser,
            now=clock.utc_now(),
        )
    answer = visitor.submit(visitor.form(f"/reauth?interaction={waiting.id}"), password=PASSWORD)
    assert visitor.open(answer.headers["Location"]).headers["Location"] == "/account/password"


def test_another_account_can_be_used_instead(app, ana, visitor, party):
    make_person(app, "ben", password=PASSWORD)
    visitor.sign_in("ana")
    answer = visitor.open(authorize(party, prompt="login"))
    where = answer.headers["Location"]
    assert "You are signed in as Ana Ruiz" in visitor.open(where).text
    page = visitor.open(f"{where}&account=other")
    answer = visitor.submit(forms_of(page.text)[0], username="ben", password=PASSWORD)
    assert visitor.visit(answer.headers["Location"]).headers["Location"].startswith("https://app.example/cb?")


def test_eight_people_sign_in_at_once_each_as_themselves(app):
    people = {make_person(app, f"p{number}", password=PASSWORD).id: f"p{number}" for number in range(8)}
    visitors = {name: Visitor(app) for name in people.values()}
    forms = {name: one.form("/login") for name, one in visitors.items()}

    def enter(name):
        return visitors[name].submit(forms[name], username=name, password=PASSWORD).status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(enter, visitors)) == {303}
    for person_id, name in people.items():
        with app.test_request_context(
            "/", base_url="http://localhost:8000", headers={"Cookie": f"idp={visitors[name].session_cookie}"}
        ):
            from idp.login.browser import current_session

            assert current_session().person_id == person_id
