"""Every way in which a person or an administrator ends a session tells the apps that it reached."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from idp import clock
from idp.consents import store as consents
from idp.db import db, transaction
from idp.deliveries.models import Delivery
from idp.deliveries.store import LOGOUT_TOKEN
from idp.sessions import store as sessions
from idp.sessions.models import BrowserSession
from tests import factories
from tests.visitor import PASSWORD, Visitor, forms_of

NEW_PASSWORD = "another correct horse battery"
# Mails are deliveries, too.
_LOGOUTS = select(Delivery).where(Delivery.kind == LOGOUT_TOKEN)


@pytest.fixture
def notes(app):
    return factories.make_client(app, client_id="notes", backchannel_logout_uri="https://notes.example/out")


@pytest.fixture
def ana(app):
    return factories.make_person(app, "ana", password=PASSWORD)


def reach(app, session_id, client_id="notes"):
    with app.app_context(), transaction() as session:
        assert sessions.note_client(session, session_id, client_id, clock.utc_now())


def signed_in(app, person, client_id="notes"):
    """Return a visitor with a session that has reached the app, and the session's id."""
    visitor = Visitor(app)
    session_id = factories.sign_in(app, visitor.client, person)
    reach(app, session_id, client_id)
    return visitor, session_id


def told(app):
    """Return the sessions that apps are told of."""
    with app.app_context():
        return {row.facts["session_id"] for row in db.session.execute(_LOGOUTS).scalars()}


def post(visitor, path):
    token = visitor.form("/account/password").values["csrf_token"]
    return visitor.open(path, "POST", data={"csrf_token": token})


def test_signing_out_in_the_portal(app, notes, ana):
    visitor, here = signed_in(app, ana)
    _, elsewhere = signed_in(app, ana)
    assert post(visitor, "/logout/confirm").status_code == 303
    assert told(app) == {here}
    assert elsewhere != here


def test_signing_out_one_other_device(app, notes, ana):
    visitor, _ = signed_in(app, ana)
    _, other = signed_in(app, ana)
    signed_in(app, ana)
    post(visitor, f"/account/sessions/{other}/end")
    assert told(app) == {other}


def test_signing_out_all_other_devices(app, notes, ana):
    visitor, here = signed_in(app, ana)
    others = {signed_in(app, ana)[1] for _ in range(2)}
    post(visitor, "/account/sessions/end-others")
    assert told(app) == others
    assert here not in others


def test_changing_the_password(app, notes, ana):
    visitor, _ = signed_in(app, ana)
    _, other = signed_in(app, ana)
    form = visitor.form("/account/password")
    answer = visitor.submit(form, current_password=PASSWORD, new_password=NEW_PASSWORD)
    assert answer.status_code == 303
    assert told(app) == {other}


def test_what_an_administrator_ends(app, notes, ana):
    admin = Visitor(app)
    factories.sign_in(app, admin.client, factories.make_person(app, "root", is_admin=True))
    _, first = signed_in(app, ana)
    post(admin, f"/admin/users/{ana.id}/sign-out")
    assert told(app) == {first}


def test_taking_an_apps_access_back_tells_that_app_alone(app, notes, ana):
    factories.make_client(app, client_id="wiki", backchannel_logout_uri="https://wiki.example/out")
    visitor, here = signed_in(app, ana)
    reach(app, here, "wiki")
    with app.app_context(), transaction() as session:
        consents.remember(session, ana.id, "notes", ["openid"], now=clock.utc_now())
    assert post(visitor, "/account/connected/notes/remove").status_code == 303
    with app.app_context():
        assert [row.client_id for row in db.session.execute(select(Delivery)).scalars()] == ["notes"]


def test_another_person_in_the_same_browser(app, notes, ana):
    factories.make_person(app, "bea", password=PASSWORD)
    visitor, before = signed_in(app, ana)
    form = forms_of(visitor.visit("/login?account=other").text)[0]
    assert visitor.submit(form, username="bea", password=PASSWORD).status_code == 303
    assert told(app) == {before}


def test_the_same_person_anew_keeps_the_session_and_tells_nobody(app, notes, ana):
    visitor, before = signed_in(app, ana)
    cookie = visitor.session_cookie
    with app.app_context():
        ends_at = db.session.get(BrowserSession, before).expires_at
    with time_machine.travel(clock.utc_now() + timedelta(hours=1), tick=False):
        form = forms_of(visitor.visit("/login?account=other").text)[0]
        assert visitor.submit(form, username="ana", password=PASSWORD).status_code == 303
        with app.app_context():
            [row] = db.session.execute(select(BrowserSession).where(BrowserSession.ended_at.is_(None))).scalars()
            assert row.id == before
            assert row.auth_time == clock.utc_now()
            assert row.expires_at >= ends_at + timedelta(hours=1)
    assert visitor.session_cookie != cookie
    assert told(app) == set()


def test_nothing_is_issued_from_a_session_that_ended_meanwhile(app, notes, ana):
    _, here = signed_in(app, ana)
    with app.app_context(), transaction() as session:
        assert sessions.end(session, here, clock.utc_now())
        assert not sessions.note_client(session, here, "notes", clock.utc_now())
