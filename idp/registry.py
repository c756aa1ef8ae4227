"""Every module of a package: how grants, endpoints and sign-in methods are found without a list of them."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType


def modules_in(package: str) -> Iterator[ModuleType]:
    """Import and yield every direct module of *package*, by name."""
    found = importlib.import_module(package)
    for info in sorted(pkgutil.iter_modules(found.__path__), key=lambda info: info.name):
        yield importlib.import_module(f"{package}.{info.name}")
