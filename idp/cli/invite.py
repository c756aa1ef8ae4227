"""``idp invite add | list | resend | revoke``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from idp.accounts import groups as groups_store
from idp.audit.log import COMMAND_LINE
from idp.cli.context import emit, json_option, opened
from idp.cli.user import find
from idp.clock import utc_now
from idp.db import db, transaction
from idp.durations import duration
from idp.errors import NotFound
from idp.invitations import inviting, store
from idp.invitations.store import New
from idp.login import recipients
from idp.settings import Settings
from idp.vault import Vault
from idp.web.current import service

if TYPE_CHECKING:
    from datetime import timedelta

    from sqlalchemy.orm import Session

    from idp.invitations.inviting import Made
    from idp.invitations.models import Invitation

_MOST = 1000


@click.group("invite")
def command() -> None:
    """Invite people, who make an account of their own."""


@command.command("add")
@click.argument("email", required=False, default="")
@click.option("--link", is_flag=True, help="Print the link instead of mailing it; so it is without EMAIL.")
@click.option("--group", "group_names", multiple=True, help="A group that they become a member of; may repeat.")
@click.option("--app", "client_ids", multiple=True, help="A client_id that is named; the first is led to; may repeat.")
@click.option("--message", default="", help="A word to them.")
@click.option("--from", "inviter", default="", help="Username of who invites; left out, nobody is named.")
@click.option("--lifetime", help="How long the link works (90min, 12h, 30d); left out, as the settings say.")
@json_option
def add(  # noqa: PLR0913 - one argument an option
    email: str,
    *,
    link: bool,
    group_names: tuple[str, ...],
    client_ids: tuple[str, ...],
    message: str,
    inviter: str,
    lifetime: str | None,
    as_json: bool,
) -> None:
    """Invite EMAIL, or, without it, whoever gets the link."""
    lasting = _read(lifetime)
    with opened():
        with transaction() as session:
            person = find(session, inviter) if inviter else None
            new = New(
                email=email,
                inviter_id=person.id if person else None,
                inviter_name=(person.name or person.username) if person else "",
                message=message,
                group_ids=_groups(session, group_names),
                client_ids=client_ids,
            )
            made = inviting.invite(
                session,
                service(Vault),
                new,
                by_mail=not link,
                lifetime=lasting or service(Settings).invitations.lifetime,
                actor=COMMAND_LINE,
                now=utc_now(),
                language=recipients.language_of(session, email),
            )
        _tell(made, as_json=as_json)


@command.command("list")
@click.option("--limit", type=click.IntRange(1, _MOST), default=50, show_default=True, help="At most so many.")
@json_option
def list_(*, limit: int, as_json: bool) -> None:
    """List invitations, the newest first."""
    with opened():
        rows = store.page(db.session(), limit=limit).invitations
        data = [_data(row) for row in rows]
    lines = [f"{one['id']}  {one['state']:<7}  {one['email'] or 'whoever has the link'}" for one in data]
    emit(data, "\n".join(lines) or "No invitations.", as_json=as_json)


@command.command("resend")
@click.argument("invitation_id")
@json_option
def resend(invitation_id: str, *, as_json: bool) -> None:
    """Make a new link in place of the one before: mailed where there is an address, else printed."""
    with opened():
        lifetime = service(Settings).invitations.lifetime
        with transaction() as session:
            made = inviting.resend(
                session,
                service(Vault),
                invitation_id,
                lifetime=lifetime,
                actor=COMMAND_LINE,
                now=utc_now(),
                language=recipients.language_of(session, inviting.found(session, invitation_id).email),
            )
        _tell(made, as_json=as_json)


@command.command("revoke")
@click.argument("invitation_id")
@json_option
def revoke(invitation_id: str, *, as_json: bool) -> None:
    """Let an invitation stop working."""
    with opened():
        with transaction() as session:
            row = inviting.revoke(session, invitation_id, actor=COMMAND_LINE, now=utc_now())
        emit(_data(row), "The invitation is revoked.", as_json=as_json)


def _tell(made: Made, *, as_json: bool) -> None:
    address = f"{service(Settings).issuer}{made.path}" if made.path else ""
    text = (
        f"{address}\n\nHand it on: it makes one account, and cannot be shown again."
        if address
        else f"The invitation of {made.invitation.email} is in the outbox."
    )
    emit(_data(made.invitation) | ({"link": address} if address else {}), text, as_json=as_json)


def _read(lifetime: str | None) -> timedelta | None:
    try:
        return duration(lifetime) if lifetime else None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--lifetime") from None


def _groups(session: Session, names: tuple[str, ...]) -> tuple[str, ...]:
    found = []
    for name in names:
        group = groups_store.find_by_name(session, name)
        if group is None:
            raise NotFound(f"No group is called {name}.")
        found.append(group.id)
    return tuple(found)


def _data(row: Invitation) -> dict[str, Any]:
    session = db.session()
    return {
        "id": row.id,
        "email": row.email,
        "state": store.plain_state(row, utc_now()).value,
        "inviter": row.inviter_name,
        "groups": list(inviting.group_names(session, row)),
        "apps": [client_id for client_id, _ in inviting.apps_of(session, row)],
        "created_at": row.created_at.isoformat(),
        "expires_at": row.expires_at.isoformat(),
        "used_by": row.used_by,
    }
