"""Users and groups, as an administrator uses them."""

from datetime import timedelta

import pytest
from markupsafe import escape
from sqlalchemy import select, update

from idp import clock
from idp.accounts import groups, store
from idp.audit.models import AuditEvent
from idp.db import db, transaction
from idp.interactions.models import Interaction
from idp.sessions.models import BrowserSession
from tests import factories
from tests.pages.test_account import EVERY_FIELD
from tests.visitor import PASSWORD, Visitor

NEW = "an entirely new passphrase"


@pytest.fixture
def root(app):
    return factories.make_person(app, "root", password=PASSWORD, is_admin=True)


@pytest.fixture
def bob(app, root):
    return factories.make_person(app, "bob", password=PASSWORD)


@pytest.fixture
def admin(app, root):
    """A browser in which an administrator has just signed in."""
    found = Visitor(app)
    factories.sign_in(app, found.client, root)
    return found


def post(visitor, path, **fields):
    token = visitor.form("/account/password").values["csrf_token"]
    return visitor.open(path, "POST", data={"csrf_token": token, **fields})


def age(app, minutes):
    """Let the sign-in of every session be so many minutes ago."""
    with app.app_context(), transaction() as session:
        session.execute(update(BrowserSession).values(auth_time=clock.utc_now() - timedelta(minutes=minutes)))


def person(app, person_id):
    with app.app_context():
        return store.find(db.session(), person_id)


def audited(app, kind):
    with app.app_context():
        return list(db.session().execute(select(AuditEvent).where(AuditEvent.type == kind)).scalars())


def test_a_person_is_added_and_can_sign_in(app, admin):
    form = admin.form("/admin/users/new", action="/admin/users/new")
    answer = admin.submit(form, username="Ana", email="ana@people.example", name="Ana Ruiz", password=PASSWORD)
    assert answer.status_code == 303
    page = admin.visit(answer.location).text
    assert "Ana can sign in now." in page
    assert PASSWORD not in page
    assert Visitor(app).sign_in("ANA@people.example").status_code == 303
    entry = next(entry for entry in audited(app, "person.created") if entry.target_name == "Ana")
    assert (entry.actor_name, entry.detail["email"]) == ("Ana Ruiz", "ana@people.example")
    assert PASSWORD not in str(entry.detail)


def test_every_fault_of_a_new_person_stands_by_its_field(app, admin, bob):
    form = admin.form("/admin/users/new", action="/admin/users/new")
    answer = admin.submit(form, username="a b", email="nobody", password="short", name="kept")
    assert answer.status_code == 400
    for name in ("username", "email", "password"):
        assert f'id="{name}-error"' in answer.text
    assert 'value="kept"' in answer.text
    assert "short" not in answer.text
    taken = admin.submit(form, username="BOB", email="BOB@people.example", password=PASSWORD)
    assert taken.status_code == 400
    assert "Somebody else has this username." in taken.text
    assert "Somebody else has this email address." in taken.text


def test_M06_a_new_person_gets_no_rights_by_a_field(app, admin):
    form = admin.form("/admin/users/new", action="/admin/users/new")
    sent = {"username": "eve", "email": "eve@people.example", "password": PASSWORD}
    assert admin.submit(form, **sent, is_admin="1", id="usr_x", claims="{}").status_code == 303
    with app.app_context():
        eve = store.find_by_login(db.session(), "eve")
        assert (eve.is_admin, eve.id == "usr_x", eve.claims) == (False, False, {})


def test_the_list_searches_and_pages(app, admin):
    for number in range(30):
        factories.make_person(app, f"person{number:02}", name=f"Number {number:02}")
    first = admin.visit("/admin/users").text
    assert "31 people" in first
    assert "Number 05" in first
    assert "Number 29" not in first
    assert "Number 29" in admin.visit("/admin/users?after=person20").text
    found = admin.visit("/admin/users?q=NUMBER+07").text
    assert "1 person" in found
    assert "Nobody matches" in admin.visit("/admin/users?q=%25").text


def test_a_person_is_changed_with_before_and_after_in_the_log(app, admin, bob):
    path = f"/admin/users/{bob.id}"
    form = admin.form(path, action=path)
    answer = admin.submit(form, name="Robert", phone_number="+34 555 0100", phone_number_verified="1", locale="es")
    assert answer.status_code == 303
    found = person(app, bob.id)
    assert found.claims == {"phone_number": "+34 555 0100", "phone_number_verified": True, "locale": "es"}
    changes = {
        change["field"]: (change["before"], change["after"])
        for change in audited(app, "person.changed")[0].detail["changes"]
    }
    assert changes["name"] == ("Ana Ruiz", "Robert")
    assert changes["phone_number_verified"] == ("", "yes")
    refused = admin.submit(form, username="root", birthdate="yesterday", website="ftp://x")
    assert refused.status_code == 400
    for name in ("birthdate", "website"):
        assert f'id="{name}-error"' in refused.text
    assert "Somebody else" in admin.submit(form, username="root").text


