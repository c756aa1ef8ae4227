"""A copy of the prepared PostgreSQL database that is put back after each test.

Copying a database anew takes a tenth of a second and more, and the tests ask for thousands. Putting one back is a
function inside the copy: it empties every table and fills in what the prepared database held.
"""

from __future__ import annotations

import psycopg
from psycopg import sql

from tests.services import Services

_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
_SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public' ORDER BY sequencename"
_END_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# What a table is: a test that changes one gets the next test a new copy.
_SHAPE = """
    SELECT md5(string_agg(concat_ws(' ', attrelid::regclass, attname, atttypid, attnotnull, attisdropped), ';'
                          ORDER BY attrelid, attnum))
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = 'public'::regnamespace AND attnum > 0
"""


class Copy:
    """The database *name*: a copy of the one called `prepared`, made when it is first asked for."""

    def __init__(self, services: Services, name: str) -> None:
        self._services = services
        self._name = name
        self._connection: psycopg.Connection | None = None
        self._shape = ""

    def make(self) -> str:
        """Return the database's URL; it is as it was prepared."""
        if self._connection is None:
            self._services.create_database(self._name, template="prepared")
            self._connection = self._services.connect(self._name)
            self._connection.execute(_function(self._connection))
            self._shape = self._scalar(_SHAPE)
        return self._services.postgres_url(self._name)

    def put_back(self) -> None:
        """Make it what it was, whoever is still connected."""
        try:
            self._connection.execute(_END_OTHERS)
            self._connection.execute("SELECT kept.put_back()")
            is_same = self._scalar(_SHAPE) == self._shape
        except psycopg.Error:
            is_same = False
        if not is_same:
            self.drop()

    def drop(self) -> None:
        """Remove it; `make` makes it anew."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._services.drop_database(self._name)

    def _scalar(self, query: str) -> str:
        return self._connection.execute(query).fetchone()[0]


def _function(connection: psycopg.Connection) -> sql.Composed:
    """Return what keeps a copy's rows in the schema `kept`, and makes the function that puts them back."""
    tables = [name for (name,) in connection.execute(_TABLES)]
    filled = [name for name in tables if connection.execute(_on("SELECT 1 FROM {0} LIMIT 1", name)).fetchone()]
    steps = [_on("DELETE FROM {0};", name) for name in tables]
    steps += [_on("INSERT INTO {0} SELECT * FROM kept.{1};", name) for name in filled]
    steps += [
        sql.SQL("PERFORM setval({}, {}, {});").format(f"public.{name}", last or 1, last is not None)
        for name, last in connection.execute(_SEQUENCES)
    ]
    return sql.SQL(
        "CREATE SCHEMA kept; {}"
        "CREATE FUNCTION kept.put_back() RETURNS void LANGUAGE plpgsql"
        # No trigger and no foreign key is asked: the tables are emptied in the order of their names.
        " SET session_replication_role = replica AS $$ BEGIN {} END $$"
    ).format(
        sql.SQL("").join(_on("CREATE TABLE kept.{1} AS TABLE {0};", name) for name in filled),
        sql.SQL(" ").join(steps),
    )


def _on(statement: str, table: str) -> sql.Composed:
    return sql.SQL(statement).format(sql.Identifier("public", table), sql.Identifier(table))
