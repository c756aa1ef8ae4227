"""Structured logs: one line an event, the request id in each, no secret in any."""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING, Any

import structlog
from flask import Flask, Response, g, request

from idp.settings import Settings
from idp.web.addresses import client_address
from idp.web.current import service
from idp.web.request_ids import request_id

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

_LOG = structlog.get_logger("idp.access")
_CONTROL = dict.fromkeys((*range(32), *range(127, 160), 0x2028, 0x2029), " ")
_HIDDEN = "[hidden]"
# A value under one of these names is never written, whoever logs it.
_SECRETS = frozenset(
    {
        "access_token",
        "assertion",
        "authorization",
        "client_assertion",
        "client_secret",
        "code",
        "code_verifier",
        "cookie",
        "csrf_token",
        "id_token",
        "id_token_hint",
        "jwt",
        "password",
        "private_key",
        "refresh_token",
        "secret",
        "set_cookie",
        "state",
        "token",
    }
)
# Parts of a path that are themselves what lets somebody in.
_SECRET_ARGUMENTS = ("token", "interaction")
# A traceback is many lines on purpose.
_MANY_LINES = frozenset({"exception", "stack"})


class _StandardError:
    """The standard error output as it is at the moment of writing."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def configure(settings: Settings) -> None:
    """Write logs to the standard error output: JSON lines, or text where a person looks on."""
    as_text = settings.log.format == "text" or (settings.log.format == "auto" and sys.stderr.isatty())
    level = getattr(logging, settings.log.level.upper())
    stream: Any = _StandardError()
    steps: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        # Frames without their variables: those may hold a password.
        structlog.processors.format_exc_info,
        hide_secrets,
    ]
    last: Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), timestamp_key="at")
        if as_text
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[*steps, last],
        logger_factory=structlog.PrintLoggerFactory(file=stream),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    _take_over(logging.getLogger(), stream, steps, last)
    logging.getLogger().setLevel(max(level, logging.WARNING))


def _take_over(root: logging.Logger, stream: Any, steps: list[Processor], last: Processor) -> None:  # noqa: ANN401 - anything with write
    """Write what libraries log in the same form."""
    handler = logging.StreamHandler(stream)
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=[*steps], processors=[remove, hide_secrets, last])
    )
    handler.set_name("idp")
    for old in [handler for handler in root.handlers if handler.name == "idp"]:
        root.removeHandler(old)
    root.addHandler(handler)


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace values under secret names, and keep every other value on one line."""
    for name, value in event.items():
        if name in _SECRETS:
            event[name] = _HIDDEN
        elif isinstance(value, str) and name not in _MANY_LINES:
            event[name] = value.translate(_CONTROL)
        elif isinstance(value, dict):
            event[name] = dict(hide_secrets(None, "", dict(value)))
    return event


def begin_request() -> None:
    """Give the request its id, and every log line about it that id."""
    g.began = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id())


def shown_path() -> str:
    """Return the path of the request without the parts that let somebody in, and without its query."""
    path = request.path
    arguments = request.view_args or {}
    for name in _SECRET_ARGUMENTS:
        if arguments.get(name):
            path = path.replace(str(arguments[name]), _HIDDEN)
    return path


def _end_request(response: Response) -> Response:
    response.headers["X-Request-Id"] = request_id()
    _LOG.info(
        "request",
        method=request.method,
        path=shown_path(),
        status=response.status_code,
        ms=round((time.perf_counter() - g.get("began", time.perf_counter())) * 1000, 1),
        address=client_address(),
    )
    return response


def init_app(app: Flask) -> None:
    """Log every request of *app*."""
    with app.app_context():
        configure(service(Settings))
    app.after_request(_end_request)
