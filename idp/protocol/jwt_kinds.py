"""What a JWT is: told by its typ where that says it, else by the claims that only one kind has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from idp.protocol import logout_token

_LONGEST_REDIRECT = 120


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of token: what it is called, what it is for, and the claims that it must and must not have.

    `is_made_here`: this server issues it; others are signed by an app with a key of its own.
    """

    code: str
    name: str
    text: str
    required: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    is_made_here: bool = True

    @property
    def article(self) -> str:
        """`a` or `an`."""
        return "an" if self.name[0] in "aeiouAEIO" else "a"


ID_TOKEN = Kind(
    "id_token",
    "ID token",
    "It tells an app who signed in (OpenID Connect Core section 2). It is for the app alone: an API refuses it.",
    ("iss", "sub", "aud", "exp", "iat"),
)
ACCESS_TOKEN = Kind(
    "access_token",
    "access token",
    "It opens an API to an app (RFC 9068). It is for the API named in aud; the app itself need not read it.",
    ("iss", "exp", "aud", "sub", "client_id", "iat", "jti"),
)
LOGOUT_TOKEN = Kind(
    "logout_token",
    "logout token",
    "The server sends it to an app to say that somebody signed out (OpenID Connect Back-Channel Logout).",
    ("iss", "aud", "iat", "exp", "jti", "events"),
    # With a nonce it could be taken for an ID token.
    ("nonce",),
)
REDIRECT_JWT = Kind(
    "redirect_jwt",
    "JWT of the JWT redirect",
    "The browser hands it to an app, once and within two minutes, to say who signed in.",
    ("iss", "sub", "aud", "exp", "iat", "jti"),
)
USERINFO = Kind(
    "userinfo",
    "signed UserInfo answer",
    "It holds what the UserInfo endpoint tells of a person (OpenID Connect Core section 5.3.2).",
    ("iss", "sub", "aud"),
)
AUTHORIZATION_RESPONSE = Kind(
    "authorization_response",
    "signed authorization response",
    "The answer of the authorization endpoint, as one JWT (JARM).",
    ("iss", "aud", "exp"),
)
INTROSPECTION = Kind(
    "introspection",
    "signed introspection answer",
    "It says what a token is worth (RFC 9701).",
    ("iss", "aud", "iat", "token_introspection"),
)
CLIENT_ASSERTION = Kind(
    "client_assertion",
    "client assertion",
    "An app proves with it, once, who it is (RFC 7523 section 3). The app signs it, with a key or secret of its own.",
    ("iss", "sub", "aud", "exp", "jti"),
    is_made_here=False,
)
REQUEST_OBJECT = Kind(
    "request_object",
    "request object",
    "An app sends its authorization request as one JWT (RFC 9101). The app signs it, with a key of its own.",
    ("client_id",),
    is_made_here=False,
)
DPOP_PROOF = Kind(
    "dpop_proof",
    "DPoP proof",
    "It proves, for one HTTP request, that the sender holds a key (RFC 9449). It is signed with the key in its header.",
    ("jti", "htm", "htu", "iat"),
    is_made_here=False,
)
SECURITY_EVENT = Kind("security_event", "security event token", "It says that something happened (RFC 8417).", ("iss",))
STATEMENT = Kind(
    "statement",
    "signed statement",
    "An app had its own words signed for another app. The server vouches for who said it, not for what it says.",
    ("iss", "sub", "aud", "iat", "exp", "jti", "statement"),
)
SIMPLE_ACCESS = Kind(
    "simple_access",
    "access token in the form of djangorestframework-simplejwt",
    "It opens an API that uses that library.",
    ("exp", "jti"),
)
SIMPLE_REFRESH = Kind(
    "simple_refresh",
    "refresh token in the form of djangorestframework-simplejwt",
    "It is exchanged for an access token; an API refuses it.",
    ("exp", "jti"),
)
OTHER = Kind("other", "JWT", "Neither its typ nor its claims say what it is for.")
# Whatever this server may sign in future is for somebody and ends some day.
OTHER_HERE = Kind(OTHER.code, OTHER.name, OTHER.text, ("iss", "aud", "exp", "iat"))

