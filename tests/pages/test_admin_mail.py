"""The outbox and mail: what waits can be read and handed on by an administrator, who is named in the audit log."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from click.testing import CliRunner
from sqlalchemy import select

from idp import clock
from idp.audit.models import AuditEvent
from idp.cli import idp as command_line
from idp.db import db, transaction
from idp.deliveries import mail
from idp.deliveries.mail import Mail
from idp.jobs.sending import send_due
from idp.vault import Vault
from idp.web.current import service
from tests import factories
from tests.mailbox import mailbox
from tests.visitor import Visitor


def queue(app):
    with app.app_context(), transaction() as session:
        letter = Mail(
            template="password_changed",
            to="ana@people.example",
            facts={"name": "Ana", "username": "ana", "at": clock.utc_now(), "device": "", "address": ""}
            | {"by_administrator": True},
            link="/recover/very-secret",
        )
        return mail.queue(session, service(Vault), letter, now=clock.utc_now())


def admin_of(app):
    found = Visitor(app)
    factories.sign_in(app, found.client, factories.make_person(app, "root", is_admin=True))
    return found


def test_a_mail_that_waits_is_read_and_that_is_noted(app):
    admin, delivery = admin_of(app), queue(app)
    listed = admin.visit("/admin/outbox").text
    assert "Mail isn’t set up." in listed
    assert "Password changed" in listed
    assert "ana@people.example" in listed
    assert "ana@people.example" in admin.visit("/admin/outbox?q=ANA@").text
    assert "Nothing matches" in admin.visit("/admin/outbox?q=bo@").text
    path = f"/admin/outbox/mail/{delivery}"
    assert "very-secret" not in listed + admin.visit(path).text
    shown = admin.submit(admin.form(path, action=path))
    assert "http://localhost:8000/recover/very-secret" in shown.text
    assert "Hello Ana," in shown.text
    with app.app_context():
        entry = db.session.execute(select(AuditEvent).where(AuditEvent.type == "mail.read")).scalar_one()
        assert (entry.target_name, entry.detail["delivery_id"]) == ("ana@people.example", delivery)
        assert "very-secret" not in str(entry.detail)
    with time_machine.travel(clock.utc_now() + timedelta(minutes=6), tick=False):
        assert "/reauth" in admin.open(path).headers["Location"]
    assert admin.open("/admin/outbox/mail/dlv_none").status_code == 404


def test_an_administrator_sees_whether_mail_works(make_app):
    with mailbox() as box:
        app = make_app(mail={"host": "127.0.0.1", "port": box.port, "tls": "off", "from": "id@example.com"})
        admin, delivery = admin_of(app), queue(app)
        assert "Mail isn’t set up." not in admin.visit("/admin/outbox").text
        admin.submit(admin.form("/admin/outbox", action="/admin/outbox/mail/test"))
        assert send_due(app) == 2
        assert {to for _, [to] in box.envelopes} == {"root@people.example", "ana@people.example"}
    assert "forgotten once it was sent" in admin.visit(f"/admin/outbox/mail/{delivery}").text
    assert "Retry now" not in admin.visit("/admin/outbox").text


@pytest.mark.parametrize("backend", ["sqlite"])
def test_commands_send_a_test_mail_and_look_at_the_server(app, data_dir, database_url, monkeypatch):
    def run(*arguments):
        return CliRunner().invoke(command_line, arguments)

    monkeypatch.setenv("IDP_DATA_DIR", str(data_dir))
    monkeypatch.setenv("IDP_DATABASE_URL", database_url)
    assert "not set up; 0 wait in the outbox" in run("doctor").output
    refused = run("mail", "test", "ana@people.example")
    assert "Mail is not set up" in str(refused.exception)
    with mailbox() as box:
        for name, value in {"HOST": "127.0.0.1", "PORT": str(box.port), "TLS": "off", "FROM": "id@example.com"}.items():
            monkeypatch.setenv(f"IDP_MAIL__{name}", value)
        assert "took a mail to ana@people.example" in run("mail", "test", "ana@people.example").output
        assert box.envelopes == [("id@example.com", ["ana@people.example"])]
        assert "lets us in" in run("doctor").output
        box.at_rcpt = lambda: "550 5.1.1 Nobody here"
        assert "550 5.1.1 Nobody here" in str(run("mail", "test", "ana@people.example").exception)
    gone = run("doctor")
    assert "cannot be reached" in gone.output
    assert gone.exit_code == 1
