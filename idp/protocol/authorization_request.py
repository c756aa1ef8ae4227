"""An authorization request, checked in the standard's order (OpenID Connect Core section 3.1.2.2)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from idp.diagnosis import reasons
from idp.errors import (
    InvalidRedirectUri,
    InvalidRequest,
    InvalidScope,
    InvalidTarget,
    RegistrationNotSupported,
    RequestNotSupported,
    RequestUriNotSupported,
    UnauthorizedClient,
    UnsupportedResponseType,
)
from idp.protocol import claims_request, pkce, redirect_uris, response_types, scopes
from idp.protocol.acr import ANY, AcrRequest
from idp.protocol.claims_request import ClaimsRequest
from idp.protocol.parameters import Parameters
from idp.protocol.prompts import Prompt, parse_max_age, parse_prompt
from idp.protocol.response_types import RESPONSE_TYPES, AnswerMode

# What a pending request keeps; everything else was unknown and is ignored (RFC 6749 section 3.1).
KNOWN_PARAMETERS = frozenset(
    {
        "acr_values",
        "claims",
        "client_id",
        "code_challenge",
        "code_challenge_method",
        "display",
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
    default_acr_values: tuple[str, ...] = ()
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
    """A request that passed every check.

    `response_type` has its words in alphabetical order. `requested` are all scopes that were asked for, `scopes` those
    of them that the client may have.
    """

    client_id: str
    redirect_uri: str
    response_type: str
    mode: AnswerMode
    requested: tuple[str, ...]
    scopes: tuple[str, ...]
    claims: ClaimsRequest
    acr: AcrRequest
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

    @property
    def issues(self) -> frozenset[str]:
        """What the authorization endpoint itself hands out: any of code, id_token and token."""
        return response_types.words_of(self.response_type)


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


def answer_mode(parameters: Parameters) -> AnswerMode:
    """Return how to answer this request, refusals of the very request included (`response_types.answer_mode`)."""
    return response_types.answer_mode(parameters.get("response_type"), parameters.get("response_mode"))


def parse(parameters: Parameters, client: ClientView) -> AuthorizationRequest:
    """Check a request of *client*, the address first.

    Raises:
        InvalidRedirectUri: see `address`; shown as a page.
        ProtocolError: any other fault, in the standard's order; sent to the address, by `answer_mode`.

    """
    redirect_uri = address(parameters, client)
    parameters.require_sound()
    _refuse_unsupported(parameters)
    response_type = _check_response(parameters, client)
    requested = scopes.parse(parameters.get("scope"))
    allowed = scopes.narrowed(requested, client.scopes)
    _check_openid(parameters, response_type, allowed)
    max_age = parse_max_age(parameters.get("max_age"))
    claims = claims_request.parse(parameters.get("claims"), client.scopes)
    return AuthorizationRequest(
        client_id=client.client_id,
        redirect_uri=redirect_uri,
        response_type=response_type,
        mode=answer_mode(parameters),
        requested=requested,
        scopes=allowed,
        claims=claims,
        acr=_acr(parameters, claims, client),
        state=parameters.get("state"),
        nonce=parameters.get("nonce"),
        code_challenge=_challenge(parameters, response_type, client),
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


def _check_response(parameters: Parameters, client: ClientView) -> str:
    """Return the response type, its words in order."""
    sent = parameters.get("response_type")
    if sent is None:
        raise InvalidRequest("response_type is missing.", reason=reasons.RESPONSE_TYPE)
    response_type = response_types.normalised(sent)
    if response_type not in RESPONSE_TYPES:
        raise UnsupportedResponseType("This response_type is not supported.", reason=reasons.RESPONSE_TYPE)
    if response_type not in client.response_types or not response_types.grants_for(response_type) <= client.grant_types:
        raise UnauthorizedClient(f"The client may not use response_type={response_type}.", reason=reasons.RESPONSE_TYPE)
    if response_types.is_refused_mode(response_type, parameters.get("response_mode")):
        raise InvalidRequest("This response_mode is not supported here.", reason=reasons.RESPONSE_MODE)
    return response_type


def _check_openid(parameters: Parameters, response_type: str, allowed: Collection[str]) -> None:
    """Check what an ID token from the authorization endpoint takes (OpenID Connect Core sections 3.2.2.1, 3.3.2.1)."""
    if "id_token" not in response_types.words_of(response_type):
        return
    if scopes.OPENID not in allowed:
        raise InvalidScope("openid is needed in scope for an ID token.", reason=reasons.SCOPE)
    if "nonce" not in parameters:
        raise InvalidRequest("nonce is needed for an ID token from this endpoint.", reason=reasons.NONCE_MISSING)


def _challenge(parameters: Parameters, response_type: str, client: ClientView) -> str | None:
    """Return the challenge to keep with the code; where none is issued, there is nothing to prove."""
    if "code" not in response_types.words_of(response_type):
        return None
    return pkce.check_challenge(
        parameters.get("code_challenge"),
        parameters.get("code_challenge_method"),
        required=client.require_pkce or client.is_public,
    )


def _acr(parameters: Parameters, claims: ClaimsRequest, client: ClientView) -> AcrRequest:
    """Return the levels asked for: by `claims`, else by `acr_values`, else by the client's registration."""
    if claims.acr is not None:
        return claims.acr
    values = tuple(parameters.get("acr_values", "").split()) or client.default_acr_values
    return AcrRequest(values) if values else ANY
