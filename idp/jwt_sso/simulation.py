"""What an app of the JWT redirect would receive of somebody: really signed, checked by the app's rules, never shown.

The signature is taken out of what is shown: with it, whoever reads the page could sign in as the person.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp import clock, opaque, registry
from idp.clients import jwt_secrets
from idp.clients.presets import Presets, Received, Simulation, Simulator
from idp.errors import NotFound
from idp.jwt_sso import front_channel, minting
from idp.jwt_sso.front_channel import Asked
from idp.jwt_sso.vendor_rules import token_in
from idp.keys.ring import KeyRing
from idp.protocol.discourse_connect import Question
from idp.protocol.parameters import Parameters
from idp.settings import Settings
from idp.vault import Vault
from idp.web import current
from idp.web.current import service

if TYPE_CHECKING:
    from datetime import datetime

    from flask import Flask
    from sqlalchemy.orm import Session

    from idp.clients.store import Client

_HIDDEN = "(signature)"


def init_app(app: Flask) -> None:
    """Make the presets and their simulators known to the pages and commands that offer them."""
    presets = Presets(module.PRESET for module in registry.modules_in("idp.jwt_sso.presets"))
    current.provide(app, presets, Simulator(made))


def made(session: Session, client: Client, person_id: str, now: datetime) -> Simulation:
    """Return what *client* would receive of a person who signs in at *now*; nothing of it is kept.

    Raises:
        NotFound: the client takes no JWT redirect.
        AccessDenied: the person cannot sign in.

    """
    delivery, preset = client.metadata.jwt_sso, service(Presets).of(client)
    if delivery is None:
        raise NotFound("This app takes no JWT redirect.")
    secrets = tuple(jwt_secrets.keys(service(Vault), client))
    nonce, state = opaque.token(12), opaque.token(6)
    given = {"nonce": (nonce,), "state": (state,)}
    question = Question(nonce, delivery.delivery_uri, secrets[0]) if delivery.is_discourse_connect and secrets else None
    asked = Asked(client, delivery, Parameters(given, {}), question)
    granted = front_channel.shared_scopes(client.metadata.scopes)
    content = minting.content_of(session, asked, person_id, now, granted, now)
    fields = dict((*minting.signed(asked, content, now), *front_channel.echoed(asked)))
    received = Received(
        delivery=delivery.delivery,
        address=delivery.delivery_uri,
        fields=fields,
        client_id=client.client_id,
        issuer=service(Settings).issuer,
        nonce=nonce,
        requires_verified_email=delivery.require_verified_email,
        now=clock.epoch_seconds(now),
        secrets=secrets,
        keys={
            kid: key.parsed.public for kid, key in service(KeyRing).current().by_kid.items() if _is_published(key.state)
        },
    )
    token = token_in(received, delivery.field)
    return Simulation(preset, _shown(received), token.header if token else {}, content, tuple(preset.check(received)))


def _is_published(state: str) -> bool:
    return state in {"next", "active", "retiring"}


def _shown(received: Received) -> str:
    """Return the request as text, a field a line, without what would make it one that can be used."""
    verb = "POST" if received.delivery == "form_post" else "GET"
    marks = {"form_post": ("", ""), "query": ("?", "&"), "fragment": ("#", "&")}[received.delivery]
    lines = [f"{verb} {received.address}"]
    for number, (name, value) in enumerate(received.fields.items()):
        lines.append(f"  {marks[min(number, 1)]}{name}={_unsigned(name, value)}")
    return "\n".join(lines)


def _unsigned(name: str, value: str) -> str:
    if name == "sig":
        return _HIDDEN
    head, dot, _ = value.rpartition(".")
    return f"{head}.{_HIDDEN}" if dot and head.count(".") == 1 else value
