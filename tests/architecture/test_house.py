"""The tests' own servers and fixtures: both databases, Redis, nothing beyond loopback."""

import socket

import pytest
import redis
from sqlalchemy import create_engine, inspect, text

from idp.db import db


def test_the_application_answers_over_its_own_database(app, client, backend):
    with app.app_context():
        assert db.engine.dialect.name == backend

    answer = client.get("/.well-known/openid-configuration")

    assert answer.status_code == 200
    assert answer.json["issuer"] == "http://localhost:8000"


def test_an_empty_database_has_no_table(empty_database_url):
    engine = create_engine(empty_database_url)

    assert inspect(engine).get_table_names() == []
    engine.dispose()


def test_a_worker_has_a_postgresql_database_of_its_own(postgres_url, worker):
    engine = create_engine(postgres_url)

    with engine.connect() as connection:
        assert connection.execute(text("SELECT current_database()")).scalar() == f"own_{worker}"
    engine.dispose()


def test_redis_is_empty(redis_url):
    with redis.Redis.from_url(redis_url) as connection:
        assert connection.dbsize() == 0


def test_no_connection_leaves_the_machine():
    with socket.socket() as outside, pytest.raises(AssertionError, match="tried to reach"):
        outside.connect(("192.0.2.1", 80))
