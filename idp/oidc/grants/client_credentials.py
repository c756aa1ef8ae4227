"""The client credentials grant (RFC 6749 section 4.4): a client acts for itself; nothing is written."""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc6749.grants import BaseGrant, TokenEndpointMixin

from idp import clock
from idp.errors import UnauthorizedClient
from idp.oidc import issuing
from idp.protocol import scopes
from idp.protocol.authorization_request import check_resources


class ClientCredentialsGrant(BaseGrant, TokenEndpointMixin):  # type: ignore[misc]  # Authlib is untyped
    """Gives a confidential client an access token of its own, never an ID token or a refresh token."""

    GRANT_TYPE = "client_credentials"

    def validate_token_request(self) -> None:
        """Check the client, the scopes and the resources."""
        client = self.authenticate_token_endpoint_client()
        if client.metadata.is_public:
            raise UnauthorizedClient("A client without a secret cannot act for itself.")
        # What tells of a person has no meaning where there is none.
        allowed = frozenset(client.metadata.scopes) - frozenset(scopes.KNOWN_NAMES)
        requested = scopes.parse(self.request.payload.data.get("scope"))
        self.scopes = scopes.narrowed(requested, allowed) if requested else ()
        self.resources = check_resources(self.request.payload.parameters.all("resource"), client.view.resources)

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        """Sign the token."""
        answer = issuing.answer_for_itself(self.client, self.scopes, self.resources, clock.utc_now())
        return 200, answer, self.TOKEN_RESPONSE_HEADER


GRANT = ClientCredentialsGrant