def test_every_standard_claim_can_be_seen_and_changed(app, admin, bob):
    path = f"/admin/users/{bob.id}"
    typed = EVERY_FIELD | {"phone_number_verified": "1"}
    assert admin.submit(admin.form(path, action=path), **typed).status_code == 303
    claims = person(app, bob.id).claims
    assert claims["phone_number_verified"] is True
    assert claims["middle_name"] == "Luz"
    assert claims["address"]["postal_code"] == "28013"
    shown = admin.form(path, action=path).values
    assert {name: shown[name].replace("\r", "") for name in typed} == {
        name: value.replace("\r", "") for name, value in typed.items()
    }
    assert admin.submit(admin.form(path, action=path), phone_number_verified=None).status_code == 303
    assert person(app, bob.id).claims == {
        name: value for name, value in claims.items() if name != "phone_number_verified"
    }


def test_M06_changing_a_person_gives_no_rights(app, admin, bob):
    path = f"/admin/users/{bob.id}"
    assert admin.submit(admin.form(path, action=path), is_admin="1", disabled_at="x", password="y").status_code == 303
    found = person(app, bob.id)
    assert (found.is_admin, found.disabled_at) == (False, None)
    assert Visitor(app).sign_in("bob").status_code == 303


def test_disabling_shows_and_ends_what_the_person_has(app, admin, bob):
    theirs = Visitor(app)
    factories.sign_in(app, theirs.client, bob)
    path = f"/admin/users/{bob.id}/disable"
    assert "Signs out 1 session" in admin.visit(path).text
    assert post(admin, path).status_code == 303
    assert theirs.open("/account").status_code == 303
    assert "Disabled" in admin.visit(f"/admin/users/{bob.id}").text
    assert Visitor(app).sign_in("bob").status_code != 303
    assert post(admin, f"/admin/users/{bob.id}/enable").status_code == 303
    assert Visitor(app).sign_in("bob").status_code == 303
    assert audited(app, "person.disabled")[0].detail["sessions"] == 1
    assert len(audited(app, "person.enabled")) == 1


def test_signing_somebody_out_everywhere(app, admin, bob):
    theirs = Visitor(app)
    factories.sign_in(app, theirs.client, bob)
    assert "Sign out everywhere" in admin.visit(f"/admin/users/{bob.id}").text
    assert post(admin, f"/admin/users/{bob.id}/sign-out").status_code == 303
    assert theirs.open("/account").status_code == 303
    assert Visitor(app).sign_in("bob").status_code == 303


def test_a_lost_password_is_set_anew(app, admin, bob):
    theirs = Visitor(app)
    factories.sign_in(app, theirs.client, bob)
    path = f"/admin/users/{bob.id}/password"
    assert "This ends 1 session" in admin.visit(path).text
    assert post(admin, path, password="bob").status_code == 400
    assert post(admin, path, password=NEW).status_code == 303
    assert theirs.open("/account").status_code == 303
    assert Visitor(app).sign_in("bob").status_code != 303
    assert Visitor(app).sign_in("bob", NEW).status_code == 303


def test_rights_are_given_and_taken_away_but_never_the_last(app, admin, root, bob):
    path = f"/admin/users/{bob.id}/rights"
    assert post(admin, path, administrator="yes").status_code == 303
    theirs = Visitor(app)
    factories.sign_in(app, theirs.client, bob)
    assert theirs.open("/admin/users").status_code == 200
    assert post(admin, path, administrator="no").status_code == 303
    # The role is read from the database at every request.
    assert theirs.open("/admin/users").status_code == 403
    for own in (f"/admin/users/{root.id}/rights", f"/admin/users/{root.id}/disable"):
        refused = post(admin, own, administrator="no")
        assert refused.status_code == 409
        assert "last administrator" in refused.text
    assert person(app, root.id).is_admin


@pytest.mark.parametrize("page", ["disable", "rights", "password", "enable"])
def test_M09_what_matters_asks_for_a_fresh_sign_in(app, admin, bob, page):
    age(app, minutes=6)
    answer = post(admin, f"/admin/users/{bob.id}/{page}", administrator="yes", password=NEW)
    assert (answer.status_code, answer.location.partition("?")[0]) == (303, "/reauth")
    found = person(app, bob.id)
    assert (found.is_admin, found.disabled_at) == (False, None)
    assert Visitor(app).sign_in("bob").status_code == 303


