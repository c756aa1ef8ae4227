"""The refresh token grant (RFC 6749 section 6), with rotation (RFC 9700 section 4.14.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from authlib.oauth2.rfc6749.grants import BaseGrant, TokenEndpointMixin

from idp import clock
from idp.db import transaction
from idp.errors import InvalidGrant, InvalidRequest, InvalidTarget
from idp.oidc import client_auth, encryption, issuing, people
from idp.protocol import scopes
from idp.settings import Settings
from idp.tokens import refresh
from idp.vault import Secrets
from idp.web.current import service

if TYPE_CHECKING:
    from collections.abc import Mapping

    from idp.tokens.codes import GrantView


class RefreshTokenGrant(BaseGrant, TokenEndpointMixin):  # type: ignore[misc]  # Authlib is untyped
    """Exchanges a refresh token for its successor and fresh tokens of the same grant."""

    GRANT_TYPE = "refresh_token"

    def validate_token_request(self) -> None:
        """Check all that can be checked before the token is looked up."""
        self.authenticate_token_endpoint_client()
        form: Mapping[str, str] = self.request.payload.data
        if "refresh_token" not in form:
            raise InvalidRequest("refresh_token is missing.")
        self.token = form["refresh_token"]
        self.scopes = scopes.parse(form.get("scope"))
        self.resources = self.request.payload.parameters.all("resource")
        encryption.require_key(self.client, clock.utc_now())

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        """Check what is asked for against the grant, rotate, then sign."""
        now, limits, client = clock.utc_now(), service(Settings).tokens, self.client
        with transaction() as session:
            presented = refresh.find(session, self.token, client_id=client.client_id, now=now)
            grant = presented.grant
            granted, resources = self._still_allowed(grant)
            person = people.find_enabled(session, grant.person_id, granted, grant.claims)
            if person is None:
                raise InvalidGrant("The person is not here any more.", detail=f"person {grant.person_id} disabled")
            actor = client_auth.actor_of(client)
            successor = refresh.rotate(
                session, presented, secrets=service(Secrets), limits=limits, now=now, actor=actor
            )
        issue = issuing.Issue(
            client=client,
            # The nonce belongs to the first ID token alone (OpenID Connect Core section 12.2).
            grant=replace(grant, nonce=None),
            person=person,
            scopes=granted,
            resources=resources,
            refresh_token=successor,
            now=now,
        )
        return 200, issuing.answer(issue), self.TOKEN_RESPONSE_HEADER

    def _still_allowed(self, grant: GrantView) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the scopes and resources to issue for: of what was granted, what the client may have today.

        Raises:
            InvalidScope: more is asked for, or nothing is left.
            InvalidTarget: a resource is asked for that was not granted, or none of the granted ones is left.

        """
        view = self.client.view
        granted = scopes.narrowed(scopes.subset(self.scopes, grant.scope.split()), view.scopes)
        kept = tuple(resource for resource in grant.resources if resource in view.resources)
        # Without any, the token would be for the issuer: another audience than the one that was granted.
        if not set(self.resources) <= set(kept) or (grant.resources and not kept):
            raise InvalidTarget(
                "This resource was not part of the authorization request, or is no longer the client's."
            )
        return granted, self.resources or kept


GRANT = RefreshTokenGrant
