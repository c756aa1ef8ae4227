"""Getting somebody back into their account, as an administrator does it."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from idp.accounts import store
from idp.accounts.models import SingleUseLink
from idp.audit.models import AuditEvent
from idp.db import db
from tests import factories, passkeys
from tests.visitor import PASSWORD, Visitor

NEW = "swim tulip radar mint"


@pytest.fixture
def bob(app):
    return factories.make_person(app, "bob", password=PASSWORD)


@pytest.fixture
def admin(app):
    """A browser in which an administrator has just signed in."""
    found = Visitor(app)
    factories.sign_in(app, found.client, factories.make_person(app, "root", is_admin=True))
    return found


def person(app, person_id):
    with app.app_context():
        return store.find(db.session(), person_id)


def audited(app, kind):
    with app.app_context():
        return list(db.session().execute(select(AuditEvent).where(AuditEvent.type == kind)).scalars())


def made(admin, bob, **fields):
    """Make a link and return its path."""
    path = f"/admin/users/{bob.id}/recovery"
    answer = admin.submit(admin.form(path, action=path), **fields)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    (link,) = re.findall(r'id="recovery-link">([^<]+)</code>', answer.text)
    assert link.startswith("http://localhost:8000/recover/")
    return link.removeprefix("http://localhost:8000")


def test_a_link_is_shown_once_and_lets_the_person_back_in(app, admin, bob):
    first, second = made(admin, bob), made(admin, bob)
    page = admin.visit(f"/admin/users/{bob.id}/recovery").text
    assert "still works. A new one ends it." in page
    assert second not in page
    visitor = Visitor(app)
    assert visitor.visit(first).status_code == 410
    done = visitor.submit(visitor.form(second), new_password=NEW)
    assert done.headers["Location"].startswith("/login?")
    assert visitor.session_cookie is None
    assert visitor.sign_in("bob", NEW).headers["Location"] == "/"
    entries = audited(app, "recovery.link_made")
    assert [(entry.target_id, entry.actor_name) for entry in entries] == [(bob.id, "Ana Ruiz")] * 2
    assert first.removeprefix("/recover/") not in str([entry.detail for entry in entries])
    with app.app_context():
        (link,) = db.session().execute(select(SingleUseLink)).scalars()
    assert link.expires_at - link.created_at == timedelta(hours=24)


def test_L16_a_link_leaves_the_second_factor_unless_it_was_made_to_remove_it(app, admin, bob):
    seed = factories.give_totp(app, bob.id)
    factories.give_recovery_codes(app, bob.id)
    passkeys.give(app, bob.id)
    visitor = Visitor(app)
    visitor.submit(visitor.form(made(admin, bob)), new_password=NEW)
    assert visitor.sign_in("bob", NEW).headers["Location"] == "/login/verify"
    assert visitor.verify(factories.totp_code(seed)).headers["Location"] == "/"

    link = made(admin, bob, remove_factors="yes")
    (entry,) = [one for one in audited(app, "recovery.link_made") if one.detail.get("removes_second_factors")]
    assert entry.target_id == bob.id
    other = Visitor(app)
    # Making the link removes nothing yet.
    assert other.sign_in("bob", NEW).headers["Location"] == "/login/verify"
    other = Visitor(app)
    other.submit(other.form(link), new_password="another fine tulip garden")
    assert passkeys.of(app, bob.id) == []
    assert len(audited(app, "passkey.removed")) == 1
    assert {one.detail["factor"] for one in audited(app, "factor.removed")} == {"totp", "recovery_codes"}
    assert other.sign_in("bob", "another fine tulip garden").headers["Location"] == "/"


def test_a_disabled_person_gets_no_link(app, admin, bob):
    path = f"/admin/users/{bob.id}/recovery"
    form = admin.form(path, action=path)
    factories.disable_person(app, bob.id)
    assert admin.submit(form).status_code == 409
    assert "Enable the account first" in admin.visit(path).text


def test_a_new_password_is_asked_for_and_ends_what_was(app, admin, bob):
    elsewhere = Visitor(app)
    elsewhere.sign_in("bob")
    page = admin.visit(f"/admin/users/{bob.id}").text
    assert "This ends <b>1 session</b>" in page
    path = f"/admin/users/{bob.id}/require-password"
    answer = admin.submit(admin.form(f"/admin/users/{bob.id}", action=path))
    assert answer.status_code == 303
    page = admin.visit(answer.headers["Location"]).text
    assert "chooses a new password at the next sign-in." in page
    assert "another one is asked for at the next sign-in" in page
    assert path not in page
    assert elsewhere.open("/account").headers["Location"].startswith("/login")
    assert elsewhere.sign_in("bob").headers["Location"] == "/login/new-password"
    (entry,) = audited(app, "password.change_required")
    assert (entry.target_id, entry.detail) == (bob.id, {"sessions": 1, "grants": 0})


def test_a_password_that_is_set_for_somebody_is_theirs_to_replace(app, admin, bob):
    path = f"/admin/users/{bob.id}/password"
    admin.submit(admin.form(path, action=path), password=NEW)
    assert person(app, bob.id).must_change_password
    assert Visitor(app).sign_in("bob", NEW).headers["Location"] == "/login/new-password"
    admin.submit(admin.form(path, action=path), password=NEW, must_change_password=None)
    assert Visitor(app).sign_in("bob", NEW).headers["Location"] == "/"
    form = admin.form("/admin/users/new", action="/admin/users/new")
    admin.submit(form, username="eve", email="eve@people.example", password=PASSWORD)
    assert Visitor(app).sign_in("eve").headers["Location"] == "/login/new-password"
