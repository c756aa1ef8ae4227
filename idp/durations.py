"""Durations as people write them: ``90s``, ``5min``, ``8h``, ``30d``."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

_UNITS = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400}


def duration(text: str) -> timedelta:
    """Read ``90``, ``90s``, ``5min``, ``8h`` or ``30d``; a bare number is seconds.

    Raises:
        ValueError: it is none of these.

    """
    text = text.strip().replace(" ", "")
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    unit = text[len(number) :] or "s"
    if unit in _UNITS and number.isascii() and number.replace(".", "", 1).isdigit():
        return timedelta(seconds=float(number) * _UNITS[unit])
    message = "write a duration as a number and s, min, h or d, for example 8h"
    raise ValueError(message)


def _read(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return timedelta(seconds=value)
    return duration(value) if isinstance(value, str) else value


Duration = Annotated[timedelta, BeforeValidator(_read), Field(ge=timedelta(0), le=timedelta(days=3650))]
Positive = Annotated[Duration, Field(gt=timedelta(0))]
