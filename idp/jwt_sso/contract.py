"""What the JWT redirect would hand to a client, as samples for its contract: made as the real ones are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp.contracts import schema
from idp.contracts.frames import AT, PEOPLE
from idp.contracts.schema import Sample
from idp.jwt_sso import minting
from idp.jwt_sso.front_channel import Asked
from idp.protocol.parameters import Parameters
from idp.protocol.redirect_jwt import HEADER

if TYPE_CHECKING:
    from idp.clients.store import Client


def samples(client: Client, kind: str, scopes: tuple[str, ...]) -> list[Sample]:
    """Return what the message would hold for *scopes*: about people of whom all and nothing is known."""
    delivery = client.metadata.jwt_sso
    if kind != schema.REDIRECT_JWT or delivery is None:
        return []
    typ = "" if delivery.is_discourse_connect else HEADER["typ"]
    return [
        Sample(
            claims=minting.content_about(person, Asked(client, delivery, Parameters(given, {})), AT, scopes, AT),
            alg=delivery.alg,
            now=AT,
            typ=typ,
        )
        for person, given in zip(PEOPLE, ({"nonce": ("x",)}, {}), strict=True)
    ]
