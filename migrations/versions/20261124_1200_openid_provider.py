"""A complete OpenID Provider: requested claims, keys and assertions of clients, registration, sign-outs."""

import sqlalchemy as sa
from alembic import op

revision = "0002openid"
down_revision = "0001initial"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Columns are added one by one: a table that is made anew would take what refers to it along.
    op.add_column("grants", sa.Column("claims", sa.JSON(), nullable=True))
    op.add_column("client_secrets", sa.Column("envelope", sa.Text(), nullable=True))
    op.create_table(
        "used_assertions",
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_used_assertions")),
    )
    op.create_index(op.f("ix_used_assertions_expires_at"), "used_assertions", ["expires_at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_used_assertions_expires_at"), table_name="used_assertions")
    op.drop_table("used_assertions")
    op.drop_column("client_secrets", "envelope")
    op.drop_column("grants", "claims")
