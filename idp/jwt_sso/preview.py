"""What the JWT redirect would tell a client of a person: the same claims that are signed, not signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp.errors import AccessDenied
from idp.jwt_sso import minting
from idp.jwt_sso.front_channel import Asked as Request
from idp.protocol.parameters import Parameters
from idp.tokens.previews import REDIRECT_JWT, Asked, Preview

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def made(session: Session, asked: Asked) -> list[Preview]:
    """Return the token of the JWT redirect for *asked*, where the client has one."""
    delivery = asked.client.metadata.jwt_sso
    if delivery is None:
        return []
    request = Request(asked.client, delivery, Parameters({}, {}))
    try:
        content = minting.content_of(session, request, asked.person_id, asked.now, asked.scopes, asked.now)
    except AccessDenied:
        return []
    return [Preview(REDIRECT_JWT, content)]