_BY_TYP = {
    "at+jwt": ACCESS_TOKEN,
    "logout+jwt": LOGOUT_TOKEN,
    "client-authentication+jwt": CLIENT_ASSERTION,
    "oauth-authz-req+jwt": REQUEST_OBJECT,
    "dpop+jwt": DPOP_PROOF,
    "token-introspection+jwt": INTROSPECTION,
    "secevent+jwt": SECURITY_EVENT,
    "statement+jwt": STATEMENT,
}
_OF_ID_TOKENS = ("at_hash", "c_hash", "s_hash", "nonce", "auth_time", "azp", "sid", "acr", "amr")
# The JWT redirect has an auth_time and a nonce, too.
_NEVER_IN_REDIRECTS = ("at_hash", "c_hash", "s_hash", "azp", "sid", "acr", "amr", "client_id", "scope")


def typ_of(header: Mapping[str, Any]) -> str:
    """Return the typ as it is compared: in lower case, without `application/`; empty when there is none."""
    typ = header.get("typ")
    return typ.lower().removeprefix("application/") if isinstance(typ, str) else ""


def recognise(header: Mapping[str, Any], claims: Mapping[str, Any], issuer: str) -> Kind:
    """Return the kind of a token; *issuer* is this server's."""
    found = _BY_TYP.get(typ_of(header)) or _of_messages(claims)
    if found is None and "sub" in claims and claims.get("iss") == claims["sub"]:
        found = CLIENT_ASSERTION
    if found is None and claims.get("iss") == issuer and _is_redirect(claims):
        found = REDIRECT_JWT
    found = found or _of_people(claims)
    return OTHER_HERE if found is OTHER and claims.get("iss") == issuer else found


def missing(kind: Kind, claims: Mapping[str, Any]) -> list[str]:
    """Return the names of the claims that *kind* must have and *claims* lack."""
    found = [name for name in kind.required if name not in claims]
    if kind is LOGOUT_TOKEN and not claims.keys() & {"sub", "sid"}:
        found.append("sub or sid")
    return found


def _of_messages(claims: Mapping[str, Any]) -> Kind | None:
    events = claims.get("events")
    if events is not None:
        is_logout = isinstance(events, dict) and logout_token.EVENT in events
        return LOGOUT_TOKEN if is_logout else SECURITY_EVENT
    if "token_introspection" in claims:
        return INTROSPECTION
    if claims.keys() >= {"response_type", "client_id"}:
        return REQUEST_OBJECT
    if claims.keys() >= {"htm", "htu"}:
        return DPOP_PROOF
    if "sub" not in claims and "aud" in claims and claims.keys() & {"code", "error", "id_token", "access_token"}:
        return AUTHORIZATION_RESPONSE
    return None


def _is_redirect(claims: Mapping[str, Any]) -> bool:
    if "jti" not in claims or any(name in claims for name in _NEVER_IN_REDIRECTS):
        return False
    issued, expires = claims.get("iat"), claims.get("exp")
    return isinstance(issued, int) and isinstance(expires, int) and 0 < expires - issued <= _LONGEST_REDIRECT


def _of_people(claims: Mapping[str, Any]) -> Kind:
    if "token_type" in claims and "jti" in claims:
        return SIMPLE_REFRESH if claims["token_type"] == "refresh" else SIMPLE_ACCESS
    if claims.keys() & {"scope", "scp", "client_id"}:
        return ACCESS_TOKEN
    if any(name in claims for name in _OF_ID_TOKENS):
        return ID_TOKEN
    if not claims.keys() >= {"sub", "aud"} or "jti" in claims:
        return OTHER
    return ID_TOKEN if "exp" in claims else USERINFO
