"""A person's own pages: apps, profile, password, sessions, connected apps."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from idp import clock
from idp.accounts import store
from idp.audit.models import AuditEvent
from idp.consents import store as consents
from idp.db import db, transaction
from idp.sessions import store as sessions
from idp.sessions.models import BrowserSession
from idp.settings import Settings
from idp.tokens.models import Grant
from idp.web.current import service
from idp.web.language import LANGUAGES
from tests import factories
from tests.visitor import PASSWORD, Visitor

NEW = "an entirely new passphrase"


@pytest.fixture
def ana(app):
    return factories.make_person(app, "ana", password=PASSWORD)


@pytest.fixture
def visitor(app, ana):
    """A browser in which Ana is signed in."""
    found = Visitor(app)
    factories.sign_in(app, found.client, ana)
    return found


def grant(app, person_id, client_id, session_id="ses_none", **changes):
    """Make a live grant with a redeemed code, as an app's sign-in leaves it."""
    now = clock.utc_now()
    with app.app_context(), transaction() as session:
        row = Grant(
            id=f"grt_{len(session.execute(select(Grant)).all())}",
            client_id=client_id,
            person_id=person_id,
            session_id=session_id,
            code_fingerprint=f"{person_id}{client_id}{session_id}"[-64:],
            code_expires_at=now,
            code_consumed_at=now,
            redirect_uri="https://app.example/cb",
            scope="openid email",
            resources=[],
            auth_time=now,
            amr=["pwd"],
            acr="1",
            created_at=now,
            expires_at=now + timedelta(days=1),
            **changes,
        )
        session.add(row)
        return row.id


def is_live(app, grant_id):
    with app.app_context():
        return db.session().get(Grant, grant_id).revoked_at is None


def other_session(app, person_id, client_id=None):
    with app.app_context(), transaction() as session:
        row, cookie = sessions.start(
            session,
            person_id=person_id,
            amr=["pwd"],
            acr="1",
            user_agent="Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:126.0) Gecko/20100101 Firefox/126.0",
            address="198.51.100.24",
            settings=service(Settings),
            now=clock.utc_now(),
        )
        if client_id:
            sessions.note_client(session, row.id, client_id, clock.utc_now())
        return row.id, cookie


def audited(app, kind):
    with app.app_context():
        return list(db.session().execute(select(AuditEvent).where(AuditEvent.type == kind)).scalars())


# Apps


def test_without_apps_the_launcher_says_who_adds_them(app, visitor):
    assert "Your administrator adds them" in visitor.visit("/").text
    admin = Visitor(app)
    factories.sign_in(app, admin.client, factories.make_person(app, is_admin=True))
    assert "Add your first app" in admin.visit("/").text


def test_the_launcher_opens_each_app_where_it_begins(app, visitor):
    factories.make_client(
        app, client_name="One", client_uri="https://one.example/", initiate_login_uri="https://one.example/go"
    )
    factories.make_client(app, client_name="Two", client_uri="https://two.example/home")
    sso = factories.make_client(
        app,
        client_name="Three",
        redirect_uris=None,
        grant_types=[],
        jwt_sso={"delivery_uri": "https://three.example/sso"},
    )
    factories.make_client(app, client_name="Nowhere")
    off = factories.make_client(app, client_name="Switched off", client_uri="https://off.example/")
    factories.disable_client(app, off.client_id)
    page = visitor.visit("/").text
    for href in (
        "https://one.example/go?iss=http%3A%2F%2Flocalhost%3A8000",
        "https://two.example/home",
        f"/sso/{sso.client_id}",
    ):
        assert f'href="{href}"' in page
    assert "Nowhere" not in page
    assert "Switched off" not in page
    assert 'type="search"' not in page


def test_many_apps_can_be_searched_and_the_used_ones_come_first(app, ana, visitor):
    made = [
        factories.make_client(app, client_name=f"Tool {number}", client_uri=f"https://t{number}.example/")
        for number in range(9)
    ]
    grant(app, ana.id, made[7].client_id)
    page = visitor.visit("/").text
    assert 'type="search"' in page
    assert page.index("Recently used") < page.index("Tool 7") < page.index("All apps")
    found = visitor.visit("/?q=tool+3").text
    assert "Tool 3" in found
    assert "Tool 4" not in found
    assert "No app matches" in visitor.visit("/?q=nothing").text


