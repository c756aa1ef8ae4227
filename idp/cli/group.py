"""``idp group add | list | add-member | require-second-factor``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from idp.accounts import administration, groups
from idp.audit.log import COMMAND_LINE
from idp.cli.context import emit, json_option, opened
from idp.cli.user import find as find_person
from idp.clock import utc_now
from idp.db import db, transaction
from idp.errors import NotFound

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from idp.accounts.models import Group


@click.group("group")
def command() -> None:
    """Name sets of people; a group's name is what apps see."""


@command.command("add")
@click.argument("name")
@json_option
def add(name: str, *, as_json: bool) -> None:
    """Add a group."""
    with opened():
        with transaction() as session:
            group = administration.add_group(session, name, actor=COMMAND_LINE, now=utc_now())
        emit(_described(db.session(), group), f"The group {group.name} was added: {group.id}", as_json=as_json)


@command.command("list")
@json_option
def list_(*, as_json: bool) -> None:
    """List groups with the number of their members."""
    with opened():
        session = db.session()
        found = [_described(session, group) for group in groups.every(session)]
        text = "\n".join(f"{group['name']}  {group['members']}" for group in found) or "No groups yet."
        emit(found, text, as_json=as_json)


@command.command("add-member")
@click.argument("group")
@click.argument("username")
@json_option
def add_member(group: str, username: str, *, as_json: bool) -> None:
    """Put a person (username, email address or id) into a group (name or id)."""
    with opened():
        with transaction() as session:
            found = groups.find_by_name(session, group) or groups.find(session, group)
            if found is None:
                raise NotFound(f"There is no group called {group}.")
            person = find_person(session, username)
            added = administration.add_member(session, found, person, actor=COMMAND_LINE, now=utc_now())
        text = f"{person.username} is in {found.name} {'now' if added else 'already'}."
        emit(_described(db.session(), found), text, as_json=as_json)


@command.command("require-second-factor")
@click.argument("group")
@click.option("--off", is_flag=True, help="Its members need none any more.")
@json_option
def require_second_factor(group: str, *, off: bool, as_json: bool) -> None:
    """Make the members of a group (name or id) sign in with two factors."""
    with opened():
        with transaction() as session:
            found = groups.find_by_name(session, group) or groups.find(session, group)
            if found is None:
                raise NotFound(f"There is no group called {group}.")
            administration.require_second_factor(session, found, required=not off, actor=COMMAND_LINE, now=utc_now())
        text = f"Members of {found.name} {'need no' if off else 'must have a'} second factor."
        emit(_described(db.session(), found), text, as_json=as_json)


def _described(session: Session, group: Group) -> dict[str, Any]:
    return {
        "id": group.id,
        "name": group.name,
        "members": groups.member_count(session, group.id),
        "requires_second_factor": group.requires_second_factor,
    }
