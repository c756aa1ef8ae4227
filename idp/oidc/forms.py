"""Requests of machines: one form in the body, nothing in the query, nothing twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from flask import request

from idp.errors import InvalidRequest
from idp.protocol import parameters
from idp.web.csrf import csrf

if TYPE_CHECKING:
    from collections.abc import Callable

Called = TypeVar("Called", bound="Callable[..., Any]")
FORM = "application/x-www-form-urlencoded"


def from_elsewhere(view: Called) -> Called:
    """Take *view* out of the protection against forged forms: it is called by machines, or cross-site on purpose."""
    csrf.exempt(view)
    return view


def read_form() -> parameters.Parameters:
    """Return the parameters of the request's body (RFC 6749 section 3.2); unknown ones are the caller's to ignore.

    Raises:
        InvalidRequest: a query string, another content type, or a parameter that is repeated, malformed or too long.

    """
    if request.query_string:
        raise InvalidRequest("Send the parameters in the body, never in the query.")
    if request.mimetype != FORM:
        raise InvalidRequest(f"Send the parameters as {FORM}.")
    form = parameters.read_urlencoded(request.get_data(cache=False))
    form.require_sound()
    return form
