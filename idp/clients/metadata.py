"""What a client registers: RFC 7591 names where there is one, ours where there is none, validated once."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, Final

from idp.clients import certificates, claim_mapping, jwt_redirect, public_keys, rules, token_api, unsupported, values
from idp.clients.claim_mapping import NO_MAPPING, ClaimMapping
from idp.clients.jwt_redirect import JwtRedirect
from idp.clients.public_keys import (
    CLIENT_SIGNING_ALGORITHMS,
    CONTENT_ENCRYPTION_ALGORITHMS,
    KEY_ENCRYPTION_ALGORITHMS,
)
from idp.clients.token_api import TokenApi
from idp.errors import FieldErrors

GRANT_TYPES = ("authorization_code", "implicit", "refresh_token", "client_credentials")
# Words in alphabetical order, as they are kept and compared.
RESPONSE_TYPES = ("code", "id_token", "id_token token", "code id_token", "code token", "code id_token token")
AUTH_METHODS = (
    "client_secret_basic",
    "client_secret_post",
    "client_secret_jwt",
    "private_key_jwt",
    "tls_client_auth",
    "self_signed_tls_client_auth",
    "none",
)
_SECRET_METHODS = frozenset({None, "client_secret_basic", "client_secret_post", "client_secret_jwt"})
HMAC_ALGORITHMS = ("HS256", "HS384", "HS512")
SECURITY_PROFILES = ("openid", "fapi")
SUBJECT_TYPES = ("public", "pairwise")
# What the server signs with a key of its own, and what with the client's secret too: answers for the client alone.
SIGNING_ALGORITHMS = CLIENT_SIGNING_ALGORITHMS
ANSWER_ALGORITHMS = (*SIGNING_ALGORITHMS, *HMAC_ALGORITHMS)
DEFAULT_SCOPE = ("openid", "profile", "email")
APPLICATION_TYPES = ("web", "native")
_MOST_SECONDS = 10 * 366 * 86400
# As far as clocks may differ anywhere here.
_LONGEST_BACKDATE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientMetadata:
    """The validated metadata of a client; immutable, and complete: every default is filled in.

    ``token_endpoint_auth_method`` stays ``None`` when none was named: basic and post then both work.
    ``jwt_sso`` is set for a client of the plain JWT redirect. ``iat_backdate`` is in seconds.
    """

    client_name: str = ""
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    application_type: str = "web"
    grant_types: tuple[str, ...] = ("authorization_code",)
    response_types: tuple[str, ...] = ("code",)
    scope: str = "openid profile email"
    token_endpoint_auth_method: str | None = None
    token_endpoint_auth_signing_alg: str | None = None
    tls_client_auth_subject_dn: str | None = None
    tls_client_auth_san_dns: str | None = None
    tls_client_auth_san_uri: str | None = None
    tls_client_auth_san_ip: str | None = None
    tls_client_auth_san_email: str | None = None
    jwks: dict[str, Any] | None = None
    jwks_uri: str | None = None
    client_uri: str | None = None
    logo_uri: str | None = None
    policy_uri: str | None = None
    tos_uri: str | None = None
    initiate_login_uri: str | None = None
    contacts: tuple[str, ...] = ()
    software_id: str | None = None
    software_version: str | None = None
    subject_type: str = "public"
    sector_identifier_uri: str | None = None
    default_max_age: int | None = None
    default_acr_values: tuple[str, ...] = ()
    require_auth_time: bool = False
    iat_backdate: int = 0
    request_uris: tuple[str, ...] = ()
    request_object_signing_alg: str | None = None
    require_signed_request_object: bool = False
    authorization_signed_response_alg: str = "RS256"
    id_token_signed_response_alg: str = "RS256"
    id_token_encrypted_response_alg: str | None = None
    id_token_encrypted_response_enc: str | None = None
    userinfo_signed_response_alg: str | None = None
    userinfo_encrypted_response_alg: str | None = None
    userinfo_encrypted_response_enc: str | None = None
    backchannel_logout_uri: str | None = None
    backchannel_logout_session_required: bool = False
    frontchannel_logout_uri: str | None = None
    frontchannel_logout_session_required: bool = False
    access_token_signed_response_alg: str | None = None
    security_profile: str = "openid"
    skip_consent: bool = False
    require_pkce: bool = True
    # People come with two factors or not at all.
    require_second_factor: bool = False
    resources: tuple[str, ...] = ()
    default_resource: str | None = None
    resource_server: bool = False
    id_token_profile_claims: bool = True
    claim_mapping: ClaimMapping = NO_MAPPING
    jwt_sso: JwtRedirect | None = None
    token_api: TokenApi | None = None

    @property
    def signs_people_in(self) -> bool:
        """Tell whether people come to the authorization endpoint for it."""
        return "authorization_code" in self.grant_types or "implicit" in self.grant_types

    @property
    def serves_people(self) -> bool:
        """Tell whether people sign in to it, in whichever way."""
        return self.signs_people_in or self.jwt_sso is not None or self.token_api is not None

    @property
    def backdate(self) -> timedelta:
        """How far back ``iat`` lies in what the client reads itself."""
        return timedelta(seconds=self.iat_backdate)

    @property
    def is_public(self) -> bool:
        """Tell whether the client cannot keep a secret (RFC 6749 section 2.1)."""
        return self.token_endpoint_auth_method == "none"

    @property
    def needs_secret(self) -> bool:
        """Tell whether the client authenticates with a secret anywhere."""
        has_reason = bool(self.grant_types) or self.resource_server
        return has_reason and self.token_endpoint_auth_method in _SECRET_METHODS

    @property
    def signs_with_secret(self) -> bool:
        """Tell whether the server must be able to read the client's secret: one of the two signs with it."""
        return self.token_endpoint_auth_method == "client_secret_jwt" or bool(self.signed_with_secret)

    @property
    def signed_with_secret(self) -> dict[str, str]:
        """What the server signs with the client's secret: the name of each such field, and its algorithm."""
        fields_of_answers = (
            "id_token_signed_response_alg",
            "userinfo_signed_response_alg",
            "authorization_signed_response_alg",
        )
        return {name: getattr(self, name) for name in fields_of_answers if getattr(self, name) in HMAC_ALGORITHMS}

    @property
    def least_secret_bytes(self) -> int:
        """How long the secret is at least, for what is signed with it (RFC 7518 section 3.2); 0 when nothing is."""
        named = [*self.signed_with_secret.values(), self.token_endpoint_auth_signing_alg or ""]
        return max(int(alg.removeprefix("HS")) // 8 if alg in HMAC_ALGORITHMS else 0 for alg in named)

    @property
    def has_keys(self) -> bool:
        """Tell whether the client has registered public keys, by value or by address."""
        return self.jwks is not None or self.jwks_uri is not None

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that the client may ask for, in order."""
        return tuple(self.scope.split())

    @property
    def signing_algorithms(self) -> frozenset[str]:
        """Every algorithm for which the server needs a signing key of its own to serve this client."""
        named = {
            self.id_token_signed_response_alg,
            self.access_token_signed_response_alg,
            self.userinfo_signed_response_alg,
            self.authorization_signed_response_alg,
        }
        if self.jwt_sso is not None and not self.jwt_sso.is_symmetric:
            named.add(self.jwt_sso.alg)
        return frozenset(alg for alg in named if alg) - set(HMAC_ALGORITHMS)

    def as_json(self) -> dict[str, Any]:
        """Return the metadata as plain JSON values, without what is not set."""
        shown: dict[str, Any] = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, tuple):
                shown[one.name] = list(value)
            elif isinstance(value, JwtRedirect | TokenApi):
                shown[one.name] = value.as_json()
            elif isinstance(value, ClaimMapping):
                shown |= {one.name: value.as_json()} if value != NO_MAPPING else {}
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
    if "claim_mapping" in kept:
        kept["claim_mapping"] = claim_mapping.from_stored(kept["claim_mapping"])
    if "token_api" in kept:
        kept["token_api"] = token_api.from_stored(kept["token_api"])
    return ClientMetadata(**kept)


def validate(given: Mapping[str, object]) -> ClientMetadata:
    """Return *given* (RFC 7591 names and ours) as metadata with every default filled in.

    Raises:
        FieldErrors: naming each field that cannot be registered, and why; nested fields as ``jwt_sso.alg``.

    """
    read, faults = _read_each(given)
    metadata = ClientMetadata(**_with_defaults(read))
    for name, sentence in rules.faults_of(metadata).items():
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
    is_oidc = bool(read.get("redirect_uris")) or not {"jwt_sso", "token_api"} & read.keys()
    may_refresh = "offline_access" in str(read.get("scope", "")).split()
    wanted = read.get("response_types") or (("code",) if is_oidc else ())
    usual = sorted({grant for kind in wanted for grant in rules.grants_for(kind)})
    usual += ["refresh_token"] if "authorization_code" in usual and may_refresh else []
    grants: tuple[str, ...] = filled.setdefault("grant_types", tuple(usual))
    filled.setdefault("response_types", _usual_response_types(grants))
    if "scope" not in filled:
        people_sign_in = {"authorization_code", "implicit"} & set(grants)
        scope = " ".join(DEFAULT_SCOPE) if people_sign_in or "jwt_sso" in read else ""
        filled["scope"] = f"{scope} offline_access" if scope and "refresh_token" in grants else scope
    return filled


def _usual_response_types(grants: tuple[str, ...]) -> tuple[str, ...]:
    code = ("code",) if "authorization_code" in grants else ()
    return (*code, "id_token") if "implicit" in grants else code


def _response_type(value: object) -> str:
    """Read a response type, its words in any order (OAuth 2.0 Multiple Response Types section 4)."""
    words = " ".join(sorted(value.split())) if isinstance(value, str) else value
    return values.one_of(*RESPONSE_TYPES)(words)


_READERS: Final[dict[str, Callable[[object], object]]] = {
    "client_name": values.text(200),
    "redirect_uris": values.several(values.address),
    "post_logout_redirect_uris": values.several(values.address),
    "application_type": values.one_of(*APPLICATION_TYPES),
    "grant_types": values.several(values.one_of(*GRANT_TYPES)),
    "response_types": values.several(_response_type),
    "scope": values.scope,
    "token_endpoint_auth_method": values.one_of(*AUTH_METHODS),
    "token_endpoint_auth_signing_alg": values.one_of(*CLIENT_SIGNING_ALGORITHMS, *HMAC_ALGORITHMS),
    "tls_client_auth_subject_dn": certificates.subject_dn,
    "tls_client_auth_san_dns": values.text(253),
    "tls_client_auth_san_uri": values.text(2000),
    "tls_client_auth_san_ip": values.text(45),
    "tls_client_auth_san_email": values.text(320),
    "jwks": public_keys.read,
    "jwks_uri": values.receiving_address,
    "client_uri": values.page_address,
    "logo_uri": values.page_address,
    "policy_uri": values.page_address,
    "tos_uri": values.page_address,
    "initiate_login_uri": values.receiving_address,
    "contacts": values.several(values.text(320)),
    "software_id": values.text(200),
    "software_version": values.text(200),
    "subject_type": values.one_of(*SUBJECT_TYPES),
    "sector_identifier_uri": values.receiving_address,
    "default_max_age": values.whole_number(_MOST_SECONDS),
    "default_acr_values": values.several(values.text(200)),
    "require_auth_time": values.flag,
    "iat_backdate": values.whole_number(_LONGEST_BACKDATE),
    "request_uris": values.several(values.request_address),
    "request_object_signing_alg": values.one_of(*CLIENT_SIGNING_ALGORITHMS),
    "require_signed_request_object": values.flag,
    "authorization_signed_response_alg": values.one_of(*ANSWER_ALGORITHMS),
    "id_token_encrypted_response_alg": values.one_of(*KEY_ENCRYPTION_ALGORITHMS),
    "id_token_encrypted_response_enc": values.one_of(*CONTENT_ENCRYPTION_ALGORITHMS),
    "userinfo_signed_response_alg": values.one_of(*ANSWER_ALGORITHMS),
    "userinfo_encrypted_response_alg": values.one_of(*KEY_ENCRYPTION_ALGORITHMS),
    "userinfo_encrypted_response_enc": values.one_of(*CONTENT_ENCRYPTION_ALGORITHMS),
    "backchannel_logout_uri": values.receiving_address,
    "backchannel_logout_session_required": values.flag,
    "frontchannel_logout_uri": values.receiving_address,
    "frontchannel_logout_session_required": values.flag,
    "security_profile": values.one_of(*SECURITY_PROFILES),
    "id_token_signed_response_alg": values.one_of(*ANSWER_ALGORITHMS),
    "access_token_signed_response_alg": values.one_of(*SIGNING_ALGORITHMS),
    "skip_consent": values.flag,
    "require_pkce": values.flag,
    "require_second_factor": values.flag,
    "resources": values.several(values.resource),
    "default_resource": values.resource,
    "resource_server": values.flag,
    "id_token_profile_claims": values.flag,
    "claim_mapping": claim_mapping.read,
    "jwt_sso": jwt_redirect.read,
    "token_api": token_api.read,
}
