"""The documents in front of Flask: the same answers as its views, and fresh after a change."""

import json

import pytest
from werkzeug.test import Client

from idp import cache
from idp.clock import utc_now
from idp.db import db
from idp.front import Front
from idp.keys import store
from idp.vault import Vault
from tests.factories import make_client

PATHS = [
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/.well-known/jwks.json",
    "/oauth/jwks",
]
HERE = {"base_url": "http://localhost:8000"}
COMPARED = ("Content-Type", "Cache-Control", "ETag", "Access-Control-Allow-Origin", "X-Content-Type-Options")


@pytest.fixture
def front(app):
    return Client(Front(app))


@pytest.mark.parametrize("path", PATHS)
def test_both_ways_to_a_document_say_the_same(app, front, path):
    ours, flask = front.get(path, **HERE), app.test_client().get(path)
    assert ours.data == flask.data
    assert [ours.headers.get(name) for name in COMPARED] == [flask.headers.get(name) for name in COMPARED]


@pytest.mark.parametrize("path", PATHS)
def test_who_has_the_document_is_told_so(front, path):
    first = front.get(path, **HERE)
    again = front.get(path, headers={"If-None-Match": first.headers["ETag"]}, **HERE)
    assert (again.status_code, again.data) == (304, b"")
    assert front.head(path, **HERE).data == b""


@pytest.mark.parametrize("path", [*PATHS, f"{PATHS[0]}/app", "/oauth/jwks/app"])
def test_N04_every_page_may_ask_for_a_document_with_headers_of_its_own(app, front, path):
    make_client(app, client_id="app")
    ask = {
        "Origin": "https://anybody.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    for asked in (front, app.test_client()):
        answer = asked.options(path, headers=ask, **HERE)
        assert answer.status_code == 204
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "GET" in answer.headers["Access-Control-Allow-Methods"]
        assert answer.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type"
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert asked.get(path, headers=ask, **HERE).headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("path", [f"{PATHS[0]}/nobody", "/oauth/jwks/nobody"])
def test_N04_every_page_reads_that_there_is_no_document(front, path):
    answer = front.get(path, headers={"Origin": "https://anybody.example"}, **HERE)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (404, "*")


def test_N01_another_host_gets_no_document(front):
    answer = front.get(PATHS[0], base_url="http://evil.example")
    assert answer.status_code == 421
    assert b"authorization_endpoint" not in answer.data


def test_a_new_key_is_in_the_set_at_once(app, front):
    before = json.loads(front.get("/oauth/jwks", **HERE).data)["keys"]
    with app.app_context():
        store.ensure_algorithm(db.session(), app.extensions["idp"][Vault], "EdDSA", utc_now())
    after = json.loads(front.get("/oauth/jwks", **HERE).data)["keys"]
    assert len(after) == len(before) + 2


def test_a_change_of_another_process_is_heard(app, front, make_app):
    front.get("/oauth/jwks", **HERE)
    known = app.extensions["idp"][cache.Cache]
    with app.app_context():
        known.check(db.engine)
    front.get("/oauth/jwks", **HERE)
    other = make_app()
    with other.app_context():
        store.ensure_algorithm(db.session(), other.extensions["idp"][Vault], "EdDSA", utc_now())
    with app.app_context():
        known.check(db.engine)
    assert b"Ed25519" in front.get("/oauth/jwks", **HERE).data


def test_liveness_needs_nothing(front):
    assert front.get("/livez", base_url="http://10.0.0.7:8000").data == b"ok\n"
