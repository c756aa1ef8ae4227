"""An authorization request, checked in the standard's order (OpenID Connect Core section 3.1.2.2)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from idp.diagnosis import reasons
from idp.errors import (
    InvalidRedirectUri,
    InvalidRequest,
    InvalidTarget,
    RegistrationNotSupported,
    RequestNotSupported,
    RequestUriNotSupported,
    UnauthorizedClient,
    UnsupportedResponseType,
)
from idp.protocol import pkce, redirect_uris, scopes
from idp.protocol.parameters import Parameters
from idp.protocol.prompts import Prompt, parse_max_age, parse_prompt
from idp.protocol.redirect_uris import ResponseMode

RESPONSE_TYPES = ("code",)
# What a pending request keeps; everything else was unknown and is ignored (RFC 6749 section 3.1). `claims` is among
# the ignored: discovery says claims_parameter_supported=false, and Core section 5.5 then leaves the choice to us.
KNOWN_PARAMETERS = frozenset(
    {
        "acr_values",
        "client_id",
        "code_challenge",
        "code_challenge_method",
        "id_token_hint",
        "login_hint",
        "max_age",
        "nonce",
        "prompt",
        "redirect_uri",
        "resource",
        "response_mode",
        "response_type",
        "scope",
        "state",
        "ui_locales",
    }
)
_FRONT_CHANNEL = frozenset({"token", "id_token"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientView:
    """What the protocol needs to know of a registered client.

    `token_endpoint_auth_method` is `None` where the client never chose one. `scopes` and `resources` are what it may
    ask for. `is_public` clients have no secret and always owe PKCE.
    """

    client_id: str
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    application_type: str = "web"
    token_endpoint_auth_method: str | None = None
    is_public: bool = False
    require_pkce: bool = True
    scopes: frozenset[str] = frozenset({"openid"})
    grant_types: frozenset[str] = frozenset({"authorization_code"})
    response_types: frozenset[str] = frozenset({"code"})
    resources: frozenset[str] = frozenset()
    default_max_age: timedelta | None = None
    require_auth_time: bool = False
    skip_consent: bool = False

    @property
    def is_native(self) -> bool:
        """Tell whether the client is an app on the person's own device (RFC 8252)."""
        return self.application_type == "native"

    @property
    def may_refresh(self) -> bool:
        """Tell whether the client may hold refresh tokens."""
        return "refresh_token" in self.grant_types


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """A request that passed every check; `scopes` is what the client may have of what it asked for."""

    client_id: str
    redirect_uri: str
    response_mode: ResponseMode
    scopes: tuple[str, ...]
    state: str | None
    nonce: str | None
    code_challenge: str | None
    prompts: frozenset[Prompt]
    max_age: timedelta | None
    resources: tuple[str, ...]
    login_hint: str | None
    id_token_hint: str | None
    ui_locales: str | None

    @property
    def is_openid(self) -> bool:
        """Tell whether an ID token is asked for."""
        return scopes.OPENID in self.scopes


def address(parameters: Parameters, client: ClientView) -> str:
    """Return the redirect URI once it is proven to be the client's; until then nothing may be sent anywhere.

    Raises:
        InvalidRedirectUri: when it is missing, repeated, not registered, or of a kind that is never allowed.

    """
    refused = parameters.refused.get("redirect_uri") or parameters.refused.get("client_id")
    if refused:
        raise InvalidRedirectUri(refused.public, reason=refused.reason, facts={"client_id": client.client_id})
    requested = parameters.get("redirect_uri")
    if requested is None:
        raise InvalidRedirectUri(
            "redirect_uri is missing.", reason=reasons.REDIRECT_URI_MISSING, facts={"client_id": client.client_id}
        )
    facts = {"client_id": client.client_id, "redirect_uri": requested}
    if not any(redirect_uris.matches(requested, known, native=client.is_native) for known in client.redirect_uris):
        nearest = redirect_uris.closest(requested, client.redirect_uris)
        if nearest:
            facts["registered_redirect_uri"] = nearest
        raise InvalidRedirectUri(
            "This redirect URI is not registered for the client.", reason=reasons.REDIRECT_URI_MISMATCH, facts=facts
        )
    fault = redirect_uris.check_registrable(requested, application_type=client.application_type)
    if fault:
        raise InvalidRedirectUri(
            f"This redirect URI is never allowed. {fault}", reason=reasons.REDIRECT_URI_SCHEME, facts=facts
        )
    return requested


