"""``idp jwt``: tokens looked into and decided about without a browser."""

import json

import pytest
from click.testing import CliRunner

from idp import cli
from idp.clients import jwt_secrets
from idp.db import db, transaction
from idp.keys import rotation
from idp.vault import Vault
from tests.factories import make_client
from tests.keyring import AUDIENCE, change, of, token


@pytest.fixture
def run(settings):
    """Run a command over the test's installation; return its result."""
    environment = {"IDP_DATA_DIR": str(settings.data_dir), "IDP_DATABASE_URL": settings.database_url}

    def run_command(*words, sent=""):
        result = CliRunner().invoke(cli.idp, ["jwt", *words], env=environment, input=sent)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run_command


@pytest.fixture
def made(app):
    """Return a function that signs an ID token here."""

    def sign(**changed):
        with of(app):
            return token(typ="JWT", **{"jti": None, "nonce": "n", **changed})

    return sign


def test_a_good_token_is_verified_by_standard_input_and_by_argument(run, made):
    good = made()
    for result in (run("verify", sent=good), run("verify", "-", sent=f"{good}\n"), run("verify", good)):
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout == "Good: an ID token of this server\n"
    result = run("verify", "--audience", AUDIENCE, "--typ", "JWT", "--json", sent=good)
    found = json.loads(result.stdout)
    assert (result.exit_code, found["good"], found["kind"], found["reasons"]) == (0, True, "id_token", [])
    assert found["claims"]["aud"] == AUDIENCE
    assert type(found["claims"]["exp"]) is int


@pytest.mark.parametrize(
    ("words", "changed", "reason"),
    [
        (["--audience", "https://other.example"], {}, "It is for somebody else"),
        (["--issuer", "https://other.example"], {}, "Another issuer"),
        (["--typ", "at+jwt"], {}, "It is another kind of token"),
        ([], {"iss": "https://other.example"}, "cannot be vouched for here"),
        ([], {"nbf": 4102444800}, "It is not valid yet"),
        (["--leeway", "60"], {"iat": 4102444800, "exp": 4102444900}, "It was issued in the future"),
    ],
)
def test_what_is_not_good_says_why_on_standard_error_and_by_its_status(run, made, words, changed, reason):
    result = run("verify", *words, sent=made(**changed))
    assert (result.exit_code, result.stdout) == (1, "")
    assert reason in result.stderr
    result = run("verify", *words, "--json", sent=made(**changed))
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (found["good"], found["claims"]) == (False, None)
    assert reason in " ".join(found["reasons"])


def test_inspecting_explains_every_part(run, made, app):
    good = made(email="ana@people.example", odd={"a": ["\x1b[31m"]}, wild="\x1b[2J")
    result = run("inspect", sent=good)
    assert result.exit_code == 0
    for words in ("Good: an ID token of this server.", "Signed here, by k-", "  nonce: n", "The email address.",
                  "A claim of somebody's own", "It expires in", "\\u001b[31m", "\\x1b[2J"):  # fmt: skip
        assert words in result.stdout
    assert "\x1b" not in result.stdout
    found = json.loads(run("inspect", "--json", sent=good).stdout)
    assert {one["name"] for one in found["header"]} == {"alg", "kid", "typ"}
    assert found["payload"]["odd"] == {"a": ["\x1b[31m"]}
    assert {one["result"] for one in found["checks"]} == {"ok", "info"}
    assert next(one["instant"] for one in found["claims"] if one["name"] == "exp").endswith("+00:00")
    with of(app):
        rotation.revoke(change(app), next(one["value"] for one in found["header"] if one["name"] == "kid"))
    result = run("inspect", sent=good)
    assert result.exit_code == 1
    assert "The key was revoked" in result.stdout


def test_what_is_no_token_is_explained_with_status_1(run):
    for sent, words in (
        ("a.b.c", "incomplete"),
        ("idpr_abc", "A refresh token of this server"),
        ('{"access_token": "x"}', "It is JSON"),
        ("\xff\xfe", "It is not a JWT"),
        ("x" * 70_000, "It is too long"),
    ):
        for command in ("inspect", "verify"):
            result = run(command, sent=sent)
            assert result.exit_code == 1, sent[:20]
            assert words in result.output


def test_a_wrong_call_is_status_2(run):
    for words in (["verify"], ["inspect", "-"], ["verify", "--leeway", "-1"], ["verify", "--leeway", "soon"],
                  ["verify", "--leeway", "99999"], ["verify", "--nonsense"], ["verify", "a", "b"]):  # fmt: skip
        result = run(*words, sent=" \n")
        assert (result.exit_code, result.stdout) == (2, ""), words
    assert "list of processes" in " ".join(run("verify", "--help").stdout.split())


def test_the_secret_of_an_app_is_tried_for_hs256(run, app):
    jwt_sso = {"delivery_uri": "https://intranet.example/sso", "alg": "HS256"}
    make_client(app, client_id="intranet", redirect_uris=None, grant_types=None, scope=None, jwt_sso=jwt_sso)
    from idp.keys.signer import Signer
    from idp.web.current import service
    from tests.keyring import claims

    with of(app):
        from idp import clock
        from idp.clients import store

        now = clock.utc_now()
        client = store.read(db.session(), "intranet")
        key = jwt_secrets.key_bytes(service(Vault), "intranet", client.jwt_secret)
        signed = service(Signer).sign_with_secret(
            key, header={"typ": "JWT"}, claims=claims(now, aud="intranet", exp=claims(now)["iat"] + 60), now=now
        )
        db.session.rollback()
    result = run("verify", "--audience", "intranet", sent=signed)
    assert (result.exit_code, result.stdout) == (0, "Good: a JWT of the JWT redirect of this server\n")
    with of(app), transaction() as session:
        jwt_secrets.replace(session, service(Vault), "intranet", clock.utc_now())
    result = run("verify", sent=signed)
    assert result.exit_code == 1
    assert "does not fit the secret that intranet shares" in result.stderr
