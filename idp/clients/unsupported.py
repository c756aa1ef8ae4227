"""Metadata that the standards define and this server does not serve: refused by name, accepted when it says "off"."""

from __future__ import annotations

_NO_ENCRYPTION = "Encrypted tokens and requests are not served."
_NO_KEY_AUTHENTICATION = "Clients authenticate with a secret here, not with a key or a certificate."
_NO_REQUEST_OBJECTS = "Signed requests (request, request_uri) are not served."
_NO_DELIVERED_LOGOUT = "Apps are not told of a sign-out here; they offer one through end_session_endpoint."

_REASONS = {
    "jwks": _NO_KEY_AUTHENTICATION,
    "jwks_uri": _NO_KEY_AUTHENTICATION,
    "tls_client_auth_subject_dn": _NO_KEY_AUTHENTICATION,
    "tls_client_auth_san_dns": _NO_KEY_AUTHENTICATION,
    "tls_client_auth_san_uri": _NO_KEY_AUTHENTICATION,
    "tls_client_auth_san_ip": _NO_KEY_AUTHENTICATION,
    "tls_client_auth_san_email": _NO_KEY_AUTHENTICATION,
    "tls_client_certificate_bound_access_tokens": _NO_KEY_AUTHENTICATION,
    "dpop_bound_access_tokens": "DPoP is not served.",
    "sector_identifier_uri": "Pairwise subjects are not served: a person has the same sub at every app.",
    "id_token_encrypted_response_alg": _NO_ENCRYPTION,
    "id_token_encrypted_response_enc": _NO_ENCRYPTION,
    "userinfo_encrypted_response_alg": _NO_ENCRYPTION,
    "userinfo_encrypted_response_enc": _NO_ENCRYPTION,
    "request_object_encryption_alg": _NO_ENCRYPTION,
    "request_object_encryption_enc": _NO_ENCRYPTION,
    "userinfo_signed_response_alg": "UserInfo is answered as JSON, not as a signed token.",
    "introspection_signed_response_alg": "Introspection is answered as JSON, not as a signed token.",
    "authorization_signed_response_alg": "Signed authorization responses are not served.",
    "request_object_signing_alg": _NO_REQUEST_OBJECTS,
    "request_uris": _NO_REQUEST_OBJECTS,
    "require_signed_request_object": _NO_REQUEST_OBJECTS,
    "require_pushed_authorization_requests": "Pushed authorization requests are not served.",
    "default_acr_values": "There is one way to sign in here, so there is no level to ask for.",
    "backchannel_logout_uri": _NO_DELIVERED_LOGOUT,
    "backchannel_logout_session_required": _NO_DELIVERED_LOGOUT,
    "frontchannel_logout_uri": _NO_DELIVERED_LOGOUT,
    "frontchannel_logout_session_required": _NO_DELIVERED_LOGOUT,
    "software_statement": "Software statements are not served.",
}


def is_known(name: str) -> bool:
    """Tell whether the standards define *name*, and this server does not serve it."""
    return name in _REASONS


def refusal(name: str, value: object) -> str | None:
    """Return why *name* cannot be registered with *value*; ``None`` when the value says that it is not wanted."""
    return None if value is None or value is False or value == [] else _REASONS[name]
