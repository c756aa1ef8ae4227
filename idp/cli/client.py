"""``idp client add | list | show | disable | enable | delete | secret``; files of clients are next door."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TextIO

import click
from sqlalchemy.orm import Session

from idp import clock
from idp.admin.client_reach import reach_of
from idp.audit.log import COMMAND_LINE
from idp.cli.context import emit, json_option, opened
from idp.clients import administration, logos, registration, secrets, sectors, store
from idp.clients.metadata import DEFAULT_SCOPE, ClientMetadata
from idp.clients.presets import Presets
from idp.clients.store import Client, Created
from idp.db import db, transaction
from idp.errors import FieldErrors, NotFound
from idp.keys.store import ensure_algorithm
from idp.outbound import Outbound
from idp.vault import Vault
from idp.web.current import service

_PAGE = 500


@click.group(name="client")
def command() -> None:
    """Apps that people sign in to: register, list, switch off, delete; their secrets."""


@command.command()
@click.option(
    "--metadata", type=click.File("r", encoding="utf-8"), help="Client metadata as JSON; - reads standard input."
)
@click.option("--name", help="What people see.")
@click.option("--client-id", help="An identifier of your choice; made up when left out.")
@click.option("--redirect-uri", multiple=True, help="Where people come back to after signing in; repeatable.")
@click.option("--post-logout-redirect-uri", multiple=True, help="Where they may come back to after signing out.")
@click.option("--application-type", help="web (default) or native.")
@click.option("--public", is_flag=True, help="It cannot keep a secret: a single-page or mobile app.")
@click.option("--grant-type", multiple=True, help="authorization_code (default), refresh_token, client_credentials.")
@click.option("--scope", multiple=True, help="A scope besides openid profile email, such as groups; repeatable.")
@click.option("--resource", multiple=True, help="An API (absolute URI) that it may ask tokens for; repeatable.")
@click.option("--resource-server", is_flag=True, help="It may introspect tokens meant for its resources.")
@click.option("--auth-method", help="The one way to send its secret; left out, basic and post both work.")
@click.option("--no-pkce", is_flag=True, help="Do not demand PKCE: its library cannot do it.")
@click.option("--skip-consent", is_flag=True, help="It is your own: do not ask people for their consent.")
@click.option("--require-second-factor", is_flag=True, help="It lets nobody in with a password alone.")
@click.option(
    "--jwt-preset", help="Takes the JWT redirect as this app does; idp jwt presets lists them. With --address."
)
@click.option("--address", help="Where the app of --jwt-preset is.")
@click.option(
    "--token-api-origin",
    multiple=True,
    help="An origin whose pages may send passwords to the token API, which this turns on; repeatable.",
)
@click.option("--no-profile-claims", is_flag=True, help="Leave name and email out of the ID token.")
@json_option
def add(metadata: TextIO | None, *, as_json: bool, **options: Any) -> None:  # noqa: ANN401 - what the options above give
    """Register an app; its secret is shown this once."""
    preset, address = options.pop("jwt_preset"), options.pop("address")
    if bool(preset) != bool(address):
        raise click.UsageError("--jwt-preset and --address go together.")
    with opened():
        if preset:
            given = _from_preset(preset, address, options)
        else:
            given = _read_metadata(metadata, options) if metadata is not None else _from_options(options)
        read = registration.read(given)
        prepare(read.metadata)
        with transaction() as session:
            created = administration.register(session, service(Vault), read, actor=COMMAND_LINE, now=clock.utc_now())
        take_over_logo(created.client)
    emit(created_data(created), _created_text(created), as_json=as_json)


@command.command(name="list")
@click.option("--search", default="", help="Only apps whose name or identifier contains this.")
@json_option
def list_(search: str, *, as_json: bool) -> None:
    """List apps by name."""
    with opened():
        clients = list(all_clients(search))
    lines = [f"{one.client_id}  {one.name}{'  (disabled)' if one.disabled else ''}" for one in clients]
    emit([_data(one) for one in clients], "\n".join(lines) or "No apps.", as_json=as_json)


@command.command()
@click.argument("client_id")
@json_option
def show(client_id: str, *, as_json: bool) -> None:
    """Show one app, and the facts about its secrets."""
    with opened():
        client = store.read(db.session(), client_id)
        if client is None:
            raise NotFound(f"No app has the identifier {client_id}.")
        known = secrets.live(db.session(), client_id)
    data = _data(client) | {
        "secrets": [
            {
                "id": one.id,
                "ends_with": one.hint,
                "created_at": _iso(one.created_at),
                "last_used_at": _iso(one.last_used_at),
            }
            for one in known
        ]
    }
    emit(data, json.dumps(data, indent=2, ensure_ascii=False), as_json=as_json)


@command.command()
@click.argument("client_id")
@json_option
def disable(client_id: str, *, as_json: bool) -> None:
    """Switch an app off; it can be switched on again."""
    with _changing() as session:
        client = administration.disable(session, client_id, actor=COMMAND_LINE, now=clock.utc_now())
    emit(_data(client), f"{client.name} is disabled.", as_json=as_json)


@command.command()
@click.argument("client_id")
@json_option
def enable(client_id: str, *, as_json: bool) -> None:
    """Switch an app on again."""
    with _changing() as session:
        client = administration.enable(session, client_id, actor=COMMAND_LINE, now=clock.utc_now())
    emit(_data(client), f"{client.name} is enabled.", as_json=as_json)


@command.command()
@click.argument("client_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def delete(client_id: str, *, yes: bool, as_json: bool) -> None:
    """Delete an app with everything granted to it."""
    now = clock.utc_now()
    with opened():
        client = store.read(db.session(), client_id)
        if client is None:
            raise NotFound(f"No app has the identifier {client_id}.")
        reach = reach_of(db.session(), client_id, now)
        click.echo(
            f"{reach.people} people lose access: {reach.grants} live grants, {reach.consents} consents, "
            f"{reach.sessions} browser sessions.",
            err=True,
        )
        if not yes:
            click.confirm(f"Delete {client.name} ({client_id})?", abort=True, err=True)
        with transaction() as session:
            administration.delete(
                session, client_id, grants=reach.grants, people=reach.people, actor=COMMAND_LINE, now=now
            )
    data = {"client_id": client_id, "deleted": True, "people": reach.people, "grants": reach.grants}
    emit(data, f"{client.name} is deleted.", as_json=as_json)


@command.command()
@click.argument("client_id")
@click.option("--remove", "secret_id", help="Remove the secret with this id (see `idp client show`).")
@click.option("--jwt", is_flag=True, help="Replace every secret of the JWT redirect at once by a new one.")
@click.option("--jwt-add", is_flag=True, help="Add a second secret of the JWT redirect, which does not sign yet.")
@click.option("--stdin", is_flag=True, help="With --jwt-add: read the secret that the app made from standard input.")
@click.option("--jwt-switch", is_flag=True, help="Sign with the other secret of the JWT redirect from now on.")
@click.option("--jwt-remove", is_flag=True, help="End the secret of the JWT redirect that does not sign.")
@json_option
def secret(client_id: str, *, secret_id: str | None, stdin: bool, as_json: bool, **flags: bool) -> None:
    """Add a second secret and show it this once; with --remove, end one."""
    chosen = [name for name, is_set in flags.items() if is_set]
    if len(chosen) + (secret_id is not None) > 1:
        raise click.UsageError("Do one thing at a time.")
    if stdin and chosen != ["jwt_add"]:
        raise click.UsageError("--stdin goes with --jwt-add.")
    theirs = sys.stdin.readline().strip() if stdin else ""
    if stdin and not theirs:
        raise click.UsageError("There is no secret on standard input.")
    with _changing() as session:
        if secret_id is not None:
            administration.remove_secret(session, client_id, secret_id, actor=COMMAND_LINE, now=clock.utc_now())
            data, text = {"client_id": client_id, "removed": secret_id}, "The secret is removed."
        elif chosen:
            data, text = _jwt_secret(session, client_id, chosen[0], theirs)
        else:
            made = administration.add_secret(
                session, service(Vault), client_id, actor=COMMAND_LINE, now=clock.utc_now()
            )
            data, text = {"client_id": client_id, "client_secret": made}, made
    emit(data, text, as_json=as_json)


def _jwt_secret(session: Session, client_id: str, what: str, theirs: str) -> tuple[dict[str, str], str]:
    """Do *what* to the secrets of the JWT redirect; return the answer as data and as text."""
    now, vault = clock.utc_now(), service(Vault)
    if what == "jwt_switch":
        administration.switch_jwt_secret(session, client_id, actor=COMMAND_LINE, now=now)
        return {"client_id": client_id, "signs": "other"}, "Tokens are signed with the other secret from now on."
    if what == "jwt_remove":
        administration.remove_jwt_secret(session, client_id, actor=COMMAND_LINE, now=now)
        return {"client_id": client_id, "removed": "other"}, "The secret that did not sign is removed."
    if what == "jwt":
        made = administration.replace_jwt_secret(session, vault, client_id, actor=COMMAND_LINE, now=now)
        return {"client_id": client_id, "jwt_secret": made}, made
    made = administration.add_jwt_secret(session, vault, client_id, actor=COMMAND_LINE, now=now, chosen=theirs)
    if theirs:
        return {"client_id": client_id}, "The secret is kept. It does not sign yet."
    return {"client_id": client_id, "jwt_secret": made}, made


@contextmanager
def _changing() -> Iterator[Session]:
    with opened(), transaction() as session:
        yield session


def prepare(metadata: ClientMetadata, before: ClientMetadata | None = None) -> None:
    """Do what is slow before a client is written: fetch a sector's list, make keys never needed before."""
    sectors.check(service(Outbound), metadata, before)
    for alg in sorted(metadata.signing_algorithms):
        ensure_algorithm(db.session(), service(Vault), alg, clock.utc_now(), by=COMMAND_LINE)


