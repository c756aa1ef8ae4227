"""``idp outbox list | retry | give-up``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from idp.audit.log import COMMAND_LINE
from idp.cli.context import emit, json_option, opened
from idp.clock import utc_now
from idp.db import db, transaction
from idp.deliveries import administration, store
from idp.deliveries.store import Filter

if TYPE_CHECKING:
    from datetime import datetime

    from idp.deliveries.models import Delivery

_MOST = 1000


@click.group("outbox")
def command() -> None:
    """See what this server has to send to apps and people, and have it tried again."""


@command.command("list")
@click.option("--state", type=click.Choice(store.STATES), default=None, help="Only those in this state.")
@click.option("--kind", type=click.Choice(store.KINDS), default=None, help="Only mail, or only what apps are told.")
@click.option("--app", "search", default="", help="Only those to apps or addresses that contain this.")
@click.option("--limit", type=click.IntRange(1, _MOST), default=50, show_default=True, help="At most so many.")
@json_option
def list_(*, state: str | None, kind: str | None, search: str, limit: int, as_json: bool) -> None:
    """List deliveries, the newest first."""
    with opened():
        page = store.page(db.session(), Filter(state=state or "", kind=kind or "", search=search), limit=limit)
        data = [_data(one) for one in page.deliveries]
    lines = [
        f"{one['id']}  {one['state']:<9} {one['attempts']:>2}  {_whom(one)}  {one['fault']}".rstrip() for one in data
    ]
    emit(data, "\n".join(lines) or "There is nothing in it.", as_json=as_json)


@command.command("retry")
@click.argument("delivery", required=False)
@click.option("--failed", is_flag=True, help="Every one that has failed.")
@json_option
def retry(delivery: str | None, *, failed: bool, as_json: bool) -> None:
    """Try DELIVERY (its id) at once, with all its retries anew."""
    if (delivery is None) is not failed:
        raise click.UsageError("Name one delivery, or give --failed.")
    with opened(), transaction() as session:
        if delivery is None:
            count = administration.retry_failed(session, Filter(), actor=COMMAND_LINE, now=utc_now())
        else:
            administration.retry(session, delivery, actor=COMMAND_LINE, now=utc_now())
            count = 1
    emit({"retried": count}, f"{count} {'is' if count == 1 else 'are'} tried again now.", as_json=as_json)


@command.command("give-up")
@click.argument("delivery")
@json_option
def give_up(delivery: str, *, as_json: bool) -> None:
    """End the tries of DELIVERY (its id)."""
    with opened(), transaction() as session:
        administration.give_up(session, delivery, actor=COMMAND_LINE, now=utc_now())
    emit({"given_up": delivery}, "It is not tried any more.", as_json=as_json)


def _whom(one: dict[str, Any]) -> str:
    return one["client_id"] or one["to"] or "-"


def _data(one: Delivery) -> dict[str, Any]:
    def instant(value: datetime | None) -> str | None:
        return value.isoformat(timespec="seconds") if value else None

    return {
        "id": one.id,
        "kind": one.kind,
        "client_id": one.client_id,
        "person_id": one.person_id,
        "to": one.facts.get("to"),
        "state": one.state,
        "attempts": one.attempts,
        "fault": one.fault,
        "created_at": instant(one.created_at),
        "tried_at": instant(one.tried_at),
        "due_at": instant(one.due_at),
        "finished_at": instant(one.finished_at),
    }
