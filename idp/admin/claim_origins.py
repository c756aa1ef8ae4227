"""Where each value of a token comes from, in a sentence for whoever administers its client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from idp.protocol import claims
from idp.tokens.previews import ACCESS_TOKEN, ID_TOKEN, REDIRECT_JWT, USERINFO

if TYPE_CHECKING:
    from collections.abc import Collection

    from idp.clients.metadata import ClientMetadata
    from idp.tokens.previews import Preview

TITLES: Final = {
    ID_TOKEN: "ID token",
    USERINFO: "UserInfo answer",
    ACCESS_TOKEN: "Access token",
    REDIRECT_JWT: "JWT redirect",
}
NOTES: Final = {
    ID_TOKEN: "A real one also has at_hash, and the nonce that the app sent.",
    REDIRECT_JWT: "A real one also has the nonce that the app sent.",
}
_PROTOCOL: Final = {
    "iss": "The address of this server.",
    "exp": "When it expires.",
    "iat": "When it is made.",
    "auth_time": "When they last signed in; here as if it were just now.",
    "acr": "How sure the sign-in was; 1 is a password.",
    "amr": "How they signed in; pwd is a password.",
    "sid": "Their browser session, as this app alone knows it; here it is made up.",
    "jti": "A name of its own for each token; here it is made up.",
    "client_id": "This app.",
    "scope": "What was granted.",
    "external_id": "Who they are, for good: the same for every app.",
    "username": "The username of the account (scope profile).",
    "avatar_url": "Their profile, which they can change themselves (scope profile).",
    "require_activation": "Whether the forum has them prove the address, since it was not verified here.",
    "nonce": "What the forum asked with; here there is none.",
}
_ACCOUNT: Final = {
    "preferred_username": "The username of the account",
    "email": "The email address of the account",
    "email_verified": "What the account says of the email address",
    "updated_at": "When the account last changed",
    "groups": "The groups they are in",
    "phone_number_verified": "What an administrator says of the phone number",
}
_PROFILE: Final = "Their profile, which they can change themselves"


@dataclass(frozen=True, slots=True)
class Origin:
    """One claim of a preview, or one that is missing from it, and where it comes from or why it is missing."""

    name: str
    sentence: str
    is_missing: bool = False


def origins(preview: Preview, metadata: ClientMetadata, scopes: Collection[str]) -> list[Origin]:
    """Return a line for each claim of *preview*, and for each mapped one that *scopes* or the person do not give."""
    pairs = _pairs(preview.place, metadata)
    found = [Origin(name, _sentence(name, preview.place, pairs, metadata)) for name in preview.claims]
    return found + [
        Origin(name, _why_missing(source, scopes), is_missing=True)
        for name, source in pairs.items()
        if name not in preview.claims
    ]


def _pairs(place: str, metadata: ClientMetadata) -> dict[str, str]:
    if place == REDIRECT_JWT:
        return dict(metadata.jwt_sso.claims) if metadata.jwt_sso is not None else {}
    return dict(getattr(metadata.claim_mapping, place))


def _sentence(name: str, place: str, pairs: dict[str, str], metadata: ClientMetadata) -> str:
    if name in pairs:
        return f"Mapped from {pairs[name]}. {_of(pairs[name], place, metadata)}"
    return _of(name, place, metadata)


def _of(name: str, place: str, metadata: ClientMetadata) -> str:
    if name == "sub":
        is_own = metadata.subject_type == "pairwise" and place != REDIRECT_JWT
        told = "another one for each sector (pairwise)" if is_own else "the same for every app"
        return f"Who they are, for good: {told}."
    if name == "aud":
        return "Whom it is for: the API, or else this server." if place == ACCESS_TOKEN else "Whom it is for: this app."
    if name in claims.SCOPE_OF:
        return f"{_ACCOUNT.get(name, _PROFILE)} (scope {claims.SCOPE_OF[name]})."
    return _PROTOCOL[name]


def _why_missing(source: str, scopes: Collection[str]) -> str:
    scope = claims.SCOPE_OF.get(source)
    if scope is not None and scope not in scopes:
        return f"Left out: {source} needs the scope {scope}."
    return f"Left out: the person has no {source}."
