"""``idp user add | edit | list | disable | enable | delete | remove-second-factors``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from idp.accounts import administration, groups, store
from idp.accounts.passwords import PasswordHasher, check_new_password
from idp.admin import lifecycle
from idp.audit.log import COMMAND_LINE
from idp.cli.context import emit, json_option, opened
from idp.cli.person_claims import claim_options, read_claims
from idp.clock import utc_now
from idp.db import db, transaction
from idp.deliveries import deletion
from idp.errors import FieldErrors, NotFound
from idp.factors import changes
from idp.factors.changes import Change
from idp.protocol.standard_claims import check_standard_claims
from idp.vault import Vault
from idp.web import language
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
@claim_options
@click.option("--password-stdin", is_flag=True, required=True, help="Read the password from standard input.")
@click.option("--must-change-password", is_flag=True, help="They choose one of their own when they first sign in.")
@json_option
def add(  # noqa: PLR0913 - one argument an option
    username: str,
    *,
    email: str,
    email_unverified: bool,
    name: str,
    admin: bool,
    claims: BinaryIO | None,
    claim: tuple[str, ...],
    password_stdin: bool,  # noqa: ARG001 - required, so that no password ever stands in a command
    must_change_password: bool,
    as_json: bool,
) -> None:
    """Add a person, with the password on standard input."""
    values = {"username": username, "email": email, "email_verified": not email_unverified, "name": name}
    account = {"preferred_username": username, "email": email, "email_verified": not email_unverified}
    checked = check_standard_claims(read_claims({}, claims, claim), now=utc_now(), account=account)
    password = read_password()
    fault = check_new_password(password, names=(username, email, name))
    if fault:
        raise FieldErrors({"password": fault})
    # The account keeps the full name; the claims may say it, too.
    told = checked.pop("name", "")
    values["name"] = name or told
    with opened():
        password_hash = service(PasswordHasher).hash(password)
        made = values | {"claims": checked, "is_admin": admin, "password_hash": password_hash}
        made["must_change_password"] = must_change_password
        with transaction() as session:
            person = administration.add(session, made, actor=COMMAND_LINE, now=utc_now())
        emit(described(db.session(), person), f"{person.username} was added: {person.id}", as_json=as_json)


@command.command("edit")
@click.argument("username")
@click.option("--username", "new_username", help="A new username.")
@click.option("--email", help="A new email address; it counts as unverified unless you say otherwise.")
@click.option("--email-verified/--email-unverified", default=None, help="Whether the address is theirs.")
@click.option("--name", help="Full name.")
@claim_options
@json_option
def edit(
    username: str,
    *,
    claims: BinaryIO | None,
    claim: tuple[str, ...],
    as_json: bool,
    **account: Any,  # noqa: ANN401 - what the options above give
) -> None:
    """Change what is known of a person; what is not named stays as it is.

    A claim without a value is taken away. Another phone number counts as unverified unless you say otherwise.
    """
    with opened():
        with transaction() as session:
            person, now = find(session, username, lock=True), utc_now()
            changes = _account_changes(person, account)
            given = read_claims(person.claims, claims, claim)
            checked = check_standard_claims(given, now=now, account=_account_claims(person, changes))
            told = checked.pop("name", None)
            if told is not None:
                changes.setdefault("name", told)
            changed = lifecycle.change(session, person, changes | {"claims": checked}, actor=COMMAND_LINE, now=now)
        text = f"{person.username} is changed." if changed else "Nothing was changed."
        emit(described(db.session(), person), text, as_json=as_json)


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


@command.command("delete")
@click.argument("username")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def delete(username: str, *, yes: bool, as_json: bool) -> None:
    """Delete a person for good: sessions end, tokens are refused, the audit log stays."""
    with opened():
        person = find(db.session(), username)
        if not yes:
            click.confirm(f"Delete {person.username} ({person.email}) for good?", abort=True)
        with transaction() as session:
            person = find(session, username, lock=True)
            gone = described(session, person)
            ended = deletion.delete(session, person, actor=COMMAND_LINE, now=utc_now())
        text = f"{gone['username']} is deleted; {ended.sessions} sessions ended, {ended.apps} apps lost access."
        emit(gone, text, as_json=as_json)


@command.command("remove-second-factors")
@click.argument("username")
@json_option
def remove_second_factors(username: str, *, as_json: bool) -> None:
    """Take a person's second factors away: the password alone signs them in until they set up new ones."""
    with opened():
        vault = service(Vault)
        with transaction() as session:
            person = find(session, username, lock=True)
            tongue = language.of_person(person.claims.get("locale"), is_here=False)
            change = Change(vault, COMMAND_LINE, utc_now(), language=tongue)
            had = changes.remove_all(session, person, change=change)
        text = f"{person.username} has no second factor any more." if had else f"{person.username} had none."
        emit({**described(db.session(), person), "removed": had}, text, as_json=as_json)


def find(session: Session, name: str, *, lock: bool = False) -> Person:
    """Return the person with this username, email address or id; with *lock* nobody else changes them meanwhile.

    Raises:
        NotFound: there is none.

    """
    person = store.find_by_login(session, name) or store.find(session, name)
    if person is None:
        raise NotFound(f"Nobody is called {name}.")
    return store.find(session, person.id, lock=True) or person if lock else person


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
        "must_change_password": person.must_change_password,
        "created_at": person.created_at.isoformat(),
        "last_sign_in_at": person.last_sign_in_at.isoformat() if person.last_sign_in_at else None,
    }


def _account_changes(person: Person, given: dict[str, Any]) -> dict[str, Any]:
    """Return what the options of ``edit`` change of the account itself."""
    names = {"username": given["new_username"], "email": given["email"], "name": given["name"]}
    changes = {name: value for name, value in names.items() if value is not None}
    if given["email_verified"] is not None:
        changes["email_verified"] = given["email_verified"]
    elif given["email"] is not None and store.key_of(given["email"]) != person.email_key:
        # Whoever verified the address verified another one.
        changes["email_verified"] = False
    return changes


def _account_claims(person: Person, changes: dict[str, Any]) -> dict[str, Any]:
    account = {name: changes.get(name, getattr(person, name)) for name in ("username", "email", "email_verified")}
    return {"preferred_username": account.pop("username"), **account}


def read_password() -> str:
    """Return the password: all of standard input but for the line end that `echo` adds."""
    try:
        text = sys.stdin.buffer.read(_LONGEST_INPUT).decode()
    except UnicodeDecodeError as error:
        raise FieldErrors({"password": "Send it as UTF-8."}) from error
    return text.removesuffix("\n").removesuffix("\r")


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
