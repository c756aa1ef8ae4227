"""``idp contracts``, and the commands that change apps: nothing changes tokens in passing."""

import json

import pytest
from click.testing import CliRunner

from idp import cli
from idp.clients import store
from idp.contracts.notes import Notes
from idp.db import db
from idp.errors import Conflict
from idp.web.current import service
from tests.factories import make_client
from tests.relying_party import basic


@pytest.fixture
def run(settings):
    """Run a command over the test's installation; return its status, what it printed and its errors."""
    environment = {"IDP_DATA_DIR": str(settings.data_dir), "IDP_DATABASE_URL": settings.database_url}

    def run_command(*words, given=None, **more):
        result = CliRunner().invoke(cli.idp, list(words), input=given, env={**environment, **more})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, json.loads(result.stdout) if "--json" in words else result.stdout, result.stderr

    return run_command


@pytest.fixture
def machine(app):
    """An app that has had a token."""
    made = make_client(
        app,
        client_id="machine",
        client_name="Machine",
        grant_types=["client_credentials"],
        redirect_uris=None,
        scope="a b",
    )
    headers = {"Authorization": basic(made.client_id, made.client_secret)}
    form = {"grant_type": "client_credentials", "scope": "a b"}
    assert app.test_client().post("/oauth/token", data=form, headers=headers).status_code == 200
    with app.app_context():
        service(Notes).flush()
    return made


def metadata(app):
    with app.app_context():
        return store.read(db.session(), "machine").metadata


def test_what_differs_is_checked_shown_and_accepted(run, machine):
    assert run("contracts", "check") == (0, "Nothing differs: 1 apps get what they have had.\n", "")
    _, (shown,), _ = run("contracts", "show", "machine", "--json")
    assert (shown["token"], shown["scope"], shown["alg"], shown["lifetime"]) == (
        "client_access_token",
        "a b",
        "ES256",
        300,
    )
    assert shown["claims"]["scope"] == {"types": ["string"], "always": True}
    assert (shown["tokens"], shown["accepted_by"], shown["differences"]) == (1, None, [])
    assert "Lives: 5 minutes" in run("contracts", "show", "machine")[1]

    later = {"IDP_TOKENS__ACCESS": "10min"}
    status, text, _ = run("contracts", "check", **later)
    assert status == 1
    assert "machine  Access token of its own, a b: waits to be accepted" in text
    assert "  - Lives: 5 minutes\n  + Lives: 10 minutes" in text
    status, data, _ = run("contracts", "check", "machine", "--json", **later)
    assert (status, data["ok"], data["checked"]) == (1, False, 1)
    assert data["apps"][0]["waits"] == [
        {"token": "client_access_token", "scope": "a b", "before": ["Lives: 5 minutes"], "after": ["Lives: 10 minutes"]}
    ]
    assert run("contracts", "accept")[0] == 2
    assert "Lives: 10 minutes" in run("contracts", "accept", "--all", **later)[1]
    assert run("contracts", "check", **later)[0] == 0
    assert run("contracts", "accept", "machine", "--json", **later)[1] == []
    assert run("contracts", "show", "machine", "--json")[1][0]["accepted_by"] == "Command line"


def test_an_edit_that_changes_tokens_needs_consent(run, app, machine):
    words = ("client", "edit", "machine", "--set", "access_token_signed_response_alg=RS256")
    with pytest.raises(Conflict, match="Nothing was changed"):
        run(*words)
    assert metadata(app).access_token_signed_response_alg is None
    assert run("client", "edit", "machine", "--set", "client_name=Robot")[0] == 0
    status, _, errors = run(*words, "--accept")
    assert status == 0
    assert "- Signed with: ES256\n  + Signed with: RS256" in errors
    assert run("contracts", "check")[0] == 0

    (known,) = json.loads(run("client", "export", "machine")[1])
    wanted = json.dumps([{**known, "scope": "a"}])
    with pytest.raises(Conflict, match="--accept"):
        run("client", "import", "--update", "-", given=wanted)
    assert metadata(app).scope == "a b"
    status, _, errors = run("client", "import", "--update", "--accept", "-", given=wanted)
    assert "- scopes a b\n  + scopes a" in errors
    assert (status, metadata(app).scope, run("contracts", "check")[0]) == (0, "a", 0)
