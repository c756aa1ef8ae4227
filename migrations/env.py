"""How migrations run: over the application's own engine, in one transaction where the database can."""

from alembic import context
from flask import current_app

database = current_app.extensions["migrate"].db


def render_item(kind: str, item: object, _autogen_context: object) -> str | bool:
    """Write our own column type with its import."""
    if kind == "type" and type(item).__name__ == "UtcDateTime":
        # Migrations never import the application: the stored type is all they need.
        return "sa.DateTime(timezone=True)"
    return False


def run() -> None:
    """Run the migrations asked for."""
    with database.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=database.metadata,
            render_as_batch=True,
            render_item=render_item,
            compare_type=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


run()
