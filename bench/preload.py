"""Imports all that a command may need; ``bench.commands`` copies the process that did."""

from idp import jobs, registry
from idp.app import FEATURES

__all__ = ["jobs"]

for package in ("idp.cli", *FEATURES):
    registry.modules_in(package)
