"""Where a network address is: the town and country that a MaxMind file gives, when the installation names one."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import structlog

from idp.settings import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

_LOG = structlog.get_logger(__name__)
_MOST_REMEMBERED = 2048
_LONGEST = 120


class Places:
    """Finds places in a file of the MaxMind DB format, opened once; without one every place is unknown.

    Raises:
        SettingsError: the file cannot be read as such, or the package that reads it is not installed.

    """

    def __init__(self, path: Path | None) -> None:
        self._reader = None if path is None else _open(path)
        self.of = lru_cache(_MOST_REMEMBERED)(self._of)

    def _of(self, address: str) -> str:
        """Return the place of *address* in words, as Lisbon, Portugal; nothing where it is not known."""
        if self._reader is None or not address:
            return ""
        try:
            found = self._reader.get(address)
        except Exception as error:  # noqa: BLE001 - an address that is none, or a damaged file: a page is not lost for that
            _LOG.warning("place not found", error=type(error).__name__)
            return ""
        return _words(found)


def _open(path: Path) -> Any:  # noqa: ANN401 - the package is there in some installations only
    try:
        # Only installations that name a file need it.
        import maxminddb  # noqa: PLC0415
    except ImportError:
        message = "IDP_GEOIP_DB needs the package maxminddb: install the extra geoip."
        raise SettingsError([message]) from None
    try:
        return maxminddb.open_database(str(path))
    except (OSError, maxminddb.InvalidDatabaseError) as error:
        message = f"IDP_GEOIP_DB: {path} cannot be read as a MaxMind file ({type(error).__name__})."
        raise SettingsError([message]) from None


def _words(found: object) -> str:
    if not isinstance(found, dict):
        return ""
    parts = (_name(found.get("city")), _name(found.get("country") or found.get("registered_country")))
    return ", ".join(filter(None, parts))[:_LONGEST]


def _name(part: object) -> str:
    names = part.get("names") if isinstance(part, dict) else None
    name = names.get("en") if isinstance(names, dict) else None
    return name if isinstance(name, str) else ""
