"""How hard a password is to guess, judged by zxcvbn and by a list of the most used ones, and said in words.

Nothing asks for capitals, digits or signs: they make passwords hard to remember, and not much harder to guess.
"""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from idp.accounts.names import key_of
from idp.wording import say

if TYPE_CHECKING:
    from collections.abc import Iterable

SHORTEST: Final = 10
LONGEST: Final = 1024
# The first score of zxcvbn that withstands guessing without pause: 10^8 tries and more.
_GOOD_ENOUGH: Final = 3
# More than this zxcvbn does not look at, and nothing longer is weak for what comes after.
_LOOKED_AT: Final = 72
# What zxcvbn reads as letters ("p@ssw0rd"). It tries every reading of all of them together, and many of them at once
# would take seconds: then the signs are left signs.
_LOOK_ALIKES: Final = frozenset("@({[<!|$+%4836917052")
_MOST_LOOK_ALIKES: Final = 6
_SIGNS: Final = str.maketrans(dict.fromkeys("@({[<!|$+%", "*"))
_LIST: Final = Path(__file__).with_name("common-passwords.txt.gz")

_TOO_SHORT = say("Use at least %(least)s characters.", least=SHORTEST)
_TOO_LONG = say("Use at most %(most)s characters.", most=LONGEST)
_NAME = say("Choose something other than your name or address.")
_MOST_USED = say("This is one of the most used passwords. Choose something else.")
_LIKE_MOST_USED = say("This is close to one of the most used passwords. Add another word or two.")
_PERSONAL = say("This is mostly your own name or address. Add another word or two.")
_ONE_WORD = say("One word alone is guessed early. Add another word or two.")
_ROW_OF_KEYS = say("Keys that lie next to each other are guessed early. Add another word or two.")
_REPEATED = say("Repeating the same characters does not help much. Add another word or two.")
_SEQUENCE = say("Sequences such as “abcd” or “6543” are guessed early. Add another word or two.")
_DATE = say("Dates and years are guessed early. Add another word or two.")
_EASY = say("This is easy to guess. Add another word or two.")

_WEAKNESS: Final = {
    "spatial": _ROW_OF_KEYS,
    "repeat": _REPEATED,
    "sequence": _SEQUENCE,
    "regex": _DATE,
    "date": _DATE,
}
_OF_DICTIONARY: Final = {"user_inputs": _PERSONAL, "passwords": _LIKE_MOST_USED}
_GOOD, _STRONG = say("Good: hard to guess."), say("Strong: very hard to guess.")


@dataclass(frozen=True, slots=True)
class Strength:
    """What is said of a password, and whether it can be chosen."""

    ok: bool
    sentence: str


def judge(password: str, *, names: Iterable[str] = ()) -> Strength:
    """Return how hard *password* is to guess for somebody who knows *names*: those of the person, and addresses."""
    known = [name for name in names if name]
    fault = _plain_fault(password, known)
    if fault:
        return Strength(ok=False, sentence=fault)
    found = _zxcvbn(password, _words_of(known))
    if found["score"] < _GOOD_ENOUGH:
        return Strength(ok=False, sentence=_weakness(found))
    return Strength(ok=True, sentence=_GOOD if found["score"] == _GOOD_ENOUGH else _STRONG)


def _plain_fault(password: str, names: list[str]) -> str | None:
    if len(password) < SHORTEST:
        return _TOO_SHORT
    if len(password) > LONGEST:
        return _TOO_LONG
    if key_of(password) in {key_of(name) for name in names}:
        return _NAME
    return _MOST_USED if password.casefold() in _most_used() else None


def _zxcvbn(password: str, words: list[str]) -> dict[str, Any]:
    # Its word lists cost every start a tenth of a second, and few processes ever look at a password.
    from zxcvbn import zxcvbn  # noqa: PLC0415

    text = password[:_LOOKED_AT]
    if len(_LOOK_ALIKES.intersection(text)) > _MOST_LOOK_ALIKES:
        text = text.translate(_SIGNS)
    found: dict[str, Any] = zxcvbn(text, user_inputs=words, max_length=_LOOKED_AT)
    return found


def _words_of(names: list[str]) -> list[str]:
    """Return *names* and their parts, as somebody would combine them."""
    return sorted({part for name in names for part in (name, *re.split(r"[\W_]+", name)) if part})


def _weakness(found: dict[str, Any]) -> str:
    """Say what is weak about the longest part that is easy to guess."""
    parts = [part for part in found["sequence"] if part["pattern"] != "bruteforce"]
    if not parts:
        return _EASY
    longest = max(parts, key=lambda part: len(part["token"]))
    if longest["pattern"] == "dictionary":
        return _OF_DICTIONARY.get(longest["dictionary_name"], _ONE_WORD if len(parts) == 1 else _EASY)
    return _WEAKNESS.get(longest["pattern"], _EASY)


@cache
def _most_used() -> frozenset[str]:
    """Return the most used passwords that are long enough to be chosen, in small letters."""
    with gzip.open(_LIST, "rt", encoding="utf-8") as lines:
        return frozenset(line for line in map(str.strip, lines) if len(line) >= SHORTEST)
