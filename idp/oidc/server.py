"""Authlib's authorization server, told what Flask, our clients and our errors are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from authlib.oauth2 import AuthorizationServer as AuthlibServer
from authlib.oauth2.rfc6749 import OAuth2Payload, OAuth2Request, UnsupportedGrantTypeError

from idp import registry
from idp.errors import InvalidRequest, UnauthorizedClient, UnsupportedGrantType
from idp.oidc import client_auth
from idp.oidc.json_responses import json_response

if TYPE_CHECKING:
    from authlib.oauth2 import OAuth2Error
    from flask import Response

    from idp.clients.store import Client
    from idp.protocol.parameters import Parameters

# The address of a request is only ever read to refuse plain http, which the settings have judged already: nothing
# of what a request says about its own address is passed on.
_ADDRESS = "https://localhost/oauth/token"


class FormPayload(OAuth2Payload):  # type: ignore[misc]  # Authlib is untyped
    """The parameters of a request as Authlib reads them; ``parameters`` as we do."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters

    @property
    def data(self) -> Parameters:
        """The first value of each parameter."""
        return self.parameters

    @property
    def datalist(self) -> dict[str, list[str]]:
        """Every value of each parameter."""
        return {name: list(self.parameters.all(name)) for name in self.parameters}


class TokenRequest(OAuth2Request):  # type: ignore[misc]  # Authlib is untyped
    """A token request made of its form alone: nothing is read from the query or the request's own address."""

    def __init__(self, parameters: Parameters) -> None:
        super().__init__("POST", _ADDRESS)
        self.payload = FormPayload(parameters)


class AuthorizationServer(AuthlibServer):  # type: ignore[misc]  # Authlib is untyped
    """Dispatches to the grants in ``idp.oidc.grants``; refusals are ours, whoever noticed first."""

    def __init__(self) -> None:
        super().__init__()
        for module in registry.modules_in("idp.oidc.grants"):
            self.register_grant(module.GRANT)

    def create_oauth2_request(self, request: Parameters) -> TokenRequest:
        """Wrap the parameters of a request that was read by ``forms.read_form``."""
        return TokenRequest(request)

    def authenticate_client(self, request: TokenRequest, methods: object, endpoint: str = "token") -> Client:  # noqa: ARG002 - the interface of Authlib
        """Authenticate the client, and see that it may use this grant at all."""
        client = client_auth.authenticate(request.payload.parameters)
        if request.payload.grant_type not in client.metadata.grant_types:
            raise UnauthorizedClient("This client may not use this grant_type.")
        request.client = client
        return client

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Tell nobody: what matters is audited where it happens."""

    def handle_response(self, status_code: int, payload: dict[str, Any], headers: object) -> Response:  # noqa: ARG002 - the interface of Authlib
        """Turn a grant's answer into a response."""
        return json_response(payload, status=status_code)

    def handle_error_response(self, request: TokenRequest, error: OAuth2Error) -> NoReturn:
        """Raise what Authlib refused as our own refusal, so that there is one renderer."""
        if isinstance(error, UnsupportedGrantTypeError):
            # Only a client may learn what is served, and that it is one is checked first (T08).
            client_auth.authenticate(request.payload.parameters)
            if request.payload.grant_type is None:
                raise InvalidRequest("grant_type is missing.") from None
            raise UnsupportedGrantType("This grant_type is not supported.") from None
        raise InvalidRequest("The request is malformed.", detail=str(error)) from error
