"""Static files under names that change with their content, so that browsers may keep them for ever."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from whitenoise import WhiteNoise

from idp import assets

if TYPE_CHECKING:
    from wsgiref.headers import Headers

    from flask import Flask

_PREFIX = "/static/"
# For files that are asked for by their plain name: fonts, which style sheets refer to.
_PLAIN_MAX_AGE = 86400


def asset(path: str) -> str:
    """Return the address of the static file *path*, with a digest of its content in it.

    Raises:
        FileNotFoundError: there is no such file; a template that asks for it is wrong.

    """
    return _PREFIX + _hashed(path)


@cache
def _hashed(path: str) -> str:
    digest = hashlib.sha256((assets.folder("static") / path).read_bytes()).hexdigest()[:12]
    name = PurePosixPath(path)
    return str(name.with_name(f"{name.stem}.{digest}{name.suffix}"))


def _add_headers(headers: Headers, _path: str, _url: str) -> None:
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"


def init_app(app: Flask) -> None:
    """Serve the files in front of *app*."""
    root = assets.folder("static")
    hashed: set[str] = set()
    server = WhiteNoise(
        app.wsgi_app,
        max_age=_PLAIN_MAX_AGE,
        allow_all_origins=False,
        add_headers_function=_add_headers,
        immutable_file_test=lambda _path, url: url in hashed,
    )
    for file in _files(root):
        path = file.relative_to(root).as_posix()
        plain, lasting = _PREFIX + path, asset(path)
        hashed.add(lasting)
        server.add_file_to_dictionary(plain, str(file))
        server.add_file_to_dictionary(lasting, str(file))
    app.wsgi_app = server  # type: ignore[method-assign]  # how WSGI middleware is put around Flask


def _files(root: Path) -> list[Path]:
    return [
        file
        for file in sorted(root.rglob("*"))
        if file.is_file() and file.suffix not in {".py", ".gz", ".br"} and not file.name.startswith(".")
    ]