# Profile


def test_a_profile_is_saved_and_audited(app, ana, visitor):
    form = visitor.form("/account")
    answer = visitor.submit(form, name="Ana María Ruiz", locale="es", phone_number="+34 555 0100")
    assert (answer.status_code, answer.location) == (303, "/account")
    assert "Saved." in visitor.visit("/account").text
    with app.app_context():
        person = store.find(db.session(), ana.id)
        assert (person.name, person.claims) == ("Ana María Ruiz", {"locale": "es", "phone_number": "+34 555 0100"})
    entry = audited(app, "person.changed")[0]
    assert {change["field"] for change in entry.detail["changes"]} == {"name", "locale", "phone_number"}


EVERY_FIELD = {
    "name": "Ana Luz Ruiz",
    "given_name": "Ana",
    "middle_name": "Luz",
    "family_name": "Ruiz",
    "nickname": "ani",
    "profile": "https://people.example/ana",
    "picture": "https://people.example/ana.png",
    "website": "https://ana.example",
    "gender": "female",
    "birthdate": "1990-05-17",
    "zoneinfo": "Europe/Madrid",
    "locale": "es-ES",
    "phone_number": "+34 555 0100",
    "address_formatted": "Calle Mayor 1\r\n28013 Madrid",
    "address_street_address": "Calle Mayor 1",
    "address_locality": "Madrid",
    "address_region": "Comunidad de Madrid",
    "address_postal_code": "28013",
    "address_country": "España",
}


def test_every_standard_claim_can_be_seen_and_changed_by_the_person(app, ana, visitor):
    assert visitor.submit(visitor.form("/account"), **EVERY_FIELD).status_code == 303
    with app.app_context():
        person = store.find(db.session(), ana.id)
        found = dict(person.claims)
        assert person.name == "Ana Luz Ruiz"
    address = found.pop("address")
    assert found == {
        name: value for name, value in EVERY_FIELD.items() if name != "name" and not name.startswith("address_")
    }
    assert address == {
        name.removeprefix("address_"): value.replace("\r\n", "\n")
        for name, value in EVERY_FIELD.items()
        if name.startswith("address_")
    }
    shown = visitor.form("/account").values
    assert {name: shown[name].replace("\r\n", "\n") for name in EVERY_FIELD} == {
        name: value.replace("\r\n", "\n") for name, value in EVERY_FIELD.items()
    }
    assert visitor.submit(visitor.form("/account"), **dict.fromkeys(EVERY_FIELD, "")).status_code == 303
    with app.app_context():
        assert store.find(db.session(), ana.id).claims == {}


def test_people_choose_among_our_languages_and_keep_another_one(app, ana, visitor):
    page = visitor.visit("/account").text
    assert [page.count(f'<option value="{tag}">{name}</option>') for tag, name in LANGUAGES.items()] == [1] * 6
    assert '<option value="" selected>As my browser says</option>' in page
    with app.app_context(), transaction() as session:
        store.update(
            session, store.find(session, ana.id), changes={"claims": {"locale": "gsw-CH"}}, now=clock.utc_now()
        )
    assert '<option value="gsw-CH" selected>gsw-CH</option>' in visitor.visit("/account").text
    assert visitor.submit(visitor.form("/account"), nickname="ani").status_code == 303
    with app.app_context():
        assert store.find(db.session(), ana.id).claims == {"locale": "gsw-CH", "nickname": "ani"}


def test_another_phone_number_is_not_verified(app, ana, visitor):
    verified = {"phone_number": "+34 555 0100", "phone_number_verified": True}
    with app.app_context(), transaction() as session:
        store.update(session, store.find(session, ana.id), changes={"claims": verified}, now=clock.utc_now())
    assert "verified to be yours" in visitor.visit("/account").text
    assert visitor.submit(visitor.form("/account"), nickname="ani").status_code == 303
    with app.app_context():
        assert store.find(db.session(), ana.id).claims == verified | {"nickname": "ani"}
    changed = {"phone_number": "+34 555 0199", "phone_number_verified": "1"}
    assert visitor.submit(visitor.form("/account"), **changed).status_code == 303
    with app.app_context():
        assert store.find(db.session(), ana.id).claims == {"phone_number": "+34 555 0199", "nickname": "ani"}
    assert "verified to be yours" not in visitor.visit("/account").text


