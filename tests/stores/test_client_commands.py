"""``idp client``: what an administrator or a script does without a browser."""

import json

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from idp import cli
from idp.clients import secrets, store
from idp.db import db
from idp.errors import Conflict, FieldErrors, NotFound
from idp.keys.models import SigningKey


@pytest.fixture
def run(settings):
    """Run a command over the test's installation; return what it printed, as JSON where it was asked for."""
    environment = {"IDP_DATA_DIR": str(settings.data_dir), "IDP_DATABASE_URL": settings.database_url}

    def run_command(*words, given=None):
        result = CliRunner().invoke(cli.idp, ["client", *words], input=given, env=environment)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout) if "--json" in words else result.stdout

    return run_command


@pytest.fixture
def read(app):
    def read_client(client_id):
        with app.app_context():
            return store.read(db.session(), client_id)

    return read_client


def test_a_web_app_by_options(run, read):
    made = run(
        "add",
        "--name=Notes",
        "--client-id=notes",
        "--redirect-uri=https://notes.example/callback",
        "--redirect-uri=http://localhost:5000/callback",
        "--post-logout-redirect-uri=https://notes.example/bye",
        "--scope=groups",
        "--resource=https://api.example",
        "--skip-consent",
        "--no-pkce",
        "--no-profile-claims",
        "--require-second-factor",
        "--json",
    )

    client = read("notes")
    assert made["client_id"] == "notes"
    assert made["client_secret_expires_at"] == 0
    assert made["redirect_uris"] == ["https://notes.example/callback", "http://localhost:5000/callback"]
    assert made["scope"] == "openid profile email groups"
    assert made["grant_types"] == ["authorization_code"]
    # RFC 7591 names the default; the client was not tied to it.
    assert made["token_endpoint_auth_method"] == "client_secret_basic"
    assert client.metadata.token_endpoint_auth_method is None
    assert client.metadata.skip_consent
    assert client.metadata.require_second_factor
    assert not client.metadata.require_pkce
    assert not client.metadata.id_token_profile_claims
    assert secrets.verify(client, made["client_secret"]) is not None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--public", "--redirect-uri=https://a.example/cb"], {"token_endpoint_auth_method": "none"}),
        (
            ["--public", "--application-type=native", "--redirect-uri=com.example.app:/cb"],
            {"application_type": "native"},
        ),
        (
            ["--redirect-uri=https://a.example/cb", "--scope=offline_access"],
            {"grant_types": ["authorization_code", "refresh_token"], "scope": "openid profile email offline_access"},
        ),
        (
            ["--redirect-uri=https://a.example/cb", "--grant-type=authorization_code", "--grant-type=refresh_token"],
            {"grant_types": ["authorization_code", "refresh_token"], "scope": "openid profile email offline_access"},
        ),
        (
            ["--grant-type=client_credentials", "--scope=a b", "--resource-server", "--auth-method=client_secret_post"],
            {"scope": "a b", "resource_server": True, "token_endpoint_auth_method": "client_secret_post"},
        ),
    ],
)
def test_other_kinds_by_options(run, words, expected):
    made = run("add", "--name=A", "--json", *words)

    assert {name: made[name] for name in expected} == expected
    assert ("client_secret" in made) == ("--public" not in words)


def test_metadata_as_json_keeps_a_given_identifier_and_secret(run, read):
    chosen = "a-secret-of-our-own~0123456789abcdef"
    metadata = {
        "client_id": "wiki",
        "client_secret": chosen,
        "client_name": "Wiki",
        "redirect_uris": ["https://wiki.example/cb"],
        "id_token_signed_response_alg": "EdDSA",
        "jwt_sso": {"delivery_uri": "https://wiki.example/jwt", "alg": "HS256"},
    }

    made = run("add", "--metadata", "-", "--json", given=json.dumps(metadata))

    assert (made["client_id"], made["client_secret"]) == ("wiki", chosen)
    assert len(made["jwt_secret"]) >= 43
    assert made["jwt_sso"]["alg"] == "HS256"
    assert read("wiki").metadata.id_token_signed_response_alg == "EdDSA"


def test_an_algorithm_that_is_new_gets_its_keys(run, app):
    metadata = {"client_name": "A", "redirect_uris": ["https://a.example/cb"], "id_token_signed_response_alg": "EdDSA"}
    run("add", "--metadata", "-", given=json.dumps(metadata))

    with app.app_context():
        states = select(SigningKey.state).where(SigningKey.alg == "EdDSA")
        assert sorted(db.session().execute(states).scalars()) == ["active", "next"]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ('{"client_name": "A", "redirect_uri": "https://a.example"}', {"redirect_uri", "redirect_uris"}),
        ('{"client_name": "A", "redirect_uris": ["https://a.example/#x"], "logo": 1}', {"redirect_uris", "logo"}),
        ('{"client_id": "usr_1", "grant_types": ["client_credentials"]}', {"client_id"}),
        ("[]", {"metadata"}),
        ("nothing", {"metadata"}),
    ],
)
def test_faulty_metadata_is_refused_with_every_fault(run, given, named):
    with pytest.raises(FieldErrors) as refused:
        run("add", "--metadata", "-", given=given)

    assert set(refused.value.fields) == named


