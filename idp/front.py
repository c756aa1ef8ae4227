"""The WSGI application in front of Flask: answers what is the same for everybody from bytes made once a change.

Discovery and the key set are asked for more often than anything else, by machines that wait; they never reach Flask.
"""

from __future__ import annotations

import io
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

import structlog

from idp.cache import Cache
from idp.db import db
from idp.keys.ledger import Ledger
from idp.oidc import documents
from idp.settings import Settings
from idp.web.limits import AT_WORK, LARGEST_BODY

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from flask import Flask

    from idp.oidc.documents import Document

_log = structlog.get_logger(__name__)

_PLAIN = [("Content-Type", "text/plain; charset=utf-8"), ("Server", "")]

_OF_ONE = (documents.OF_ONE_JWKS, documents.OF_ONE_DISCOVERY)

# As many requests as one server process takes in at a time: a body that comes slowly keeps a thread, and nothing else.
TAKEN_IN = 64


class _Ready(NamedTuple):
    """A document as it is sent; ``reader`` is whose own key set it is, empty for everybody's, None for no key set."""

    body: bytes
    etag: str
    reader: str | None
    headers: tuple[tuple[str, str], ...]
    of_body: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, document: Document, reader: str | None) -> _Ready:
        """Make everything ready that is the same for all who ask."""
        headers = (
            ("Cache-Control", document.cache_control),
            ("ETag", document.etag),
            ("Access-Control-Allow-Origin", "*"),
            ("X-Content-Type-Options", "nosniff"),
            ("Server", ""),
        )
        of_body = (("Content-Type", "application/json"), ("Content-Length", str(len(document.body))))
        return cls(document.body, document.etag, reader, headers, of_body)


class Front:
    """Serves the public documents and ``/livez``; everything else goes to Flask."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        services = app.extensions["idp"]
        self._cache: Cache = services[Cache]
        self._ledger: Ledger = services[Ledger]
        self._host = services[Settings].issuer.partition("://")[2]
        self._providers = documents.providers(app)
        self._made: dict[str, _Ready] = {}
        self._turns = threading.BoundedSemaphore(AT_WORK)
        self._cache.on_drop(self._forget)

    def watch(self) -> None:
        """Begin to hear of changes that other processes make."""
        with self._app.app_context():
            engine = db.engine
        self._cache.watch(engine, failed=lambda error: _log.warning("database_unreachable", cause=type(error).__name__))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        path = environ.get("PATH_INFO", "")
        if environ["REQUEST_METHOD"] in {"GET", "HEAD"}:
            if path == "/livez":
                return _send(start_response, environ, b"ok\n", _PLAIN)
            if path in self._providers and environ.get("HTTP_HOST", "").lower() == self._host:
                return self._public(path, environ, start_response)
            if path.startswith(_OF_ONE) and environ.get("HTTP_HOST", "").lower() == self._host:
                return self._of_one(path, environ, start_response)
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            _take_in(environ)
        return self._flask(environ, start_response)

    def _flask(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with self._turns:
            return self._app.wsgi_app(environ, start_response)

    def _forget(self) -> None:
        self._made = {}

    def _public(self, path: str, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        made = self._made
        ready = made.get(path)
        if ready is None:
            # Put into the dictionary that was there before the reading: a change meanwhile has replaced it.
            ready = made[path] = _Ready.of(self._providers[path](), "" if path in documents.JWKS_PATHS else None)
        return self._answer(ready, environ, start_response)

    def _of_one(self, path: str, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer at a client's own address; for a client that there is not, Flask has the words."""
        made = self._made
        ready = made.get(path)
        if ready is None:
            with self._turns:
                document = documents.of_one_client(self._app, path)
            if document is None:
                return self._flask(environ, start_response)
            is_key_set = path.startswith(documents.OF_ONE_JWKS)
            ready = made[path] = _Ready.of(document, path.removeprefix(documents.OF_ONE_JWKS) if is_key_set else None)
        return self._answer(ready, environ, start_response)

    def _answer(self, ready: _Ready, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        etag, has_body = ready.etag, environ["REQUEST_METHOD"] != "HEAD"
        if ready.reader is not None and has_body:
            self._ledger.fetched(
                ready.reader,
                etag,
                environ.get("REMOTE_ADDR", ""),
                environ.get("HTTP_X_FORWARDED_FOR", ""),
                environ.get("HTTP_USER_AGENT", ""),
            )
        if etag in environ.get("HTTP_IF_NONE_MATCH", ""):
            start_response("304 Not Modified", list(ready.headers))
            return []
        start_response("200 OK", [*ready.headers, *ready.of_body])
        return [ready.body] if has_body else []


def _take_in(environ: WSGIEnvironment) -> None:
    """Wait for the whole body, before this request takes the turn of another; one that is too large is left unread."""
    length = environ.get("CONTENT_LENGTH") or "0"
    is_number = length.isascii() and length.isdigit() and len(length) <= len(str(LARGEST_BODY))
    if is_number and int(length) <= LARGEST_BODY:
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(LARGEST_BODY + 1))


def _line(status: HTTPStatus) -> str:
    return f"{status.value} {status.phrase}"


def _send(
    start_response: StartResponse, environ: WSGIEnvironment, body: bytes, headers: list[tuple[str, str]]
) -> Iterable[bytes]:
    start_response(_line(HTTPStatus.OK), [*headers, ("Content-Length", str(len(body)))])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
