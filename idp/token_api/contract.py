"""What the token API would issue to a client, as samples for its contract: made as the real ones are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp.contracts import schema
from idp.contracts.frames import AT, PERSON_ID, SESSION_ID
from idp.contracts.schema import Sample
from idp.login.methods.password import METHOD
from idp.protocol.access_token import TYP
from idp.token_api import pairs
from idp.tokens.codes import GrantView

if TYPE_CHECKING:
    from idp.clients.store import Client


def samples(client: Client, kind: str, _scopes: tuple[str, ...]) -> list[Sample]:
    """Return what an access token of the token API would hold."""
    if kind != schema.API_TOKEN or client.metadata.token_api is None:
        return []
    grant = GrantView(
        id=SESSION_ID,
        client_id=client.client_id,
        person_id=PERSON_ID,
        session_id="",
        scope="",
        resources=(),
        nonce=None,
        auth_time=AT,
        amr=METHOD.amr,
        acr=METHOD.acr,
        created_at=AT,
    )
    claims = pairs.access_of(client, grant).claims(AT)
    return [Sample(now=AT, claims=claims, alg=pairs.algorithm(client), typ=TYP)]
