"""What an app may say of itself when it registers itself, and what it is answered (RFC 7591, RFC 7592).

What gives a client more than any other has, or less to prove, is not among the names that are read (R05): an
administrator grants that, and it stays when the client changes its own part later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from idp import clock
from idp.clients import unsupported
from idp.clients.metadata import ClientMetadata, validate
from idp.clients.rules import grants_for
from idp.errors import FieldErrors
from idp.protocol import scopes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from idp.clients.registrations import Origin
    from idp.clients.store import Client

SELF_SERVICE: Final = frozenset(
    {
        *("client_name", "redirect_uris", "post_logout_redirect_uris", "application_type"),
        *("grant_types", "response_types", "scope"),
        *("token_endpoint_auth_method", "token_endpoint_auth_signing_alg"),
        *("tls_client_auth_subject_dn", "tls_client_auth_san_dns", "tls_client_auth_san_uri"),
        *("tls_client_auth_san_ip", "tls_client_auth_san_email"),
        *("jwks", "jwks_uri", "client_uri", "logo_uri", "policy_uri", "tos_uri", "initiate_login_uri", "contacts"),
        *("software_id", "software_version", "subject_type", "sector_identifier_uri"),
        *("default_max_age", "default_acr_values", "require_auth_time"),
        *("request_uris", "request_object_signing_alg", "require_signed_request_object"),
        *("authorization_signed_response_alg", "id_token_signed_response_alg", "userinfo_signed_response_alg"),
        *("id_token_encrypted_response_alg", "id_token_encrypted_response_enc"),
        *("userinfo_encrypted_response_alg", "userinfo_encrypted_response_enc"),
        *("backchannel_logout_uri", "backchannel_logout_session_required"),
        *("frontchannel_logout_uri", "frontchannel_logout_session_required"),
    }
)
# Unknown names are passed over (RFC 7591 section 2), but an app that counts on one of these would be less safe than it
# believes.
_NEVER_PASSED_OVER: Final = (
    "dpop_bound_access_tokens",
    "tls_client_certificate_bound_access_tokens",
    "require_pushed_authorization_requests",
)
_FOR_PEOPLE: Final = frozenset({"authorization_code", "implicit"})
_USUAL_SCOPE: Final = ("openid", "profile", "email", "address", "phone")
_PATH: Final = "/oauth/register"


def read(document: Mapping[str, Any], *, trusted: bool, before: ClientMetadata | None = None) -> ClientMetadata:
    """Return the metadata that *document* asks for, complete with defaults.

    *trusted* are those whom an administrator gave a token; others cannot get tokens for themselves. What an
    administrator set in *before* stays.

    Raises:
        FieldErrors: with one sentence for each name that cannot be registered.

    """
    given = {name: value for name, value in document.items() if name in SELF_SERVICE and value is not None}
    faults = {
        name: sentence
        for name in _NEVER_PASSED_OVER
        if unsupported.is_known(name) and (sentence := unsupported.refusal(name, document.get(name)))
    }
    _drop_what_does_not_matter(given)
    if not trusted and "client_credentials" in _words(given.get("grant_types")):
        faults["grant_types"] = "client_credentials is not open to apps that register without an initial access token."
    _settle_scope(given, before, faults)
    try:
        metadata = validate(given | _set_by_administrators(given, before))
    except FieldErrors as error:
        raise FieldErrors({**error.fields, **faults}) from None
    if faults:
        raise FieldErrors(faults)
    return metadata


def answer(client: Client, origin: Origin | None, token: str, *, issuer: str, secret: str | None) -> dict[str, Any]:
    """Return what a client is told of itself (RFC 7591 section 3.2.1, RFC 7592 section 3); *secret* where it is new."""
    metadata = {name: value for name, value in client.metadata.as_json().items() if name in SELF_SERVICE}
    # The default is named where none was chosen; basic and post both work then.
    metadata.setdefault("token_endpoint_auth_method", "client_secret_basic")
    found = {
        "client_id": client.client_id,
        "client_id_issued_at": clock.epoch_seconds(client.created_at),
        "registration_client_uri": f"{issuer}{_PATH}/{client.client_id}",
        "registration_access_token": token,
        **metadata,
    }
    if secret is not None:
        found |= {"client_secret": secret, "client_secret_expires_at": 0}
    if origin is not None and origin.software_statement is not None:
        found["software_statement"] = origin.software_statement
    return found


def _drop_what_does_not_matter(given: dict[str, Any]) -> None:
    """Leave out what belongs to a choice that was not made; libraries send it all the same."""
    method = given.get("token_endpoint_auth_method")
    if method not in {"client_secret_jwt", "private_key_jwt"}:
        given.pop("token_endpoint_auth_signing_alg", None)
    if method != "tls_client_auth":
        for name in [name for name in given if name.startswith("tls_client_auth_")]:
            del given[name]
    kinds, grants = given.get("response_types"), given.get("grant_types")
    used = {grant for kind in _words(kinds) if isinstance(kind, str) for grant in grants_for(kind)}
    if isinstance(grants, list) and not used.isdisjoint(_words(grants)):
        given["grant_types"] = [grant for grant in grants if not (grant in _FOR_PEOPLE and grant not in used)]
    grants = given.get("grant_types")
    if isinstance(grants, list) and "authorization_code" not in grants:
        given["grant_types"] = [grant for grant in grants if grant != "refresh_token"]


def _settle_scope(given: dict[str, Any], before: ClientMetadata | None, faults: dict[str, str]) -> None:
    """Narrow the scope to what every app may ask people for; which that is, the answer says (RFC 7591 section 2)."""
    grants = _words(given.get("grant_types", ["authorization_code"]))
    asked = given.get("scope")
    if isinstance(asked, str) and asked.strip():
        allowed = {*scopes.KNOWN_NAMES, *(before.scopes if before else ())}
        kept = [name for name in asked.split() if name in allowed]
        if not kept:
            faults["scope"] = f"None of these is open to apps. Choose among {', '.join(scopes.KNOWN_NAMES)}."
        given["scope"] = " ".join(kept)
    elif asked is None or isinstance(asked, str):
        usual = _USUAL_SCOPE if _FOR_PEOPLE & set(grants) else ()
        offline = (scopes.OFFLINE_ACCESS,) if "refresh_token" in grants else ()
        given["scope"] = " ".join((*usual, *offline))


def _set_by_administrators(given: Mapping[str, Any], before: ClientMetadata | None) -> dict[str, Any]:
    if before is None:
        set_here: dict[str, Any] = {"id_token_profile_claims": False, "require_pkce": False}
    else:
        set_here = {name: value for name, value in before.as_json().items() if name not in SELF_SERVICE}
    if given.get("token_endpoint_auth_method") == "none":
        set_here["require_pkce"] = True
    return set_here


def _words(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
