"""People and groups in the database."""

import threading

import pytest

from idp import clock
from idp.accounts import groups, store
from idp.accounts.profile import merged, shown
from idp.db import db, transaction
from idp.errors import FieldErrors
from tests import factories


@pytest.fixture
def session(app):
    with app.app_context():
        yield db.session()


def add(session, username, **changes):
    given = {"email": f"{username}@people.example", "email_verified": True, "password_hash": None} | changes
    return store.add(session, username=username, **given, now=clock.utc_now())


@pytest.mark.parametrize(
    ("first", "second"), [("ana", "ANA"), ("ana", "ａｎａ"), ("strasse", "straße"), ("jörg", "jo\u0308rg")]
)
def test_two_spellings_of_one_name_are_one_person(session, first, second):
    person = add(session, first, email="one@people.example")
    assert store.find_by_login(session, second).id == person.id
    assert store.find_by_login(session, "ONE@people.EXAMPLE").id == person.id
    with pytest.raises(FieldErrors) as refused:
        add(session, second, email="ONE@people.example")
    assert set(refused.value.fields) == {"username", "email"}
    # The transaction goes on: the refusal took back only what it tried.
    assert add(session, "other").username == "other"


@pytest.mark.parametrize(
    ("username", "email", "faults"),
    [
        ("", "", {"username", "email"}),
        ("a b", "ana@people.example", {"username"}),
        ("ana@people.example", "ana@people.example", {"username"}),
        # Compared, this is the same: it would be looked up as an address.
        ("ana\uff20people.example", "ana@people.example", {"username"}),
        ("a\x00b", "ana@people.example", {"username"}),
        ("a\u202eb", "ana@people.example", {"username"}),
        ("x" * 151, "ana@people.example", {"username"}),
        ("ana", "ana", {"email"}),
        ("ana", "ana@people", {"email"}),
        ("ana", "ana@people.example\r\nBcc: x@y.example", {"email"}),
    ],
)
def test_names_that_nobody_can_have_are_refused_by_field(session, username, email, faults):
    with pytest.raises(FieldErrors) as refused:
        add(session, username, email=email)
    assert set(refused.value.fields) == faults


@pytest.mark.parametrize("email", ["ana@corp.local", "ana@mail.localhost", "ana@x.internal", "jörg@bücher.example"])
def test_addresses_of_networks_of_ones_own_are_taken(session, email):
    assert add(session, "ana", email=email).email == email


def test_a_refused_change_leaves_the_person_as_they_were(session):
    add(session, "ana")
    bob = add(session, "bob")
    with pytest.raises(FieldErrors) as refused:
        store.update(session, bob, changes={"username": "Ana", "name": "Bob"}, now=clock.utc_now())
    assert set(refused.value.fields) == {"username"}
    assert (bob.username, bob.name) == ("bob", "")


def test_M06_update_takes_no_other_field(session):
    ana = add(session, "ana")
    with pytest.raises(ValueError, match="password_hash"):
        store.update(session, ana, changes={"password_hash": "x"}, now=clock.utc_now())


def test_pages_go_forth_and_back_by_key(session):
    for number in range(5):
        add(session, f"person{number}")
    first = store.page(session, limit=2)
    assert ([one.username for one in first.people], first.total, first.before) == (["person0", "person1"], 5, None)
    second = store.page(session, after=first.after, limit=2)
    last = store.page(session, after=second.after, limit=2)
    assert ([one.username for one in last.people], last.after) == (["person4"], None)
    back = store.page(session, before=last.before, limit=2)
    assert [one.username for one in back.people] == ["person2", "person3"]
    assert store.page(session, before=back.before, limit=2).before is None


@pytest.mark.parametrize("search", ["ANA", "ruiz", "ana@people", "%", "_"])
def test_search_takes_its_text_literally(session, search):
    add(session, "ana", name="Ana Ruiz")
    found = store.page(session, search=search)
    assert found.total == (0 if search in "%_" else 1)