def test_groups_live_and_die(app, admin, bob):
    assert "No groups yet" in admin.visit("/admin/groups").text
    answer = post(admin, "/admin/groups", name="Staff")
    path = answer.location
    assert answer.status_code == 303
    assert post(admin, "/admin/groups", name=" STAFF ").status_code == 400
    assert post(admin, f"{path}/members", person="nobody").status_code == 400
    assert post(admin, f"{path}/members", person="bob@people.example").status_code == 303
    assert "1 member" in admin.visit(path).text
    assert post(admin, path, name="Crew").status_code == 303
    with app.app_context():
        assert groups.names_of(db.session(), bob.id) == ("Crew",)
    assert "Crew" in admin.visit(f"/admin/users/{bob.id}").text
    assert post(admin, f"{path}/members/{bob.id}/remove").status_code == 303
    assert post(admin, f"/admin/users/{bob.id}/groups", group=path.rpartition("/")[2]).status_code == 303
    assert post(admin, f"/admin/users/{bob.id}/groups/{path.rpartition('/')[2]}/leave").status_code == 303
    assert post(admin, f"/admin/users/{bob.id}/groups", group="").status_code == 400
    assert post(admin, f"{path}/delete").status_code == 303
    assert admin.open(path).status_code == 404
    kinds = ["created", "renamed", "deleted", "member_added", "member_removed"]
    assert [len(audited(app, f"group.{kind}")) for kind in kinds] == [1, 1, 1, 2, 2]


@pytest.mark.parametrize("path", ["/admin/users/usr_none", "/admin/groups/grp_none"])
def test_what_is_not_there_is_not_found(admin, path):
    assert admin.open(path).status_code == 404


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "{{ 7*7 }}", "{% raw %}", '"><img src=x onerror=alert(1)>']
)
def test_M03_names_are_text_wherever_they_show(app, admin, bob, name):
    with app.app_context(), transaction() as session:
        store.update(session, store.find(session, bob.id), changes={"name": name}, now=clock.utc_now())
    group = post(admin, "/admin/groups", name=name).location
    post(admin, f"{group}/members", person="bob")
    for path in ("/admin/users", f"/admin/users/{bob.id}", "/admin/groups", group, "/admin/audit"):
        page = admin.visit(path).text
        assert str(escape(name)) in page
        assert "<script>alert" not in page
        assert "<img" not in page


def confirmed(admin, answer):
    """Give the password that *answer* asks for; return the address that this leads back to."""
    assert (answer.status_code, answer.location.partition("?")[0]) == (303, "/reauth")
    back = admin.submit(admin.form(answer.location, action=answer.location), password=PASSWORD)
    return admin.open(back.location).location


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"email": "mine@people.example"}, ("bob", "mine@people.example", False)),
        ({"username": "robert"}, ("robert", "bob@people.example", True)),
        ({"email_verified": None}, ("bob", "bob@people.example", False)),
    ],
    ids=["email", "username", "email_verified"],
)
def test_M09_what_somebody_signs_in_with_is_changed_after_a_fresh_sign_in(app, admin, bob, changes, expected):
    path = f"/admin/users/{bob.id}"
    form = admin.form(path, action=path)
    age(app, minutes=6)

    answer = admin.submit(form, nickname="Bobby", **changes)

    back = confirmed(admin, answer)
    assert "Nothing is changed yet." in admin.visit(back).text
    kept = admin.form(back, action=path)
    found = person(app, bob.id)
    assert (found.username, found.email, found.email_verified) == ("bob", "bob@people.example", True)
    assert "nickname" not in found.claims
    assert admin.submit(kept).location == path
    found = person(app, bob.id)
    assert (found.username, found.email, found.email_verified) == expected
    assert found.claims["nickname"] == "Bobby"


def test_a_profile_is_changed_without_a_fresh_sign_in(app, admin, bob):
    path = f"/admin/users/{bob.id}"
    form = admin.form(path, action=path)
    age(app, minutes=6)
    assert admin.submit(form, nickname="Bobby").location == path
    assert person(app, bob.id).claims["nickname"] == "Bobby"


def test_M09_a_person_is_added_after_a_fresh_sign_in_and_what_was_typed_is_kept_but_the_password(app, admin):
    new = "/admin/users/new"
    form = admin.form(new, action=new)
    age(app, minutes=6)

    answer = admin.submit(form, username="eve", email="eve@people.example", email_verified=None, password=NEW)

    back = confirmed(admin, answer)
    page = admin.visit(back)
    assert "Nobody is added yet." in page.text
    assert NEW not in page.text
    kept = admin.form(back, action=new)
    assert (kept.values["username"], kept.values["email"], kept.values["password"]) == ("eve", "eve@people.example", "")
    assert "email_verified" not in kept.values
    with app.app_context():
        assert store.find_by_login(db.session(), "eve") is None
        waiting = db.session().execute(select(Interaction)).scalars()
        assert NEW not in str([one.parameters for one in waiting])
    assert admin.submit(kept, password=NEW).status_code == 303
    age(app, minutes=6)
    assert admin.open(new).location.startswith("/reauth")


def test_a_kept_form_is_that_of_one_person(app, root, admin, bob):
    path = f"/admin/users/{bob.id}"
    form = admin.form(path, action=path)
    age(app, minutes=6)
    kept = confirmed(admin, admin.submit(form, username="robert")).partition("?")[2]
    assert admin.open(f"{path}?{kept}").status_code == 200
    assert admin.open(f"/admin/users/{root.id}?{kept}").status_code == 404
    assert admin.open(f"/admin/users/new?{kept}").status_code == 404