def take_over_logo(client: Client, before: str | None = None) -> None:
    """Fetch a client's logo, and say so where that fails."""
    fault = logos.follow(service(Outbound), client, clock.utc_now(), before=before)
    if fault:
        click.echo(f"{client.client_id}: {fault} Its letter is shown instead.", err=True)


def all_clients(search: str) -> Iterator[Client]:
    """Yield the clients whose name or identifier holds *search*, by name."""
    after: str | None = None
    while True:
        page = store.page(db.session(), search=search, after=after, limit=_PAGE)
        yield from page.clients
        after = page.after
        if after is None:
            return


def _read_metadata(source: TextIO, options: dict[str, Any]) -> dict[str, object]:
    if any(options.values()):
        raise click.UsageError("--metadata says everything; leave the other options out.")
    try:
        given = json.load(source)
    except (ValueError, RecursionError) as error:
        raise FieldErrors({"metadata": f"This is not JSON ({type(error).__name__})."}) from None
    if not isinstance(given, dict):
        raise FieldErrors({"metadata": "Write one JSON object with client metadata."})
    return given


def _token_api(options: dict[str, Any]) -> dict[str, object]:
    """Return what the token API adds; an app of it that people never come back to has no other way to sign in."""
    if not options["token_api_origin"]:
        return {}
    alone = {} if options["redirect_uri"] else {"grant_types": [], "response_types": [], "scope": ""}
    # Its requests name no API, so the one that there is is meant.
    usual = {"default_resource": options["resource"][0]} if len(options["resource"]) == 1 else {}
    return {"token_api": {"origins": list(options["token_api_origin"])}, **alone, **usual}


