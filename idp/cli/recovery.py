"""``idp user recover | set-password | require-new-password``."""

from __future__ import annotations

from datetime import timedelta

import click

from idp.accounts import recovery
from idp.accounts.passwords import PasswordHasher, check_new_password
from idp.admin import lifecycle
from idp.audit.log import COMMAND_LINE
from idp.cli import user
from idp.cli.context import emit, json_option, opened
from idp.clock import utc_now
from idp.db import db, transaction
from idp.errors import Conflict, FieldErrors
from idp.settings import Settings
from idp.web.current import service
from idp.web.paths import path_of


@user.command.command("recover")
@click.argument("username")
@click.option(
    "--remove-second-factors", is_flag=True, help="When the link is used, their second factors are removed as well."
)
@json_option
def recover(username: str, *, remove_second_factors: bool, as_json: bool) -> None:
    """Print a link with which a person chooses a new password; it works once, for 24 hours."""
    with opened():
        with transaction() as session:
            person = user.find(session, username)
            if person.disabled_at is not None:
                raise Conflict(f"{person.username} is disabled, and no link would let them in. Enable them first.")
            token = recovery.make_by_hand(
                session, person, removes_factors=remove_second_factors, actor=COMMAND_LINE, now=utc_now()
            )
        url = f"{service(Settings).issuer}{path_of('login_recover.show', token=token)}"
        data = {"recovery_link": url, "expires_in": int(recovery.HANDED_LIFETIME.total_seconds())}
        hours = recovery.HANDED_LIFETIME // timedelta(hours=1)
        emit(data, f"{url}\n(works once, {hours} hours)", as_json=as_json)


@user.command.command("set-password")
@click.argument("username")
@click.option("--password-stdin", is_flag=True, required=True, help="Read the password from standard input.")
@click.option(
    "--must-change/--may-keep",
    default=True,
    help="Whether they choose one of their own at the next sign-in; they do unless you say otherwise.",
)
@json_option
def set_password(username: str, *, password_stdin: bool, must_change: bool, as_json: bool) -> None:  # noqa: ARG001 - required, so that no password ever stands in a command
    """Set a person's password, with the password on standard input; sessions end, tokens are refused."""
    password = user.read_password()
    with opened():
        person = user.find(db.session(), username)
        fault = check_new_password(password, names=(person.username, person.email, person.name))
        if fault:
            raise FieldErrors({"password": fault})
        db.session.rollback()
        password_hash = service(PasswordHasher).hash(password)
        with transaction() as session:
            person = user.find(session, username, lock=True)
            ended = lifecycle.set_password(
                session, person, password_hash, must_change=must_change, actor=COMMAND_LINE, now=utc_now()
            )
        text = (
            f"{person.username} has the new password; {ended.sessions} sessions ended, {ended.apps} apps lost access."
        )
        emit(user.described(db.session(), person), text, as_json=as_json)


@user.command.command("require-new-password")
@click.argument("username")
@json_option
def require_new_password(username: str, *, as_json: bool) -> None:
    """Have a person choose a new password at the next sign-in; sessions end, tokens are refused."""
    with opened():
        with transaction() as session:
            person = user.find(session, username, lock=True)
            ended = lifecycle.require_new_password(session, person, actor=COMMAND_LINE, now=utc_now())
        text = (
            f"{person.username} chooses a new password at the next sign-in; "
            f"{ended.sessions} sessions ended, {ended.apps} apps lost access."
        )
        emit(user.described(db.session(), person), text, as_json=as_json)
