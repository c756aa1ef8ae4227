"""Mail that waits to be sent, and the single-use links in it."""

import sqlalchemy as sa
from alembic import op

revision = "0004mail"
down_revision = "0003tokens"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("sealed", sa.Text(), nullable=True))
    op.add_column("deliveries", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "single_use_links",
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("made_by", sa.String(length=128), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_single_use_links_person_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_single_use_links")),
    )
    op.create_index("ix_single_use_links_person_id_purpose", "single_use_links", ["person_id", "purpose"])
    op.create_index("ix_single_use_links_expires_at", "single_use_links", ["expires_at"])


def downgrade() -> None:
    op.drop_table("single_use_links")
    op.drop_column("deliveries", "expires_at")
    op.drop_column("deliveries", "sealed")
