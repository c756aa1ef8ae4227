"""The brand's links to the privacy policy and the terms, for documents that are made outside of any request."""

from __future__ import annotations

import contextvars
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from idp.branding.models import BrandRow

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from idp.cache import Cache

_ENTRY: Final = ("brand", "links")
# A database that is away is not asked again at every request.
_PAUSE_SECONDS: Final = 5.0


class Links(NamedTuple):
    """Addresses; empty where there is none."""

    privacy_uri: str = ""
    terms_uri: str = ""


class PublishedLinks:
    """Gives out the present ``Links``; while the database is away, those that were known last."""

    def __init__(self, cache: Cache, engine: Engine) -> None:
        self._cache = cache
        self._engine = engine
        self._known = Links()
        self._asked_again_at = 0.0

    def current(self) -> Links:
        """Return the links as this process knows them; without touching the database but after a change."""
        if time.monotonic() >= self._asked_again_at:
            try:
                self._known = self._cache.get(_ENTRY, self._load_aside) or self._known
            except SQLAlchemyError:
                self._asked_again_at = time.monotonic() + _PAUSE_SECONDS
        return self._known

    def _load_aside(self) -> Links:
        # In a context of its own: inside `transaction()` this connection would ask SQLite for the write lock that the
        # caller holds.
        return contextvars.Context().run(self._load)

    def _load(self) -> Links:
        with self._engine.connect() as connection:
            row = connection.execute(select(BrandRow.privacy_uri, BrandRow.terms_uri)).first()
        return Links(*row) if row is not None else Links()
