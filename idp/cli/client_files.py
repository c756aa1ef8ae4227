"""``idp client edit | export | import``: clients as JSON, for scripts and for other installations."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TextIO

import click

from idp.audit.log import COMMAND_LINE
from idp.cli.client import all_clients, command, created_data, prepare, take_over_logo
from idp.cli.context import emit, json_option, opened
from idp.cli.contracts import accept_option, changing, require_consent
from idp.clients import administration, registration, store
from idp.clients.metadata import validate
from idp.clock import utc_now
from idp.contracts import pins
from idp.db import db, transaction
from idp.errors import FieldErrors, NotFound
from idp.vault import Vault
from idp.web.current import service

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from idp.clients.registration import Registration
    from idp.clients.store import Client, Created

_LARGEST = 16 * 1024 * 1024


@command.command()
@click.argument("client_id")
@click.option(
    "--metadata", type=click.File("r", encoding="utf-8"), help="Metadata to change, as JSON; - reads standard input."
)
@click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE", help="One name to change; repeatable.")
@accept_option
@json_option
def edit(
    client_id: str, metadata: TextIO | None, pairs: tuple[str, ...], *, accept_tokens: bool, as_json: bool
) -> None:
    """Change metadata of an app; what is not named stays.

    A VALUE is JSON, or else the text itself; null goes back to the default. A secret that this makes is shown once.
    What changes the tokens of the app is shown, and done with --accept alone.
    """
    given = _read_object(metadata) if metadata is not None else {}
    given |= dict(_pair(pair) for pair in pairs)
    if not given:
        raise click.UsageError("Say what to change, by --set or --metadata.")
    for name in ("client_id", "client_secret"):
        if name in given:
            raise FieldErrors({name: "This cannot be changed; `idp client secret` makes a new secret."})
    with opened():
        before = _found(client_id)
        wanted = validate({**before.metadata.as_json(), **given})
        require_consent([store.with_metadata(before, wanted)], accepted=accept_tokens)
        prepare(wanted, before.metadata)
        with transaction() as session:
            changed = pins.change(session, changing(), client_id, wanted)
        take_over_logo(changed.client, before.metadata.logo_uri)
    lines = [f"{changed.client.name} is changed.", *_secrets_of(changed)]
    emit(created_data(changed), "\n".join(lines), as_json=as_json)


@command.command()
@click.argument("client_id", nargs=-1)
def export(client_id: tuple[str, ...]) -> None:
    """Print apps as JSON that `idp client import` takes: those named, or all; never a secret."""
    with opened():
        clients = [_found(one) for one in client_id] if client_id else list(all_clients(""))
    found = [
        {"client_id": one.client_id, **one.metadata.as_json(), **({"disabled": True} if one.disabled else {})}
        for one in clients
    ]
    click.echo(json.dumps(found, indent=2, ensure_ascii=False))


@command.command(name="import")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@click.option("--update", is_flag=True, help="Change apps that are registered already, instead of refusing them.")
@accept_option
@json_option
def import_(file: TextIO, *, update: bool, accept_tokens: bool, as_json: bool) -> None:
    """Register the apps in FILE (a JSON list, or one object; - reads standard input): all of them, or none.

    Apps get new secrets, which are shown this once. What changes the tokens of an app that is registered is shown, and
    done with --accept alone.
    """
    given = _read_list(file)
    with opened():
        wanted = [_wanted(place, one, update=update) for place, one in enumerate(given, 1)]
        known = [(one.before, one.registration.metadata) for one in wanted if one.before is not None]
        require_consent([store.with_metadata(*one) for one in known], accepted=accept_tokens)
        with transaction() as session:
            made = [_write(session, one) for one in wanted]
        for one, done in zip(wanted, made, strict=True):
            take_over_logo(done.client, one.before.metadata.logo_uri if one.before else None)
    lines = [line for one in made for line in (f"{one.client.client_id}  {one.client.name}", *_secrets_of(one))]
    emit([created_data(one) for one in made], "\n".join(lines) or "No apps.", as_json=as_json)


def _secrets_of(created: Created) -> list[str]:
    """Return the secrets that were made, one a line; they cannot be shown again."""
    named = (("client_secret", created.client_secret), ("jwt_secret", created.jwt_secret))
    return [f"  {name}  {secret}" for name, secret in named if secret is not None]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One app of a file; ``before`` is the registered one that it changes."""

    registration: Registration
    before: Client | None
    disabled: bool


def _wanted(place: int, given: dict[str, Any], *, update: bool) -> _Wanted:
    """Check one entry of a file, and do what is slow; faults name its place in the list."""
    try:
        found = _checked(given, update=update)
        prepare(found.registration.metadata, found.before.metadata if found.before else None)
    except FieldErrors as error:
        raise FieldErrors({f"{place}.{name}": sentence for name, sentence in error.fields.items()}) from None
    return found


def _checked(given: dict[str, Any], *, update: bool) -> _Wanted:
    rest = dict(given)
    disabled = rest.pop("disabled", False)
    if not isinstance(disabled, bool):
        raise FieldErrors({"disabled": "Write true or false."})
    read = registration.read(rest)
    before = store.read(db.session(), read.client_id) if read.client_id else None
    if before is not None and not update:
        raise FieldErrors({"client_id": "Another app has this identifier; --update changes it."})
    if before is not None and read.client_secret is not None:
        raise FieldErrors({"client_secret": "The secret of a registered app stays; leave it out."})
    return _Wanted(read, before, disabled)


def _write(session: Session, wanted: _Wanted) -> Created:
    now, vault = utc_now(), service(Vault)
    if wanted.before is None:
        done = administration.register(session, vault, wanted.registration, actor=COMMAND_LINE, now=now)
    else:
        done = pins.change(session, changing(), wanted.before.client_id, wanted.registration.metadata)
    if wanted.disabled == done.client.disabled:
        return done
    switch = administration.disable if wanted.disabled else administration.enable
    return replace(done, client=switch(session, done.client.client_id, actor=COMMAND_LINE, now=now))


def _found(client_id: str) -> Client:
    client = store.read(db.session(), client_id)
    if client is None:
        raise NotFound(f"No app has the identifier {client_id}.")
    return client


def _pair(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"Write --set {name} as NAME=VALUE.")
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        return name, value


def _read(source: TextIO) -> Any:  # noqa: ANN401 - whatever JSON there is
    try:
        return json.loads(source.read(_LARGEST))
    except (ValueError, RecursionError) as error:
        raise FieldErrors({"metadata": f"This is not JSON ({type(error).__name__})."}) from None


def _read_object(source: TextIO) -> dict[str, Any]:
    found = _read(source)
    if not isinstance(found, dict):
        raise FieldErrors({"metadata": "Write one JSON object with client metadata."})
    return found


def _read_list(source: TextIO) -> list[dict[str, Any]]:
    found = _read(source)
    entries = found if isinstance(found, list) else [found]
    if not all(isinstance(entry, dict) for entry in entries):
        raise FieldErrors({"metadata": "Write a JSON list of objects with client metadata."})
    return entries
