"""Sessions and pending requests as the pages keep them, on each database."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from idp import clock
from idp.db import db, transaction
from idp.errors import InteractionExpired, InteractionForeign, InvalidRequest
from idp.interactions import store as interactions
from idp.sessions import store as sessions
from idp.sessions.models import SessionClient
from idp.settings import Settings
from idp.vault import Secrets
from idp.web.current import service
from tests.factories import make_client, make_person

IDLE = timedelta(hours=8)


@pytest.fixture
def now():
    return clock.utc_now()


@pytest.fixture
def person(app):
    return make_person(app, "ana")


def start(session, person, now):
    return sessions.start(
        session,
        person_id=person.id,
        amr=["pwd"],
        acr="1",
        user_agent="",
        address="127.0.0.1",
        settings=service(Settings),
        now=now,
    )


def begin(session, now, browser="b" * 64, **parameters):
    return interactions.begin(
        session,
        resume_endpoint="login.resume_page",
        client_id=None,
        parameters={"path": "/", **parameters},
        browser=browser,
        now=now,
    )


def test_a_cookie_finds_its_session_and_is_itself_not_kept(app, person, now):
    with app.app_context(), transaction() as session:
        row, cookie = start(session, person, now)
        view = sessions.load(session, cookie, idle=IDLE, now=now)
        assert (view.id, view.person_id, view.username, view.amr) == (row.id, person.id, "ana", ("pwd",))
        assert cookie not in str(vars(row))
        assert sessions.load(session, row.fingerprint, idle=IDLE, now=now) is None
        assert sessions.load(session, "", idle=IDLE, now=now) is None


def test_all_sessions_but_one_end_together(app, person, now):
    with app.app_context(), transaction() as session:
        kept, _ = start(session, person, now)
        others = [start(session, person, now)[0].id for _ in range(3)]
        assert sessions.end_all(session, person.id, now, keep=kept.id) == sorted(others)
        assert [row.id for row in sessions.live(session, person.id, now)] == [kept.id]
        assert not sessions.end(session, "ses_unknown", now)


def test_an_app_is_noted_once_and_knows_the_session_by_a_name_of_its_own(app, person, now):
    one, other = make_client(app), make_client(app)
    with app.app_context(), transaction() as session:
        row, _ = start(session, person, now)
        for _ in range(2):
            sessions.note_client(session, row.id, one.client_id, now)
        assert session.execute(select(SessionClient.client_id)).scalars().all() == [one.client_id]
        assert sessions.clients_of(session, [row.id]) == {row.id: [one.client_id]}
        secrets = service(Secrets)
        sid = sessions.sid(secrets, row.id, one.client_id)
        assert sid == sessions.sid(secrets, row.id, one.client_id)
        assert sid != sessions.sid(secrets, row.id, other.client_id)
        assert row.id not in sid


def test_what_ended_long_ago_is_deleted(app, person, now):
    with app.app_context(), transaction() as session:
        start(session, person, now - timedelta(days=3))
        start(session, person, now)
        sessions.remember_device(session, "d" * 64, person.id, now - timedelta(days=401))
        assert sessions.purge(session, now, idle=IDLE) == 2
        assert not sessions.known_device(session, "d" * 64, person.id)


def test_the_first_browser_to_come_gets_an_unbound_request(app, now):
    with app.app_context(), transaction() as session:
        waiting = begin(session, now, browser=None)
        with pytest.raises(InteractionForeign):
            interactions.load(session, waiting.id, browser=None, now=now)
        assert interactions.load(session, waiting.id, browser="c" * 64, now=now).browser == "c" * 64
        with pytest.raises(InteractionForeign):
            interactions.load(session, waiting.id, browser="d" * 64, now=now)


def test_a_request_is_completed_once_and_lives_a_day(app, now):
    with app.app_context(), transaction() as session:
        waiting = begin(session, now)
        assert interactions.complete(session, waiting.id, now)
        assert not interactions.complete(session, waiting.id, now)
        with pytest.raises(InteractionExpired):
            interactions.load(session, waiting.id, browser="b" * 64, now=now + timedelta(hours=24))
        # Run out, it still names its app for a week.
        assert interactions.purge(session, now + timedelta(days=7)) == 0
        assert interactions.purge(session, now + timedelta(days=8)) == 1


@pytest.mark.parametrize("interaction_id", ["", "x", "a" * 65, "' OR 1=1"])
def test_an_unknown_request_is_expired(app, now, interaction_id):
    with app.app_context(), transaction() as session, pytest.raises(InteractionExpired):
        interactions.load(session, interaction_id, browser="b" * 64, now=now)


def test_a_request_has_twenty_kib_at_most(app, now):
    with app.app_context(), transaction() as session:
        begin(session, now, state="s" * 20_000)
        with pytest.raises(InvalidRequest):
            begin(session, now, state="ä" * 11_000)


def test_a_decision_belongs_to_who_made_it(app, now):
    with app.app_context(), transaction() as session:
        waiting = begin(session, now)
        interactions.consented(session, waiting, {"openid", "email"}, "usr_a")
        assert interactions.consent_of(waiting, "usr_a") == {"openid", "email"}
        assert interactions.consent_of(waiting, "usr_b") is None
        interactions.denied(session, waiting, "usr_b", now)
        assert interactions.consent_of(waiting, "usr_a") is None
        assert (interactions.is_denied(waiting, "usr_b"), interactions.is_denied(waiting, "usr_a")) == (True, False)
        assert db.session() is session
