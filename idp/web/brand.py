"""The installation as its pages show it, and the files that follow from its brand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, url_for
from sqlalchemy.exc import SQLAlchemyError

from idp.branding import store
from idp.branding.store import Brand
from idp.cache import Cache
from idp.db import db
from idp.errors import NotFound
from idp.settings import Settings
from idp.web.current import service
from idp.web.limits import answers_head
from idp.wording import say

if TYPE_CHECKING:
    from flask import Flask

bp = Blueprint("brand", __name__)

_YEAR = 365 * 86400


class Site:
    """The installation as templates name it; what an administrator changes is seen by the next page."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def issuer(self) -> str:
        """The address of this server."""
        return self._settings.issuer

    @property
    def name(self) -> str:
        """The name that people see."""
        return self.brand.site_name or self._settings.site_name

    @property
    def style_sheet(self) -> str:
        """The address of the brand's own style sheet, or nothing."""
        digest = self.brand.style_digest
        return url_for("brand.style_sheet", digest=digest) if digest else ""

    @property
    def logo(self) -> str:
        """The address of the logo, or nothing: then the mark of the product is shown."""
        digest = self.brand.logo_light or self.brand.logo_dark
        return url_for("brand.logo", digest=digest) if digest else ""

    @property
    def logo_dark(self) -> str:
        """The address of the logo for dark pages where it is another one."""
        brand = self.brand
        return url_for("brand.logo", digest=brand.logo_dark) if brand.logo_light and brand.logo_dark else ""

    @property
    def brand(self) -> Brand:
        """The brand as it is now; a page that tells of a database that is away does without."""
        try:
            return store.current(service(Cache), db.session())
        except SQLAlchemyError:
            return Brand()


@bp.get("/brand-<digest>.css")
@answers_head
def style_sheet(digest: str) -> Response:
    """Return the style sheet of the brand.

    Another worker may know of a change a moment before this one, or after: what is not the present sheet is looked up
    once more, and the present one then serves, to be kept by nobody.
    """
    brand = store.current(service(Cache), db.session())
    if brand.style_digest != digest:
        brand = store.read(db.session())
    if not brand.accent:
        raise NotFound(say("There is no such style sheet."))
    response = Response(brand.style_sheet, content_type="text/css; charset=utf-8")
    if brand.style_digest == digest:
        response.headers["Cache-Control"] = f"public, max-age={_YEAR}, immutable"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


@bp.get("/brand/<digest>")
@answers_head
def logo(digest: str) -> Response:
    """Return a logo of the brand."""
    found = store.find_logo(db.session(), digest)
    if found is None:
        raise NotFound(say("There is no such picture."))
    return picture(found.media_type, found.content)


def picture(media_type: str, content: bytes) -> Response:
    """Return a picture that was made elsewhere, under an address that changes with it: it may be nothing else."""
    response = Response(content, content_type=media_type)
    response.headers["Cache-Control"] = f"public, max-age={_YEAR}, immutable"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox; frame-ancestors 'none'"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


def init_app(app: Flask) -> None:
    """Let the templates of *app* name the installation."""
    with app.app_context():
        settings = service(Settings)
    app.jinja_env.globals["site"] = Site(settings)
