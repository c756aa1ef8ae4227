"""What a browser in which nobody asks for the second factor holds is exchanged at each sign-in."""

import sqlalchemy as sa
from alembic import op

revision = "0012remembered"
down_revision = "0011account"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Those that are there hold nothing that could be exchanged: their people are asked once.
    op.execute("DELETE FROM remembered_browsers")
    with op.batch_alter_table("remembered_browsers") as table:
        table.add_column(sa.Column("validator", sa.String(length=64), nullable=False))
        table.add_column(sa.Column("previous", sa.String(length=64), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("remembered_browsers") as table:
        table.drop_column("previous")
        table.drop_column("validator")
