"""The times in a JWT (RFC 7519 section 4.1): what is wrong with somebody else's, and when one of ours was made."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

SKEW = 60
"""Seconds that two clocks may differ by."""


def fault_in(claims: Mapping[str, Any], now: int) -> str | None:
    """Return what is wrong at *now* (seconds) with `exp`, `nbf` and `iat`, as far as they are there."""
    for name in ("exp", "nbf", "iat"):
        value = claims.get(name, now)
        # bool is an int to Python.
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"Its {name} is not a number of seconds."
    if claims.get("exp", now + 1) <= now - SKEW:
        return "It has expired; check the clock of the app's server."
    for name, meaning in (("nbf", "is not good yet"), ("iat", "was made in the future")):
        if claims.get(name, now) > now + SKEW:
            return f"It {meaning} by its {name}; check the clock of the app's server."
    return None


def backdated(issued: int, by: timedelta, *, not_before: int) -> int:
    """Return the `iat` of a token made at *issued* (seconds) for a clock that is slow, *not_before* at the least.

    Many libraries refuse a token that was made in their future, were it by one second.
    """
    return max(issued - int(by.total_seconds()), not_before)
