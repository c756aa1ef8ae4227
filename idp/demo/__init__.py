"""Sample people, groups and two relying parties as processes of their own, to see the product at work."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from idp import assets, opaque
from idp.accounts import groups, store
from idp.accounts.passwords import PasswordHasher
from idp.app import create_app
from idp.audit.log import COMMAND_LINE
from idp.clients import administration, registration, secrets
from idp.clients import store as clients
from idp.clock import utc_now
from idp.contracts import pins
from idp.contracts.frames import Frames
from idp.contracts.pins import Changing
from idp.db import db, transaction
from idp.prepare import StartError
from idp.settings import load
from idp.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from flask import Flask

    from idp.settings import Settings

# Server-side code reaches these without a name server; glibc knows no *.localhost.
_REACHABLE = ("http://localhost", "http://127.0.0.1", "http://[::1]")
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class _Sample:
    username: str
    name: str
    groups: tuple[str, ...]

    @property
    def email(self) -> str:
        return f"{self.username}@example.com"

    @property
    def claims(self) -> dict[str, str]:
        given, _, family = self.name.partition(" ")
        return {"given_name": given, "family_name": family, "locale": "en", "zoneinfo": "Europe/Lisbon"}


PEOPLE = (
    _Sample("ana", "Ana Ferreira", ("Engineering", "Staff")),
    _Sample("ben", "Ben Okafor", ("Finance", "Staff")),
    _Sample("chie", "Chie Tanaka", ("Engineering",)),
)


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the two sample apps listen: notes, then wiki."""

    notes: int
    wiki: int

    @property
    def notes_address(self) -> str:
        """The address of the notes app as browsers see it."""
        return f"http://notes.localhost:{self.notes}"

    @property
    def wiki_address(self) -> str:
        """The address of the wiki as browsers see it."""
        return f"http://wiki.localhost:{self.wiki}"


def ports(first: int) -> Ports:
    """Return the ports of the demo whose first app listens on *first*."""
    return Ports(first, first + 1)


def check(settings: Settings) -> None:
    """Refuse what the demo cannot be.

    Raises:
        StartError: the issuer or the bound address is not this machine's own.

    """
    if not settings.issuer.startswith(_REACHABLE):
        raise StartError("The demo runs on this machine alone: leave IDP_ISSUER at http://localhost:8000.")
    if not settings.listen.startswith(_LOOPBACK):
        raise StartError("The demo has sample people in it: let IDP_LISTEN be an address of 127.0.0.1.")


def reach_loopback(settings: Settings) -> Settings:
    """Let this process and those it starts tell the sample apps of a sign-out, and return the settings with that."""
    networks = dict.fromkeys((*settings.outbound.allow, "127.0.0.0/8", "::1/128"))
    os.environ["IDP_OUTBOUND__ALLOW"] = ",".join(networks)
    return load()


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demo has: the addresses of its apps, the fresh passwords of its people, the apps' processes."""

    apps: Mapping[str, str]
    passwords: Mapping[str, str]
    processes: Sequence[tuple[Sequence[str], Mapping[str, str]]]


def prepare(settings: Settings, where: Ports) -> Demo:
    """Add what is missing, and give the sample people fresh passwords.

    Raises:
        StartError: somebody who is no sample has a sample's name.

    """
    app = create_app(settings)
    with app.app_context():
        try:
            passwords = _people(app)
            secret_file = _notes(app, settings, where)
            _wiki(app, where)
        finally:
            db.session.remove()
            db.engine.dispose()
    notes = {
        "NOTES_CLIENT_SECRET_FILE": str(secret_file),
        "NOTES_ADDRESS": where.notes_address,
        "NOTES_PORT": str(where.notes),
    }
    return Demo(
        apps={"Notes": where.notes_address, "Wiki": where.wiki_address},
        passwords=passwords,
        processes=[_process("notes", settings, notes), _process("wiki", settings, {"WIKI_PORT": str(where.wiki)})],
    )