def test_a_zone_that_is_none_is_refused_by_its_field(visitor):
    answer = visitor.submit(visitor.form("/account"), zoneinfo="europe/madrid", address_country="x" * 301)
    assert answer.status_code == 400
    assert "The time zone is written Europe/Madrid." in answer.text
    assert 'id="address_country-error"' in answer.text


def test_faults_stand_by_their_fields_and_what_was_typed_stays(visitor):
    form = visitor.form("/account")
    answer = visitor.submit(form, name="x" * 201, website="javascript:alert(1)", nickname="ani")
    assert answer.status_code == 400
    assert "<title>Error: " in answer.text
    for name in ("name", "website"):
        assert f'id="{name}-error"' in answer.text
    assert 'value="javascript:alert(1)"' in answer.text
    assert 'value="ani"' in answer.text


def test_M06_a_profile_takes_no_other_field(app, ana, visitor):
    form = visitor.form("/account")
    extra = {
        "is_admin": "1",
        "username": "root",
        "email": "root@people.example",
        "email_verified": "1",
        "phone_number_verified": "1",
        "disabled_at": "",
        "password_hash": "x",
        "sub": "usr_x",
    }
    assert visitor.submit(form, **extra, nickname="ani").status_code == 303
    with app.app_context():
        person = store.find(db.session(), ana.id)
        assert (person.username, person.email, person.is_admin) == ("ana", ana.email, False)
        assert person.claims == {"nickname": "ani"}


# Password


def test_L22_a_new_password_ends_everything_else(app, ana, visitor):
    client = factories.make_client(app)
    here = grant(app, ana.id, client.client_id)
    other, other_cookie = other_session(app, ana.id)
    old_cookie = visitor.session_cookie
    assert "This signs out 1 other device" in visitor.visit("/account/password").text
    answer = visitor.submit(visitor.form("/account/password"), current_password=PASSWORD, new_password=NEW)
    assert (answer.status_code, answer.location) == (303, "/account/password")
    assert visitor.session_cookie not in {old_cookie, other_cookie}
    assert "We signed out 1 other device." in visitor.visit("/account/password").text
    assert not is_live(app, here)
    for cookie in (old_cookie, other_cookie):
        stale = Visitor(app)
        stale.client.set_cookie(stale.session_cookie_name, cookie, domain="localhost")
        assert stale.open("/account").status_code == 303
    assert Visitor(app).sign_in("ana").status_code != 303
    assert Visitor(app).sign_in("ana", NEW).status_code == 303
    entry = audited(app, "password.changed")[0]
    assert entry.detail == {"sessions": 1, "grants": 1, "how": "changed"}
    with app.app_context():
        assert db.session().get(BrowserSession, other).ended_at is not None


@pytest.mark.parametrize(
    ("current", "new", "field"),
    [
        ("wrong", NEW, "current_password"),
        (PASSWORD, "short", "new_password"),
        (PASSWORD, PASSWORD, "new_password"),
        (PASSWORD, "ana@people.example", "new_password"),
        (PASSWORD, "", "new_password"),
    ],
)
def test_a_password_that_does_not_fit_changes_nothing(app, visitor, current, new, field):
    answer = visitor.submit(visitor.form("/account/password"), current_password=current, new_password=new)
    assert answer.status_code == 400
    assert f'id="{field}-error"' in answer.text
    assert Visitor(app).sign_in("ana").status_code == 303


def test_guessing_the_present_password_is_slowed_down(app, visitor):
    form = visitor.form("/account/password")
    answers = [visitor.submit(form, current_password=f"guess {number}", new_password=NEW) for number in range(6)]
    assert [answer.status_code for answer in answers] == [400] * 5 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert visitor.submit(form, current_password=PASSWORD, new_password=NEW).status_code == 429
    assert len(audited(app, "person.sign_in_failed")) == 5


# Sessions


