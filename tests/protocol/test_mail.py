"""Mail: what changes an account tells its person, by a mail server that may be away; nobody waits for it."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from jinja2 import meta
from sqlalchemy import select

from idp import clock
from idp.audit.log import SYSTEM
from idp.audit.models import AuditEvent
from idp.db import db, transaction
from idp.deliveries import administration, mail, store
from idp.deliveries.mail import Mail
from idp.deliveries.models import Delivery
from idp.jobs.duties import purge_expired, send_deliveries
from idp.jobs.sending import send_due
from idp.vault import Vault
from idp.web.current import service
from tests import factories
from tests.architecture.tree import ROOT
from tests.mailbox import mailbox
from tests.visitor import PASSWORD, Visitor

NEW = "a wholly different sentence"
# Of these templates can do without any.
FACTS = {"device": "Firefox on Linux", "address": "192.0.2.1", "by_administrator": True, "email": "ana@people.example"}
FACTS |= {"groups": ["Staff"], "apps": ["Notes"], "message": "Welcome!", "inviter": "Root"}
FACTS |= {"left": 3, "hours": 24, "minutes": 15}
EVERYWHERE = {"site", "link", "_", "ngettext"}


@pytest.fixture
def box():
    with mailbox() as found:
        yield found


def sending_through(port):
    return {"host": "127.0.0.1", "port": port, "tls": "off", "from": "Doorward <id@example.com>"}


@pytest.fixture
def app(make_app, box):
    return make_app(mail=sending_through(box.port))


def queue(app, template="test", to="ana@people.example", **rest):
    with app.app_context(), transaction() as session:
        letter = Mail(template=template, to=to, **{"facts": {"name": "Root"}} | rest)
        return mail.queue(session, service(Vault), letter, now=clock.utc_now())


def row(app, delivery_id):
    with app.app_context():
        return db.session.get(Delivery, delivery_id)


def test_L22_a_changed_password_is_told_by_mail(app, box):
    person = factories.make_person(app, "ana", password=PASSWORD, name="Ana Ruiz")
    visitor = Visitor(app)
    factories.sign_in(app, visitor.client, person)
    page = visitor.form("/account/password", action="/account/password")
    # What a request says of its host has no part in any link (ZITADEL CVE-2023-49097 and its kin).
    poisoned = {"headers": {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}}
    assert visitor.submit(page, current_password=PASSWORD, new_password=NEW, options=poisoned).status_code == 303
    assert send_due(app) == 1
    [message] = box.messages
    assert message["To"] == "ana@people.example"
    assert message["Subject"] == "Your password was changed"
    assert "Hello Ana Ruiz," in box.text()
    assert box.link() == "http://localhost:8000/account/security"
    assert 'href="http://localhost:8000/account/security"' in box.html()
    assert "evil.example" not in message.as_string()
    with app.app_context():
        [sent] = db.session.execute(select(Delivery)).scalars()
        assert (sent.state, sent.sealed, sent.attempts) == (store.SENT, None, 1)
        assert sent.facts == {"template": "password_changed", "to": "ana@people.example"}
    assert send_due(app) == 0


def test_nothing_that_somebody_is_called_becomes_a_part_of_a_mail(app, box):
    queue(app, facts={"name": "Ana\n\n[Click here] https://evil.example\r\nBcc: x@y.example <b>bold</b>"})
    send_due(app)
    assert box.envelopes[0][1] == ["ana@people.example"]
    assert box.messages[0]["Bcc"] is None
    assert "<b>bold" not in box.html()
    assert "&lt;b&gt;bold" in box.html()
    assert 'href="https://evil.example' not in box.html()
    assert "\n\n[Click here]" not in box.text()


def test_what_the_server_refuses_for_now_is_tried_again_and_what_for_good_is_not(app, box):
    delivery = queue(app)
    box.at_rcpt = lambda: "450 4.2.0 Not now"
    assert send_due(app) == 1
    waiting = row(app, delivery)
    assert (waiting.state, waiting.attempts) == (store.QUEUED, 1)
    assert "450" in waiting.fault
    box.at_rcpt = None
    with time_machine.travel(clock.utc_now() + timedelta(seconds=11), tick=False):
        assert send_due(app) == 1
    assert row(app, delivery).state == store.SENT
    box.at_rcpt = lambda: "550 5.1.1 Nobody here"
    refused = queue(app)
    send_due(app)
    found = row(app, refused)
    assert (found.state, found.fault) == (store.FAILED, "The mail server refused the address: 550 5.1.1 Nobody here")
    # Kept, for whoever tries it once more or copies its link.
    assert found.sealed
    with app.app_context():
        entry = db.session.execute(select(AuditEvent).where(AuditEvent.type == "mail.failed")).scalar_one()
        assert (entry.target_name, entry.detail["template"]) == ("ana@people.example", "test")
    assert len(box.messages) == 1


def test_F15_mail_waits_for_a_server_that_is_away_and_is_sent_once_soon_after(make_app):
    with mailbox() as gone:
        port = gone.port
    app = make_app(mail=sending_through(port))
    first, second = queue(app), queue(app)
    began = clock.utc_now()
    for minute in range(12):
        with time_machine.travel(began + timedelta(minutes=minute), tick=False):
            # One try shows that the server is away; the other mails wait without one.
            assert send_due(app) == 1
    waiting = row(app, first)
    assert (waiting.state, waiting.attempts) == (store.QUEUED, 0)
    assert "cannot be reached" in waiting.fault
    with mailbox(port=port) as back, time_machine.travel(began + timedelta(minutes=12), tick=False):
        assert send_due(app) == 2
        assert send_due(app) == 0
        assert len(back.messages) == 2
    assert {row(app, one).state for one in (first, second)} == {store.SENT}


def test_a_mail_that_nobody_can_send_waits_and_is_given_up_when_it_is_of_no_use(make_app):
    app = make_app()
    delivery = queue(app, lifetime=timedelta(minutes=15), link="/recover/secret")
    assert send_due(app) == 0
    with app.app_context():
        send_deliveries(app)
    with time_machine.travel(clock.utc_now() + timedelta(minutes=16), tick=False):
        with app.app_context(), transaction() as session, pytest.raises(Exception, match="out of date"):
            administration.retry(session, delivery, actor=SYSTEM, now=clock.utc_now())
        with app.app_context():
            purge_expired(app)
    found = row(app, delivery)
    assert (found.state, found.sealed) == (store.GIVEN_UP, None)
    assert "out of date" in found.fault


def test_without_a_mail_server_every_notice_waits_and_the_newest_are_kept(make_app):
    app = make_app()
    ana, bo = (factories.make_person(app, name, password=PASSWORD) for name in ("ana", "bo"))
    for name in ("ana", "bo", *["ana"] * 12):
        assert Visitor(app).sign_in(name).status_code == 303
    queue(app, to=ana.email)
    with app.app_context():
        waiting = {row.id: row for row in db.session.execute(select(Delivery)).scalars()}
        # Nobody is told of the first device.
        templates = [(row.facts["template"], row.facts["to"]) for row in waiting.values()]
        assert templates == [("new_sign_in", ana.email)] * 12 + [("test", ana.email)]
        purge_expired(app)
        kept = [row.id for row in db.session.execute(select(Delivery)).scalars() if row.state == store.QUEUED]
        assert kept == sorted(waiting)[2:]
        given_up = db.session.get(Delivery, min(waiting))
        assert (given_up.state, given_up.sealed) == (store.GIVEN_UP, None)
        assert "Newer ones" in given_up.fault
    assert bo.email not in str(templates)
    # With a server all of them are sent.
    served = make_app(mail=sending_through(1))
    for _ in range(3):
        queue(served, to=ana.email)
    with served.app_context():
        purge_expired(served)
        assert store.due(db.session(), clock.utc_now(), [store.MAIL]) == 14
    quiet = make_app(mail={"new_device": False})
    assert Visitor(quiet).sign_in("bo").status_code == 303
    with quiet.app_context():
        assert store.due(db.session(), clock.utc_now(), [store.MAIL]) == 14


def test_every_template_of_a_mail_is_made_of_what_it_is_given(app, box):
    paths = sorted((ROOT / "templates" / "mail").glob("*.txt"))
    for path in paths:
        # Whatever it names beside what every template may.
        named = meta.find_undeclared_variables(app.jinja_env.parse(path.read_text())) - EVERYWHERE
        facts = {name: FACTS.get(name, clock.utc_now() if name.endswith("at") else f"some {name}") for name in named}
        for changed in ({}, {name: FACTS.get(name, "") and type(FACTS[name])() for name in named & FACTS.keys()}):
            queue(app, path.stem, facts=facts | changed, link="/account/security")
    assert send_due(app) == 2 * len(paths)
    for number, message in enumerate(box.messages):
        text = box.text(number)
        assert "\n\n\n" not in text.removesuffix("\n"), message["Subject"]
        assert "{" not in text
        leads_on = "link" in paths[number // 2].read_text()
        assert ("http://localhost:8000/account/security" in text) == leads_on, message["Subject"]
        assert "<h1>" in box.html(number)