def test_nobody_is_found_by_a_zero_byte(session):
    assert store.find(session, "a\0") is None
    assert store.find_by_login(session, "a\0") is None
    assert groups.find(session, "a\0") is None
    assert groups.find_by_name(session, "a\0") is None


def test_the_last_administrator_stays(session):
    root = add(session, "root", is_admin=True)
    other = add(session, "other", is_admin=True)
    now = clock.utc_now()
    assert store.set_disabled(session, other, True, now)
    with pytest.raises(store.LastAdministrator):
        store.set_disabled(session, root, True, now)
    with pytest.raises(store.LastAdministrator):
        store.update(session, root, changes={"is_admin": False}, now=now)
    assert (root.is_admin, root.disabled_at, store.admin_count(session)) == (True, None, 1)


def test_M10_two_at_once_leave_one_administrator(app):
    people = [factories.make_person(app, name, is_admin=True).id for name in ("one", "two")]
    barrier, refused = threading.Barrier(2), []

    def demote(person_id):
        with app.app_context():
            barrier.wait(timeout=10)
            try:
                with transaction() as session:
                    person = store.find(session, person_id)
                    store.update(session, person, changes={"is_admin": False}, now=clock.utc_now())
            except store.LastAdministrator:
                refused.append(person_id)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=demote, args=(person_id,)) for person_id in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    with app.app_context():
        assert (len(refused), store.admin_count(db.session())) == (1, 1)


def test_groups_hold_people(session):
    ana, now = add(session, "ana"), clock.utc_now()
    staff = groups.add(session, "Staff", now)
    assert groups.add_member(session, staff.id, ana.id)
    assert not groups.add_member(session, staff.id, ana.id)
    assert groups.names_of(session, ana.id) == ("Staff",)
    with pytest.raises(FieldErrors):
        groups.add(session, "STAFF", now)
    groups.rename(session, staff, "Crew")
    assert [(line.name, line.members) for line in groups.page(session, search="cre").groups] == [("Crew", 1)]
    assert groups.remove_member(session, staff.id, ana.id)
    assert not groups.remove_member(session, staff.id, ana.id)
    assert groups.delete(session, staff) == 0
    assert groups.find_by_name(session, "crew") is None


def test_a_new_number_is_not_verified():
    claims = {"phone_number": "+34 555 0100", "phone_number_verified": True, "nickname": "ani"}
    now = clock.utc_now()
    assert merged(claims, {"phone_number": "+34 555 0100"}, now=now) == claims
    assert merged(claims, {"phone_number": "+34 555 0199"}, now=now) == {
        "phone_number": "+34 555 0199",
        "nickname": "ani",
    }
    assert merged(claims, {"phone_number": "", "nickname": ""}, now=now) == {}


def test_an_address_changes_member_by_member():
    claims = {"address": {"formatted": "Calle Mayor 1\nMadrid", "country": "ES"}}
    now = clock.utc_now()
    assert merged(claims, {"address_formatted": "Calle Mayor 1\r\nMadrid"}, now=now) == claims
    assert merged(claims, {"address_formatted": "Elsewhere", "address_region": " Lazio "}, now=now) == {
        "address": {"formatted": "Elsewhere", "region": "Lazio", "country": "ES"}
    }
    assert merged(claims, {"address_formatted": "", "address_country": ""}, now=now) == {}


def test_what_comes_back_as_it_was_shown_stays_as_it_was_kept():
    claims = {"given_name": " Ana", "address": {"street_address": "1 Way\r\nFlat 2"}}
    assert merged(claims, shown(claims), now=clock.utc_now()) == claims


def test_each_member_of_an_address_has_its_own_fault():
    with pytest.raises(FieldErrors) as refused:
        merged({}, {"address_country": "x" * 301, "address_region": "a\0", "zoneinfo": "Mars"}, now=clock.utc_now())
    assert set(refused.value.fields) == {"address_country", "address_region", "zoneinfo"}
