"""A password that changes while somebody signs in with the old one, who is at the point of getting a session."""

from __future__ import annotations

import threading

from idp import clock
from idp.accounts import store
from idp.admin import lifecycle
from idp.audit.log import COMMAND_LINE
from idp.db import db, transaction
from idp.login import attempts
from idp.login.attempts import Proof
from idp.sessions import store as sessions
from idp.settings import Settings
from idp.web.current import service
from idp.web.throttle import Reservation
from tests.factories import make_person

_OLD, _NEW = "old hash", "new hash"


def test_L22_a_sign_in_under_way_does_not_outlive_the_old_password(app):
    person = make_person(app, "ana", password_hash=_OLD)
    accepted, changed = threading.Event(), threading.Event()

    def change() -> None:
        accepted.wait(10)
        with app.app_context(), transaction() as session:
            found = store.find(session, person.id)
            lifecycle.set_password(session, found, _NEW, must_change=False, actor=COMMAND_LINE, now=clock.utc_now())
        changed.set()

    changing = threading.Thread(target=change)
    changing.start()
    with app.test_request_context("/login"), transaction() as session:
        proof = Proof(person.id, _OLD, Reservation(()), None, known_device=False)
        assert attempts.accept(session, proof, client_id="") is not None
        accepted.set()
        # The change has to wait for this transaction, so this wait is in vain.
        assert not changed.wait(0.5)
        sessions.start(
            session,
            person_id=person.id,
            amr=("pwd",),
            acr="1",
            user_agent="",
            address="",
            settings=service(Settings),
            now=clock.utc_now(),
        )
    changing.join(10)
    with app.app_context():
        assert sessions.live(db.session(), person.id, clock.utc_now()) == []


def test_whoever_comes_after_the_change_is_refused(app):
    person = make_person(app, "ana", password_hash=_NEW)
    with app.test_request_context("/login"), transaction() as session:
        proof = Proof(person.id, _OLD, Reservation(()), None, known_device=False)
        assert attempts.accept(session, proof, client_id="") is None
