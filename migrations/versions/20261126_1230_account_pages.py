"""The pages of an account: theme, pinned apps, the wish to be deleted, lock-downs; and what outlives an account."""

import sqlalchemy as sa
from alembic import op

revision = "0011account"
down_revision = "0010contract"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("people", sa.Column("theme", sa.String(length=16), nullable=False, server_default="system"))
    op.add_column("people", sa.Column("deletion_asked_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("sessions", sa.Column("securing", sa.String(length=64), nullable=True))
    op.create_table(
        "pinned_apps",
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=128), nullable=False),
        sa.Column("pinned_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["clients.client_id"], name=op.f("fk_pinned_apps_client_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_pinned_apps_person_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("person_id", "client_id", name=op.f("pk_pinned_apps")),
    )
    # Apps are still told of the sign-outs of somebody who was deleted.
    with op.batch_alter_table("deliveries") as table:
        table.drop_constraint("fk_deliveries_person_id", type_="foreignkey")


def downgrade() -> None:
    op.execute("DELETE FROM deliveries WHERE person_id IS NOT NULL AND person_id NOT IN (SELECT id FROM people)")
    with op.batch_alter_table("deliveries") as table:
        table.create_foreign_key("fk_deliveries_person_id", "people", ["person_id"], ["id"], ondelete="CASCADE")
    op.drop_table("pinned_apps")
    op.drop_column("sessions", "securing")
    op.drop_column("people", "deletion_asked_at")
    op.drop_column("people", "theme")
