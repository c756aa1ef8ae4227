"""Codes by email wait where the password was replaced by a link in a mail: one mailbox is not two factors."""

import sqlalchemy as sa
from alembic import op

revision = "0013mailbox"
down_revision = "0012remembered"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("second_factors") as table:
        table.add_column(sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("second_factors") as table:
        table.drop_column("paused_at")
