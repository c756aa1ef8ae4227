"""``idp keys``: what an operator or a script does without a browser."""

import json
import secrets

import jwt
import pytest
from click.testing import CliRunner
from joserfc.jwk import ECKey, RSAKey
from sqlalchemy import select

from idp import cli
from idp.audit.models import AuditEvent
from idp.db import db
from idp.errors import Conflict, FieldErrors, NotFound
from idp.keys.ledger import Ledger
from idp.keys.readiness import WouldBreak
from idp.keys.rotation import TooEarly
from idp.web.current import service
from tests.factories import make_client
from tests.keyring import AUDIENCE, key_set, keys_of, of, token, verify

FIELDS = {"kid", "name", "alg", "state", "can_sign", "published_at", "activated_at", "retiring_at", "retired_at",
          "revoked_at"}  # fmt: skip


@pytest.fixture
def run(settings):
    """Run a command over the test's installation; return what it printed, as JSON where it was asked for."""
    environment = {"IDP_DATA_DIR": str(settings.data_dir), "IDP_DATABASE_URL": settings.database_url}

    def run_command(*words):
        result = CliRunner().invoke(cli.idp, ["keys", *words], env=environment)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout) if "--json" in words else result.stdout

    return run_command


def by_state(keys, alg="RS256"):
    return {key["state"]: key["kid"] for key in keys if key["alg"] == alg}


def test_keys_are_listed_without_their_private_part(run):
    keys = run("list", "--json")
    assert {(key["alg"], key["state"]) for key in keys} == {
        (alg, state) for alg in ("RS256", "ES256") for state in ("active", "next")
    }
    assert all(key.keys() == FIELDS and key["can_sign"] for key in keys)
    text = run("list")
    assert all(key["kid"] in text and key["name"] in text for key in keys)


def test_a_key_is_rotated_replaced_and_revoked(run, app):
    before = by_state(run("list", "--json"))
    done = run("rotate", "--json")
    assert done == {"alg": "RS256", "active": before["next"], "next": done["next"], "before": before["active"]}
    with pytest.raises(TooEarly):
        run("rotate")
    forced = run("rotate", "--force", "--json")
    assert forced["active"] == done["next"]
    replaced = run("replace", "--json")
    assert replaced["before"] == forced["active"]
    assert by_state(run("list", "--json"))["active"] == replaced["active"]
    assert "is revoked" in run("replace", "--alg", "ES256")
    with of(app):
        assert len(keys_of("RS256")["revoked"]) == 1
        kinds = db.session.execute(select(AuditEvent.type, AuditEvent.actor_id)).all()
        assert ("key.revoked", "command line") in [tuple(row) for row in kinds]


def test_a_key_is_revoked_by_kid_or_by_name(run, app):
    run("rotate")
    held = {key["state"]: key for key in run("list", "--json") if key["alg"] == "RS256"}
    assert run("revoke", held["retiring"]["name"], "--json")["state"] == "revoked"
    assert "is revoked" in run("revoke", held["active"]["kid"])
    assert by_state(run("list", "--json"))["active"] == held["next"]["kid"]
    with pytest.raises(Conflict):
        run("revoke", held["active"]["kid"])
    for unknown in ("nothing", "x" * 43, "k-1999-01"):
        with pytest.raises(NotFound):
            run("revoke", unknown)


def test_a_key_made_elsewhere_is_brought_along(run, tmp_path):
    made = RSAKey.generate_key(2048)
    file = tmp_path / "key.pem"
    file.write_bytes(made.as_pem(private=True))
    brought = run("import", str(file), "--json")
    assert (brought["kid"], brought["state"], brought["can_sign"]) == (made.thumbprint(), "next", True)
    (tmp_path / "public.jwk").write_text(json.dumps(ECKey.generate_key("P-256").as_dict(private=False)))
    assert "verifies only" in run("import", str(tmp_path / "public.jwk"), "--alg", "ES256")
    with pytest.raises(Conflict):
        run("import", str(file))
    with pytest.raises(FieldErrors) as refused:
        run("import", str(file), "--alg", "ES256")
    assert "PRIVATE" not in str(refused.value.fields)


def test_public_keys_are_taken_away_as_a_set_or_one_by_one(run, app):
    exported = json.loads(run("export"))
    assert exported == run("export", "--json")
    with of(app):
        assert {key["kid"]: key for key in exported["keys"]} == key_set()
        signed = token(reader="", alg="RS256")
    active = by_state(run("list", "--json"))["active"]
    one = run("export", active, "--json")
    assert run("export", one["name"]) == one["pem"]
    for key in (one["pem"], jwt.PyJWK(one["jwk"])):
        assert jwt.decode(signed, key, ["RS256"], audience=AUDIENCE)["sub"] == "usr_1"
    with pytest.raises(NotFound):
        run("export", "nothing")
    with of(app):
        kinds = db.session.execute(select(AuditEvent.type).where(AuditEvent.actor_id == "command line")).scalars()
        assert "key.exported" in set(kinds)


def test_a_running_server_hears_of_the_command(run, app):
    from idp.cache import Cache
    from idp.errors import InvalidToken
    from tests.keyring import token

    with of(app):
        old = token()
        assert verify(old)
        app.extensions["idp"][Cache].check(db.engine)
    run("replace")
    with of(app):
        app.extensions["idp"][Cache].check(db.engine)
        with pytest.raises(InvalidToken):
            verify(old)


def test_it_is_told_who_would_break_and_the_rotation_refused(run, app):
    assert run("ready", "--json")["safe"] is True
    assert "Nothing was signed with RS256" in run("ready")
    made = make_client(app, client_name="The wiki")
    with of(app):
        service(Ledger).signed(made.client_id, keys_of()["active"][0])
        service(Ledger).flush()
    (wiki,) = run("ready", "--json")["apps"]
    assert (wiki["kind"], wiki["ready"], wiki["why"]) == (
        "inferred",
        True,
        "This key has been in every key set since the first.",
    )
    # The next one came later.
    run("rotate")
    with of(app):
        service(Ledger).signed(made.client_id, keys_of()["active"][0])
        service(Ledger).flush()
        following = keys_of()["next"][0]
    found = run("ready", "--json")
    assert (found["next"], found["safe"]) == (following, False)
    (wiki,) = found["apps"]
    assert (wiki["client_id"], wiki["kind"], wiki["ready"]) == (made.client_id, "unknown", False)
    assert "BREAKS" in run("ready")
    with pytest.raises(WouldBreak, match="The wiki"):
        run("rotate")
    assert run("rotate", "--force", "--json")["active"] == following


def test_everything_is_encrypted_anew_under_another_master_key(run, app, settings, monkeypatch):
    with of(app):
        signed = token()
    old, new = (settings.data_dir / "master.key").read_text().strip(), secrets.token_urlsafe(32)
    monkeypatch.setenv("IDP_MASTER_KEY", new)
    monkeypatch.setenv("IDP_OTHER_MASTER_KEY", old)
    # Two keys for each of two algorithms, and the secret of the installation.
    assert run("rewrap", "--json")["changed"] == 5
    assert "0 values" in run("rewrap")
    monkeypatch.delenv("IDP_OTHER_MASTER_KEY")
    assert len(run("list", "--json")) == 4
    with of(app):
        assert verify(signed)
