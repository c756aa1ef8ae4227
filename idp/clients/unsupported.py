"""Metadata that the standards define and this server does not serve: refused by name, accepted when it says "off"."""

from __future__ import annotations

_NO_ENCRYPTED_REQUESTS = "Encrypted request objects are not served; signed ones are."

_REASONS = {
    "tls_client_certificate_bound_access_tokens": "Access tokens bound to a certificate are not served.",
    "dpop_bound_access_tokens": "DPoP is not served.",
    "request_object_encryption_alg": _NO_ENCRYPTED_REQUESTS,
    "request_object_encryption_enc": _NO_ENCRYPTED_REQUESTS,
    "introspection_signed_response_alg": "Introspection is answered as JSON, not as a signed token.",
    "authorization_encrypted_response_alg": "Encrypted authorization responses are not served; signed ones are.",
    "authorization_encrypted_response_enc": "Encrypted authorization responses are not served; signed ones are.",
    "require_pushed_authorization_requests": "Pushed authorization requests are not served.",
    "software_statement": "Software statements are read at registration by an app itself, not here.",
}


def is_known(name: str) -> bool:
    """Tell whether the standards define *name*, and this server does not serve it."""
    return name in _REASONS


def refusal(name: str, value: object) -> str | None:
    """Return why *name* cannot be registered with *value*; ``None`` when the value says that it is not wanted."""
    return None if value is None or value is False or value == [] else _REASONS[name]
