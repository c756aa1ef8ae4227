"""The forms for clients: which fields each kind of client has, and how they become metadata.

Every field carries its RFC 7591 name. Only the fields listed for the kind are read, so a form can never set more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from idp.admin.client_fields import BY_NAME, PARTS, Part, without_certificates
from idp.clients.metadata import ClientMetadata
from idp.clients.rules import grants_for
from idp.clients.token_api import TokenApi
from idp.errors import FieldErrors
from idp.protocol import strict_json

if TYPE_CHECKING:
    from werkzeug.datastructures import MultiDict

_OTHER_LINES = frozenset({"redirect_uris", "post_logout_redirect_uris", "resources", "jwt_sso.return_to_prefixes"})
_SEVERAL_LINES = _OTHER_LINES | {name for name, field in BY_NAME.items() if field.control == "lines"}
_FLAGS = frozenset({"skip_consent", "require_second_factor", "resource_server", "jwt_sso.require_verified_email"}) | {
    name for name, field in BY_NAME.items() if field.control == "flag"
}
# Read from several ticked boxes.
_BOXES = frozenset({"scope", "grant_types", "response_types"})
# And what an empty field means.
_SECONDS = {"default_max_age": None, "iat_backdate": 0}
_PAGES = ("client_uri", "logo_uri", "policy_uri", "tos_uri")
_PROOF = (
    "token_endpoint_auth_method",
    *("token_endpoint_auth_signing_alg", "jwks", "jwks_uri", "security_profile"),
    *(field.name for part in PARTS if part.id == "certificate" for field in part.fields),
)
_OPENID = (
    "redirect_uris",
    "post_logout_redirect_uris",
    "initiate_login_uri",
    "default_max_age",
    "iat_backdate",
    "default_acr_values",
    "require_auth_time",
    "id_token_profile_claims",
    "resources",
    "default_resource",
    *("jwks", "jwks_uri"),
    *(
        field.name
        for part in PARTS
        if part.id in {"responses", "sign-out", "keys", "encryption", "identifiers"}
        for field in part.fields
        if field.name != "token_endpoint_auth_signing_alg"
    ),
)
_TOKEN_API = tuple(field.name for part in PARTS if part.id == "token-api" for field in part.fields)
_EVERYWHERE = ("client_name", "scope", "skip_consent", "require_second_factor", *_PAGES, "contacts")
_JWT = ("preset", "delivery_uri", "delivery", "field", "alg", "return_to_prefixes", "claims", "require_verified_email")


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
            frozenset({*_EVERYWHERE, *_OPENID, *_PROOF, "require_pkce", "grant_types", "resource_server"}),
        ),
        Kind(
            "spa",
            "Single-page app",
            "Runs in the browser alone and cannot keep a secret.",
            "app-window",
            {"application_type": "web", "token_endpoint_auth_method": "none", "require_pkce": True},
            frozenset({*_EVERYWHERE, *_OPENID, *_TOKEN_API}),
        ),
        Kind(
            "native",
            "Mobile or desktop app",
            "Installed on people’s devices, comes back by its own address.",
            "smartphone",
            {"application_type": "native", "token_endpoint_auth_method": "none", "require_pkce": True},
            frozenset({*_EVERYWHERE, *_OPENID, *_TOKEN_API}),
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
                    *_PROOF,
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
            frozenset({*_EVERYWHERE, "default_max_age", "iat_backdate", *(f"jwt_sso.{name}" for name in _JWT)}),
        ),
    )
}


def kind_of(metadata: ClientMetadata) -> Kind:
    """Return the kind that *metadata* is edited as."""
    if not metadata.signs_people_in and metadata.jwt_sso is not None:
        return KINDS["jwt"]
    if metadata.application_type == "native":
        return KINDS["native"]
    if metadata.is_public:
        return KINDS["spa"]
    return KINDS["web" if metadata.signs_people_in else "machine"]


def parts_of(kind: Kind, *, certificates: bool) -> list[Part]:
    """Return the folded parts of the form of *kind*, with the fields that it has; those for certificates if wanted."""
    found = [part.within(kind.fields) for part in PARTS]
    found = found if certificates else [without_certificates(part) for part in found]
    return [part for part in found if part.fields]


def first_values(kind: Kind) -> dict[str, Any]:
    """Return what an empty form of *kind* shows."""
    scope = ["openid", "profile", "email"] if kind.is_interactive else []
    on = {"require_pkce": True, "id_token_profile_claims": True, "token_api.rotate": True}
    return {**dict.fromkeys(kind.fields, ""), "scope": scope, "response_types": ["code"], "grant_types": [], **on}


def values_from(kind: Kind, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an empty form of *kind* shows where *given*, metadata as JSON, is filled in already."""
    jwt = {name: _as_typed(f"jwt_sso.{name}", value) for name, value in given.get("jwt_sso", {}).items()}
    scope = {"scope": given["scope"].split()} if "scope" in given else {}
    return first_values(kind) | scope | {f"jwt_sso.{name}": value for name, value in jwt.items()}


