"""``idp user passkeys``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from idp.admin import lifecycle
from idp.audit.log import COMMAND_LINE
from idp.cli import user
from idp.cli.context import emit, json_option, opened
from idp.clock import utc_now
from idp.db import db, transaction
from idp.errors import NotFound
from idp.passkeys import providers, store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from idp.passkeys.models import Passkey


@user.command.command("passkeys")
@click.argument("username")
@click.option("--remove", metavar="ID", help="Remove this passkey; the person is signed out everywhere.")
@json_option
def passkeys(username: str, *, remove: str | None, as_json: bool) -> None:
    """List the passkeys of a person, or remove one."""
    with opened():
        removed = _removed(username, remove) if remove else None
        session = db.session()
        held = store.of_person(session, user.find(session, username).id)
        text = f"“{removed.name}” is removed." if removed else _table(held)
        emit([_described(passkey) for passkey in held], text, as_json=as_json)


def _removed(username: str, passkey_id: str) -> Passkey:
    with transaction() as session:
        person = user.find(session, username, lock=True)
        passkey = store.find(session, person.id, passkey_id)
        if passkey is None:
            message = f"{person.username} has no passkey {passkey_id}."
            raise NotFound(message)
        lifecycle.remove_passkey(session, person, passkey, actor=COMMAND_LINE, now=utc_now())
        return passkey


def _described(passkey: Passkey) -> dict[str, Any]:
    return {
        "id": passkey.id,
        "name": passkey.name,
        "provider": providers.provider_of(passkey.aaguid),
        "kind": providers.kind_of(passkey).label,
        "created_at": passkey.created_at.isoformat(),
        "last_used_at": passkey.last_used_at.isoformat() if passkey.last_used_at else None,
    }


def _table(held: Sequence[Passkey]) -> str:
    if not held:
        return "No passkey yet."
    width = max(len(passkey.name) for passkey in held)
    return "\n".join(f"{one.id}  {one.name:{width}}  {providers.kind_of(one).label}" for one in held)
