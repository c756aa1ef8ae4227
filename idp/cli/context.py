"""What every command shares: an opened installation, and one way to answer people and machines."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from idp import settings as settings_module
from idp.app import create_app
from idp.db import db
from idp.prepare import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask

Command = TypeVar("Command", bound="Callable[..., Any]")


@contextmanager
def opened() -> Iterator[Flask]:
    """Enter the application context of the configured installation, setting it up first if need be."""
    settings = settings_module.load()
    prepare(settings)
    app = create_app(settings)
    with app.app_context():
        try:
            yield app
        finally:
            db.session.remove()
            db.engine.dispose()


def json_option(command: Command) -> Command:
    """Add ``--json`` (argument ``as_json``) to *command*."""
    option: Callable[[Command], Command] = click.option(
        "--json", "as_json", is_flag=True, help="Answer as JSON, for machines."
    )
    return option(command)


def emit(data: object, text: str, *, as_json: bool) -> None:
    """Print *data* as JSON or *text* as it is."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False, default=str) if as_json else text)
