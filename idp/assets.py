"""Where templates, catalogs and other files are: beside this package in a checkout, inside it when installed."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """Return the folder *name* (``templates``, ``static``, ``migrations``, ``translations``, ``examples``).

    Raises:
        FileNotFoundError: the installation is incomplete.

    """
    for candidate in (_PACKAGE / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    message = f"The folder {name!r} is missing from this installation."
    raise FileNotFoundError(message)