def test_sessions_show_devices_and_end_one_by_one(app, ana, visitor):
    client = factories.make_client(app, client_name="Notes")
    other, cookie = other_session(app, ana.id, client.client_id)
    third, _ = other_session(app, ana.id)
    there = grant(app, ana.id, client.client_id, other)
    page = visitor.visit("/account/sessions").text
    assert page.index("This device") < page.index("Firefox on Windows")
    assert "Reached Notes" in page
    token = visitor.form("/account/sessions").values["csrf_token"]
    assert visitor.open(f"/account/sessions/{other}/end", "POST", data={"csrf_token": token}).status_code == 303
    stale = Visitor(app)
    stale.client.set_cookie(stale.session_cookie_name, cookie, domain="localhost")
    assert stale.open("/account").status_code == 303
    assert not is_live(app, there)
    token = visitor.form("/account/sessions").values["csrf_token"]
    assert visitor.open("/account/sessions/end-others", "POST", data={"csrf_token": token}).status_code == 303
    with app.app_context():
        assert db.session().get(BrowserSession, third).ended_at is not None
    assert "Just this device" in visitor.visit("/account/sessions").text
    assert len(audited(app, "session.ended")) == len(audited(app, "session.all_ended")) == 1


def test_M02_nobody_ends_or_sees_what_is_somebody_elses(app, visitor):
    bob = factories.make_person(app, "bob")
    client = factories.make_client(app, client_name="Secret app")
    session_id, _ = other_session(app, bob.id, client.client_id)
    held = grant(app, bob.id, client.client_id, session_id)
    with app.app_context(), transaction() as session:
        consents.remember(session, bob.id, client.client_id, ["openid"], now=clock.utc_now())
    token = {"csrf_token": visitor.form("/account/password").values["csrf_token"]}
    assert visitor.open(f"/account/sessions/{session_id}/end", "POST", data=token).status_code == 404
    assert visitor.open(f"/account/connected/{client.client_id}/remove").status_code == 404
    assert visitor.open(f"/account/connected/{client.client_id}/remove", "POST", data=token).status_code == 404
    for page in ("/account/sessions", "/account/connected"):
        assert "Secret app" not in visitor.visit(page).text
    assert is_live(app, held)
    with app.app_context():
        assert db.session().get(BrowserSession, session_id).ended_at is None
        assert consents.granted(db.session(), bob.id, client.client_id)


# Connected apps


def profile(visitor):
    return visitor.visit("/account").text


def test_access_is_taken_back_with_all_that_came_of_it(app, ana, visitor):
    assert "No app has access" in visitor.visit("/account/connected").text
    client = factories.make_client(app, client_name="Notes")
    held = grant(app, ana.id, client.client_id)
    with app.app_context(), transaction() as session:
        consents.remember(session, ana.id, client.client_id, ["openid", "email", "groups"], now=clock.utc_now())
    page = visitor.visit("/account/connected").text
    assert "See your email address" in page
    assert "See which groups you are in" in page
    seen = dict(re.findall(r'facts__label">([^<]*)</dt><dd class="facts__value">([^<]*)</dd>', profile(visitor)))
    assert (seen["See your email address"], seen["See your phone number"]) == ("Notes", "No app")
    path = f"/account/connected/{client.client_id}/remove"
    assert "1 sign-in there stops working" in visitor.visit(path).text
    answer = visitor.open(path, "POST", data={"csrf_token": visitor.form("/account/password").values["csrf_token"]})
    assert (answer.status_code, answer.location) == (303, "/account/connected")
    assert not is_live(app, held)
    with app.app_context():
        assert not consents.granted(db.session(), ana.id, client.client_id)
    entry = audited(app, "consent.removed")[0]
    assert (entry.target_id, entry.detail["grants"]) == (client.client_id, 1)
    assert visitor.open(path).status_code == 404


@pytest.mark.parametrize(
    "path", ["/", "/account", "/account/security", "/account/password", "/account/sessions", "/account/connected"]
)
def test_own_pages_ask_for_a_sign_in_and_come_back(app, ana, path):
    stranger = Visitor(app)
    assert stranger.open(path).status_code == 303
    answer = stranger.sign_in("ana", path=path)
    while answer.status_code == 303 and answer.location != path:
        answer = stranger.open(answer.location)
    assert path in {answer.location, "/"}


def test_M11_nothing_changes_by_get(app, ana, visitor):
    other, _ = other_session(app, ana.id)
    for path in (f"/account/sessions/{other}/end", "/account/sessions/end-others"):
        assert visitor.open(path).status_code in {404, 405}
    visitor.open("/account?name=Changed&csrf_token=x")
    with app.app_context():
        assert db.session().get(BrowserSession, other).ended_at is None
        assert store.find(db.session(), ana.id).name == "Ana Ruiz"
