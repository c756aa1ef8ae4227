"""What the fields of a client's metadata demand of one another; each rule yields the field at fault, and a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from idp.clients import values
from idp.protocol.redirect_uris import UriKind, origin_of

if TYPE_CHECKING:
    from idp.clients.metadata import ClientMetadata

Faults = Iterator[tuple[str, str]]
_WITH_KEYS: Final = frozenset({"private_key_jwt", "self_signed_tls_client_auth"})
_CERTIFICATE_NAMES: Final = (
    "tls_client_auth_subject_dn",
    "tls_client_auth_san_dns",
    "tls_client_auth_san_uri",
    "tls_client_auth_san_ip",
    "tls_client_auth_san_email",
)


def faults_of(metadata: ClientMetadata) -> dict[str, str]:
    """Return one sentence for each field that does not go with the others."""
    found: dict[str, str] = {}
    for rule in _RULES:
        for name, sentence in rule(metadata):
            found.setdefault(name, sentence)
    return found


def _addresses(metadata: ClientMetadata) -> Faults:
    for name, kind in (("redirect_uris", UriKind.REDIRECT), ("post_logout_redirect_uris", UriKind.POST_LOGOUT)):
        for address in getattr(metadata, name):
            try:
                values.check_address(address, application_type=metadata.application_type, kind=kind)
            except values.BadValue as error:
                yield name, str(error)


def _grants(metadata: ClientMetadata) -> Faults:
    grants = metadata.grant_types
    people_sign_in = "authorization_code" in grants or "implicit" in grants
    if people_sign_in and not metadata.redirect_uris:
        yield "redirect_uris", "Say where people come back to after signing in."
    if metadata.redirect_uris and not people_sign_in:
        yield "redirect_uris", "Only a client with the grant type authorization_code or implicit has a use for these."
    if "refresh_token" in grants and "authorization_code" not in grants:
        yield "grant_types", "refresh_token needs authorization_code beside it."
    if not (grants or metadata.jwt_sso or metadata.token_api or metadata.resource_server):
        yield "grant_types", "Name at least one grant type."


def _response_types(metadata: ClientMetadata) -> Faults:
    """OpenID Connect Registration section 2: each response type goes with its grant types."""
    needed = {grant for kind in metadata.response_types for grant in grants_for(kind)}
    missing = sorted(needed - set(metadata.grant_types))
    if missing:
        yield "response_types", f"These response types go together with the grant type {missing[0]}."
    unused = sorted({"authorization_code", "implicit"} & set(metadata.grant_types) - needed)
    if unused:
        yield "response_types", f"The grant type {unused[0]} needs a response type that uses it."


def _default_resource(metadata: ClientMetadata) -> Faults:
    if metadata.default_resource is not None and metadata.default_resource not in metadata.resources:
        yield "default_resource", "Choose one of the addresses that the client may ask tokens for (resources)."


def _public_client(metadata: ClientMetadata) -> Faults:
    if not metadata.is_public:
        return
    if "client_credentials" in metadata.grant_types:
        yield "grant_types", "client_credentials needs a client that can keep a secret."
    if not metadata.require_pkce:
        yield "require_pkce", "A client without a secret always uses PKCE."
    if metadata.resource_server:
        yield "resource_server", "A resource server needs a secret to ask about tokens."


def _keys(metadata: ClientMetadata) -> Faults:
    if metadata.jwks is not None and metadata.jwks_uri is not None:
        yield "jwks", "Register the keys by value (jwks) or by address (jwks_uri), not both (RFC 7591 section 2)."
    if metadata.has_keys:
        return
    method = metadata.token_endpoint_auth_method
    wanting = {
        "token_endpoint_auth_method": method in _WITH_KEYS,
        "require_signed_request_object": metadata.require_signed_request_object,
        "id_token_encrypted_response_alg": metadata.id_token_encrypted_response_alg is not None,
        "userinfo_encrypted_response_alg": metadata.userinfo_encrypted_response_alg is not None,
    }
    for name, is_wanting in wanting.items():
        if is_wanting:
            yield name, "This needs the client's public keys: register jwks or jwks_uri."


def _encryption(metadata: ClientMetadata) -> Faults:
    for kind in ("id_token", "userinfo"):
        alg, enc = (getattr(metadata, f"{kind}_encrypted_response_{part}") for part in ("alg", "enc"))
        if enc is not None and alg is None:
            yield f"{kind}_encrypted_response_enc", f"Name {kind}_encrypted_response_alg beside it."


def _authentication(metadata: ClientMetadata) -> Faults:
    method, alg = metadata.token_endpoint_auth_method, metadata.token_endpoint_auth_signing_alg or ""
    if (method == "private_key_jwt" and alg.startswith("HS")) or (
        method == "client_secret_jwt" and alg and not alg.startswith("HS")
    ):
        yield "token_endpoint_auth_signing_alg", f"{alg} does not go with {method}."
    named = [name for name in _CERTIFICATE_NAMES if getattr(metadata, name) is not None]
    if method == "tls_client_auth" and len(named) != 1:
        yield "token_endpoint_auth_method", f"Name the certificate by exactly one of {', '.join(_CERTIFICATE_NAMES)}."
    if method != "tls_client_auth":
        for name in named:
            yield name, "This goes with token_endpoint_auth_method=tls_client_auth."


def _shared_secret(metadata: ClientMetadata) -> Faults:
    """OpenID Connect Core section 10.1: what is signed with a secret takes one."""
    for name, alg in metadata.signed_with_secret.items():
        if not metadata.needs_secret:
            yield name, f"{alg} is signed with a client secret, and this client has none."
        elif metadata.security_profile == "fapi":
            yield name, f"The fapi profile does not allow {alg}."


def _pairwise(metadata: ClientMetadata) -> Faults:
    hosts = {urlsplit(uri).hostname for uri in metadata.redirect_uris}
    if metadata.subject_type == "pairwise" and metadata.sector_identifier_uri is None and len(hosts) > 1:
        yield "sector_identifier_uri", "With redirect URIs on several hosts, say which sector they belong to."


def _claim_mapping(metadata: ClientMetadata) -> Faults:
    if metadata.claim_mapping.as_json() and not metadata.signs_people_in:
        yield "claim_mapping", "Nobody signs in to this app, so there is nobody to tell it of."


def _sign_out(metadata: ClientMetadata) -> Faults:
    """OpenID Connect Front-Channel Logout section 2: the address is on the origin of a redirect URI."""
    address = metadata.frontchannel_logout_uri
    if address is not None and origin_of(address) not in {origin_of(uri) for uri in metadata.redirect_uris}:
        yield "frontchannel_logout_uri", "Its scheme, host and port must be those of a redirect URI."


def _token_api(metadata: ClientMetadata) -> Faults:
    """Passwords are typed into the app itself, so it is one of the house, and nobody can steal a secret from it."""
    if metadata.token_api is None:
        return
    if not metadata.is_public:
        yield "token_api", "Only an app without a client secret can use this: token_endpoint_auth_method=none."
    elif not metadata.skip_consent:
        yield "token_api", "Only an app of your own can use this: one that asks people for no consent (skip_consent)."
    elif metadata.subject_type != "public":
        yield "token_api", "The API behind it knows people by one identifier: subject_type=public."
    elif metadata.security_profile == "fapi":
        yield "token_api", "The fapi profile does not allow apps to ask for passwords."


def grants_for(response_type: str) -> frozenset[str]:
    """Return the grant types that a response type uses (OpenID Connect Registration section 2)."""
    words = set(response_type.split())
    return frozenset(
        (["authorization_code"] if "code" in words else []) + (["implicit"] if words & {"id_token", "token"} else [])
    )


_RULES: Final = (
    _addresses,
    _grants,
    _response_types,
    _default_resource,
    _public_client,
    _keys,
    _encryption,
    _authentication,
    _shared_secret,
    _pairwise,
    _claim_mapping,
    _sign_out,
    _token_api,
)
