"""What is set for a client beyond the defaults, as its page shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from idp.admin.client_fields import AUTH_METHODS, PARTS
from idp.clients.metadata import ClientMetadata

if TYPE_CHECKING:
    from idp.admin.client_fields import Field

_LABELS: Final = {choice[0]: choice[1] for choice in AUTH_METHODS}
_DEFAULTS: Final = ClientMetadata()
# What a client's page shows at other places.
_SHOWN_ELSEWHERE: Final = frozenset(
    {
        "token_endpoint_auth_method",
        "grant_types",
        "require_pkce",
        "id_token_profile_claims",
        "id_token_signed_response_alg",
    }
)


def told(metadata: ClientMetadata, names: frozenset[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return what is set beyond the defaults, by part: labels and values as a page shows them."""
    found = []
    for part in PARTS:
        lines = [
            (field.label, _shown(field, getattr(metadata, field.name)))
            for field in part.within(names - _SHOWN_ELSEWHERE).fields
            if getattr(metadata, field.name) not in (None, "", (), getattr(_DEFAULTS, field.name))
        ]
        if lines:
            found.append((part.title, lines))
    return found


def proof_of(metadata: ClientMetadata) -> str:
    """Return in words how a client proves who it is; nothing for one that does not."""
    return "" if metadata.is_public else _LABELS[metadata.token_endpoint_auth_method or ""]


def _shown(field: Field, value: Any) -> str:  # noqa: ANN401 - a value of metadata in, text out
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if field.name == "jwks":
        return ", ".join(str(key.get("kid") or key["kty"]) for key in value["keys"])
    if isinstance(value, tuple):
        return ", ".join(value) if field.control == "boxes" else " ".join(value)
    return {choice[0]: choice[1] for choice in field.choices}.get(value, str(value))
