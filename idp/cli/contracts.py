"""``idp contracts check | show | accept``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from idp import clock
from idp.audit.log import COMMAND_LINE
from idp.cli.context import emit, json_option, opened
from idp.clients import store
from idp.contracts import pins, schema
from idp.contracts.frames import Frames
from idp.contracts.pins import Changing, Difference
from idp.db import db, transaction
from idp.errors import Conflict, NotFound
from idp.vault import Vault
from idp.web.current import service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from idp.clients.store import Client
    from idp.contracts.pins import Examined

Command = TypeVar("Command", bound="Callable[..., Any]")
_PAGE = 500


@click.group(name="contracts")
def command() -> None:
    """Pinned tokens of apps: what they hold, whether that would change, agreeing to it."""


@command.command()
@click.argument("client_id", nargs=-1)
@json_option
@click.pass_context
def check(ctx: click.Context, client_id: tuple[str, ...], *, as_json: bool) -> None:
    """Compare what apps (those named, or all) have had with what they would get; exit status 1 if that differs."""
    with opened():
        found = [pins.examine(db.session(), service(Frames), client) for client in _clients(client_id)]
    wrong = [one for one in found if not one.is_kept]
    lines = [line for one in wrong for line in _told(one)]
    text = "\n".join(lines) or f"Nothing differs: {len(found)} apps get what they have had."
    emit({"ok": not wrong, "checked": len(found), "apps": [_data(one) for one in wrong]}, text, as_json=as_json)
    ctx.exit(1 if wrong else 0)


@command.command()
@click.argument("client_id")
@json_option
def show(client_id: str, *, as_json: bool) -> None:
    """Show what the tokens of one app hold, and since when."""
    with opened():
        (client,) = _clients((client_id,))
        rows = pins.of(db.session(), client.client_id)
    data = [
        {
            "token": row.kind,
            "scope": row.scope,
            **schema.from_json(row.frame).as_json(),
            "pinned_at": row.pinned_at.isoformat(timespec="seconds"),
            "accepted_by": row.accepted_by or None,
            "tokens": row.tokens,
            "seen": row.seen,
            "differences": row.faults,
        }
        for row in rows
    ]
    lines = [
        line
        for row in rows
        for line in (
            f"{schema.KINDS[row.kind]}{f', {row.scope}' if row.scope else ''}",
            f"  {row.tokens} since {row.pinned_at:%d %B %Y, %H:%M} UTC",
            *(f"  {text}" for text in schema.from_json(row.frame).lines()),
        )
    ]
    emit(data, "\n".join(lines) or "It has had no tokens yet, so nothing is pinned.", as_json=as_json)


@command.command()
@click.argument("client_id", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every app.")
@json_option
def accept(client_id: tuple[str, ...], *, every: bool, as_json: bool) -> None:
    """Give apps (those named, or --all) what `idp contracts check` says that they would get."""
    if every == bool(client_id):
        raise click.UsageError("Name apps, or say --all.")
    with opened():
        found = [pins.examine(db.session(), service(Frames), client) for client in _clients(client_id)]
        wrong = [one for one in found if not one.is_kept or _is_behind(one.client)]
        for one in wrong:
            with transaction() as session:
                pins.accept(session, changing(), one.client.client_id)
    told = [one for one in wrong if not one.is_kept]
    text = "\n".join(line for one in told for line in _told(one)) or "Nothing differed."
    emit([_data(one) for one in told], text, as_json=as_json)


def _is_behind(client: Client) -> bool:
    return client.defaults_version != pins.with_latest(client).defaults_version


def changing() -> Changing:
    """Return what a change needs that is made here and now."""
    return Changing(service(Vault), service(Frames), COMMAND_LINE, clock.utc_now())


def accept_option(function: Command) -> Command:
    """Add ``--accept`` (argument ``accept_tokens``) to *function*."""
    option: Callable[[Command], Command] = click.option(
        "--accept", "accept_tokens", is_flag=True, help="Do it even where tokens that an app has had change by it."
    )
    return option(function)


def require_consent(targets: Iterable[Client], *, accepted: bool) -> None:
    """Show how the tokens of *targets*, apps as they would be, change.

    Raises:
        Conflict: they do, and that was not *accepted*.

    """
    session, frames = db.session(), service(Frames)
    found = [(client, pins.altered(session, frames, client)) for client in targets]
    lines = [line for client, several in found for line in _compared(client, several, "changes")]
    if lines:
        click.echo("\n".join(lines), err=True)
    if lines and not accepted:
        raise Conflict("Nothing was changed. --accept does it, with the tokens as shown.")


def _clients(client_ids: Sequence[str]) -> Iterator[Client]:
    """Yield the apps of *client_ids*, or all, as they are read for issuing."""
    for client_id in client_ids or [one.client_id for one in _every()]:
        client = store.read(db.session(), client_id)
        if client is None:
            raise NotFound(f"No app has the identifier {client_id}.")
        yield client


def _every() -> Iterator[Client]:
    after: str | None = None
    while True:
        page = store.page(db.session(), after=after, limit=_PAGE)
        yield from page.clients
        after = page.after
        if after is None:
            return


def _told(found: Examined) -> Iterator[str]:
    yield from _compared(found.client, found.differs, "differs already")
    yield from _compared(found.client, found.waits, "waits to be accepted")
    for row in found.broken:
        yield f"{found.client.client_id}  {schema.KINDS[row.kind]} {row.scope}: issued otherwise".rstrip()
        yield from (f"  ! {fault}" for fault in row.faults)


def _compared(client: Client, differences: Sequence[Difference], what: str) -> Iterator[str]:
    for one in differences:
        yield f"{client.client_id}  {one.title}{f', {one.scope}' if one.scope else ''}: {what}"
        yield from (f"  - {text}" for text in one.removed)
        yield from (f"  + {text}" for text in one.added)


def _data(found: Examined) -> dict[str, Any]:
    def listed(differences: Sequence[Difference]) -> list[dict[str, Any]]:
        return [
            {"token": one.kind, "scope": one.scope, "before": one.removed, "after": one.added} for one in differences
        ]

    return {
        "client_id": found.client.client_id,
        "name": found.client.name,
        "differs": listed(found.differs),
        "waits": listed(found.waits),
        "issued_otherwise": [
            {"token": row.kind, "scope": row.scope, "differences": row.faults} for row in found.broken
        ],
    }