def _process(name: str, settings: Settings, extra: dict[str, str]) -> tuple[Sequence[str], Mapping[str, str]]:
    environment = {f"{name.upper()}_ISSUER": settings.issuer, f"{name.upper()}_SESSION_KEY": opaque.token(), **extra}
    return [sys.executable, str(assets.folder("examples") / name / "app.py")], environment


def _people(app: Flask) -> dict[str, str]:
    hasher: PasswordHasher = app.extensions["idp"][PasswordHasher]
    passwords = {sample.username: opaque.token(12) for sample in PEOPLE}
    hashes = {name: hasher.hash(password) for name, password in passwords.items()}
    with transaction() as session:
        now = utc_now()
        for sample in PEOPLE:
            person = store.find_by_login(session, sample.username)
            if person is None:
                person = store.add(
                    session,
                    username=sample.username,
                    email=sample.email,
                    email_verified=True,
                    name=sample.name,
                    claims=dict(sample.claims),
                    password_hash=hashes[sample.username],
                    now=now,
                )
            elif person.email != sample.email:
                raise StartError(
                    f"Somebody called {sample.username} is here already: keep the demo in a folder of its own."
                )
            else:
                store.set_password_hash(session, person, hashes[sample.username], now)
            for name in sample.groups:
                group = groups.find_by_name(session, name) or groups.add(session, name, now)
                groups.add_member(session, group.id, person.id)
    return passwords


def _notes(app: Flask, settings: Settings, where: Ports) -> Path:
    folder = settings.data_dir / "demo"
    folder.mkdir(mode=0o700, exist_ok=True)
    secret_file = folder / "notes-secret"
    secret = secret_file.read_text(encoding="ascii").strip() if secret_file.exists() else opaque.token()
    if not secret_file.exists():
        handle = os.open(secret_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secret + "\n")
    _register(
        app,
        {
            "client_id": "demo-notes",
            "client_secret": secret,
            "client_name": "Notes",
            "client_uri": f"{where.notes_address}/",
            "initiate_login_uri": f"{where.notes_address}/login",
            "redirect_uris": [f"{where.notes_address}/callback"],
            "post_logout_redirect_uris": [f"{where.notes_address}/"],
            # Not by its name: this server cannot look up *.localhost, which browsers do by themselves.
            "backchannel_logout_uri": f"http://127.0.0.1:{where.notes}/backchannel-logout",
            "scope": "openid profile email groups",
            "skip_consent": True,
        },
    )
    return secret_file


def _wiki(app: Flask, where: Ports) -> None:
    _register(
        app,
        {
            "client_id": "demo-wiki",
            "client_name": "Wiki",
            "client_uri": f"{where.wiki_address}/",
            "initiate_login_uri": f"{where.wiki_address}/login",
            "grant_types": [],
            "response_types": [],
            "token_endpoint_auth_method": "none",
            "scope": "openid profile email",
            "skip_consent": True,
            "jwt_sso": {"delivery_uri": f"{where.wiki_address}/sso", "delivery": "form_post", "alg": "RS256"},
        },
    )


def _register(app: Flask, given: dict[str, object]) -> None:
    """Register the client, or bring its addresses up to date; what it already has is kept."""
    vault: Vault = app.extensions["idp"][Vault]
    frames: Frames = app.extensions["idp"][Frames]
    wanted = registration.read(given)
    client_id = str(given["client_id"])
    with transaction() as session:
        known = clients.read(session, client_id)
        if known is None:
            administration.register(session, vault, wanted, actor=COMMAND_LINE, now=utc_now())
            return
        pins.change(session, Changing(vault, frames, COMMAND_LINE, utc_now()), client_id, wanted.metadata)
        if wanted.client_secret is not None and secrets.verify(known, wanted.client_secret) is None:
            # The file with its secret was lost, and is another one now.
            secrets.remove_all(session, client_id)
            secrets.issue(session, vault, client_id, utc_now(), chosen=wanted.client_secret)
