"""Who a person is to a client: the same at all public ones, another in each sector of pairwise ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp.protocol import subjects
from idp.vault import Secrets
from idp.web.current import service

if TYPE_CHECKING:
    from idp.clients.store import Client

_LABEL = "pairwise subjects"


def subject_for(client: Client, person_id: str) -> str:
    """Return the `sub` that *client* knows the person by (OpenID Connect Core section 8)."""
    metadata = client.metadata
    if metadata.subject_type != "pairwise":
        return person_id
    sector = subjects.sector_of(metadata.sector_identifier_uri, metadata.redirect_uris)
    return subjects.pairwise(service(Secrets).derive(_LABEL), sector, person_id)
