"""Second factors: half-finished sign-ins, authenticators, recovery codes, codes by mail, remembered browsers."""

import sqlalchemy as sa
from alembic import op

revision = "0007factors"
down_revision = "0006invitations"
branch_labels = None
depends_on = None

_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _add_pending_sign_ins()
    _add_factors()
    _add_remembered_browsers()
    with op.batch_alter_table("groups") as table:
        table.add_column(sa.Column("requires_second_factor", sa.Boolean(), nullable=False, server_default=sa.false()))


def _add_pending_sign_ins() -> None:
    op.create_table(
        "pending_sign_ins",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("browser", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("password_changed_at", _AT, nullable=True),
        sa.Column("interaction_id", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=64), nullable=False),
        sa.Column("method", sa.String(length=200), nullable=False),
        sa.Column("amr", sa.JSON(), nullable=False),
        sa.Column("acr", sa.String(length=200), nullable=False),
        sa.Column("outstanding", sa.JSON(), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("known_device", sa.Boolean(), nullable=False),
        sa.Column("is_fresh", sa.Boolean(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("created_at", _AT, nullable=False),
        sa.Column("expires_at", _AT, nullable=False),
        sa.Column("consumed_at", _AT, nullable=True),
        _of_people("pending_sign_ins"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pending_sign_ins")),
    )
    op.create_index("ix_pending_sign_ins_fingerprint", "pending_sign_ins", ["fingerprint"], unique=True)
    op.create_index("ix_pending_sign_ins_person_id", "pending_sign_ins", ["person_id"])
    op.create_index("ix_pending_sign_ins_expires_at", "pending_sign_ins", ["expires_at"])


def _add_factors() -> None:
    op.create_table(
        "second_factors",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("secret", sa.Text(), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=True),
        sa.Column("created_at", _AT, nullable=False),
        sa.Column("last_used_at", _AT, nullable=True),
        _of_people("second_factors"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_second_factors")),
    )
    op.create_index("ix_second_factors_person_id", "second_factors", ["person_id", "kind"], unique=True)
    op.create_table(
        "recovery_codes",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("created_at", _AT, nullable=False),
        sa.Column("used_at", _AT, nullable=True),
        _of_people("recovery_codes"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_codes")),
    )
    op.create_index("ix_recovery_codes_person_id", "recovery_codes", ["person_id"])
    op.create_table(
        "email_codes",
        sa.Column("pending_id", sa.String(length=64), nullable=False),
        sa.Column("mac", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("sent_at", _AT, nullable=False),
        sa.Column("expires_at", _AT, nullable=False),
        sa.Column("consumed_at", _AT, nullable=True),
        sa.ForeignKeyConstraint(
            ["pending_id"], ["pending_sign_ins.id"], name=op.f("fk_email_codes_pending_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("pending_id", name=op.f("pk_email_codes")),
    )


def _add_remembered_browsers() -> None:
    op.create_table(
        "remembered_browsers",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("browser", sa.String(length=64), nullable=False),
        sa.Column("password_changed_at", _AT, nullable=True),
        sa.Column("user_agent", sa.String(length=200), nullable=False),
        sa.Column("created_at", _AT, nullable=False),
        sa.Column("last_used_at", _AT, nullable=False),
        sa.Column("expires_at", _AT, nullable=False),
        _of_people("remembered_browsers"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remembered_browsers")),
    )
    op.create_index("ix_remembered_browsers_person_id", "remembered_browsers", ["person_id", "browser"], unique=True)
    op.create_index("ix_remembered_browsers_expires_at", "remembered_browsers", ["expires_at"])


def _of_people(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f(f"fk_{table}_person_id"), ondelete="CASCADE")


def downgrade() -> None:
    with op.batch_alter_table("groups") as table:
        table.drop_column("requires_second_factor")
    for name in ("remembered_browsers", "email_codes", "recovery_codes", "second_factors", "pending_sign_ins"):
        op.drop_table(name)
