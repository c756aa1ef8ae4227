"""The brand of the installation: read through the cache by every page, changed by administrators."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, insert, select, update

from idp.branding import colours
from idp.branding.models import BrandLogo, BrandRow
from idp.cache import Cache, bump

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

LIGHT: Final = "light"
DARK: Final = "dark"
PLACES: Final = (LIGHT, DARK)
_KEY: Final = "brand"
_ROW: Final = 1


@dataclass(frozen=True, slots=True)
class Brand:
    """What people see of an installation; empty: nothing of its own."""

    site_name: str = ""
    accent: str = ""
    sign_in_text: str = ""
    help_uri: str = ""
    privacy_uri: str = ""
    terms_uri: str = ""
    # Digests, which the addresses of the logos are made from.
    logo_light: str = ""
    logo_dark: str = ""

    @property
    def style_sheet(self) -> str:
        """The style sheet that puts the accent in place of the product's own; empty without one."""
        return style_sheet(self.accent) if self.accent else ""

    @property
    def style_digest(self) -> str:
        """What the address of the style sheet is made from; empty without one."""
        return hashlib.sha256(self.style_sheet.encode()).hexdigest()[:16] if self.accent else ""


# The fields that are changed by their text alone.
TEXTS: Final = tuple(field.name for field in fields(Brand) if not field.name.startswith("logo_"))


@dataclass(frozen=True, slots=True)
class Logo:
    """A logo as it is served."""

    media_type: str
    content: bytes


def style_sheet(accent: str) -> str:
    """Return the style sheet of an *accent* that was not refused."""
    light, dark = colours.light(accent).declarations(), colours.dark(accent).declarations()
    return (
        f"@layer tokens {{\n  :root {{ {light} }}\n"
        f'  @media (prefers-color-scheme: dark) {{\n    :root:not([data-theme="light"]) {{ {dark} }}\n  }}\n'
        f'  :root[data-theme="dark"] {{ {dark} }}\n}}\n'
    )


def current(cache: Cache, session: Session) -> Brand:
    """Return the brand out of the process's memory, or read it once."""
    return cache.get(_KEY, lambda: read(session)) or Brand()


def read(session: Session) -> Brand:
    """Return the brand as the database has it now."""
    row = session.execute(select(*(getattr(BrandRow, name) for name in TEXTS))).first()
    logos = dict(session.execute(select(BrandLogo.place, BrandLogo.digest)).all())
    texts = row._asdict() if row is not None else {}
    return Brand(**texts, logo_light=logos.get(LIGHT, ""), logo_dark=logos.get(DARK, ""))


def write(session: Session, texts: Mapping[str, str], now: datetime) -> None:
    """Set the fields *texts* names (of ``TEXTS``), which have been checked."""
    changed = session.execute(
        update(BrandRow).where(BrandRow.id == _ROW).values(**texts, updated_at=now).returning(BrandRow.id)
    )
    if changed.first() is None:
        session.execute(insert(BrandRow).values(**dict.fromkeys(TEXTS, ""), id=_ROW, updated_at=now))
        session.execute(update(BrandRow).where(BrandRow.id == _ROW).values(**texts))
    bump(session)


def write_logo(session: Session, place: str, logo: Logo | None, now: datetime) -> None:
    """Put *logo*, which has been checked, in its place; nothing takes the one away that is there."""
    session.execute(delete(BrandLogo).where(BrandLogo.place == place))
    if logo is not None:
        session.execute(
            insert(BrandLogo).values(
                place=place,
                digest=hashlib.sha256(logo.content).hexdigest(),
                media_type=logo.media_type,
                picture=logo.content,
                updated_at=now,
            )
        )
    bump(session)


def find_logo(session: Session, digest: str) -> Logo | None:
    """Return the logo whose SHA-256 is *digest* (hexadecimal)."""
    row = session.execute(
        select(BrandLogo.media_type, BrandLogo.picture).where(BrandLogo.digest == digest).limit(1)
    ).first()
    return None if row is None else Logo(row.media_type, row.picture)