def values_of(kind: Kind, metadata: ClientMetadata) -> dict[str, Any]:
    """Return what the form shows of *metadata*: text as it is typed, flags, and lists of ticked boxes."""
    stored = metadata.as_json()
    jwt: Mapping[str, Any] = stored.get("jwt_sso", {})
    shown: dict[str, Any] = {}
    for name in kind.fields:
        member = name.removeprefix("jwt_sso.")
        value = jwt.get(member) if name != member else stored.get(name)
        shown[name] = _as_typed(name, value)
    boxes = {"grant_types": list(metadata.grant_types), "response_types": list(metadata.response_types)}
    api = metadata.token_api or TokenApi()
    told = (metadata.token_api is not None, "\n".join(api.origins), api.rotate, api.refresh_cookie)
    return shown | boxes | {"scope": list(metadata.scopes)} | dict(zip(_TOKEN_API, told, strict=True))


def submitted_values(kind: Kind, form: MultiDict[str, str]) -> dict[str, Any]:
    """Return what the form shows again after it was sent with a fault."""
    shown: dict[str, Any] = {name: name in form if name in _FLAGS else form.get(name, "") for name in kind.fields}
    ticked = {name: form.getlist(name) for name in ("grant_types", "response_types")}
    return shown | ticked | {"scope": " ".join(form.getlist("scope")).split()}


def read(kind: Kind, form: MultiDict[str, str], before: ClientMetadata | None = None) -> dict[str, Any]:
    """Return the metadata that *form* means, for ``metadata.validate``; what it has no field for stays as *before*.

    Raises:
        FieldErrors: there is no name, or a number or a table of claims cannot be read.

    """
    given = dict(kind.fixed) if before is None else before.as_json()
    jwt = dict(given.get("jwt_sso", {}))
    faults: dict[str, str] = {}
    for name in kind.fields - _BOXES - set(_TOKEN_API):
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
    if set(_TOKEN_API) <= kind.fields:
        given["token_api"] = _token_api(form)
    return given | _scopes_and_grants(kind, form)


def _token_api(form: MultiDict[str, str]) -> dict[str, Any] | None:
    if "token_api" not in form:
        return None
    flags = {name: f"token_api.{name}" in form for name in ("rotate", "refresh_cookie")}
    return {"origins": form.get("token_api.origins", "").split(), **flags}


def _scopes_and_grants(kind: Kind, form: MultiDict[str, str]) -> dict[str, Any]:
    scope = list(dict.fromkeys(" ".join(form.getlist("scope")).split()))
    found: dict[str, Any] = {"scope": " ".join(scope)}
    if "redirect_uris" in kind.fields:
        # An app that asks for passwords itself may have no address that people come back to.
        usual = [] if "token_api" in form and not form.get("redirect_uris", "").strip() else ["code"]
        response_types = usual and (form.getlist("response_types") or usual)
        found |= {"grant_types": _grants(kind, form, response_types, scope), "response_types": response_types}
    return found


def _grants(kind: Kind, form: MultiDict[str, str], response_types: Sequence[str], scope: Sequence[str]) -> list[str]:
    """Return the grant types that the boxes amount to; nobody has to know which goes with which."""
    needed = {grant for response_type in response_types for grant in grants_for(response_type)}
    grants = sorted(needed)
    if "offline_access" in scope and "authorization_code" in needed:
        grants.append("refresh_token")
    if "grant_types" in kind.fields and "client_credentials" in form.getlist("grant_types"):
        grants.append("client_credentials")
    return grants


def _as_typed(name: str, value: Any) -> Any:  # noqa: ANN401 - JSON in, text or a flag out
    if name in _FLAGS:
        return bool(value)
    if name == "iat_backdate":
        return str(value or "")
    if name == "jwt_sso.claims":
        return "\n".join(f"{claim} = {source}" for claim, source in (value or {}).items())
    if name == "jwks":
        return json.dumps(value, indent=2) if value else ""
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
    if name in _SECONDS:
        return _SECONDS[name] if not text else _seconds(name, text)
    if name == "jwks":
        return _keys(text)
    # An empty field is one that was not filled in, except for the name.
    return text or ("" if name == "client_name" else None)


def _seconds(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 10:  # noqa: PLR2004 - ten digits are 300 years
        raise FieldErrors({name: "Write a whole number of seconds."})
    return int(text)


def _keys(text: str) -> dict[str, Any] | None:
    if not text:
        return None
    try:
        return strict_json.parse_object(text)
    except ValueError as error:
        raise FieldErrors({"jwks": f"This cannot be read as a JWK set. {error}"}) from None


def _claims(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        name, equals, source = (part.strip() for part in line.partition("="))
        if not equals or not name or not source:
            raise FieldErrors({"jwt_sso.claims": f"“{line[:80]}” is not written as name = claim."})
        found[name] = source
    return found
