"""Tokens that anybody can use, keys that nobody fears: who knows which key, trials of the next key."""

import sqlalchemy as sa
from alembic import op

revision = "0003tokens"
down_revision = "0002openid"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _add_readiness()
    # Two secrets of the JWT redirect may be live while one replaces the other.
    op.add_column("clients", sa.Column("jwt_secret_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("clients", sa.Column("jwt_secret_other", sa.Text(), nullable=True))
    op.add_column("clients", sa.Column("jwt_secret_other_at", sa.DateTime(timezone=True), nullable=True))


def _add_readiness() -> None:
    op.create_table(
        "key_sets",
        sa.Column("etag", sa.String(length=64), nullable=False),
        sa.Column("kids", sa.JSON(), nullable=False),
        sa.Column("served_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("etag", name=op.f("pk_key_sets")),
    )
    op.create_table(
        "key_set_fetches",
        sa.Column("client_id", sa.String(length=128), nullable=False),
        sa.Column("network", sa.String(length=64), nullable=False),
        sa.Column("agent", sa.String(length=16), nullable=False),
        sa.Column("etag", sa.String(length=64), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("fetches", sa.Integer(), nullable=False),
        sa.Column("longest_gap", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "network", "agent", "etag", name=op.f("pk_key_set_fetches")),
    )
    op.create_index("ix_key_set_fetches_last_at", "key_set_fetches", ["last_at"])
    _add_of_clients(
        "client_networks",
        sa.Column("network", sa.String(length=64), primary_key=True, nullable=False),
        sa.Column("agent", sa.String(length=16), primary_key=True, nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
    )
    _add_of_clients(
        "signed_for",
        sa.Column("kid", sa.String(length=64), primary_key=True, nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
    )
    _add_of_clients(
        "given_keys",
        sa.Column("kid", sa.String(length=64), primary_key=True, nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
    )
    _add_of_clients(
        "canaries",
        sa.Column("kid", sa.String(length=64), primary_key=True, nullable=False),
        sa.Column("since_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("by_itself", sa.Boolean(), nullable=False),
    )


def _add_of_clients(name: str, *columns: sa.Column) -> None:
    """Add a table of rows that go with their client."""
    keys = ["client_id", *(column.name for column in columns if column.primary_key)]
    client_id = sa.Column("client_id", sa.String(length=128), nullable=False)
    foreign = sa.ForeignKeyConstraint(
        ["client_id"], ["clients.client_id"], name=op.f(f"fk_{name}_client_id"), ondelete="CASCADE"
    )
    plain = [sa.Column(column.name, column.type, nullable=column.nullable) for column in columns]
    op.create_table(name, client_id, *plain, foreign, sa.PrimaryKeyConstraint(*keys, name=op.f(f"pk_{name}")))


def downgrade() -> None:
    for name in ("jwt_secret_other_at", "jwt_secret_other", "jwt_secret_at"):
        op.drop_column("clients", name)
    for name in ("canaries", "given_keys", "signed_for", "client_networks", "key_set_fetches", "key_sets"):
        op.drop_table(name)