@pytest.mark.parametrize(
    "words",
    [
        ["--redirect-uri=https://a.example/cb"],
        ["--name=A", "--metadata=-"],
        ["--name=A", "--public", "--auth-method=client_secret_post", "--redirect-uri=https://a.example/cb"],
    ],
)
def test_options_that_contradict_one_another_are_refused(settings, words):
    result = CliRunner().invoke(cli.idp, ["client", "add", *words], input="{}")

    assert result.exit_code == 2
    assert "Error:" in result.stderr


def test_a_secret_is_shown_once_added_and_removed(run, read):
    made = run("add", "--name=Notes", "--client-id=notes", "--redirect-uri=https://notes.example/cb")
    first = next(line.split()[-1] for line in made.splitlines() if line.startswith("client_secret"))
    assert "cannot be shown again" in made
    shown = run("show", "notes", "--json")
    assert first not in json.dumps(shown)
    assert shown["secrets"][0]["ends_with"] == first[-4:]
    assert shown["secrets"][0]["last_used_at"] is None

    second = run("secret", "notes", "--json")["client_secret"]
    assert secrets.verify(read("notes"), second) is not None
    with pytest.raises(Conflict):
        run("secret", "notes")

    run("secret", "notes", "--remove", shown["secrets"][0]["id"])
    assert secrets.verify(read("notes"), first) is None
    assert secrets.verify(read("notes"), second) is not None


def test_listing_disabling_and_deleting(run, read):
    for name in ("b", "a", "c"):
        run("add", f"--name=App {name}", f"--client-id={name}", "--redirect-uri=https://a.example/cb")

    assert [client["client_id"] for client in run("list", "--json")] == ["a", "b", "c"]
    assert run("list", "--search=app B").split() == ["b", "App", "b"]
    assert run("disable", "a", "--json")["disabled"] is True
    assert "(disabled)" in run("list")
    assert run("enable", "a", "--json")["disabled"] is False
    assert run("delete", "a", "--yes", "--json") == {"client_id": "a", "deleted": True, "people": 0, "grants": 0}
    assert read("a") is None
    assert "deleted" in run("delete", "b", given="y\n")
    assert read("b") is None


def test_deleting_asks_and_takes_no_for_an_answer(settings, run, read):
    run("add", "--name=A", "--client-id=a", "--redirect-uri=https://a.example/cb")
    environment = {"IDP_DATA_DIR": str(settings.data_dir), "IDP_DATABASE_URL": settings.database_url}

    result = CliRunner().invoke(cli.idp, ["client", "delete", "a"], input="n\n", env=environment)

    assert result.exit_code == 1
    assert read("a") is not None


@pytest.mark.parametrize("words", [["show", "x"], ["disable", "x"], ["enable", "x"], ["secret", "x"], ["delete", "x"]])
def test_a_client_that_is_not_there_is_named(run, words):
    with pytest.raises(NotFound):
        run(*words)


def test_an_app_is_edited_by_names_and_what_is_not_named_stays(run, read):
    run("add", "--name", "Notes", "--client-id", "notes", "--redirect-uri", "https://notes.example/cb")

    changed = run(
        "edit", "notes", "--set", "client_name=Notebook", "--set", 'contacts=["ops@notes.example"]',
        "--set", "backchannel_logout_uri=https://notes.example/out", "--json",
    )  # fmt: skip

    assert changed["client_name"] == "Notebook"
    metadata = read("notes").metadata
    assert metadata.contacts == ("ops@notes.example",)
    assert metadata.backchannel_logout_uri == "https://notes.example/out"
    assert metadata.redirect_uris == ("https://notes.example/cb",)
    run("edit", "notes", "--metadata", "-", given='{"backchannel_logout_uri": null, "subject_type": "pairwise"}')
    assert read("notes").metadata.backchannel_logout_uri is None
    assert read("notes").metadata.subject_type == "pairwise"


