"""What the tokens of each client have held, pinned; and which defaults shape them."""

import sqlalchemy as sa
from alembic import op

revision = "0010contract"
down_revision = "0009passkeys"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Clients that are there already have had tokens with the first defaults.
    op.add_column("clients", sa.Column("defaults_version", sa.Integer(), nullable=False, server_default="1"))
    op.create_table(
        "token_contracts",
        sa.Column("client_id", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("scope", sa.String(length=1024), nullable=False),
        sa.Column("frame", sa.JSON(), nullable=False),
        sa.Column("lifetime", sa.Integer(), nullable=True),
        sa.Column("pinned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_by", sa.String(length=200), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.JSON(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("faults", sa.JSON(), nullable=False),
        sa.Column("deviated_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["clients.client_id"],
            name=op.f("fk_token_contracts_client_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("client_id", "kind", "scope", name=op.f("pk_token_contracts")),
    )


def downgrade() -> None:
    op.drop_table("token_contracts")
    op.drop_column("clients", "defaults_version")
