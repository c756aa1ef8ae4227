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
    op.add_column("interactions", sa.Column("chosen_person", sa.String(length=64), nullable=True))
    op.add_column("client_secrets", sa.Column("envelope", sa.Text(), nullable=True))
    op.create_table(
        "used_assertions",
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_used_assertions")),
    )
    op.create_index(op.f("ix_used_assertions_expires_at"), "used_assertions", ["expires_at"])
    _add_registration()
    _add_deliveries()


def _add_deliveries() -> None:
    op.create_table(
        "sign_outs",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=True),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=64), nullable=False),
        sa.Column("reached", sa.JSON(), nullable=False),
        sa.Column("client_id", sa.String(length=128), nullable=True),
        sa.Column("continue_to", sa.Text(), nullable=True),
        sa.Column("continues_itself", sa.Boolean(), nullable=False),
        sa.Column("fault", sa.String(length=64), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_sign_outs_person_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_outs")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_sign_outs_fingerprint")),
    )
    op.create_index(op.f("ix_sign_outs_created_at"), "sign_outs", ["created_at"])
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("client_id", sa.String(length=128), nullable=True),
        sa.Column("person_id", sa.String(length=64), nullable=True),
        sa.Column("sign_out_id", sa.String(length=64), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claim", sa.String(length=64), nullable=True),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["client_id"], ["clients.client_id"], name=op.f("fk_deliveries_client_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_deliveries_person_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["sign_out_id"], ["sign_outs.id"], name=op.f("fk_deliveries_sign_out_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    op.create_index(op.f("ix_deliveries_state_due_at"), "deliveries", ["state", "due_at"])
    op.create_index(op.f("ix_deliveries_client_id"), "deliveries", ["client_id"])
    op.create_index(op.f("ix_deliveries_sign_out_id"), "deliveries", ["sign_out_id"])
    op.create_index(op.f("ix_deliveries_finished_at"), "deliveries", ["finished_at"])


def _add_registration() -> None:
    op.create_table(
        "client_registrations",
        sa.Column("client_id", sa.String(length=128), nullable=False),
        sa.Column("initial_token_id", sa.String(length=64), nullable=True),
        sa.Column("initial_token_name", sa.String(length=200), nullable=False),
        sa.Column("token_fingerprint", sa.String(length=64), nullable=False),
        sa.Column("software_statement", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["clients.client_id"],
            name=op.f("fk_client_registrations_client_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_client_registrations")),
    )
    op.create_table(
        "initial_access_tokens",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("most_uses", sa.Integer(), nullable=True),
        sa.Column("made_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_initial_access_tokens")),
    )
    op.create_index(op.f("ix_initial_access_tokens_fingerprint"), "initial_access_tokens", ["fingerprint"], unique=True)
    op.create_table(
        "client_logos",
        sa.Column("client_id", sa.String(length=128), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("media_type", sa.String(length=32), nullable=False),
        sa.Column("picture", sa.LargeBinary(), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["clients.client_id"], name=op.f("fk_client_logos_client_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_client_logos")),
    )
    op.create_index(op.f("ix_client_logos_digest"), "client_logos", ["digest"])


def downgrade() -> None:
    op.drop_table("deliveries")
    op.drop_table("sign_outs")
    op.drop_table("client_logos")
    op.drop_table("initial_access_tokens")
    op.drop_table("client_registrations")
    op.drop_index(op.f("ix_used_assertions_expires_at"), table_name="used_assertions")
    op.drop_table("used_assertions")
    op.drop_column("client_secrets", "envelope")
    op.drop_column("interactions", "chosen_person")
    op.drop_column("grants", "claims")
