"""Where an app begins: what a tile of the launcher, and the way back to it, lead to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp.protocol.redirect_uris import ResponseMode, append_parameters

if TYPE_CHECKING:
    from idp.clients.metadata import ClientMetadata


def start_address(metadata: ClientMetadata, issuer: str) -> str | None:
    """Return where the app begins a sign-in, told at which provider (OpenID Connect Core section 4), or its home page.

    An app without either has no address to open.
    """
    if metadata.initiate_login_uri is None:
        return metadata.client_uri
    return append_parameters(metadata.initiate_login_uri, [("iss", issuer)], ResponseMode.QUERY)
