"""``idp keys list | ready | rotate | replace | revoke | rewrap``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from idp import clock
from idp.audit.log import COMMAND_LINE
from idp.cli.context import emit, json_option, opened
from idp.db import db
from idp.keys import readiness, rewrapping, rotation, store
from idp.keys.algorithms import ALGORITHMS
from idp.keys.rotation import Change, Rotated
from idp.settings import Settings
from idp.vault import Vault
from idp.web.current import service

if TYPE_CHECKING:
    from datetime import datetime

    from idp.keys.models import SigningKey

_alg_option = click.option(
    "--alg",
    type=click.Choice(list(ALGORITHMS)),
    default="RS256",
    show_default=True,
    help="Which of the signing keys: there is one for each algorithm in use.",
)


@click.group(name="keys")
def command() -> None:
    """Signing keys: list, rotate, replace one that leaked."""


@command.command(name="list")
@json_option
def list_(*, as_json: bool) -> None:
    """List every key there ever was; the kid is what the header of a token names."""
    with opened():
        keys = store.all_keys(db.session())
    lines = [f"{key.name:<14}{key.alg:<8}{key.state:<10}{key.kid}" for key in keys]
    emit([_data(key) for key in keys], "\n".join(lines), as_json=as_json)


@command.command()
@_alg_option
@click.option("--force", is_flag=True, help="Rotate even while apps may not know the next key.")
@json_option
def rotate(alg: str, *, force: bool, as_json: bool) -> None:
    """Let the next key sign, and publish another one; what was signed before stays good."""
    with opened():
        if not force:
            readiness.require(db.session(), service(Settings), alg, clock.utc_now())
        _emit(alg, rotation.rotate(_change(), alg, force=force), "still verifies", as_json=as_json)


@command.command()
@_alg_option
@json_option
def ready(alg: str, *, as_json: bool) -> None:
    """Tell which apps are known to have the next key, and who would break if it signed now."""
    with opened():
        found = readiness.assess(db.session(), service(Settings), alg, clock.utc_now())
    lines = [f"{one.name:<24}{one.kind:<11}{'works' if one.ready else 'BREAKS':<8}{one.why}" for one in found.readers]
    names = ("client_id", "name", "kind", "ready", "why", "trial")
    data = {
        "alg": alg,
        "next": found.next.kid if found.next else None,
        "safe": found.next is not None and not found.breaking,
        "apps": [{name: getattr(one, name) for name in names} for one in found.readers],
    }
    empty = f"There is no next key for {alg}." if found.next is None else f"Nothing was signed with {alg} for an app."
    emit(data, "\n".join(lines) or empty, as_json=as_json)


@command.command()
@_alg_option
@json_option
def replace(alg: str, *, as_json: bool) -> None:
    """Revoke the key that signs, because it leaked: tokens issued up to now are refused."""
    with opened():
        _emit(alg, rotation.replace(_change(), alg), "is revoked", as_json=as_json)


@command.command()
@click.argument("kid")
@json_option
def revoke(kid: str, *, as_json: bool) -> None:
    """Withdraw the key KID (or the key of that name) at once; the key that signs is replaced."""
    with opened():
        named = store.find_named(db.session(), kid)
        rotation.revoke(_change(), named.kid if named else kid)
        key = store.find_named(db.session(), kid)
    if key is not None:
        emit(_data(key), f"{key.name} is revoked: nothing that it signed is accepted any more.", as_json=as_json)


@command.command()
@json_option
def rewrap(*, as_json: bool) -> None:
    """Encrypt everything under the present master key; it can be ended at any time and begun again."""
    with opened():
        vault = service(Vault)
        changed = rewrapping.rewrap(vault)
        left = rewrapping.left(vault)
    if left:
        raise click.ClickException(f"Something is still under another master key: {', '.join(left)}.")
    text = f"{changed} values were encrypted anew. Nothing needs IDP_OTHER_MASTER_KEY any more: remove it."
    emit({"changed": changed, "key_id": vault.key_id}, text, as_json=as_json)


def _change() -> Change:
    return Change(service(Vault), service(Settings), clock.utc_now(), COMMAND_LINE)


def _emit(alg: str, done: Rotated, fate: str, *, as_json: bool) -> None:
    names = {key.kid: key.name for key in store.all_keys(db.session())}
    text = f"{names[done.active]} signs {alg} now, {names[done.next]} follows it."
    if done.before:
        text += f" {names[done.before]} {fate}."
    emit({"alg": alg, "active": done.active, "next": done.next, "before": done.before}, text, as_json=as_json)


def _data(key: SigningKey) -> dict[str, Any]:
    def instant(value: datetime | None) -> str | None:
        return value.isoformat(timespec="seconds") if value else None

    return {
        "kid": key.kid,
        "name": key.name,
        "alg": key.alg,
        "state": key.state,
        "can_sign": key.private_jwk is not None,
        "published_at": instant(key.published_at),
        "activated_at": instant(key.activated_at),
        "retiring_at": instant(key.retiring_at),
        "retired_at": instant(key.retired_at),
        "revoked_at": instant(key.revoked_at),
    }