def test_an_edit_that_cannot_be_says_why(run):
    run("add", "--name", "Notes", "--client-id", "notes", "--redirect-uri", "https://notes.example/cb")
    with pytest.raises(FieldErrors, match="No metadata has this name"):
        run("edit", "notes", "--set", "colour=blue")
    with pytest.raises(FieldErrors, match="cannot be changed"):
        run("edit", "notes", "--set", "client_id=other")
    with pytest.raises(NotFound):
        run("edit", "nobody", "--set", "client_name=x")


def test_apps_are_exported_without_secrets_and_imported_whole(run, read):
    run("add", "--name", "Notes", "--client-id", "notes", "--redirect-uri", "https://notes.example/cb")
    run("add", "--name", "Mail", "--client-id", "mail", "--redirect-uri", "https://mail.example/cb")
    run("disable", "mail")
    before = {name: read(name) for name in ("notes", "mail")}
    exported = run("export")
    assert "idps_" not in exported
    for name in before:
        run("delete", name, "--yes")

    made = run("import", "-", "--json", given=exported)

    assert {one["client_id"]: bool(one["client_secret"]) for one in made} == {"notes": True, "mail": True}
    assert {name: read(name).metadata for name in before} == {name: one.metadata for name, one in before.items()}
    assert read("mail").disabled
    assert not read("notes").disabled


def test_an_import_changes_registered_apps_only_when_told_to(run, read):
    run("add", "--name", "Notes", "--client-id", "notes", "--redirect-uri", "https://notes.example/cb")
    given = json.dumps({**json.loads(run("export", "notes"))[0], "client_name": "Notebook"})

    with pytest.raises(FieldErrors, match=r"1\.client_id"):
        run("import", "-", given=given)
    run("import", "-", "--update", given=given)

    assert read("notes").name == "Notebook"


def test_of_an_import_with_a_fault_nothing_is_registered(run, read):
    good = {"client_id": "good", "client_name": "Good", "redirect_uris": ["https://good.example/cb"]}
    bad = {"client_id": "bad", "client_name": "Bad", "redirect_uris": ["http://bad.example/cb"]}

    with pytest.raises(FieldErrors, match=r"2\.redirect_uris"):
        run("import", "-", given=json.dumps([good, bad]))

    assert read("good") is None


def test_names_for_claims_are_metadata_like_any_other(run, read, tmp_path):
    mapping = {"id_token": {"external_id": "sub"}, "access_token": {"roles": "groups"}}
    run("add", "--name=Notes", "--client-id=notes", "--redirect-uri=https://notes.example/callback", "--json")
    changed = run("edit", "notes", "--set", f"claim_mapping={json.dumps(mapping)}", "--json")
    assert changed["claim_mapping"] == mapping
    assert run("show", "notes", "--json")["claim_mapping"] == mapping
    file = tmp_path / "clients.json"
    file.write_text(run("export", "notes").replace('"notes"', '"copy"'))
    run("import", str(file), "--json")
    assert read("copy").metadata.claim_mapping == read("notes").metadata.claim_mapping
    with pytest.raises(FieldErrors) as refused:
        run("edit", "notes", "--set", 'claim_mapping={"id_token": {"aud": "email"}}')
    assert set(refused.value.fields) == {"claim_mapping.id_token"}
    assert "claim_mapping" not in run("edit", "notes", "--set", "claim_mapping=null", "--json")


def test_an_app_of_the_jwt_redirect_is_added_by_its_name_and_address(run, read):
    made = run(
        *("add", "--name", "Desk", "--client-id", "desk", "--jwt-preset", "zendesk"),
        *("--address", "https://acme.zendesk.com", "--scope", "groups", "--skip-consent"),
        *("--require-second-factor", "--json"),
    )
    assert made["jwt_sso"]["delivery_uri"] == "https://acme.zendesk.com/access/jwt"
    assert len(made["jwt_secret"]) == 64
    client = read("desk")
    assert client.metadata.jwt_sso.preset == "zendesk"
    assert client.metadata.skip_consent
    assert client.metadata.require_second_factor
    assert set(client.metadata.scopes) == {"openid", "profile", "email", "groups"}


def test_a_jwt_secret_is_rotated_by_commands(run, read):
    run("add", "--name", "Desk", "--client-id", "desk", "--jwt-preset", "zendesk", "--address", "https://a.zendesk.com")
    first = read("desk")
    run("secret", "desk", "--jwt-add", "--stdin", given="q" * 48 + "\n")
    second = read("desk")
    assert second.jwt_secret == first.jwt_secret
    run("secret", "desk", "--jwt-switch")
    third = read("desk")
    assert (third.jwt_secret, third.jwt_secret_other) == (second.jwt_secret_other, second.jwt_secret)
    run("secret", "desk", "--jwt-remove")
    assert (read("desk").jwt_secret, read("desk").jwt_secret_other) == (third.jwt_secret, None)
