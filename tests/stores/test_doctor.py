"""``idp doctor``: what it looks at, and that it changes nothing."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import insert, select, update

from idp import cli, clock
from idp.audit import events, seals
from idp.audit.log import COMMAND_LINE, record
from idp.audit.models import AuditCheck
from idp.clients.models import TokenContract
from idp.contracts.notes import Notes
from idp.db import db, transaction
from idp.keys import readiness, store
from idp.keys.ledger import Ledger
from idp.keys.models import Installation, SigningKey
from idp.vault import Secrets, Vault, parse_master_key
from idp.web.current import service
from tests.factories import make_client, make_person
from tests.relying_party import basic


@pytest.fixture
def run(settings):
    """Return a function that runs the command: its exit status, and what it found by name."""

    def run_command(**environment):
        given = {"IDP_DATA_DIR": str(settings.data_dir), "IDP_DATABASE_URL": settings.database_url, **environment}
        result = CliRunner().invoke(cli.idp, ["doctor", "--json"], env=given, catch_exceptions=False)
        answer = json.loads(result.stdout)
        assert answer["ok"] == (result.exit_code == 0)
        return result.exit_code, {check["name"]: check for check in answer["checks"]}

    return run_command


@pytest.fixture
def healthy(app, settings):
    settings.data_dir.chmod(0o700)
    make_person(app, "root", is_admin=True)
    with app.app_context(), transaction() as session:
        # What the copied installation was made with has waited for longer than a background process would let it.
        seals.seal_batch(session, service(Secrets), clock.utc_now())
    return app


def test_an_installation_that_is_well(healthy, run, settings):
    status, checks = run()
    assert status == 0, checks
    assert checks["issuer"]["text"] == settings.issuer
    assert set(checks) == {
        "data directory",
        "master key file",
        "database",
        "encryption",
        "issuer",
        "signing keys",
        "administrators",
        "background process",
        "audit log",
        "token contracts",
        "mail",
    }


def test_it_can_be_read_by_people(healthy, settings):
    given = {"IDP_DATA_DIR": str(settings.data_dir / "nowhere")}
    result = CliRunner().invoke(cli.idp, ["doctor"], env=given)
    assert result.exit_code == 1
    assert "BAD  data directory" in result.stdout
    assert "idp migrate" in result.stdout


def test_contracts_that_wait_for_agreement_are_told_and_those_that_changed_are_wrong(healthy, run):
    made = make_client(healthy, grant_types=["client_credentials"], redirect_uris=None, scope="a b")
    headers = {"Authorization": basic(made.client_id, made.client_secret)}
    form = {"grant_type": "client_credentials", "scope": "a b"}
    assert healthy.test_client().post("/oauth/token", data=form, headers=headers).status_code == 200
    with healthy.app_context():
        service(Notes).flush()
    assert run()[1]["token contracts"]["text"] == "kept"
    status, checks = run(IDP_TOKENS__ACCESS="10min")
    assert (status, checks["token contracts"]["ok"]) == (0, True)
    assert checks["token contracts"]["text"] == f"kept; new defaults wait for agreement: {made.client_id}"
    _break(healthy, update(TokenContract).values(frame={**_frame(healthy), "alg": "RS256"}))
    status, checks = run()
    assert (status, checks["token contracts"]["ok"]) == (1, False)
    assert made.client_id in checks["token contracts"]["text"]
    assert "idp contracts check" in checks["token contracts"]["fix"]


def _frame(app):
    with app.app_context():
        return db.session().execute(select(TokenContract.frame)).scalar_one()


def test_nothing_is_made_where_nothing_is(run, tmp_path):
    status, checks = run(IDP_DATA_DIR=str(tmp_path / "new"), IDP_DATABASE_URL="")
    assert status == 1
    assert not checks["database"]["ok"]
    assert not (tmp_path / "new").exists()
    (tmp_path / "new").mkdir(mode=0o700)
    run(IDP_DATA_DIR=str(tmp_path / "new"), IDP_DATABASE_URL="")
    assert list((tmp_path / "new").iterdir()) == []


def _break(app, statement):
    with app.app_context(), transaction() as session:
        session.execute(statement)


@pytest.mark.parametrize(
    ("name", "statement"),
    [
        ("issuer", update(Installation).values(issuer="https://other.example")),
        ("signing keys", update(SigningKey).where(SigningKey.state == "active").values(state="retiring")),
        ("audit log", insert(AuditCheck).values(id=1, at=clock.utc_now(), intact_to=3, broken_at=4, fault="Changed.")),
    ],
)
def test_what_is_wrong_is_named(healthy, run, name, statement):
    _break(healthy, statement)
    status, checks = run()
    assert status == 1
    assert [found for found, check in checks.items() if not check["ok"]] == [name]
    assert checks[name]["fix"]


def test_a_late_rotation_and_a_background_process_that_is_away_are_named(healthy, run):
    long_ago = clock.utc_now() - timedelta(days=200)
    _break(healthy, update(SigningKey).values(activated_at=long_ago, published_at=long_ago))
    with healthy.app_context(), transaction() as session:
        event = events.GroupCreated(target_id="grp_1", target_name="Staff")
        record(session, event, now=clock.utc_now() - timedelta(hours=1), actor=COMMAND_LINE)
    _, checks = run()
    assert "overdue" in checks["signing keys"]["text"]
    assert not checks["background process"]["ok"]


def test_a_rotation_that_waits_for_an_app_is_not_late_and_names_the_app(healthy, run):
    made = make_client(healthy, client_name="The desk")
    due_since = clock.utc_now() - timedelta(days=91)
    active, following = SigningKey.state == "active", SigningKey.state == "next"
    _break(healthy, update(SigningKey).where(active).values(activated_at=due_since, published_at=due_since))
    _break(healthy, update(SigningKey).where(following).values(published_at=clock.utc_now() - timedelta(days=20)))
    with healthy.app_context():
        (active,) = [key.kid for key in store.of_algorithm(db.session(), "RS256") if key.state == store.ACTIVE]
        service(Ledger).signed(made.client_id, active)
        service(Ledger).flush()
        with transaction() as session:
            # It takes keys by hand, and was not given the next one.
            readiness.give(session, made.client_id, active, clock.utc_now())
    status, checks = run()
    # For the other algorithm nobody is waited for.
    assert (status, checks["signing keys"]["text"]) == (1, "promote is overdue for ES256.")
    _break(healthy, update(SigningKey).where(SigningKey.alg == "ES256").values(activated_at=clock.utc_now()))
    status, checks = run()
    assert (status, checks["signing keys"]["ok"]) == (0, True)
    assert checks["signing keys"]["text"].endswith("the rotation of RS256 waits for The desk, see `idp keys ready`")


def test_files_that_others_may_read_and_a_foreign_master_key_are_named(healthy, run, settings):
    (settings.data_dir / "master.key").chmod(0o644)
    _, checks = run()
    assert "chmod" in checks["master key file"]["fix"]
    _, checks = run(IDP_MASTER_KEY="MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY")
    assert not checks["encryption"]["ok"]


def test_a_master_key_that_is_still_needed_is_named(healthy, run, settings):
    new = "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY"
    old = (settings.data_dir / "master.key").read_text().strip()
    with healthy.app_context(), transaction() as session:
        key = session.execute(select(SigningKey).where(SigningKey.state == "next")).scalars().first()
        vault = Vault(parse_master_key(new), parse_master_key(old))
        place = store.place(key.kid)
        key.private_jwk = vault.encrypt(vault.decrypt(key.private_jwk, place=place), place=place)
    status, checks = run()
    assert (status, checks["encryption"]["ok"]) == (1, False)
    assert "signing_keys.private_jwk" in checks["encryption"]["text"]
    assert run(IDP_OTHER_MASTER_KEY=new)[1]["encryption"]["ok"]


def test_nobody_to_administer_and_no_redis_are_named(app, run):
    _, checks = run(IDP_REDIS_URL="redis://127.0.0.1:1/0")
    assert "idp setup-link" in checks["administrators"]["fix"]
    assert not checks["redis"]["ok"]
