"""People who have to choose a new password before they are next signed in."""

import sqlalchemy as sa
from alembic import op

revision = "0008recovery"
down_revision = "0007factors"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("people", sa.Column("must_change_password", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    op.drop_column("people", "must_change_password")
