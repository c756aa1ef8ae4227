"""Static files under names that change with their content, so that browsers may keep them for ever."""

from __future__ import annotations

import atexit
import hashlib
import shutil
from functools import cache
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from flask import Flask
from whitenoise import WhiteNoise
from whitenoise.compress import Compressor

from idp import assets

if TYPE_CHECKING:
    from wsgiref.headers import Headers
    from wsgiref.types import WSGIApplication

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
    server = _server(app.wsgi_app)
    server.files = _served()
    app.wsgi_app = server  # type: ignore[method-assign]  # how WSGI middleware is put around Flask


def _server(behind: WSGIApplication, hashed: frozenset[str] = frozenset()) -> WhiteNoise:
    return WhiteNoise(
        behind,
        max_age=_PLAIN_MAX_AGE,
        allow_all_origins=False,
        add_headers_function=_add_headers,
        immutable_file_test=lambda _path, url: url in hashed,
    )


@cache
def _served() -> dict[str, object]:
    """Return the files by their addresses, looked at once a process."""
    root = Path(_compressed().name)
    paths = [file.relative_to(root).as_posix() for file in _files(root)]
    server = _server(Flask("static").wsgi_app, frozenset(asset(path) for path in paths))
    for path in paths:
        for address in (_PREFIX + path, asset(path)):
            server.add_file_to_dictionary(address, str(root / path))
    return dict(server.files)


@cache
def _compressed() -> TemporaryDirectory[str]:
    """Copy the files once a process, each with its gzip form beside it where that is smaller."""
    folder = TemporaryDirectory(prefix="doorward-static-")
    atexit.register(folder.cleanup)
    source = assets.folder("static")
    compressor = Compressor(use_brotli=False, quiet=True)
    for file in _files(source):
        copy = Path(folder.name) / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        # With its time, which the entity tag is made from: all workers must say the same one.
        shutil.copy2(file, copy)
        if compressor.should_compress(copy.name):
            compressor.compress(str(copy))
    return folder


def _files(root: Path) -> list[Path]:
    return [
        file
        for file in sorted(root.rglob("*"))
        if file.is_file() and file.suffix not in {".py", ".gz", ".br"} and not file.name.startswith(".")
    ]
