"""The language of a page: what the request asks for, what its reader chose, what their browser asks for; else English.

The catalogs stand in ``translations/<language>/LC_MESSAGES/``; ``make translations`` brings them up to what is written
in the code and the templates.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import flask_babel
from babel.dates import format_date
from flask import g, has_app_context, has_request_context, request

from idp import assets, wording
from idp.web import viewer
from idp.wording import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime

    from flask import Flask

ENGLISH: Final = "en"
# By BCP 47 tag, each in its own words.
LANGUAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        ENGLISH: "English",
        "de": "Deutsch",
        "es": "Español",
        "fr": "Français",
        "ja": "日本語",
        "pt-BR": "Português (Brasil)",
    }
)
_BY_SUBTAG: Final = MappingProxyType({tag.partition("-")[0]: tag for tag in LANGUAGES})
_BY_TAG: Final = MappingProxyType({tag.lower(): tag for tag in LANGUAGES})
# The words of these pages are those of the protocols and of the command line, and of the documentation.
_IN_ENGLISH: Final = ("admin", "developer")
_ASKED: Final = "idp_ui_locales"


class _PageLanguage:
    """The tongue of whatever page is made."""

    def one(self, message: str) -> str:
        return str(flask_babel.get_translations().ugettext(message)) if has_app_context() else message

    def counted(self, singular: str, plural: str, count: int) -> str:
        if not has_app_context():
            return singular if count == 1 else plural
        return str(flask_babel.get_translations().ungettext(singular, plural, count))


def best(tags: Iterable[str]) -> str | None:
    """Return the first language of ours that *tags* (BCP 47, by preference) ask for: ``de`` for ``de-AT``."""
    for tag in tags:
        plain = tag.strip().replace("_", "-").lower()
        found = _BY_TAG.get(plain) or _BY_SUBTAG.get(plain.partition("-")[0])
        if found:
            return found
    return None


def prefer(ui_locales: str) -> None:
    """Make this request's page one in the first of *ui_locales* (parted by spaces) that is one of ours."""
    if ui_locales:
        setattr(g, _ASKED, ui_locales)
        flask_babel.refresh()


def current() -> str:
    """Return the language of the page that is made, as a BCP 47 tag."""
    return str(flask_babel.get_locale() or ENGLISH).replace("_", "-")


def choices(kept: str) -> list[tuple[str, str]]:
    """Return what people choose their language from, as pairs of value and label; *kept* is theirs, whatever it is."""
    other = [(kept, kept)] if kept and kept not in LANGUAGES else []
    return [("", say("As my browser says")), *LANGUAGES.items(), *other]


def of_person(locale: str | None, *, is_here: bool) -> str:
    """Return the language in which somebody is written to: their own, else that of the page that they are on."""
    return best([locale or ""]) or (_asked_for() if is_here and has_request_context() else ENGLISH)


def date(day: datetime) -> str:
    """Write *day* out in the language of the page: 24 Nov 2026."""
    tag = current()
    # English with the day first and the month in letters, which no country reads for another day.
    return format_date(day, format="d MMM y" if tag == ENGLISH else "medium", locale=tag.replace("-", "_"))


def speaking(tag: str) -> AbstractContextManager[None]:
    """Make what is written inside speak the language *tag*, whoever looks at the page."""
    spoken: AbstractContextManager[None] = flask_babel.force_locale(tag.replace("-", "_"))
    return spoken


def _select() -> str:
    if not has_request_context() or (request.blueprint or "").startswith(_IN_ENGLISH):
        return ENGLISH
    return _asked_for().replace("-", "_")


def _asked_for() -> str:
    ui_locales = str(g.get(_ASKED) or request.args.get("ui_locales", ""))
    return best(ui_locales.split()) or best([viewer.locale()]) or best(request.accept_languages.values()) or ENGLISH


def init_app(app: Flask) -> None:
    """Make the templates and sentences of *app* speak the language of their reader."""
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(assets.folder("translations"))
    flask_babel.Babel(app, locale_selector=_select)
    app.jinja_env.globals.update(page_language=current, own_languages=choices)
    wording.speak_by(_PageLanguage())
