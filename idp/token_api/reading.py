"""The fields of a request, read as Django REST Framework reads them: from JSON or from a form."""

from __future__ import annotations

import json
from typing import Any

from flask import request

from idp.protocol.strict_json import parse_object
from idp.token_api.answers import Refused, fields_refused

_REQUIRED = "This field is required."
_BLANK = "This field may not be blank."
_NULL = "This field may not be null."
_NO_TEXT = "Not a valid string."
_NAMES = {dict: "dict", list: "list", str: "str", int: "int", float: "float", bool: "bool"}


def read(*names: str) -> list[str]:
    """Return the fields *names* of this request; others are left alone.

    Raises:
        Refused: the body cannot be read, or a field is missing or no text; every field at fault is named.

    """
    given = _given()
    found, faults = [], {}
    for name in names:
        value = given.get(name, ...)
        fault = _fault(value)
        if fault:
            faults[name] = fault
        found.append(str(value))
    if faults:
        raise fields_refused(faults)
    return found


def _given() -> dict[str, Any]:
    if not request.get_data(cache=True, parse_form_data=False):
        return {}
    if request.mimetype != "application/json":
        return {name: several[-1] for name, several in request.form.lists()}
    raw = request.get_data(cache=True)
    try:
        return parse_object(raw)
    except ValueError as error:
        raise _unreadable(raw, error) from None


def _unreadable(raw: bytes, error: ValueError) -> Refused:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return Refused({"detail": f"JSON parse error - {error}"}, status=400)
    if isinstance(found, dict):
        return Refused({"detail": f"JSON parse error - {error}"}, status=400)
    if found is None:
        return fields_refused({"non_field_errors": "No data provided"})
    kind = _NAMES[type(found)]
    return fields_refused({"non_field_errors": f"Invalid data. Expected a dictionary, but got {kind}."})


def _fault(value: object) -> str | None:
    if value is ...:
        return _REQUIRED
    if value is None:
        return _NULL
    # Numbers are taken by their digits, truth values are not.
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return _NO_TEXT
    return None if str(value).strip() else _BLANK
