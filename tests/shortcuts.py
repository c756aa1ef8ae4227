"""What makes thousands of applications in one process cheap: what is the same in all is worked out once a run."""

from copy import copy

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from werkzeug.routing import Rule

import idp.app
from idp.db import prepare_engine

_compile = Rule.compile
_make_engine = SQLAlchemy._make_engine

_compiled: dict[object, dict[str, object]] = {}
_statements: dict[object, object] = {}


def take() -> None:
    """Take the shortcuts from now on, in this process."""
    Rule.compile = _compile_once
    SQLAlchemy._make_engine = _make_sharing_engine
    # Each application has an engine of its own; what SQLAlchemy makes of a statement is the same in all of a dialect.
    for dialect in (SQLiteDialect_pysqlite, PGDialect_psycopg):
        dialect.__eq__ = lambda self, other: type(self) is type(other)
        dialect.__hash__ = lambda self: hash(type(self))
    idp.app.prepare_engine = _prepare_careless_engine


def _compile_once(rule: Rule) -> None:
    """Compile each rule of the application once a run: a third of what it takes to make one."""
    key = (rule.rule, rule.host, rule.subdomain, rule.merge_slashes, rule.is_leaf, str(rule.defaults))
    if key not in _compiled:
        _compile(rule)
        _compiled[key] = {name: vars(rule)[name] for name in ("_parts", "_trace", "_converters", "arguments")}
        _compiled[key] |= {name: getattr(rule, name).__func__ for name in ("_build", "_build_unknown")}
        return
    for name, value in _compiled[key].items():
        setattr(rule, name, value.__get__(rule) if name.startswith("_build") else copy(value))


def _make_sharing_engine(self: SQLAlchemy, bind_key: str | None, options: dict[str, object], app: Flask) -> Engine:
    engine = _make_engine(self, bind_key, options, app)
    engine._compiled_cache = _statements
    return engine


def _prepare_careless_engine(engine: Engine, **_options: object) -> None:
    """Prepare an engine that leaves it to the system when to write: no test takes the power away."""
    prepare_engine(engine, synchronous="off")
