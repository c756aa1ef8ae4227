"""The folded parts of the client form: each field with its label, its hint and its control.

Names are those of RFC 7591 and its companions; a kind of client (``idp.admin.client_forms``) says which of them it has.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from idp.clients.metadata import (
    ANSWER_ALGORITHMS,
    HMAC_ALGORITHMS,
    RESPONSE_TYPES,
    SIGNING_ALGORITHMS,
)
from idp.clients.public_keys import (
    CLIENT_SIGNING_ALGORITHMS,
    CONTENT_ENCRYPTION_ALGORITHMS,
    KEY_ENCRYPTION_ALGORITHMS,
)

Choices = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Field:
    """One field: ``control`` is ``line``, ``url``, ``lines``, ``json``, ``flag``, ``select`` or ``boxes``."""

    name: str
    label: str
    hint: str = ""
    control: str = "line"
    # Value and label, for boxes also a hint.
    choices: Choices = ()


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the form that is folded up until it is needed."""

    id: str
    title: str
    lead: str
    fields: tuple[Field, ...]

    def within(self, names: frozenset[str]) -> Part:
        """Return the part with the fields among *names* alone."""
        return Part(self.id, self.title, self.lead, tuple(field for field in self.fields if field.name in names))


def without_certificates(part: Part) -> Part:
    """Return *part* as it is where no proxy hands on the certificates of clients: without the choices that need one."""
    fields = tuple(
        replace(field, choices=tuple(choice for choice in field.choices if "tls_client_auth" not in choice[0]))
        for field in part.fields
        if not field.name.startswith("tls_client_auth")
    )
    return replace(part, fields=fields)


def _algorithms(algorithms: tuple[str, ...], first: str = "") -> Choices:
    return ((("", first),) if first else ()) + tuple((alg, alg) for alg in algorithms)


AUTH_METHODS: Final[Choices] = (
    ("", "HTTP Basic or form"),
    ("client_secret_basic", "HTTP Basic alone"),
    ("client_secret_post", "Form alone"),
    ("client_secret_jwt", "A JWT signed with its secret"),
    ("private_key_jwt", "A JWT signed with its private key"),
    ("tls_client_auth", "A client certificate of a known authority"),
    ("self_signed_tls_client_auth", "A client certificate of its own making"),
)
_RESPONSE_TYPE_HINTS: Final = {
    "code": "The usual one: everything but a code stays out of the browser.",
    "id_token": "Implicit: the ID token comes through the browser, and nothing else does.",
    "id_token token": "Implicit, with an access token in the address as well; for old apps alone.",
    "code id_token": "Hybrid: an ID token at once, everything else for the code.",
    "code token": "Hybrid, with an access token in the address.",
    "code id_token token": "Hybrid, with everything in the address.",
}

