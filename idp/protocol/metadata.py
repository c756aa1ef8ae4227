"""The discovery document (OpenID Connect Discovery, RFC 8414): one document, served at both addresses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from idp.protocol import claims, pkce, scopes
from idp.protocol.prompts import Prompt
from idp.protocol.response_types import RESPONSE_MODES, RESPONSE_TYPES

_PROTOCOL_CLAIMS = ("sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid")

_ADDRESSES = frozenset({"jwks_uri", "check_session_iframe"})

# The registry "OAuth Authorization Server Metadata" as far as this product may ever go; a name of our own would make
# strict clients stumble.
REGISTERED_NAMES = frozenset(
    (
        *(
            "issuer",
            "authorization_endpoint",
            "token_endpoint",
            "userinfo_endpoint",
            "jwks_uri",
            "end_session_endpoint",
        ),
        *("revocation_endpoint", "introspection_endpoint", "registration_endpoint", "device_authorization_endpoint"),
        *("pushed_authorization_request_endpoint", "require_pushed_authorization_requests", "scopes_supported"),
        *("response_types_supported", "response_modes_supported", "grant_types_supported", "acr_values_supported"),
        *("subject_types_supported", "id_token_signing_alg_values_supported", "prompt_values_supported"),
        *("token_endpoint_auth_methods_supported", "token_endpoint_auth_signing_alg_values_supported"),
        *("revocation_endpoint_auth_methods_supported", "introspection_endpoint_auth_methods_supported"),
        *("claims_supported", "claim_types_supported", "claims_parameter_supported", "request_parameter_supported"),
        *("request_uri_parameter_supported", "require_request_uri_registration", "code_challenge_methods_supported"),
        *("authorization_response_iss_parameter_supported", "ui_locales_supported", "service_documentation"),
        *("op_policy_uri", "op_tos_uri", "dpop_signing_alg_values_supported", "check_session_iframe"),
        *("backchannel_logout_supported", "backchannel_logout_session_supported", "frontchannel_logout_supported"),
        *("frontchannel_logout_session_supported", "userinfo_signing_alg_values_supported", "display_values_supported"),
        *("userinfo_encryption_alg_values_supported", "userinfo_encryption_enc_values_supported"),
        *("id_token_encryption_alg_values_supported", "id_token_encryption_enc_values_supported"),
        *("request_object_signing_alg_values_supported", "authorization_signing_alg_values_supported"),
        *("request_object_encryption_alg_values_supported", "request_object_encryption_enc_values_supported"),
        *("revocation_endpoint_auth_signing_alg_values_supported", "claims_locales_supported"),
        *("introspection_endpoint_auth_signing_alg_values_supported", "require_signed_request_object"),
        *("tls_client_certificate_bound_access_tokens", "mtls_endpoint_aliases"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What is switched on in this installation, read from the registries of grants, endpoints and algorithms.

    `auth_methods` are those of the token endpoint. `endpoints` maps metadata names to absolute addresses.
    """

    issuer: str
    endpoints: Mapping[str, str]
    grant_types: tuple[str, ...]
    auth_methods: tuple[str, ...]
    id_token_algorithms: tuple[str, ...]
    # What clients sign assertions and request objects with, and what is encrypted to them.
    assertion_algorithms: tuple[str, ...]
    request_object_algorithms: tuple[str, ...]
    key_encryption_algorithms: tuple[str, ...]
    content_encryption_algorithms: tuple[str, ...]
    # From the weakest to the strongest.
    acr_values: tuple[str, ...] = ()
    ui_locales: tuple[str, ...] = ()
    # Whether people may make an account themselves.
    sign_up: bool = False


def document(capabilities: Capabilities, extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the document; `extra` is what single endpoints add about themselves.

    Raises:
        ValueError: when a name is not registered, an address is outside the issuer, or RS256 is missing.

    """
    if "RS256" not in capabilities.id_token_algorithms:
        raise ValueError("RS256 must be among the algorithms of ID tokens (Discovery section 3).")
    secret_methods = [method for method in capabilities.auth_methods if method != "none"]
    found: dict[str, Any] = {
        "issuer": capabilities.issuer,
        **capabilities.endpoints,
        **_fixed(),
        "prompt_values_supported": [one.value for one in Prompt if capabilities.sign_up or one is not Prompt.CREATE],
        # No endpoint of its own: the authorization endpoint serves it.
        "grant_types_supported": [*capabilities.grant_types, "implicit"],
        "token_endpoint_auth_methods_supported": list(capabilities.auth_methods),
        "id_token_signing_alg_values_supported": list(capabilities.id_token_algorithms),
        "authorization_signing_alg_values_supported": list(capabilities.id_token_algorithms),
    }
    found |= _of_clients(capabilities)
    if "revocation_endpoint" in found:
        found["revocation_endpoint_auth_methods_supported"] = list(capabilities.auth_methods)
        found["revocation_endpoint_auth_signing_alg_values_supported"] = list(capabilities.assertion_algorithms)
    if "introspection_endpoint" in found:
        found["introspection_endpoint_auth_methods_supported"] = secret_methods
        found["introspection_endpoint_auth_signing_alg_values_supported"] = list(capabilities.assertion_algorithms)
    if capabilities.acr_values:
        found["acr_values_supported"] = list(capabilities.acr_values)
    if capabilities.ui_locales:
        found["ui_locales_supported"] = list(capabilities.ui_locales)
    found |= extra or {}
    _check(found, capabilities.issuer)
    return found


def _fixed() -> dict[str, Any]:
    return {
        "scopes_supported": list(scopes.KNOWN_NAMES),
        "response_types_supported": list(RESPONSE_TYPES),
        "response_modes_supported": list(RESPONSE_MODES),
        # Every page fits itself to the window that it is shown in.
        "display_values_supported": ["page", "popup", "touch"],
        "subject_types_supported": ["public", "pairwise"],
        "claim_types_supported": ["normal"],
        "claims_supported": [*_PROTOCOL_CLAIMS, *claims.NAMES],
        "claims_parameter_supported": True,
        "request_parameter_supported": True,
        "request_uri_parameter_supported": True,
        "require_request_uri_registration": True,
        "code_challenge_methods_supported": [pkce.METHOD],
        "authorization_response_iss_parameter_supported": True,
    }


def _of_clients(capabilities: Capabilities) -> dict[str, Any]:
    """Return what is signed by clients, and what is signed for or encrypted to them on request."""
    signed, encrypted = capabilities.id_token_algorithms, capabilities.key_encryption_algorithms
    lists = {
        "token_endpoint_auth_signing_alg_values_supported": capabilities.assertion_algorithms,
        "request_object_signing_alg_values_supported": capabilities.request_object_algorithms,
        "userinfo_signing_alg_values_supported": signed,
        "id_token_encryption_alg_values_supported": encrypted,
        "id_token_encryption_enc_values_supported": capabilities.content_encryption_algorithms,
        "userinfo_encryption_alg_values_supported": encrypted,
        "userinfo_encryption_enc_values_supported": capabilities.content_encryption_algorithms,
    }
    return {name: list(values) for name, values in lists.items()}


def _check(found: Mapping[str, Any], issuer: str) -> None:
    unknown = sorted(set(found) - REGISTERED_NAMES)
    if unknown:
        raise ValueError(f"{unknown[0]} is not a registered metadata name.")
    for name, value in found.items():
        if (name.endswith("_endpoint") or name in _ADDRESSES) and not str(value).startswith(f"{issuer}/"):
            raise ValueError(f"{name} is outside the issuer.")
