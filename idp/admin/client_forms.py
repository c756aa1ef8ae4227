"""The forms for clients: which fields each kind of client has, and how they become metadata.

Every field carries its RFC 7591 name. Only the fields listed for the kind are read, so a form can never set more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from idp.clients.metadata import ClientMetadata
from idp.errors import FieldErrors

if TYPE_CHECKING:
    from werkzeug.datastructures import MultiDict

_SEVERAL_LINES = frozenset(
    {"redirect_uris", "post_logout_redirect_uris", "resources", "contacts", "jwt_sso.return_to_prefixes"}
)
_FLAGS = frozenset({"skip_consent", "require_pkce", "resource_server", "id_token_profile_claims", "require_auth_time"})
_PAGES = ("client_uri", "initiate_login_uri", "logo_uri", "policy_uri", "tos_uri")
# The parts of the form that are folded up; one with a fault is open.
LINKS = frozenset({*_PAGES, "contacts"})
PROTOCOL = frozenset(
    {
        "require_pkce",
        "token_endpoint_auth_method",
        "grant_types",
        "default_max_age",
        "require_auth_time",
        "id_token_profile_claims",
        "id_token_signed_response_alg",
        "access_token_signed_response_alg",
    }
)
_OPENID = (
    "redirect_uris",
    "post_logout_redirect_uris",
    "default_max_age",
    "require_auth_time",
    "id_token_profile_claims",
    "id_token_signed_response_alg",
    "access_token_signed_response_alg",
    "resources",
    "default_resource",
)
_EVERYWHERE = ("client_name", "scope", "skip_consent", *_PAGES, "contacts")
_JWT = ("delivery_uri", "delivery", "field", "alg", "return_to_prefixes", "claims")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of client: how it is called, what is fixed for it, and the fields that its form has."""

    value: str
    label: str
    hint: str
    icon: str
    fixed: Mapping[str, Any]
    fields: frozenset[str]

    @property
    def is_interactive(self) -> bool:
        """Tell whether people sign in to it."""
        return "skip_consent" in self.fields


KINDS: dict[str, Kind] = {
    kind.value: kind
    for kind in (
        Kind(
            "web",
            "Web app with a server",
            "Pages made by a server that can keep a secret.",
            "server",
            {"application_type": "web"},
            frozenset(
                {*_EVERYWHERE, *_OPENID, "require_pkce", "token_endpoint_auth_method", "grant_types", "resource_server"}
            ),
        ),
        Kind(
            "spa",
            "Single-page app",
            "Runs in the browser alone and cannot keep a secret.",
            "app-window",
            {"application_type": "web", "token_endpoint_auth_method": "none", "require_pkce": True},
            frozenset({*_EVERYWHERE, *_OPENID}),
        ),
        Kind(
            "native",
            "Mobile or desktop app",
            "Installed on people’s devices, comes back by its own address.",
            "smartphone",
            {"application_type": "native", "token_endpoint_auth_method": "none", "require_pkce": True},
            frozenset({*_EVERYWHERE, *_OPENID}),
        ),
        Kind(
            "machine",
            "Machine to machine",
            "A service that gets tokens for itself; nobody signs in.",
            "plug",
            {"grant_types": ["client_credentials"], "response_types": []},
            frozenset(
                {
                    "client_name",
                    "scope",
                    "resources",
                    "default_resource",
                    "resource_server",
                    "token_endpoint_auth_method",
                    "access_token_signed_response_alg",
                    "contacts",
                }
            ),
        ),
        Kind(
            "jwt",
            "JWT redirect",
            "Takes a signed JWT at one address; needs no OpenID Connect library.",
            "braces",
            {"grant_types": [], "response_types": []},
            frozenset({*_EVERYWHERE, "default_max_age", *(f"jwt_sso.{name}" for name in _JWT)}),
        ),
    )
}


def kind_of(metadata: ClientMetadata) -> Kind:
    """Return the kind that *metadata* is edited as."""
    if "authorization_code" not in metadata.grant_types and metadata.jwt_sso is not None:
        return KINDS["jwt"]
    if metadata.application_type == "native":
        return KINDS["native"]
    if metadata.is_public:
        return KINDS["spa"]
    return KINDS["web" if "authorization_code" in metadata.grant_types else "machine"]


