"""``idp outbox``: what waits to be sent, tried again or given up without a browser."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from idp import cli, clock
from idp.db import db, transaction
from idp.deliveries import store
from idp.deliveries.models import Delivery
from idp.errors import Conflict, NotFound
from tests import factories


@pytest.fixture
def run(settings):
    """Run a command over the test's installation; return what it printed, as JSON where it was asked for."""
    environment = {"IDP_DATA_DIR": str(settings.data_dir), "IDP_DATABASE_URL": settings.database_url}

    def run_command(*words):
        result = CliRunner().invoke(cli.idp, ["outbox", *words], env=environment)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout) if "--json" in words else result.stdout

    return run_command


@pytest.fixture
def delivery(app):
    client = factories.make_client(app, client_id="notes", backchannel_logout_uri="https://notes.example/out")
    person = factories.make_person(app)
    with app.app_context(), transaction() as session:
        row = store.add(
            session,
            store.LOGOUT_TOKEN,
            now=clock.utc_now(),
            facts={"session_id": "ses_1"},
            client_id=client.client_id,
            person_id=person.id,
        )
        return row.id


def set_state(app, delivery, state):
    with app.app_context(), transaction() as session:
        row = session.get(Delivery, delivery)
        row.state, row.due_at, row.fault = state, None, "It answered with status 500."


def state_of(app, delivery):
    with app.app_context():
        return db.session.get(Delivery, delivery).state


def test_an_empty_outbox_is_one_sentence(run):
    assert run("list") == "There is nothing in it.\n"
    assert run("list", "--json") == []


def test_deliveries_are_listed(app, run, delivery):
    set_state(app, delivery, store.FAILED)
    [found] = run("list", "--json")
    assert found["id"] == delivery
    assert (found["client_id"], found["state"], found["fault"]) == ("notes", "failed", "It answered with status 500.")
    assert "session" not in json.dumps(found)
    assert run("list", "--state", "sent", "--json") == []
    assert len(run("list", "--app", "note", "--json")) == 1
    assert delivery in run("list")


def test_one_is_tried_again(app, run, delivery):
    set_state(app, delivery, store.FAILED)
    assert run("retry", delivery, "--json") == {"retried": 1}
    assert state_of(app, delivery) == store.QUEUED
    set_state(app, delivery, store.SENT)
    with pytest.raises(Conflict):
        run("retry", delivery)
    with pytest.raises(NotFound):
        run("retry", "dlv_x")


def test_all_that_failed_are_tried_again(app, run, delivery):
    set_state(app, delivery, store.FAILED)
    assert run("retry", "--failed") == "1 is tried again now.\n"
    assert run("retry", "--failed", "--json") == {"retried": 0}


def test_the_tries_are_ended(app, run, delivery):
    run("give-up", delivery)
    assert state_of(app, delivery) == store.GIVEN_UP
