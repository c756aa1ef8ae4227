"""A try to sign in that failed, as its page says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from idp.web.throttle import Blocked

_SECONDS_SHOWN = 90


@dataclass(frozen=True, slots=True)
class Refused:
    """It did not work: what the page says (field and sentence), and its status."""

    errors: tuple[tuple[str, str], ...]
    status: int = 400
    retry_after: int | None = None
    # The id of a credential that its owner's browser may forget: nobody here has it.
    unknown_passkey: str = ""


def blocked_by(blocked: Blocked) -> Refused:
    """Return what the page says to a try that came too early."""
    wait = blocked.retry_after or 1
    text = f"{wait} s" if wait <= _SECONDS_SHOWN else f"{-(-wait // 60)} minutes"
    return Refused((("", f"Too many tries. Try again in {text}."),), blocked.status, wait)
