"""Every module of a package: how grants, endpoints and sign-in methods are found without a list of them."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType


@cache
def modules_in(package: str) -> tuple[ModuleType, ...]:
    """Import and return every direct module of *package*, by name."""
    names = sorted(info.name for info in pkgutil.iter_modules(importlib.import_module(package).__path__))
    return tuple(importlib.import_module(f"{package}.{name}") for name in names)