def first_values(kind: Kind) -> dict[str, Any]:
    """Return what an empty form of *kind* shows."""
    scope = ["openid", "profile", "email"] if kind.is_interactive else []
    return {**dict.fromkeys(kind.fields, ""), "scope": scope, "require_pkce": True, "id_token_profile_claims": True}


def values_of(kind: Kind, metadata: ClientMetadata) -> dict[str, Any]:
    """Return what the form shows of *metadata*: text as it is typed, flags, and lists of ticked boxes."""
    stored = metadata.as_json()
    jwt: Mapping[str, Any] = stored.get("jwt_sso", {})
    shown: dict[str, Any] = {}
    for name in kind.fields:
        member = name.removeprefix("jwt_sso.")
        value = jwt.get(member) if name != member else stored.get(name)
        shown[name] = _as_typed(name, value)
    return shown | {"scope": list(metadata.scopes), "grant_types": list(metadata.grant_types)}


def submitted_values(kind: Kind, form: MultiDict[str, str]) -> dict[str, Any]:
    """Return what the form shows again after it was sent with a fault."""
    shown: dict[str, Any] = {name: name in form if name in _FLAGS else form.get(name, "") for name in kind.fields}
    return shown | {"scope": " ".join(form.getlist("scope")).split(), "grant_types": form.getlist("grant_types")}


def read(kind: Kind, form: MultiDict[str, str], before: ClientMetadata | None = None) -> dict[str, Any]:
    """Return the metadata that *form* means, for ``metadata.validate``; what it has no field for stays as *before*.

    Raises:
        FieldErrors: there is no name, or a number or a table of claims cannot be read.

    """
    given = dict(kind.fixed) if before is None else before.as_json()
    jwt = dict(given.get("jwt_sso", {}))
    faults: dict[str, str] = {}
    for name in kind.fields - {"scope", "grant_types"}:
        member = name.removeprefix("jwt_sso.")
        target = jwt if name != member else given
        try:
            target[member] = _as_meant(name, form)
        except FieldErrors as error:
            faults |= error.fields
    if not given["client_name"]:
        faults["client_name"] = "Give it a name that people will recognise."
    if faults:
        raise FieldErrors(faults)
    if kind.value == "jwt":
        given["jwt_sso"] = {name: value for name, value in jwt.items() if value is not None}
    return given | _scopes_and_grants(kind, form)


def _scopes_and_grants(kind: Kind, form: MultiDict[str, str]) -> dict[str, Any]:
    scope = list(dict.fromkeys(" ".join(form.getlist("scope")).split()))
    found: dict[str, Any] = {"scope": " ".join(scope)}
    if "redirect_uris" in kind.fields:
        grants = ["authorization_code"]
        if "offline_access" in scope:
            grants.append("refresh_token")
        if "grant_types" in kind.fields and "client_credentials" in form.getlist("grant_types"):
            grants.append("client_credentials")
        found |= {"grant_types": grants, "response_types": ["code"]}
    return found


def _as_typed(name: str, value: Any) -> Any:  # noqa: ANN401 - JSON in, text or a flag out
    if name in _FLAGS:
        return bool(value)
    if name == "jwt_sso.claims":
        return "\n".join(f"{claim} = {source}" for claim, source in (value or {}).items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "\n".join(value)
    return "" if value is None else str(value)


def _as_meant(name: str, form: MultiDict[str, str]) -> Any:  # noqa: ANN401 - text in, JSON out
    text = form.get(name, "").strip()
    if name in _FLAGS:
        return name in form
    if name in _SEVERAL_LINES:
        return text.split()
    if name == "jwt_sso.claims":
        return _claims(text)
    if name == "default_max_age":
        return _seconds(text)
    # An empty field is one that was not filled in, except for the name.
    return text or ("" if name == "client_name" else None)


def _seconds(text: str) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 10:  # noqa: PLR2004 - ten digits are 300 years
        raise FieldErrors({"default_max_age": "Write a whole number of seconds."})
    return int(text)


def _claims(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        name, equals, source = (part.strip() for part in line.partition("="))
        if not equals or not name or not source:
            raise FieldErrors({"jwt_sso.claims": f"“{line[:80]}” is not written as name = claim."})
        found[name] = source
    return found
