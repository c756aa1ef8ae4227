"""What the installation looks like, as it was last saved."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from idp.db import Base


class BrandRow(Base):
    """One row, once something was changed; what is empty is as the settings and style sheets have it."""

    __tablename__ = "brand"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    site_name: Mapped[str] = mapped_column(String(80))
    # #rrggbb
    accent: Mapped[str] = mapped_column(String(7))
    sign_in_text: Mapped[str] = mapped_column(Text)
    help_uri: Mapped[str] = mapped_column(Text)
    privacy_uri: Mapped[str] = mapped_column(Text)
    terms_uri: Mapped[str] = mapped_column(Text)
    updated_at: Mapped[datetime]


class BrandLogo(Base):
    """A logo: ``place`` is ``light`` or ``dark``, the ground that it stands on."""

    __tablename__ = "brand_logos"

    place: Mapped[str] = mapped_column(String(8), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    media_type: Mapped[str] = mapped_column(String(32))
    picture: Mapped[bytes] = mapped_column(LargeBinary)
    updated_at: Mapped[datetime]
