"""The only reader of the time."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the present instant, aware, in UTC."""
    return datetime.now(UTC)


def epoch_seconds(instant: datetime) -> int:
    """Return *instant* as a NumericDate, whole seconds since 1970 (RFC 7519 section 2)."""
    return int(instant.timestamp())
