"""The authorization code grant (RFC 6749 section 4.1.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authlib.oauth2.rfc6749.grants import BaseGrant, TokenEndpointMixin

from idp import clock
from idp.db import transaction
from idp.errors import InvalidGrant, InvalidRequest, InvalidTarget
from idp.oidc import client_auth, encryption, issuing, people
from idp.protocol.scopes import OFFLINE_ACCESS
from idp.settings import Settings
from idp.tokens import codes, refresh
from idp.tokens.codes import PresentedCode
from idp.web.current import service

if TYPE_CHECKING:
    from collections.abc import Mapping


class AuthorizationCodeGrant(BaseGrant, TokenEndpointMixin):  # type: ignore[misc]  # Authlib is untyped
    """Exchanges a code, once, for the tokens of its grant."""

    GRANT_TYPE = "authorization_code"

    def validate_token_request(self) -> None:
        """Check all that can be checked before the code is touched."""
        client = self.authenticate_token_endpoint_client()
        form: Mapping[str, str] = self.request.payload.data
        if "code" not in form:
            raise InvalidRequest("code is missing.")
        if "redirect_uri" not in form:
            raise InvalidRequest("redirect_uri is missing.")
        self.presented = PresentedCode(
            code=form["code"],
            client_id=client.client_id,
            redirect_uri=form["redirect_uri"],
            code_verifier=form.get("code_verifier"),
        )
        self.resources = self.request.payload.parameters.all("resource")
        encryption.require_key(self.client, clock.utc_now())

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        """Redeem the code, then sign: no transaction is open while signing."""
        now, limits = clock.utc_now(), service(Settings).tokens
        with transaction() as session:
            grant = codes.consume(session, self.presented, now=now, actor=client_auth.actor_of(self.client))
            scopes = tuple(grant.scope.split())
            person = people.find_enabled(session, grant.person_id, scopes, grant.claims)
            if person is None:
                raise InvalidGrant("The person is not here any more.", detail=f"person {grant.person_id} disabled")
            if not set(self.resources) <= set(grant.resources):
                raise InvalidTarget("This resource was not part of the authorization request.")
            token = None
            if OFFLINE_ACCESS in scopes:
                token = refresh.issue(session, grant, limits=limits, now=now)
        issue = issuing.Issue(
            client=self.client,
            grant=grant,
            person=person,
            scopes=scopes,
            resources=self.resources or grant.resources,
            refresh_token=token,
            now=now,
        )
        return 200, issuing.answer(issue), self.TOKEN_RESPONSE_HEADER


GRANT = AuthorizationCodeGrant
