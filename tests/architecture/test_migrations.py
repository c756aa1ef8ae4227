"""Migrations: up from nothing, down to nothing, and the models agree with what they make."""

import ast

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect

from idp.app import create_database_app
from idp.db import Base, db
from idp.settings import Settings
from tests.architecture.tree import ROOT, name

VERSIONS = sorted((ROOT / "migrations" / "versions").glob("*.py"))
FOLDER = str(ROOT / "migrations")


@pytest.fixture
def database(empty_database_url, data_dir):
    """An application over an empty database, ready to migrate."""
    app = create_database_app(Settings(data_dir=data_dir, database_url=empty_database_url))
    flask_migrate.Migrate(app, db, directory=FOLDER)
    with app.app_context():
        yield
        db.session.remove()
        db.engine.dispose()


def tables(url):
    engine = create_engine(url)
    found = set(inspect(engine).get_table_names()) - {"alembic_version"}
    engine.dispose()
    return found


def test_upgrade_from_nothing_and_downgrade_to_nothing(database, empty_database_url):
    flask_migrate.upgrade(directory=FOLDER)
    assert tables(empty_database_url) == set(Base.metadata.tables)

    flask_migrate.downgrade(directory=FOLDER, revision="base")
    assert tables(empty_database_url) == set()

    flask_migrate.upgrade(directory=FOLDER)
    assert tables(empty_database_url) == set(Base.metadata.tables)


def test_the_models_agree_with_the_schema(database):
    flask_migrate.upgrade(directory=FOLDER)

    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "render_as_batch": True})
        assert compare_metadata(context, Base.metadata) == []


@pytest.mark.parametrize("path", VERSIONS, ids=name)
def test_a_migration_does_not_import_the_product(path):
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name) or ""
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }

    assert {one for one in imported if one.split(".")[0] == "idp"} == set()


@pytest.mark.parametrize("path", VERSIONS, ids=name)
def test_a_migration_has_a_dated_name_and_a_way_back(path):
    functions = {node.name: node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}

    assert path.stem[:8].isdigit()
    assert not isinstance(functions["downgrade"].body[0], ast.Pass)
