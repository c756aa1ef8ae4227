"""What a client registers: RFC 7591 names where there is one, ours where there is none, validated once."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from idp.clients import jwt_redirect, unsupported, values
from idp.clients.jwt_redirect import JwtRedirect
from idp.errors import FieldErrors
from idp.protocol.redirect_uris import UriKind

GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials")
AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")
SIGNING_ALGORITHMS = ("RS256", "ES256", "EdDSA")
DEFAULT_SCOPE = ("openid", "profile", "email")
APPLICATION_TYPES = ("web", "native")
_MOST_SECONDS = 10 * 366 * 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientMetadata:
    """The validated metadata of a client; immutable, and complete: every default is filled in.

    ``token_endpoint_auth_method`` stays ``None`` when none was named: basic and post then both work.
    ``jwt_sso`` is set for a client of the plain JWT redirect.
    """

    client_name: str = ""
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    application_type: str = "web"
    grant_types: tuple[str, ...] = ("authorization_code",)
    response_types: tuple[str, ...] = ("code",)
    scope: str = "openid profile email"
    token_endpoint_auth_method: str | None = None
    client_uri: str | None = None
    logo_uri: str | None = None
    policy_uri: str | None = None
    tos_uri: str | None = None
    initiate_login_uri: str | None = None
    contacts: tuple[str, ...] = ()
    software_id: str | None = None
    software_version: str | None = None
    subject_type: str = "public"
    default_max_age: int | None = None
    require_auth_time: bool = False
    id_token_signed_response_alg: str = "RS256"
    access_token_signed_response_alg: str | None = None
    skip_consent: bool = False
    require_pkce: bool = True
    resources: tuple[str, ...] = ()
    default_resource: str | None = None
    resource_server: bool = False
    id_token_profile_claims: bool = True
    jwt_sso: JwtRedirect | None = None

    @property
    def is_public(self) -> bool:
        """Tell whether the client cannot keep a secret (RFC 6749 section 2.1)."""
        return self.token_endpoint_auth_method == "none"

    @property
    def needs_secret(self) -> bool:
        """Tell whether the client authenticates with a secret anywhere."""
        return not self.is_public and (bool(self.grant_types) or self.resource_server)

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that the client may ask for, in order."""
        return tuple(self.scope.split())

    @property
    def signing_algorithms(self) -> frozenset[str]:
        """Every algorithm for which the server needs a signing key of its own to serve this client."""
        named = {self.id_token_signed_response_alg, self.access_token_signed_response_alg}
        if self.jwt_sso is not None and not self.jwt_sso.is_symmetric:
            named.add(self.jwt_sso.alg)
        return frozenset(alg for alg in named if alg)

    def as_json(self) -> dict[str, Any]:
        """Return the metadata as plain JSON values, without what is not set."""
        shown: dict[str, Any] = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, tuple):
                shown[one.name] = list(value)
            elif isinstance(value, JwtRedirect):
                shown[one.name] = value.as_json()
            elif value is not None:
                shown[one.name] = value
        return shown


def from_stored(stored: Mapping[str, Any]) -> ClientMetadata:
    """Return metadata that was validated when it was stored; a name of a later version is left out."""
    known = {one.name for one in fields(ClientMetadata)}
    kept: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in stored.items() if name in known
    }
    if "jwt_sso" in kept:
        kept["jwt_sso"] = jwt_redirect.from_stored(kept["jwt_sso"])
    return ClientMetadata(**kept)


def validate(given: Mapping[str, object]) -> ClientMetadata:
    """Return *given* (RFC 7591 names and ours) as metadata with every default filled in.

    Raises:
        FieldErrors: naming each field that cannot be registered, and why; nested fields as ``jwt_sso.alg``.

    """
    read, faults = _read_each(given)
    metadata = ClientMetadata(**_with_defaults(read))
    for check in (_addresses, _grants, _default_resource, _public_client):
        for name, sentence in check(metadata):
            faults.setdefault(name, sentence)
    if faults:
        raise FieldErrors(faults)
    return metadata


def _read_each(given: Mapping[str, object]) -> tuple[dict[str, Any], dict[str, str]]:
    read: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for name, value in given.items():
        if name not in _READERS:
            sentence = unsupported.refusal(name, value) if unsupported.is_known(name) else _unknown(name)
            if sentence:
                faults[str(name)] = sentence
        elif value is not None:
            try:
                read[name] = _READERS[name](value)
            except FieldErrors as error:
                faults |= {f"{name}.{inner}": sentence for inner, sentence in error.fields.items()}
            except values.BadValue as error:
                faults[name] = str(error)
    return read, faults


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(str(name), list(_READERS), 1)
    return f"No metadata has this name{f'; did you mean {close[0]}?' if close else '.'}"


