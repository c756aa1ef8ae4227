"""``idp branding show | set | logo``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, BinaryIO

import click

from idp.admin import brand_changes
from idp.audit.log import COMMAND_LINE
from idp.branding import store
from idp.cli.context import emit, json_option, opened
from idp.clock import utc_now
from idp.db import db, transaction

if TYPE_CHECKING:
    from idp.branding.store import Brand


@click.group("branding")
def command() -> None:
    """Give the site its name, its logos, its colour and its links."""


@command.command("show")
@json_option
def show(*, as_json: bool) -> None:
    """Show what is set; what is empty is as the product has it."""
    with opened():
        _tell(store.read(db.session()), as_json=as_json)


@command.command("set")
@click.option("--name", "site_name", help="The name that people see; goes before IDP_SITE_NAME.")
@click.option("--accent", help="The colour of buttons and links, such as #2a50d8.")
@click.option("--sign-in-text", help="A sentence or two on the sign-in page.")
@click.option("--help-link", "help_uri", help="Where people find help: an address, or mailto: and an email address.")
@click.option("--privacy-link", "privacy_uri", help="The address of your privacy policy.")
@click.option("--terms-link", "terms_uri", help="The address of your terms.")
@json_option
def set_(*, as_json: bool, **given: str | None) -> None:
    """Change what is named; an empty text takes something away."""
    texts = {name: value for name, value in given.items() if value is not None}
    with opened():
        with transaction() as session:
            brand = brand_changes.change(session, texts, actor=COMMAND_LINE, now=utc_now())
        _tell(brand, as_json=as_json)


@command.command("logo")
@click.argument("place", type=click.Choice(store.PLACES))
@click.argument("picture", type=click.File("rb"), required=False)
@click.option("--remove", is_flag=True, help="Take the logo away.")
@json_option
def logo(place: str, *, picture: BinaryIO | None, remove: bool, as_json: bool) -> None:
    """Take the logo for light or dark pages from the file PICTURE: PNG, JPEG or WebP, at most 48 KB."""
    if remove == (picture is not None):
        raise click.UsageError("Name a picture, or say --remove.")
    # One byte more than is taken, so that a larger file is known for one.
    content = picture.read(brand_changes.LARGEST_LOGO + 1) if picture is not None else None
    with opened():
        with transaction() as session:
            brand_changes.set_logo(session, place, content, actor=COMMAND_LINE, now=utc_now())
        _tell(store.read(db.session()), as_json=as_json)


def _tell(brand: Brand, *, as_json: bool) -> None:
    data = asdict(brand)
    width = max(len(name) for name in data)
    emit(data, "\n".join(f"{name:{width}}  {value or '-'}" for name, value in data.items()), as_json=as_json)
