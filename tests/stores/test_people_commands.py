"""``idp user`` and ``idp group``, as people and as machines read them."""

import json

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from idp.audit.models import AuditEvent
from idp.cli import idp
from idp.db import db
from idp.errors import FieldErrors, IdpError
from tests import passkeys
from tests.visitor import PASSWORD, Visitor


@pytest.fixture
def run(app, settings, monkeypatch):
    """Return a function that runs a command over the test's installation and returns its JSON."""
    monkeypatch.setenv("IDP_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("IDP_DATABASE_URL", settings.database_url)

    def invoke(*words, given=None, plain=False):
        result = CliRunner().invoke(idp, [*words, *([] if plain else ["--json"])], input=given)
        if result.exception is not None:
            raise result.exception
        return result.output if plain else json.loads(result.output)

    yield invoke
    with app.app_context():
        db.session.remove()


def add(run, name, *options, given=PASSWORD + "\n"):
    return run("user", "add", name, "--email", f"{name}@people.example", "--password-stdin", *options, given=given)


def test_a_person_is_added_with_claims_and_signs_in(app, run, tmp_path):
    claims = {"given_name": "Ana", "name": "Ana Ruiz", "email": "ana@people.example", "phone_number": "+34 555 0100"}
    file = tmp_path / "claims.json"
    file.write_text(json.dumps(claims))
    ana = add(run, "ana", "--admin", "--email-unverified", "--claims", str(file))
    told = (ana["username"], ana["name"], ana["email_verified"], ana["is_admin"], ana["disabled"])
    assert told == ("ana", "Ana Ruiz", False, True, False)
    assert ana["claims"] == {"given_name": "Ana", "phone_number": "+34 555 0100"}
    assert PASSWORD not in str(ana)
    assert Visitor(app).sign_in("ana").status_code == 303


@pytest.mark.parametrize(
    ("options", "given", "field"),
    [
        ((), "short\n", "password"),
        ((), "", "password"),
        (("--claims", "{file}"), PASSWORD, "claims"),
        (("--name", "x" * 201), PASSWORD, "name"),
    ],
)
def test_what_cannot_be_added_is_named_by_field(run, tmp_path, options, given, field):
    file = tmp_path / "claims.json"
    file.write_text("[]")
    with pytest.raises(FieldErrors) as refused:
        add(run, "ana", *(option.format(file=file) for option in options), given=given)
    assert set(refused.value.fields) == {field}
    assert run("user", "list") == []


def test_claims_are_given_one_by_one_and_changed(app, run, tmp_path):
    file = tmp_path / "claims.json"
    file.write_text(json.dumps({"nickname": "ani", "gender": "female", "address": {"country": "ES", "region": "x"}}))
    given = ["--claims", str(file), "--claim", "nickname=nita", "--claim", "address.locality=Madrid"]
    given += ["--claim", "phone_number=+34 555 0100", "--claim", "phone_number_verified=true", "--claim", "name=Ana"]
    ana = add(run, "ana", "--name", "Ana Ruiz", *given)
    assert (ana["name"], ana["claims"]) == (
        "Ana Ruiz",
        {
            "nickname": "nita",
            "gender": "female",
            "address": {"country": "ES", "region": "x", "locality": "Madrid"},
            "phone_number": "+34 555 0100",
            "phone_number_verified": True,
        },
    )
    file.write_text(json.dumps({"gender": None, "address": {"region": None}}))
    told = ["--claim", "zoneinfo=Europe/Madrid", "--claim", "nickname=", "--claims", str(file)]
    changed = run("user", "edit", "ana", *told, "--email", "ruiz@people.example", "--username", "ruiz")
    assert (changed["username"], changed["email"], changed["email_verified"]) == ("ruiz", "ruiz@people.example", False)
    assert changed["claims"] == {
        "zoneinfo": "Europe/Madrid",
        "address": {"country": "ES", "locality": "Madrid"},
        "phone_number": "+34 555 0100",
        "phone_number_verified": True,
    }
    moved = run("user", "edit", "ruiz", "--claim", "phone_number=+34 555 0199", "--claim", "address.locality=")
    assert (moved["claims"]["phone_number"], "phone_number_verified" in moved["claims"]) == ("+34 555 0199", False)
    assert moved["claims"]["address"] == {"country": "ES"}
    assert run("user", "edit", "ruiz", "--email-verified", "--name", "Ana R.")["name"] == "Ana R."
    assert run("user", "edit", "ruiz", "--email", "RUIZ@people.example")["email_verified"]
    assert "Nothing was changed." in run("user", "edit", "ruiz", plain=True)
    assert Visitor(app).sign_in("ruiz").status_code == 303
    with app.app_context():
        entries = db.session().execute(select(AuditEvent).where(AuditEvent.type == "person.changed")).scalars()
        assert [entry.actor_name for entry in entries] == ["Command line"] * 4


@pytest.mark.parametrize(
    ("claim", "field"),
    [
        ("zoneinfo=Mars/Phobos", "zoneinfo"),
        ("phone_number_verified=maybe", "phone_number_verified"),
        ("nickname", "claim"),
        ("=x", "claim"),
        ("address=Madrid", "claim"),
        ("address.street=x", "claim"),
        ("groups=admin", "groups"),
        ("email=other@people.example", "email"),
        ("sub=usr_x", "sub"),
    ],
)
def test_a_claim_that_cannot_be_is_named(run, claim, field):
    add(run, "ana")
    with pytest.raises(FieldErrors) as refused:
        run("user", "edit", "ana", "--claim", claim, "--name", "Changed")
    assert set(refused.value.fields) == {field}
    assert run("user", "list")[0]["name"] == ""


def test_disabling_and_enabling_by_any_name(app, run):
    ana, bob = add(run, "ana", "--admin"), add(run, "bob")
    assert run("user", "disable", "BOB@people.example")["disabled"]
    assert Visitor(app).sign_in("bob").status_code != 303
    assert not run("user", "enable", bob["id"])["disabled"]
    assert [person["username"] for person in run("user", "list", "--search", "a")] == ["ana", "bob"]
    assert "ana@people.example  admin" in run("user", "list", plain=True)
    with pytest.raises(IdpError, match="last administrator"):
        run("user", "disable", ana["id"])
    with pytest.raises(IdpError, match="Nobody is called"):
        run("user", "disable", "nobody")


def test_groups_and_their_members(run):
    add(run, "ana")
    assert run("group", "add", "Staff")["members"] == 0
    with pytest.raises(FieldErrors):
        run("group", "add", "STAFF")
    assert run("group", "add-member", "staff", "ana")["members"] == 1
    assert "already" in run("group", "add-member", "staff", "ana", plain=True)
    assert [(group["name"], group["members"]) for group in run("group", "list")] == [("Staff", 1)]
    assert run("user", "list")[0]["groups"] == ["Staff"]
    with pytest.raises(IdpError, match="no group"):
        run("group", "add-member", "crew", "ana")


def test_a_person_is_let_back_in_by_a_printed_link(app, run):
    add(run, "ana")
    told = run("user", "recover", "ana@people.example")
    assert told["expires_in"] == 24 * 3600
    path = told["recovery_link"].removeprefix("http://localhost:8000")
    assert path.startswith("/recover/")
    visitor = Visitor(app)
    visitor.submit(visitor.form(path), new_password="swim tulip radar mint")
    assert visitor.sign_in("ana", "swim tulip radar mint").headers["Location"] == "/"
    assert "(works once, 24 hours)" in run("user", "recover", "ana", "--remove-second-factors", plain=True)
    with app.app_context():
        made = select(AuditEvent.detail).where(AuditEvent.type == "recovery.link_made").order_by(AuditEvent.id)
        assert list(db.session().execute(made).scalars()) == [{}, {"removes_second_factors": True}]
    run("user", "disable", "ana")
    with pytest.raises(IdpError, match="ana is disabled"):
        run("user", "recover", "ana")


def test_a_password_is_set_or_asked_for(app, run):
    assert add(run, "ana", "--must-change-password")["must_change_password"] is True
    assert Visitor(app).sign_in("ana").headers["Location"] == "/login/new-password"
    new = "swim tulip radar mint"
    assert (
        run("user", "set-password", "ana", "--password-stdin", "--may-keep", given=new)["must_change_password"] is False
    )
    visitor = Visitor(app)
    assert visitor.sign_in("ana", new).headers["Location"] == "/"
    assert run("user", "require-new-password", "ana")["must_change_password"] is True
    assert visitor.open("/account").status_code == 303
    assert run("user", "set-password", "ana", "--password-stdin", given=PASSWORD)["must_change_password"] is True
    with pytest.raises(FieldErrors):
        run("user", "set-password", "ana", "--password-stdin", given="short")


def test_passkeys_are_listed_and_removed(app, run):
    ana = add(run, "ana")
    assert run("user", "passkeys", "ana") == []
    assert run("user", "passkeys", "ana", plain=True) == "No passkey yet.\n"
    device = passkeys.give(app, ana["id"])
    visitor = Visitor(app)
    assert passkeys.sign_in(visitor, device).status_code == 303
    (held,) = run("user", "passkeys", "ana")
    assert (held["name"], held["provider"], held["kind"]) == ("Laptop", "", "One device only")
    assert held["last_used_at"] is not None
    assert "Laptop  One device only" in run("user", "passkeys", "ana", plain=True)
    with pytest.raises(IdpError, match="has no passkey psk_other"):
        run("user", "passkeys", "ana", "--remove", "psk_other")
    assert run("user", "passkeys", "ana", "--remove", held["id"]) == []
    assert visitor.open("/account").status_code == 303, "whoever was signed in is signed out"