def _with_defaults(read: dict[str, Any]) -> dict[str, Any]:
    """Fill in what depends on what was given; the rest are the defaults of ``ClientMetadata``."""
    filled = dict(read)
    is_oidc = bool(read.get("redirect_uris")) or "jwt_sso" not in read
    may_refresh = "offline_access" in str(read.get("scope", "")).split()
    usual = (*(["authorization_code"] if is_oidc else []), *(["refresh_token"] if is_oidc and may_refresh else []))
    grants: tuple[str, ...] = filled.setdefault("grant_types", usual)
    filled.setdefault("response_types", ("code",) if "authorization_code" in grants else ())
    if "scope" not in filled:
        scope = " ".join(DEFAULT_SCOPE) if "authorization_code" in grants or "jwt_sso" in read else ""
        filled["scope"] = f"{scope} offline_access" if scope and "refresh_token" in grants else scope
    return filled


def _addresses(metadata: ClientMetadata) -> Iterator[tuple[str, str]]:
    for name, kind in (("redirect_uris", UriKind.REDIRECT), ("post_logout_redirect_uris", UriKind.POST_LOGOUT)):
        for address in getattr(metadata, name):
            try:
                values.check_address(address, application_type=metadata.application_type, kind=kind)
            except values.BadValue as error:
                yield name, str(error)


def _grants(metadata: ClientMetadata) -> Iterator[tuple[str, str]]:
    has_code = "authorization_code" in metadata.grant_types
    if has_code and not metadata.redirect_uris:
        yield "redirect_uris", "Say where people come back to after signing in."
    if metadata.redirect_uris and not has_code:
        yield "redirect_uris", "Only a client with the grant type authorization_code has a use for these."
    if has_code != ("code" in metadata.response_types):
        yield "response_types", "The response type code and the grant type authorization_code go together."
    if "refresh_token" in metadata.grant_types and not has_code:
        yield "grant_types", "refresh_token needs authorization_code beside it."
    if not metadata.grant_types and metadata.jwt_sso is None and not metadata.resource_server:
        yield "grant_types", "Name at least one grant type."


def _default_resource(metadata: ClientMetadata) -> Iterator[tuple[str, str]]:
    if metadata.default_resource is not None and metadata.default_resource not in metadata.resources:
        yield "default_resource", "Choose one of the addresses that the client may ask tokens for (resources)."


def _public_client(metadata: ClientMetadata) -> Iterator[tuple[str, str]]:
    if not metadata.is_public:
        return
    if "client_credentials" in metadata.grant_types:
        yield "grant_types", "client_credentials needs a client that can keep a secret."
    if not metadata.require_pkce:
        yield "require_pkce", "A client without a secret always uses PKCE."
    if metadata.resource_server:
        yield "resource_server", "A resource server needs a secret to ask about tokens."


_READERS: Final[dict[str, Callable[[object], object]]] = {
    "client_name": values.text(200),
    "redirect_uris": values.several(values.address),
    "post_logout_redirect_uris": values.several(values.address),
    "application_type": values.one_of(*APPLICATION_TYPES),
    "grant_types": values.several(values.one_of(*GRANT_TYPES)),
    "response_types": values.several(values.one_of("code")),
    "scope": values.scope,
    "token_endpoint_auth_method": values.one_of(*AUTH_METHODS),
    "client_uri": values.page_address,
    "logo_uri": values.page_address,
    "policy_uri": values.page_address,
    "tos_uri": values.page_address,
    "initiate_login_uri": values.receiving_address,
    "contacts": values.several(values.text(320)),
    "software_id": values.text(200),
    "software_version": values.text(200),
    "subject_type": values.one_of("public"),
    "default_max_age": values.whole_number(_MOST_SECONDS),
    "require_auth_time": values.flag,
    "id_token_signed_response_alg": values.one_of(*SIGNING_ALGORITHMS),
    "access_token_signed_response_alg": values.one_of(*SIGNING_ALGORITHMS),
    "skip_consent": values.flag,
    "require_pkce": values.flag,
    "resources": values.several(values.resource),
    "default_resource": values.resource,
    "resource_server": values.flag,
    "id_token_profile_claims": values.flag,
    "jwt_sso": jwt_redirect.read,
}
