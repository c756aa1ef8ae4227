"""The tests' own servers and fixtures: both databases, Redis, nothing beyond loopback."""

import socket

import pytest
import redis
from sqlalchemy import create_engine, inspect, text

from idp.db import db
from tests.copies import Copy


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


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO groups (id, name, name_key, created_at) VALUES ('g', 'g', 'g', now())",
        "DELETE FROM installation",
        "UPDATE signing_keys SET state = 'revoked'",
    ],
)
@pytest.mark.usefixtures("postgres_copy")
def test_a_copy_of_the_prepared_database_is_put_back(services, worker, change):
    copy = Copy(services, f"again_{worker}")
    engine = create_engine(copy.make())
    before = _rows(engine)
    with engine.begin() as connection:
        connection.execute(text("SET session_replication_role = replica"))
        connection.execute(text(change))
    assert _rows(engine) != before

    copy.put_back()

    engine.dispose()
    assert _rows(engine) == before
    engine.dispose()
    copy.drop()


@pytest.mark.usefixtures("postgres_copy")
def test_a_copy_with_another_table_is_made_anew(services, worker):
    copy = Copy(services, f"again_{worker}")
    engine = create_engine(copy.make())
    before = _rows(engine)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE people DROP COLUMN name"))

    copy.put_back()

    engine.dispose()
    copy.make()
    assert _rows(engine) == before
    engine.dispose()
    copy.drop()


def _rows(engine):
    with engine.connect() as connection:
        tables = inspect(connection).get_table_names()
        return {name: connection.execute(text(f'SELECT * FROM "{name}"')).all() for name in tables}  # noqa: S608 - names that the database gave
