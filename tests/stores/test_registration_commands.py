"""``idp registration token``."""

import json

import pytest
from click.testing import CliRunner

from idp.cli import idp
from idp.settings import RegistrationSettings
from tests.registering import Registrar


@pytest.fixture
def run(monkeypatch, settings):
    """Return a function that runs a command over the test's installation."""
    monkeypatch.setenv("IDP_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("IDP_DATABASE_URL", settings.database_url)

    def call(*arguments, code=0):
        result = CliRunner().invoke(idp, ["registration", "token", *arguments])
        assert result.exit_code == code, result.output
        return result

    return call


def test_a_token_is_made_listed_used_and_removed(run, make_app):
    made = json.loads(run("add", "Mobile team", "--uses", "2", "--lifetime", "30d", "--json").stdout)
    assert made["token"].startswith("idpi_")
    assert made["registration_endpoint"] == "http://localhost:8000/oauth/register"

    registrar = Registrar(make_app(registration=RegistrationSettings(mode="token")))
    assert registrar.register(made["token"]).status == 201

    (listed,) = json.loads(run("list", "--json").stdout)
    assert (listed["name"], listed["uses"], listed["most_uses"], listed["state"]) == ("Mobile team", 1, 2, "live")
    assert "token" not in listed
    assert "Mobile team" in run("list").stdout

    assert json.loads(run("remove", made["id"], "--json").stdout)["state"] == "revoked"
    assert registrar.register(made["token"]).status == 401


def test_people_are_told_what_to_do_with_a_token(run):
    output = run("add", "Mobile team").stdout
    assert output.startswith("idpi_")
    assert "It cannot be shown again." in output
    assert "IDP_REGISTRATION__MODE" in output
    assert run("list").stdout.count("Mobile team") == 1


def test_a_time_that_cannot_be_read_is_said(run):
    assert "for example 8h" in run("add", "Mobile team", "--lifetime", "soon", code=2).stderr


@pytest.mark.parametrize("arguments", [("add", " "), ("add", "x", "--uses", "0"), ("add", "x", "--lifetime", "9999d")])
def test_what_cannot_be_makes_no_token(run, arguments):
    run(*arguments, code=1)
    assert "No tokens." in run("list").stdout


def test_no_such_token_can_be_removed(run):
    run("remove", "iat_none", code=1)