def _from_options(options: dict[str, Any]) -> dict[str, object]:
    grants = list(options["grant_type"])
    is_interactive = not grants or "authorization_code" in grants
    asked = list(options["scope"])
    scope = [*(DEFAULT_SCOPE if is_interactive else ()), *(name for one in asked for name in one.split())]
    if "refresh_token" in grants:
        scope.append("offline_access")
    given: dict[str, object] = {
        "client_id": options["client_id"],
        "client_name": options["name"],
        "application_type": options["application_type"],
        "redirect_uris": list(options["redirect_uri"]),
        "post_logout_redirect_uris": list(options["post_logout_redirect_uri"]),
        "grant_types": grants or None,
        "scope": " ".join(dict.fromkeys(scope)),
        "resources": list(options["resource"]),
        "resource_server": options["resource_server"],
        "token_endpoint_auth_method": "none" if options["public"] else options["auth_method"],
        "require_pkce": not options["no_pkce"],
        "skip_consent": options["skip_consent"],
        "require_second_factor": options["require_second_factor"],
        "id_token_profile_claims": not options["no_profile_claims"],
        **_token_api(options),
    }
    if not options["name"]:
        raise click.UsageError("Give the app a --name, or its whole --metadata.")
    if options["public"] and options["auth_method"] not in (None, "none"):
        raise click.UsageError("A --public app has no secret to send by --auth-method.")
    return {name: value for name, value in given.items() if value is not None}


def _from_preset(name: str, address: str, options: dict[str, Any]) -> dict[str, object]:
    """Return the metadata of an app that takes the JWT redirect as the preset called *name* does."""
    known = service(Presets)
    preset = known.find(name)
    if preset is None:
        raise click.UsageError(f"--jwt-preset is one of {', '.join(one.name for one in known)}.")
    given = {"client_name": options.pop("name"), "client_id": options.pop("client_id")}
    asked = options.pop("scope")
    flags = {name: options.pop(name) for name in ("skip_consent", "require_second_factor")}
    if not given["client_name"]:
        raise click.UsageError("Give the app a --name.")
    if any(options.values()):
        raise click.UsageError(
            "--jwt-preset says everything but --name, --client-id, --scope, --skip-consent and --require-second-factor."
        )
    filled = preset.metadata(address)
    scope = " ".join(dict.fromkeys([*filled["scope"].split(), *(word for one in asked for word in one.split())]))
    return {name: value for name, value in given.items() if value} | filled | {"scope": scope, **flags}


def _data(client: Client) -> dict[str, Any]:
    return {
        "client_id": client.client_id,
        "client_id_issued_at": clock.epoch_seconds(client.created_at),
        **client.metadata.as_json(),
        "client_name": client.name,
        "disabled": client.disabled,
    }


def created_data(created: Created) -> dict[str, Any]:
    """Return the client as RFC 7591 section 3.2.1 answers a registration."""
    data = _data(created.client)
    if created.client_secret is not None:
        # The default is named where none was chosen; basic and post both work then.
        data = {"token_endpoint_auth_method": "client_secret_basic", **data}
        data |= {"client_secret": created.client_secret, "client_secret_expires_at": 0}
    if created.jwt_secret is not None:
        data |= {"jwt_secret": created.jwt_secret}
    return data


def _created_text(created: Created) -> str:
    lines = [f"{created.client.name} is registered.", "", f"client_id      {created.client.client_id}"]
    if created.client_secret is not None:
        lines.append(f"client_secret  {created.client_secret}")
    if created.jwt_secret is not None:
        lines.append(f"jwt_secret     {created.jwt_secret}")
    if created.client_secret is not None or created.jwt_secret is not None:
        lines += ["", "Copy the secret now: it cannot be shown again."]
    return "\n".join(lines)


def _iso(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()
