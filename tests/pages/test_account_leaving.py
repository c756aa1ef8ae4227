"""What is kept about a person as a file for them, and the end of an account."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from idp import clock
from idp.account import kept
from idp.accounts import store
from idp.accounts.models import Person
from idp.audit.models import AuditEvent
from idp.consents import store as consents
from idp.db import Base, db, transaction
from idp.deliveries.models import Delivery
from idp.sessions.models import BrowserSession
from idp.tokens import revocation
from idp.tokens.models import Grant
from tests import factories
from tests.pages.test_account import audited, grant, other_session
from tests.visitor import PASSWORD, Visitor


@pytest.fixture
def ana(app):
    return factories.make_person(app, "ana", password=PASSWORD, in_groups=["Staff"], claims={"nickname": "ani"})


def signed_in(app, person):
    found = Visitor(app)
    factories.sign_in(app, found.client, person)
    return found


def known(app, person):
    """Let an app that can be told of sign-outs know a person; return it, its session and its grant."""
    notes = factories.make_client(
        app, client_name="Notes", backchannel_logout_uri="https://notes.example/logout"
    ).client_id
    session_id, _ = other_session(app, person.id, notes)
    held = grant(app, person.id, notes, session_id)
    with app.app_context(), transaction() as session:
        consents.remember(session, person.id, notes, ["openid"], now=clock.utc_now())
    return notes, session_id, held


def person_of(app, person_id):
    with app.app_context():
        return store.find(db.session(), person_id)


# Export


def test_the_file_holds_what_is_kept_and_no_secret(app, ana):
    notes, session_id, held = known(app, ana)
    bob = factories.make_person(app, "bob")
    other_session(app, bob.id)
    visitor = signed_in(app, ana)
    answer = visitor.submit(visitor.form("/account/export"))
    assert answer.mimetype == "application/json"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="account-')
    assert answer.headers["Cache-Control"] == "no-store"
    told = json.loads(answer.text)
    assert (told["profile"]["username"], told["profile"]["claims"]) == ("ana", {"nickname": "ani"})
    assert told["groups"] == ["Staff"]
    assert session_id in {one["id"] for one in told["sessions"]}
    assert [one["id"] for one in told["grants"]] == [held]
    assert told["consents"][0]["client_id"] == notes
    assert told["activity"][-1] | {"type": "account.exported", "by": "you"} == told["activity"][-1]
    assert bob.id not in answer.text
    with app.app_context():
        session = db.session()
        secrets = [session.get(Person, ana.id).password_hash, session.get(Grant, held).code_fingerprint]
        secrets += session.execute(select(BrowserSession.fingerprint)).scalars()
    assert [secret for secret in secrets if secret in answer.text] == []
    assert len(audited(app, "account.exported")) == 1


def test_every_table_that_names_a_person_says_what_of_it_is_told(app):
    """Whoever adds a table or a column about a person adds it to idp/account/kept.py: told or withheld."""
    people = Base.metadata.tables["people"]
    undecided = {}
    for table in Base.metadata.tables.values():
        names_person = "person_id" in table.c or any(key.references(people) for key in table.foreign_keys)
        if table is people or names_person:
            decided = {*kept.TOLD.get(table.name, ()), *kept.WITHHELD.get(table.name, ())}
            undecided[table.name] = {column.name for column in table.c} ^ decided
    assert {name: columns for name, columns in undecided.items() if columns} == {}


# Deletion


def test_people_ask_and_an_administrator_decides(app, ana):
    known(app, ana)
    visitor, admin = signed_in(app, ana), signed_in(app, factories.make_person(app, "root", is_admin=True))
    assert "Ask an administrator to delete your account" in visitor.visit("/account").text
    assert "1 app loses access" in visitor.visit("/account/delete").text
    asking = visitor.form("/account/delete")
    for _ in range(2):
        assert visitor.submit(asking).location == "/account/delete"
    assert "You asked for your account to be deleted" in visitor.visit("/account/delete").text
    assert person_of(app, ana.id) is not None
    page = admin.visit("/admin/users").text
    assert "Wants to be deleted" in page
    keep = admin.form(f"/admin/users/{ana.id}", action=f"/admin/users/{ana.id}/keep")
    admin.submit(keep)
    assert "Wants to be deleted" not in admin.visit("/admin/users").text
    visitor.submit(asking)
    visitor.submit(visitor.form("/account/delete", action="/account/delete/keep"))
    assert len(audited(app, "account.deletion_asked")) == len(audited(app, "account.deletion_dropped")) == 2


def test_an_administrator_deletes_and_apps_are_told(app, ana):
    notes, _, held = known(app, ana)
    visitor, admin = signed_in(app, ana), signed_in(app, factories.make_person(app, "root", is_admin=True))
    form = admin.form(f"/admin/users/{ana.id}/delete")
    refused = admin.submit(form, username="anna")
    assert (refused.status_code, 'id="username-error"' in refused.text) == (400, True)
    assert admin.submit(form, username="Ana").location == "/admin/users"
    assert person_of(app, ana.id) is None
    assert visitor.open("/account").location.startswith("/login")
    assert Visitor(app).sign_in("ana").status_code != 303
    with app.app_context():
        session = db.session()
        assert not revocation.is_live(session, f"{held}.x")
        # The app is told under the subject that it knows, though the account is gone.
        (delivery,) = session.execute(select(Delivery)).scalars()
        assert (delivery.client_id, delivery.person_id) == (notes, ana.id)
    (entry,) = audited(app, "person.deleted")
    assert (entry.target_id, entry.target_name) == (ana.id, "ana")
    assert entry.detail == {"sessions": 2, "grants": 1, "own": False}


def test_a_name_that_is_free_again_is_another_person(app, ana):
    with app.app_context():
        before = len(db.session().execute(select(AuditEvent)).all())
    admin = signed_in(app, factories.make_person(app, "root", is_admin=True))
    admin.submit(admin.form(f"/admin/users/{ana.id}/delete"), username="ana")
    again = factories.make_person(app, "ana")
    assert again.id != ana.id
    with app.app_context():
        assert len(db.session().execute(select(AuditEvent)).all()) == before + 1
    assert "Nothing yet" in signed_in(app, again).visit("/account/activity").text


def test_people_delete_themselves_where_they_may(make_app):
    app = make_app(account_deletion="self")
    ana = factories.make_person(app, "ana")
    visitor = signed_in(app, ana)
    form = visitor.form("/account/delete")
    for typed in ("", "bob"):
        assert visitor.submit(form, username=typed).status_code == 400
    answer = visitor.submit(form, username="ana")
    assert "Your account is deleted" in answer.text
    assert visitor.session_cookie is None
    assert person_of(app, ana.id) is None
    (entry,) = audited(app, "person.deleted")
    assert entry.detail["own"] is True


def test_where_it_is_off_nobody_can(make_app):
    app = make_app(account_deletion="off")
    ana = factories.make_person(app, "ana")
    visitor = signed_in(app, ana)
    assert "Delete your account" not in visitor.visit("/account").text
    assert "Accounts are deleted by administrators here" in visitor.visit("/account/delete").text
    token = visitor.form("/account/password").values
    assert visitor.open("/account/delete", "POST", data=token | {"username": "ana"}).status_code == 403
    assert person_of(app, ana.id) is not None


def test_the_last_administrator_stays(make_app):
    app = make_app(account_deletion="self")
    root = factories.make_person(app, "root", is_admin=True)
    visitor = signed_in(app, root)
    assert "You are the last administrator" in visitor.visit("/account/delete").text
    token = visitor.form("/account/password").values | {"username": "root"}
    for path in ("/account/delete", f"/admin/users/{root.id}/delete"):
        assert visitor.open(path, "POST", data=token).status_code == 409
    assert person_of(app, root.id) is not None
    assert visitor.open("/account").status_code == 200


def test_leaving_and_the_file_want_a_recent_sign_in(app, ana):
    visitor = signed_in(app, ana)
    with app.app_context(), transaction() as session:
        session.execute(select(BrowserSession)).scalar_one().auth_time = clock.utc_now() - timedelta(minutes=6)
    for path in ("/account/delete", "/account/export"):
        assert visitor.open(path).location.startswith("/reauth?")
