"""What the installation looks like."""

import sqlalchemy as sa
from alembic import op

revision = "0005branding"
down_revision = "0004mail"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "brand",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("site_name", sa.String(length=80), nullable=False),
        sa.Column("accent", sa.String(length=7), nullable=False),
        sa.Column("sign_in_text", sa.Text(), nullable=False),
        sa.Column("help_uri", sa.Text(), nullable=False),
        sa.Column("privacy_uri", sa.Text(), nullable=False),
        sa.Column("terms_uri", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_brand")),
    )
    op.create_table(
        "brand_logos",
        sa.Column("place", sa.String(length=8), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("media_type", sa.String(length=32), nullable=False),
        sa.Column("picture", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("place", name=op.f("pk_brand_logos")),
    )


def downgrade() -> None:
    op.drop_table("brand_logos")
    op.drop_table("brand")
