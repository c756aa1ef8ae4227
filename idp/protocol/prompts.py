"""`prompt` and `max_age` (OpenID Connect Core section 3.1.2.1)."""

import re
from datetime import timedelta
from enum import StrEnum

from idp.diagnosis import reasons
from idp.errors import InvalidRequest

# Ten digits are three hundred years, and still far from the end of the calendar.
_SECONDS = re.compile(r"[0-9]{1,10}", re.ASCII)


class Prompt(StrEnum):
    """What the app wants the person to be asked."""

    NONE = "none"
    LOGIN = "login"
    CONSENT = "consent"
    SELECT_ACCOUNT = "select_account"
    # OpenID Connect Prompt Create 1.0; offered where people may make an account themselves.
    CREATE = "create"


def parse_prompt(text: str | None) -> frozenset[Prompt]:
    """Read a prompt parameter.

    Raises:
        InvalidRequest: for an unknown word, and for `none` with another.

    """
    try:
        prompts = frozenset(Prompt(word) for word in (text or "").split(" ") if word)
    except ValueError:
        raise InvalidRequest("prompt has a value that is not supported.", reason=reasons.PROMPT) from None
    if Prompt.NONE in prompts and len(prompts) > 1:
        raise InvalidRequest("prompt=none cannot be combined with another value.", reason=reasons.PROMPT)
    return prompts


def parse_max_age(text: str | None) -> timedelta | None:
    """Read max_age, in seconds; zero is a value like any other.

    Raises:
        InvalidRequest: for anything but one to ten decimal digits.

    """
    if text is None:
        return None
    if not _SECONDS.fullmatch(text):
        raise InvalidRequest("max_age must be a whole number of seconds.", reason=reasons.MAX_AGE)
    return timedelta(seconds=int(text))
