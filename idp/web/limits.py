"""What no request may be: too large, not UTF-8, full of control characters, or sent by a method nobody offers.

These checks run in front of every view, so that no view, and no database, meets such a value.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote_to_bytes

from flask import Flask, abort, current_app, request
from werkzeug.exceptions import (
    BadRequest,
    LengthRequired,
    MethodNotAllowed,
    RequestEntityTooLarge,
    RequestHeaderFieldsTooLarge,
    RequestURITooLarge,
    UnsupportedMediaType,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

Called = TypeVar("Called", bound="Callable[..., Any]")

LONGEST_URL = 16 * 1024
LARGEST_HEADERS = 16 * 1024
LARGEST_BODY = 64 * 1024
# As many requests as one server process works on at a time; more threads would only stand in each other's way.
AT_WORK = 8
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_URLENCODED, _MULTIPART, _JSON = "application/x-www-form-urlencoded", "multipart/form-data", "application/json"
# The C0 and C1 control characters and DEL.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
# A text area sends line breaks and may hold tabs.
_CONTROL_IN_FORM = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def answers_head(view: Called) -> Called:
    """Let *view* answer HEAD like GET; every other view refuses it, so that no GET with an effect runs unseen."""
    view.answers_head = True  # type: ignore[attr-defined]  # read by check_method
    return view


def takes_json(view: Called) -> Called:
    """Let *view* take a JSON document in place of a form; every other view refuses one."""
    view.takes_json = True  # type: ignore[attr-defined]  # read by check_body
    return view


def takes_files(view: Called) -> Called:
    """Let *view* take a form with files, which hold any bytes; every other view refuses what is not text."""
    view.takes_files = True  # type: ignore[attr-defined]  # read by check_body
    return view


def check_method() -> None:
    """Refuse methods that are not offered, HEAD and OPTIONS included; a method is never overridden by a header."""
    if request.method not in _METHODS:
        abort(501)
    if request.method == "HEAD" and request.url_rule is not None:
        view = current_app.view_functions.get(request.endpoint or "")
        if not getattr(view, "answers_head", False):
            methods = sorted((request.url_rule.methods or set()) - {"HEAD"})
            raise MethodNotAllowed(valid_methods=methods)


def check_path() -> None:
    """Refuse an address with an empty part: ``//login`` is not ``/login``, whatever a router thinks of it."""
    if "//" in request.environ.get("PATH_INFO", ""):
        abort(404)


def check_sizes() -> None:
    """Refuse a request whose address, headers or body are larger than any that is meant."""
    environ = request.environ
    if len(environ.get("PATH_INFO", "")) + len(environ.get("QUERY_STRING", "")) > LONGEST_URL:
        raise RequestURITooLarge
    headers = sum(len(name) + len(value) for name, value in environ.items() if name.startswith("HTTP_"))
    if headers > LARGEST_HEADERS:
        raise RequestHeaderFieldsTooLarge
    if "HTTP_TRANSFER_ENCODING" in environ and environ.get("CONTENT_LENGTH"):
        # Two lengths for one body: whoever stands in front may have believed the other one (RFC 9112 section 6.3).
        raise BadRequest("The request states its length twice.")
    length = environ.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit()):
        raise LengthRequired
    if len(length) > 12 or int(length) > LARGEST_BODY:  # noqa: PLR2004 - a length of twelve digits is too large in any case
        raise RequestEntityTooLarge


def check_text() -> None:
    """Refuse what is not UTF-8, or holds control characters: in the path, the query and the cookies."""
    environ = request.environ
    _check(environ.get("PATH_INFO", "").encode("latin-1"), "path")
    query = environ.get("QUERY_STRING", "")
    if query:
        _check(unquote_to_bytes(query.encode("latin-1")), "query")
    cookies = environ.get("HTTP_COOKIE", "")
    if cookies:
        _check(cookies.encode("latin-1"), "cookies")


def check_body() -> None:
    """Refuse a body that is not a form, or a form that is not clean UTF-8.

    The media type never decides whether a route is protected; it only has to be one that the forms here have.
    """
    if request.method not in {"POST", "PUT", "PATCH", "DELETE"}:
        return
    if not request.content_length and not request.environ.get("wsgi.input_terminated"):
        return
    body = request.get_data(cache=True, parse_form_data=False)
    if not body:
        return
    kind, view = request.mimetype, current_app.view_functions.get(request.endpoint or "")
    if kind == _MULTIPART and getattr(view, "takes_files", False):
        fields = "".join(text for field in request.form.items(multi=True) for text in field)
        _check(fields.encode("utf-8", "surrogatepass"), "form", _CONTROL_IN_FORM)
        return
    takes_json = getattr(view, "takes_json", False)
    if kind == _JSON and takes_json:
        # What it holds is examined by whoever reads it: its escapes can stand for anything.
        return
    if kind not in {_URLENCODED, _MULTIPART}:
        raise UnsupportedMediaType(f"Send the parameters as {_JSON if takes_json else _URLENCODED}.")
    if request.mimetype_params.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
        raise UnsupportedMediaType("Send the form in UTF-8.")
    _check(unquote_to_bytes(body) if kind == _URLENCODED else body, "form", _CONTROL_IN_FORM)


def _check(raw: bytes, place: str, control: re.Pattern[str] = _CONTROL) -> None:
    if raw.isascii() and raw.isalnum():
        return
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest(f"The {place} of the request is not UTF-8.") from None
    if control.search(text):
        raise BadRequest(f"The {place} of the request holds control characters.")


def init_app(app: Flask) -> None:
    """Offer exactly the methods and addresses that are written down."""
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.config["MAX_FORM_MEMORY_SIZE"] = LARGEST_BODY
    app.config["MAX_FORM_PARTS"] = 200
    # Without this, /a//b is redirected to /a/b: every page has one address.
    app.url_map.merge_slashes = False
