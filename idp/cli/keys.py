"""``idp keys list | ready | rotate | replace | revoke | import | export | rewrap``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import click

from idp import clock
from idp.audit.log import COMMAND_LINE
from idp.cli.context import emit, json_option, opened
from idp.db import db, transaction
from idp.deliveries import leaked_keys
from idp.errors import NotFound
from idp.keys import exporting, importing, readiness, rewrapping, rotation, store
from idp.keys.algorithms import ALGORITHMS
from idp.keys.rotation import Change, Rotated
from idp.settings import Settings
from idp.vault import Vault
from idp.web.current import service

if TYPE_CHECKING:
    from datetime import datetime
    from typing import TextIO

    from idp.keys.models import SigningKey

# More than any key needs; what is longer is refused by its own sentence.
_LONGEST: Final = 64 * 1024

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
    """Revoke the key that signs, because it leaked: tokens issued up to now are refused, and apps told to sign out."""
    with opened():
        _emit(alg, leaked_keys.replace(_change(), alg), "is revoked", as_json=as_json)


@command.command()
@click.argument("kid")
@json_option
def revoke(kid: str, *, as_json: bool) -> None:
    """Withdraw the key KID (or the key of that name) at once; the key that signs is replaced."""
    with opened():
        named = store.find_named(db.session(), kid)
        leaked_keys.revoke(_change(), named.kid if named else kid)
        key = store.find_named(db.session(), kid)
    if key is not None:
        emit(_data(key), f"{key.name} is revoked: nothing that it signed is accepted any more.", as_json=as_json)


@command.command(name="import")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@_alg_option
@json_option
def import_(file: TextIO, alg: str, *, as_json: bool) -> None:
    """Add a key made elsewhere: FILE (- for standard input) holds one key as PEM or JWK.

    With its private part it becomes the next key; with the public part alone it only verifies.
    """
    with opened():
        kid = importing.import_key(_change(), file.read(_LONGEST), alg)
        key = store.find_named(db.session(), kid)
    if key is not None:
        fate = "can follow the key that signs" if key.private_jwk else "verifies only"
        emit(_data(key), f"{key.name} is published and {fate}: {kid}", as_json=as_json)


@command.command()
@click.argument("kid", default="")
@json_option
def export(kid: str, *, as_json: bool) -> None:
    """Print public keys: all that are published, as a JWK set, or the key KID (or of that name) as PEM."""
    with opened(), transaction() as session:
        now = clock.utc_now()
        if not kid:
            text = exporting.key_set(session, now=now, by=COMMAND_LINE).decode()
            emit(json.loads(text), text, as_json=as_json)
            return
        key = store.find_named(session, kid)
        if key is None:
            raise NotFound("There is no such key.")
        text = exporting.one(session, key, now=now, by=COMMAND_LINE)
        emit({**_data(key), "jwk": exporting.jwk(key), "pem": text}, text.rstrip("\n"), as_json=as_json)


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
