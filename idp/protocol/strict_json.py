"""JSON objects from outside: no name twice, no endless depth, no number that is none (I04, I05, J06)."""

import json
import re
from typing import Any, NoReturn

MAX_DEPTH = 32
_MAX_DIGITS = 20
_NOT_TEXT = re.compile("[\0\ud800-\udfff]")


def parse_object(raw: bytes | str, *, max_depth: int = MAX_DEPTH) -> dict[str, Any]:
    """Return the JSON object in *raw* (UTF-8); the caller has bounded its length.

    Raises:
        ValueError: when it is not one, holds a name twice, NaN or Infinity, an integer of more than 20 digits, a lone
            surrogate or NUL, or is nested deeper than *max_depth*.

    """
    try:
        text = raw if isinstance(raw, str) else raw.decode("utf-8")
        found = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_bounded)
    except RecursionError:
        raise ValueError("The JSON is nested too deeply.") from None
    if not isinstance(found, dict):
        raise ValueError("The JSON is not an object.")
    _walk(found, max_depth)
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("The JSON holds a name twice.")
    return found


def _no_constant(_name: str) -> NoReturn:
    raise ValueError("The JSON holds NaN or Infinity.")


def _bounded(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError("The JSON holds an integer that is too long.")
    return int(digits)


def _walk(found: dict[str, Any], max_depth: int) -> None:
    level: list[Any] = [found]
    depth = 0
    while level:
        depth += 1
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below += [*value, *value.values()]
            elif isinstance(value, list):
                below += value
            elif isinstance(value, str):
                _check_text(value)
            elif isinstance(value, float) and value in (float("inf"), float("-inf")):
                raise ValueError("The JSON holds a number that is too large.")
        if depth > max_depth and any(isinstance(value, (dict, list)) for value in level):
            raise ValueError("The JSON is nested too deeply.")
        level = below


def _check_text(text: str) -> None:
    if _NOT_TEXT.search(text):
        raise ValueError("The JSON holds text that is not Unicode, or NUL.")
