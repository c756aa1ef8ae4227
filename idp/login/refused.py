"""A try to sign in that failed, as its page says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from idp.wording import say, say_count

if TYPE_CHECKING:
    from idp.web.throttle import Blocked

_SECONDS_SHOWN = 90
DISABLED: Final = say(
    "Your account is switched off. An administrator has switched this account off. Ask them if you think that "
    "is a mistake."
)


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
    text = say("Too many tries. Try again in %(seconds)s s.", seconds=wait)
    if wait > _SECONDS_SHOWN:
        one, many = "Too many tries. Try again in %(count)s minute.", "Too many tries. Try again in %(count)s minutes."
        text = say_count(one, many, -(-wait // 60))
    return Refused((("", text),), blocked.status, wait)
