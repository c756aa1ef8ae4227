"""``idp user add | list | disable | enable``."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from idp.accounts import administration, groups, store
from idp.accounts.passwords import PasswordHasher, check_new_password
from idp.admin import lifecycle
from idp.audit.log import COMMAND_LINE
from idp.cli.context import emit, json_option, opened
from idp.clock import utc_now
from idp.db import db, transaction
from idp.errors import FieldErrors, NotFound
from idp.protocol.standard_claims import check_standard_claims
from idp.web.current import service

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from idp.accounts.models import Person

_LONGEST_INPUT = 64 * 1024


@click.group("user")
def command() -> None:
    """People who can sign in."""


@command.command("add")
@click.argument("username")
@click.option("--email", required=True, help="Email address; people may sign in with it.")
@click.option("--email-unverified", is_flag=True, help="Nobody has checked that the address is theirs.")
@click.option("--name", default="", help="Full name.")
@click.option("--admin", is_flag=True, help="May administer this installation.")
@click.option("--claims", type=click.File("rb"), help="Standard OpenID claims as a JSON object.")
@click.option("--password-stdin", is_flag=True, required=True, help="Read the password from standard input.")
@json_option
def add(  # noqa: PLR0913 - one argument an option
    username: str,
    *,
    email: str,
    email_unverified: bool,
    name: str,
    admin: bool,
    claims: BinaryIO | None,
    password_stdin: bool,  # noqa: ARG001 - required, so that no password ever stands in a command
    as_json: bool,
) -> None:
    """Add a person, with the password on standard input."""
    values = {"username": username, "email": email, "email_verified": not email_unverified, "name": name}
    account = {"preferred_username": username, "email": email, "email_verified": not email_unverified}
    given = _read_claims(claims) if claims else {}
    checked = check_standard_claims(given, now=utc_now(), account=account)
    password = _read_password()
    fault = check_new_password(password, names=(username, email, name))
    if fault:
        raise FieldErrors({"password": fault})
    # The account keeps the full name; a file may say it, too.
    values["name"] = name or checked.pop("name", "")
    with opened():
        password_hash = service(PasswordHasher).hash(password)
        made = values | {"claims": checked, "is_admin": admin, "password_hash": password_hash}
        with transaction() as session:
            person = administration.add(session, made, actor=COMMAND_LINE, now=utc_now())
        emit(described(db.session(), person), f"{person.username} was added: {person.id}", as_json=as_json)


@command.command("list")
@click.option("--search", default="", help="Only those whose name, address or id holds this.")
@json_option
def list_(*, search: str, as_json: bool) -> None:
    """List people in the order of their usernames."""
    with opened():
        people = _every(db.session(), search)
        emit([described(db.session(), person) for person in people], _table(people), as_json=as_json)


@command.command("disable")
@click.argument("username")
@json_option
def disable(username: str, *, as_json: bool) -> None:
    """Disable a person: sessions end, tokens are refused."""
    with opened():
        with transaction() as session:
            person = find(session, username)
            ended = lifecycle.disable(session, person, actor=COMMAND_LINE, now=utc_now())
        text = f"{person.username} is disabled; {ended.sessions} sessions ended, {ended.apps} apps lost access."
        emit(described(db.session(), person), text, as_json=as_json)


@command.command("enable")
@click.argument("username")
@json_option
def enable(username: str, *, as_json: bool) -> None:
    """Let a disabled person sign in again."""
    with opened():
        with transaction() as session:
            person = find(session, username)
            administration.enable(session, person, actor=COMMAND_LINE, now=utc_now())
        emit(described(db.session(), person), f"{person.username} can sign in.", as_json=as_json)


def find(session: Session, name: str) -> Person:
    """Return the person with this username, email address or id.

    Raises:
        NotFound: there is none.

    """
    person = store.find_by_login(session, name) or store.find(session, name)
    if person is None:
        raise NotFound(f"Nobody is called {name}.")
    return person


def described(session: Session, person: Person) -> dict[str, Any]:
    """Return *person* as the commands print it for machines; the names are stable."""
    return {
        "id": person.id,
        "username": person.username,
        "email": person.email,
        "email_verified": person.email_verified,
        "name": person.name,
        "claims": person.claims,
        "groups": list(groups.names_of(session, person.id)),
        "is_admin": person.is_admin,
        "disabled": person.disabled_at is not None,
        "created_at": person.created_at.isoformat(),
        "last_sign_in_at": person.last_sign_in_at.isoformat() if person.last_sign_in_at else None,
    }


def _read_password() -> str:
    """Read the password: all of standard input but for the line end that `echo` adds."""
    try:
        text = sys.stdin.buffer.read(_LONGEST_INPUT).decode()
    except UnicodeDecodeError as error:
        raise FieldErrors({"password": "Send it as UTF-8."}) from error
    return text.removesuffix("\n").removesuffix("\r")


def _read_claims(file: BinaryIO) -> dict[str, Any]:
    try:
        found = json.loads(file.read(_LONGEST_INPUT))
    except (ValueError, RecursionError) as error:
        raise FieldErrors({"claims": "The file is not JSON."}) from error
    if not isinstance(found, dict):
        raise FieldErrors({"claims": "The file must hold one JSON object."})
    return found


def _every(session: Session, search: str) -> list[Person]:
    people: list[Person] = []
    after = None
    while True:
        page = store.page(session, search=search, after=after, limit=200)
        people += page.people
        after = page.after
        if after is None:
            return people


def _table(people: list[Person]) -> str:
    if not people:
        return "Nobody yet."
    width = max(len(person.username) for person in people)
    lines = []
    for person in people:
        marks = [mark for mark, holds in (("admin", person.is_admin), ("disabled", person.disabled_at)) if holds]
        lines.append(f"{person.username:{width}}  {person.email}  {' '.join(marks)}".rstrip())
    return "\n".join(lines)
