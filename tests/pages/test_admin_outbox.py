"""The outbox: what is to be sent, what arrived, what to do about the rest."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from idp import clock
from idp.audit.models import AuditEvent
from idp.db import db, transaction
from idp.deliveries import mail, store
from idp.deliveries.mail import Mail
from idp.deliveries.models import Delivery
from idp.vault import Vault
from idp.web.current import service
from tests import factories
from tests.visitor import Visitor


@pytest.fixture
def admin(app):
    found = Visitor(app)
    factories.sign_in(app, found.client, factories.make_person(app, "root", is_admin=True))
    return found


@pytest.fixture
def notes(app):
    return factories.make_client(
        app, client_id="notes", client_name="Notes", backchannel_logout_uri="https://notes.example/out"
    )


@pytest.fixture
def ana(app):
    return factories.make_person(app, "ana")


def queue(app, client, person, *, state=store.QUEUED, fault="", ago=timedelta()):
    now = clock.utc_now() - ago
    with app.app_context(), transaction() as session:
        row = store.add(
            session,
            store.LOGOUT_TOKEN,
            now=now,
            facts={"session_id": "ses_1"},
            client_id=client.client_id,
            person_id=person.id,
        )
        row.state, row.fault = state, fault
        row.due_at = now if state == store.QUEUED else None
        return row.id


def state_of(app, delivery):
    with app.app_context():
        row = db.session.get(Delivery, delivery)
        return row.state, row.attempts, row.due_at is not None


def post(admin, path):
    token = admin.form("/account/password").values["csrf_token"]
    return admin.open(path, "POST", data={"csrf_token": token})


def test_an_empty_outbox_says_what_it_is_for(admin):
    page = admin.visit("/admin/outbox").text
    assert "Nothing has been sent yet" in page
    assert "Retry all" not in page


def test_deliveries_are_listed_and_filtered(app, admin, notes, ana):
    wiki = factories.make_client(app, client_id="wiki", client_name="Wiki")
    queue(app, notes, ana, state=store.FAILED, fault="It answered with status 500.")
    queue(app, wiki, ana, state=store.SENT)
    page = admin.visit("/admin/outbox").text
    assert "It answered with status 500." in page
    assert "Notes" in page
    assert "Wiki" in page
    assert "ana" in page
    for query, there in (("state=failed", (True, False)), ("state=sent", (False, True)), ("q=nOt", (True, False)),
                         ("q=wiki", (False, True)), ("state=x", (True, True)), ("older=x", (True, True))):  # fmt: skip
        found = admin.visit(f"/admin/outbox?{query}").text
        assert (">Notes</a>" in found, ">Wiki</a>" in found) == there, query
    assert "Nothing matches" in admin.visit("/admin/outbox?state=given_up").text


def test_mail_and_what_apps_are_told_can_be_looked_at_apart(app, admin, notes, ana):
    queue(app, notes, ana, state=store.FAILED, fault="It answered with status 500.")
    with app.app_context(), transaction() as session:
        letter = Mail(template="password_changed", to="ana@people.example", facts={"name": "Ana"})
        mail.queue(session, service(Vault), letter, now=clock.utc_now())
    both = {"": (True, True), "mail": (False, True), "logout_token": (True, False), "anything": (True, True)}
    for kind, there in both.items():
        page = admin.visit(f"/admin/outbox?kind={kind}").text
        assert ("It answered with status 500." in page, "Password changed" in page) == there, kind
    assert "Nothing matches" in admin.visit("/admin/outbox?kind=mail&state=failed").text
    # What is done to a row leads back to the same list, and is done to what it shows.
    answer = post(admin, "/admin/outbox/retry-failed?kind=mail")
    assert answer.headers["Location"] == "/admin/outbox?kind=mail"
    assert "None has failed." in admin.visit("/admin/outbox").text
    assert post(admin, "/admin/outbox/retry-failed?kind=logout_token").status_code == 303
    assert "1 is tried again now." in admin.visit("/admin/outbox").text


def test_a_failed_one_is_tried_again_and_that_is_in_the_log(app, admin, notes, ana):
    delivery = queue(app, notes, ana, state=store.FAILED, fault="It did not answer in time.")
    assert post(admin, f"/admin/outbox/{delivery}/retry").status_code == 303
    assert state_of(app, delivery) == (store.QUEUED, 0, True)
    with app.app_context():
        entry = db.session.execute(select(AuditEvent).where(AuditEvent.type == "delivery.retried")).scalar_one()
        assert (entry.actor_name, entry.target_name) == ("Ana Ruiz", "Notes")


def test_what_was_sent_cannot_be_sent_again(app, admin, notes, ana):
    delivery = queue(app, notes, ana, state=store.SENT)
    post(admin, f"/admin/outbox/{delivery}/retry")
    assert state_of(app, delivery)[0] == store.SENT
    assert "sent already" in admin.visit("/admin/outbox").text
    assert post(admin, "/admin/outbox/dlv_x/retry").status_code == 404


def test_the_tries_can_be_ended(app, admin, notes, ana):
    delivery = queue(app, notes, ana, fault="It did not answer in time.")
    post(admin, f"/admin/outbox/{delivery}/give-up")
    assert state_of(app, delivery)[0] == store.GIVEN_UP
    assert "Nothing of it waits" not in admin.visit("/admin/outbox").text
    post(admin, f"/admin/outbox/{delivery}/give-up")
    assert "Nothing of it waits" in admin.visit("/admin/outbox").text
    with app.app_context():
        assert db.session.execute(select(AuditEvent.id).where(AuditEvent.type == "delivery.given_up")).all()


def test_all_that_failed_are_tried_again_together(app, admin, notes, ana):
    wiki = factories.make_client(app, client_id="wiki", client_name="Wiki")
    first = queue(app, notes, ana, state=store.FAILED, fault="x")
    second = queue(app, wiki, ana, state=store.FAILED, fault="x")
    post(admin, "/admin/outbox/retry-failed?q=wiki")
    assert (state_of(app, first)[0], state_of(app, second)[0]) == (store.FAILED, store.QUEUED)
    post(admin, "/admin/outbox/retry-failed")
    assert state_of(app, first)[0] == store.QUEUED


def test_many_come_in_pages(app, admin, notes, ana):
    made = [queue(app, notes, ana) for _ in range(120)]
    first = admin.visit("/admin/outbox")
    assert "120 deliveries" in first.text
    seen = {one for one in made if one in first.text}
    older = f"/admin/outbox?older={min(seen)}"
    second = admin.visit(older)
    found = {one for one in made if one in second.text}
    assert len(seen) == len(found) == 50
    assert not seen & found
    back = admin.visit(f"/admin/outbox?newer={max(found)}")
    assert {one for one in made if one in back.text} == seen


def test_nobody_else_sees_it(app, notes, ana):
    visitor = Visitor(app)
    assert visitor.open("/admin/outbox").status_code == 303
    factories.sign_in(app, visitor.client, ana)
    assert visitor.open("/admin/outbox").status_code == 403