def answer_mode(parameters: Parameters) -> ResponseMode:
    """Return how to answer this request, refusals of the very request included.

    Types that would bring a token in the front channel are answered in the fragment, never in the query, although they
    are refused (Multiple Response Types section 5); an unknown type or mode is answered in the query.
    """
    words = set(parameters.get("response_type", "").split())
    in_front = bool(words & _FRONT_CHANNEL) and words <= {*_FRONT_CHANNEL, "code"}
    plain = ResponseMode.FRAGMENT if in_front else ResponseMode.QUERY
    mode = parameters.get("response_mode")
    if mode not in list(ResponseMode) or (in_front and mode == ResponseMode.QUERY):
        return plain
    return ResponseMode(mode)


def parse(parameters: Parameters, client: ClientView) -> AuthorizationRequest:
    """Check a request of *client*, the address first.

    Raises:
        InvalidRedirectUri: see `address`; shown as a page.
        ProtocolError: any other fault, in the standard's order; sent to the address, by `answer_mode`.

    """
    redirect_uri = address(parameters, client)
    parameters.require_sound()
    _refuse_unsupported(parameters)
    _check_response(parameters, client)
    requested = scopes.narrowed(scopes.parse(parameters.get("scope")), client.scopes)
    max_age = parse_max_age(parameters.get("max_age"))
    return AuthorizationRequest(
        client_id=client.client_id,
        redirect_uri=redirect_uri,
        response_mode=answer_mode(parameters),
        scopes=requested,
        state=parameters.get("state"),
        nonce=parameters.get("nonce"),
        code_challenge=pkce.check_challenge(
            parameters.get("code_challenge"),
            parameters.get("code_challenge_method"),
            required=client.require_pkce or client.is_public,
        ),
        prompts=parse_prompt(parameters.get("prompt")),
        max_age=client.default_max_age if max_age is None else max_age,
        resources=check_resources(parameters.all("resource"), client.resources),
        login_hint=parameters.get("login_hint"),
        id_token_hint=parameters.get("id_token_hint"),
        ui_locales=parameters.get("ui_locales"),
    )


def check_resources(requested: tuple[str, ...], allowed: Collection[str]) -> tuple[str, ...]:
    """Return the requested resources; none when none were asked for.

    Raises:
        InvalidTarget: when one of them is not the client's to ask for (RFC 8707 section 2).

    """
    for resource in requested:
        if resource not in allowed:
            raise InvalidTarget(
                "This resource is not registered for the client.", reason=reasons.RESOURCE, facts={"resource": resource}
            )
    return requested


def _refuse_unsupported(parameters: Parameters) -> None:
    if "request" in parameters:
        raise RequestNotSupported("request is not supported.", reason=reasons.REQUEST_NOT_SUPPORTED)
    if "request_uri" in parameters:
        raise RequestUriNotSupported("request_uri is not supported.", reason=reasons.REQUEST_URI_NOT_SUPPORTED)
    if "registration" in parameters:
        raise RegistrationNotSupported("registration is not supported.", reason=reasons.REGISTRATION_NOT_SUPPORTED)


def _check_response(parameters: Parameters, client: ClientView) -> None:
    response_type = parameters.get("response_type")
    if response_type is None:
        raise InvalidRequest("response_type is missing.", reason=reasons.RESPONSE_TYPE)
    if response_type not in RESPONSE_TYPES:
        raise UnsupportedResponseType("This response_type is not supported.", reason=reasons.RESPONSE_TYPE)
    if response_type not in client.response_types or "authorization_code" not in client.grant_types:
        raise UnauthorizedClient("The client may not use response_type=code.", reason=reasons.RESPONSE_TYPE)
    mode = parameters.get("response_mode")
    if mode is not None and mode not in list(ResponseMode):
        raise InvalidRequest("This response_mode is not supported.", reason=reasons.RESPONSE_MODE)