PARTS: Final = (
    Part(
        "token-api",
        "Token API",
        "For an app of your own that asks for passwords itself, as apps of djangorestframework-simplejwt do. One app "
        "alone can have it; it asks for no consent.",
        (
            Field("token_api", "Sign people in by the token API", "The app posts name and password itself.", "flag"),
            Field(
                "token_api.origins",
                "Origins of its pages",
                "Scheme, host and port of each site whose pages may call it, one a line. Mobile apps need none.",
                "lines",
            ),
            Field(
                "token_api.rotate",
                "Rotate refresh tokens",
                "Every refresh hands out the next one. Switch off only for an app that goes on with the first.",
                "flag",
            ),
            Field(
                "token_api.refresh_cookie",
                "Keep refresh tokens in a cookie",
                "Its pages never see them, so that no script can take one away. They must be on the same site as this "
                "server, such as app.example.com beside login.example.com.",
                "flag",
            ),
        ),
    ),
    Part(
        "links",
        "Links and contacts",
        "",
        (
            Field("client_uri", "Home page", "Where the tile in people’s list of apps leads.", "url"),
            Field(
                "initiate_login_uri",
                "Sign-in start",
                "An address of the app that begins a sign-in; the tile uses it first.",
                "url",
            ),
            Field(
                "logo_uri", "Logo", "A PNG, JPEG or WebP picture. It is fetched once, and shown from this site.", "url"
            ),
            Field("policy_uri", "Privacy policy", "", "url"),
            Field("tos_uri", "Terms of service", "", "url"),
            Field("contacts", "Contacts", "Email addresses of whoever runs the app, one a line.", "lines"),
        ),
    ),
    Part(
        "protocol",
        "Protocol settings",
        "",
        (
            Field(
                "require_pkce",
                "Require PKCE",
                "Switch off only for an app whose library cannot send code_challenge.",
                "flag",
            ),
            Field(
                "token_endpoint_auth_method",
                "How it proves who it is",
                "Leave Basic and form both open unless a rule demands one. Private keys and certificates need the "
                "keys or names below.",
                "select",
                AUTH_METHODS,
            ),
            Field(
                "grant_types",
                "Beside signing people in",
                "",
                "boxes",
                (("client_credentials", "It also gets tokens for itself", "The grant type client_credentials."),),
            ),
            Field(
                "default_max_age",
                "Ask for the password again after",
                "Seconds since the last sign-in; empty: as long as the session lives.",
            ),
            Field(
                "iat_backdate",
                "Seconds that its tokens are dated back",
                "For an app with a slow clock, whose library refuses what seems to come from the future. At most 60.",
            ),
            Field(
                "default_acr_values",
                "Ways of signing in it asks for",
                "Values of acr, one a line, the most wanted first; used when a request names none.",
                "lines",
            ),
            Field(
                "require_auth_time",
                "The app relies on auth_time",
                "It is in every ID token in any case; this only records the need.",
                "flag",
            ),
            Field(
                "id_token_profile_claims",
                "Name and email in the ID token",
                "Many libraries read them there and never ask UserInfo.",
                "flag",
            ),
            Field(
                "security_profile",
                "Rules it keeps to",
                "FAPI 2.0 is for banks and the like: a client assertion names the issuer alone as its audience.",
                "select",
                (("openid", "OpenID Connect"), ("fapi", "FAPI 2.0")),
            ),
        ),
    ),
    Part(
        "responses",
        "Response types",
        "What the app may ask the sign-in page to answer with. When none is ticked, code is.",
        (
            Field(
                "response_types",
                "Response types",
                "",
                "boxes",
                tuple((kind, kind, _RESPONSE_TYPE_HINTS[kind]) for kind in RESPONSE_TYPES),
            ),
        ),
    ),
    Part(
        "sign-out",
        "Sign-out",
        "How the app hears that somebody has signed out. With neither address its own session goes on.",
        (
            Field(
                "backchannel_logout_uri",
                "Told from server to server at",
                "Takes a logout token by POST. It works even when the browser is closed.",
                "url",
            ),
            Field(
                "backchannel_logout_session_required",
                "That message has to name the session",
                "Every logout token here names it (sid).",
                "flag",
            ),
            Field(
                "frontchannel_logout_uri",
                "Told through the browser at",
                "Opened in a hidden frame; its scheme, host and port are those of a redirect URI.",
                "url",
            ),
            Field(
                "frontchannel_logout_session_required",
                "That address has to be given the session",
                "iss and sid are appended in any case.",
                "flag",
            ),
        ),
    ),
    Part(
        "keys",
        "Keys and signatures",
        "The app’s public keys, and what is signed with which algorithm.",
        (
            Field(
                "jwks_uri", "Address of its keys", "Where its JWK set is. Nicer than pasting: keys can change.", "url"
            ),
            Field("jwks", "Its keys", 'Or the JWK set itself, public keys alone: {"keys": [ … ]}.', "json"),
            Field(
                "token_endpoint_auth_signing_alg",
                "It signs client assertions with",
                "",
                "select",
                _algorithms((*CLIENT_SIGNING_ALGORITHMS, *HMAC_ALGORITHMS), "Whatever fits its key"),
            ),
            Field(
                "request_object_signing_alg",
                "It signs request objects with",
                "",
                "select",
                _algorithms(CLIENT_SIGNING_ALGORITHMS, "Whatever fits its key"),
            ),
            Field(
                "require_signed_request_object",
                "Only signed requests are taken",
                "A request without a request object is refused.",
                "flag",
            ),
            Field(
                "request_uris",
                "Addresses of request objects",
                "One a line, compared character by character; a #fragment says which version it is.",
                "lines",
            ),
            Field(
                "id_token_signed_response_alg",
                "ID tokens signed with",
                "RS256 works everywhere. HS256, HS384 and HS512 take the app’s secret, which changes with that.",
                "select",
                _algorithms(ANSWER_ALGORITHMS),
            ),
            Field(
                "access_token_signed_response_alg",
                "Access tokens signed with",
                "",
                "select",
                _algorithms(SIGNING_ALGORITHMS, "Chosen by audience"),
            ),
            Field(
                "userinfo_signed_response_alg",
                "UserInfo signed with",
                "",
                "select",
                _algorithms(ANSWER_ALGORITHMS, "Not signed: plain JSON"),
            ),
            Field(
                "authorization_signed_response_alg",
                "Signed authorization responses use",
                "For response modes that end in jwt.",
                "select",
                _algorithms(ANSWER_ALGORITHMS),
            ),
        ),
    ),
    Part(
        "encryption",
        "Encryption",
        "Tokens travel by https in any case. Encrypting them as well takes a public key of the app, registered above.",
        tuple(
            field
            for kind, what in (("id_token", "ID tokens"), ("userinfo", "UserInfo"))
            for field in (
                Field(
                    f"{kind}_encrypted_response_alg",
                    f"{what}: key encryption",
                    "",
                    "select",
                    _algorithms(KEY_ENCRYPTION_ALGORITHMS, "Not encrypted"),
                ),
                Field(
                    f"{kind}_encrypted_response_enc",
                    f"{what}: content encryption",
                    "",
                    "select",
                    _algorithms(CONTENT_ENCRYPTION_ALGORITHMS, "A128CBC-HS256, unless chosen"),
                ),
            )
        ),
    ),
    Part(
        "certificate",
        "Client certificate",
        "For a certificate of a known authority: exactly one name that the certificate has.",
        (
            Field("tls_client_auth_subject_dn", "Subject", "As in CN=app.example.com,O=Example,C=DE."),
            Field("tls_client_auth_san_dns", "Host name in it (SAN)"),
            Field("tls_client_auth_san_uri", "URI in it (SAN)"),
            Field("tls_client_auth_san_ip", "IP address in it (SAN)"),
            Field("tls_client_auth_san_email", "Email address in it (SAN)"),
        ),
    ),
    Part(
        "identifiers",
        "Identifiers of people",
        "Whether apps can compare notes about who somebody is.",
        (
            Field(
                "subject_type",
                "sub is",
                "",
                "select",
                (("public", "The same for every app"), ("pairwise", "Another one for each app (pairwise)")),
            ),
            Field(
                "sector_identifier_uri",
                "Apps that share identifiers",
                "The address of a JSON list of all their redirect URIs. It is fetched when you save.",
                "url",
            ),
        ),
    ),
)
BY_NAME: Final = {field.name: field for part in PARTS for field in part.fields}
