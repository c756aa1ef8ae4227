"""``idp registration token add | list | remove``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from idp.audit.log import COMMAND_LINE
from idp.cli.context import emit, json_option, opened
from idp.clients import initial_access
from idp.clock import utc_now
from idp.db import db, transaction
from idp.durations import duration
from idp.settings import Settings
from idp.web.current import service

if TYPE_CHECKING:
    from idp.clients.initial_access import TokenFacts


@click.group("registration")
def command() -> None:
    """Let apps register themselves."""


@command.group("token")
def token() -> None:
    """Tokens whose holders may register apps."""


@token.command("add")
@click.argument("name")
@click.option("--uses", type=int, help="How many apps it may register; left out, any number.")
@click.option("--lifetime", default="7d", show_default=True, help="How long it is good: 90min, 12h, 30d.")
@json_option
def add(name: str, *, uses: int | None, lifetime: str, as_json: bool) -> None:
    """Make a token for NAME (a team, a pipeline, a partner); it is shown this once."""
    try:
        lasting = duration(lifetime)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--lifetime") from None
    with opened():
        mode, issuer = service(Settings).registration.mode, service(Settings).issuer
        with transaction() as session:
            facts, made = initial_access.make(
                session, name, lifetime=lasting, most_uses=uses, actor=COMMAND_LINE, now=utc_now()
            )
    lines = [made, "", f"Send it as a bearer token to {issuer}/oauth/register. It cannot be shown again."]
    if mode == "off":
        lines.append("Self-registration is switched off: set IDP_REGISTRATION__MODE to token.")
    data = _data(facts) | {"token": made, "registration_endpoint": f"{issuer}/oauth/register"}
    emit(data, "\n".join(lines), as_json=as_json)


@token.command("list")
@json_option
def list_(*, as_json: bool) -> None:
    """List the tokens, the newest first."""
    with opened():
        found = initial_access.every(db.session(), utc_now())
    lines = [
        f"{one.id}  {one.name}  {one.state}, used {one.uses} of {one.most_uses or 'any number of'} times, "
        f"ends {one.expires_at.isoformat(timespec='seconds')}"
        for one in found
    ]
    emit([_data(one) for one in found], "\n".join(lines) or "No tokens.", as_json=as_json)


@token.command("remove")
@click.argument("token_id")
@json_option
def remove(token_id: str, *, as_json: bool) -> None:
    """Revoke a token; the apps that it let in stay."""
    with opened(), transaction() as session:
        facts = initial_access.revoke(session, token_id, actor=COMMAND_LINE, now=utc_now())
    emit(_data(facts), f"The token for {facts.name} is revoked.", as_json=as_json)


def _data(facts: TokenFacts) -> dict[str, Any]:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in asdict(facts).items()}
