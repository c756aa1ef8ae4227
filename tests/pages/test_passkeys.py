"""Passkeys on pages: the account's own, the offer after signing in, and what administrators see."""

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from idp import clock
from idp.audit.models import AuditEvent
from idp.db import db
from tests import factories, passkeys
from tests.authenticator import BE, UP, UV, Authenticator
from tests.visitor import PASSWORD, Visitor


@pytest.fixture
def ana(app):
    return factories.make_person(app, "ana", password=PASSWORD)


@pytest.fixture
def visitor(app, ana):
    """A browser in which Ana is signed in."""
    found = Visitor(app)
    factories.sign_in(app, found.client, ana)
    return found


def test_the_security_page_tells_what_each_passkey_is(app, ana, visitor):
    page = visitor.visit("/account/security").text
    assert "No passkey yet" in page
    google = Authenticator(flags=UP | UV | BE, aaguid="ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4")
    assert passkeys.add(visitor, google).status_code == 303
    passkeys.give(app, ana.id, Authenticator(aaguid="08987058-cadc-4b81-b6e1-30de50dcbe96"), "Work laptop")
    passkeys.give(app, ana.id, Authenticator(transports=("nfc", "usb")), "The blue one")
    page = visitor.visit("/account/security").text
    for words in ("Google Password Manager", "Synced", "Work laptop", "Windows Hello", "One device only"):
        assert words in page
    for words in ("The blue one", "Security key", "Not used yet", "is added. No other device was signed in."):
        assert words in page
    held = [one.credential_id for one in passkeys.of(app, ana.id)]
    assert f'data-accepted="{" ".join(held)}"' in page


def test_renaming(app, ana, visitor):
    passkeys.give(app, ana.id)
    (passkey,) = passkeys.of(app, ana.id)
    path = f"/account/passkeys/{passkey.id}/rename"
    for wrong, sentence in ((" ", "Enter a name."), ("x" * 101, "Use at most 100 characters.")):
        answer = visitor.submit(visitor.form(path), name=wrong)
        assert (answer.status_code, sentence in answer.text) == (400, True)
    assert visitor.submit(visitor.form(path), name="  Work   laptop ").status_code == 303
    assert [one.name for one in passkeys.of(app, ana.id)] == ["Work laptop"]
    eve = Visitor(app)
    factories.sign_in(app, eve.client, factories.make_person(app, "eve"))
    assert eve.open(path).status_code == 404
    assert eve.open(f"/account/passkeys/{passkey.id}/remove").status_code == 404


def test_the_last_way_to_sign_in_is_not_removed(app):
    person = factories.make_person(app, "kim")
    device, visitor = passkeys.give(app, person.id), Visitor(app)
    assert passkeys.sign_in(visitor, device).status_code == 303
    (passkey,) = passkeys.of(app, person.id)
    path = f"/account/passkeys/{passkey.id}/remove"
    assert "This is your only way to sign in." in visitor.visit(path).text
    token = visitor.form("/account/passkeys/new").values["csrf_token"]
    answer = visitor.open(path, "POST", data={"csrf_token": token})
    assert (answer.status_code, "Add another passkey first." in answer.text) == (400, True)
    passkeys.give(app, person.id, name="Phone")
    assert visitor.open(path, "POST", data={"csrf_token": token}).status_code == 303
    assert [one.name for one in passkeys.of(app, person.id)] == ["Phone"]
    # Whoever has no password is not asked for one.
    page = visitor.visit("/account/security")
    with time_machine.travel(clock.utc_now() + timedelta(minutes=6), tick=False):
        page = visitor.visit("/account/passkeys/new").text
    assert "Use a passkey of kim to go on" in page
    assert 'name="password"' not in page


def test_what_changes_the_account_needs_a_recent_sign_in(app, ana, visitor):
    passkeys.give(app, ana.id)
    (passkey,) = passkeys.of(app, ana.id)
    form = passkeys.form_of(visitor.visit("/account/passkeys/new").text, "/account/passkeys/new")
    with time_machine.travel(clock.utc_now() + timedelta(minutes=6), tick=False):
        for path in ("/account/passkeys/new", f"/account/passkeys/{passkey.id}/remove"):
            assert visitor.open(path).headers["Location"].startswith("/reauth"), path
            answer = visitor.open(path, "POST", data={"csrf_token": form.values["csrf_token"]})
            assert answer.headers["Location"].startswith("/reauth"), path
        answer = visitor.open("/account/passkeys/options", "POST", data={"csrf_token": form.values["csrf_token"]})
        assert answer.status_code == 403
    assert len(passkeys.of(app, ana.id)) == 1


def test_a_passkey_is_offered_after_a_password_once_in_thirty_days(app, ana):
    def arrive(**fields):
        visitor = Visitor(app)
        form = visitor.form("/login")
        return visitor, visitor.submit(form, username="ana", password=PASSWORD, **fields).headers["Location"]

    assert arrive()[1] == "/", "no script, no offer"
    visitor, where = arrive(passkey_offer="1")
    assert where == "/login/passkey/offer"
    page = visitor.visit(where).text
    assert "Sign in faster next time" in page
    assert 'href="/"' in page
    form = passkeys.form_of(page, "/login/passkey/offer")
    # A browser that makes one by itself asks nobody, and shows no presence.
    made = Authenticator().create(passkeys.asked(visitor, form, quiet="1"), flags=BE | UP)
    assert visitor.submit(form, credential=made, quiet="1").headers["Location"] == "/"
    assert len(passkeys.of(app, ana.id)) == 1
    refused = visitor.submit(form, credential=made, quiet="1")
    assert (refused.status_code, "That took too long" in refused.text) == (400, True)
    assert arrive(passkey_offer="1")[1] == "/"
    with time_machine.travel(clock.utc_now() + timedelta(days=30, seconds=1), tick=False):
        visitor, where = arrive(passkey_offer="1")
        assert where == "/login/passkey/offer"
    # Long after the sign-in it is no offer any more.
    with time_machine.travel(clock.utc_now() + timedelta(days=30, minutes=10), tick=False):
        assert visitor.open(where).headers["Location"] == "/"
        assert Visitor(app).open(where).headers["Location"] == "/"


def test_administrators_see_and_remove_passkeys(app, ana):
    device = passkeys.give(app, ana.id)
    passkeys.give(app, ana.id, name="Phone")
    other, root = Visitor(app), Visitor(app)
    assert passkeys.sign_in(other, device).status_code == 303
    factories.sign_in(app, root.client, factories.make_person(app, "root", is_admin=True))
    laptop, phone = passkeys.of(app, ana.id)
    page = root.visit(f"/admin/users/{ana.id}").text
    assert "Laptop" in page
    assert "Phone" in page
    path = f"/admin/users/{ana.id}/passkeys/{laptop.id}/remove"
    assert root.open(f"/admin/users/{ana.id}/passkeys/psk_none/remove").status_code == 404
    assert root.submit(root.form(path, action=path)).status_code == 303
    assert [one.id for one in passkeys.of(app, ana.id)] == [phone.id]
    assert other.open("/account").status_code == 303
    refused = passkeys.sign_in(Visitor(app), device)
    assert (refused.status_code, "We don’t know this passkey any more" in refused.text) == (400, True)
    with app.app_context():
        removed = db.session().execute(select(AuditEvent).where(AuditEvent.type == "passkey.removed")).scalars().one()
        assert (removed.actor_name, removed.target_id, removed.detail["name"]) == ("Ana Ruiz", ana.id, "Laptop")
