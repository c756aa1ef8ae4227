"""Changing the brand, each change checked and with its entry in the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from idp.accounts.names import has_control
from idp.audit.brand_events import BrandChanged, BrandLogoChanged
from idp.audit.declared import Change
from idp.audit.log import Actor, record
from idp.branding import colours, store
from idp.branding.store import Logo
from idp.clients import pictures
from idp.errors import FieldErrors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.branding.store import Brand

# A page to sign in on has to be there at once.
LARGEST_LOGO: Final = 48 * 1024
LONGEST_NAME: Final = 80
LONGEST_TEXT: Final = 280
_LONGEST_ADDRESS: Final = 2000
_LINKS: Final = ("help_uri", "privacy_uri", "terms_uri")
# The colour of static/css/tokens.css: choosing it is choosing none.
OWN_ACCENT: Final = "#2a50d8"


def checked(given: Mapping[str, str]) -> dict[str, str]:
    """Return the texts *given* (names of ``store.TEXTS``) as they are kept.

    Raises:
        FieldErrors: one sentence for each that cannot be taken.

    """
    texts = {name: value.replace("\r\n", "\n").strip() for name, value in given.items()}
    faults = {name: fault for name, value in texts.items() if value and (fault := _fault(name, value))}
    if faults:
        raise FieldErrors(faults)
    if texts.get("accent"):
        accent = colours.parse(texts["accent"]) or ""
        texts["accent"] = "" if accent == OWN_ACCENT else accent
    return texts


def change(session: Session, given: Mapping[str, str], *, actor: Actor, now: datetime) -> Brand:
    """Set the texts *given*, and return the brand as it is then.

    Raises:
        FieldErrors: as ``checked`` does; nothing was written.

    """
    texts, before = checked(given), store.read(session)
    made = tuple(
        Change(name, getattr(before, name), value) for name, value in texts.items() if getattr(before, name) != value
    )
    if made:
        store.write(session, texts, now)
        record(session, BrandChanged(changes=made), now=now, actor=actor)
    return store.read(session)


def set_logo(session: Session, place: str, content: bytes | None, *, actor: Actor, now: datetime) -> None:
    """Put the picture *content* in its place (``light``, ``dark``); ``None`` takes the one away that is there.

    Raises:
        FieldErrors: it is no picture that is shown, or too large; nothing was written.

    """
    logo = None if content is None else _logo(content, place)
    store.write_logo(session, place, logo, now)
    event = BrandLogoChanged(
        place=place, media_type=logo.media_type if logo else "", size=len(logo.content) if logo else 0
    )
    record(session, event, now=now, actor=actor)


def _logo(content: bytes, place: str) -> Logo:
    if not content:
        raise FieldErrors({place: "Choose a picture."})
    if len(content) > LARGEST_LOGO:
        raise FieldErrors({place: f"Choose a picture of at most {LARGEST_LOGO // 1024} KB."})
    try:
        return Logo(pictures.media_type_of(content), content)
    except pictures.NotAPicture as error:
        # SVG among them: it can hold scripts and fetch from elsewhere.
        raise FieldErrors({place: f"{error} Choose another."}) from None


def _fault(name: str, value: str) -> str | None:
    if name == "accent":
        accent = colours.parse(value)
        return colours.fault(accent) if accent else "Give the colour as # and six digits, such as #2a50d8."
    if name in _LINKS:
        return None if _is_address(value, mail=name == "help_uri") else _ADDRESS[name == "help_uri"]
    longest = LONGEST_NAME if name == "site_name" else LONGEST_TEXT
    if len(value) > longest:
        return f"Use at most {longest} characters."
    return "Leave out invisible characters." if has_control(value.replace("\n", " ")) else None


_ADDRESS: Final = {
    False: "Give a whole address that begins with https://.",
    True: "Give a whole address that begins with https://, or mailto: and an email address.",
}


def _is_address(value: str, *, mail: bool) -> bool:
    if len(value) > _LONGEST_ADDRESS or any(letter.isspace() for letter in value) or has_control(value):
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    if mail and parts.scheme == "mailto":
        return "@" in parts.path
    return parts.scheme in {"https", "http"} and bool(parts.hostname)
