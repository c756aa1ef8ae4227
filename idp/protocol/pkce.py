"""Proof Key for Code Exchange, S256 alone (RFC 7636, RFC 9700 section 2.1.1)."""

import base64
import hashlib
import hmac
import re

from idp.diagnosis import reasons
from idp.errors import InvalidGrant, InvalidRequest

METHOD = "S256"
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a verifier (ASCII)."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def presented_challenge(verifier: str | None) -> str | None:
    """Return the challenge that a presented verifier answers, `None` where none came.

    Raises:
        InvalidGrant: when it is not 43 to 128 characters of the unreserved set (RFC 7636 section 4.1).

    """
    if verifier is None:
        return None
    if not _VERIFIER.fullmatch(verifier):
        raise InvalidGrant("code_verifier must be 43 to 128 unreserved characters.")
    return challenge_of(verifier)


def check_challenge(challenge: str | None, method: str | None, *, required: bool) -> str | None:
    """Return the challenge to store with the code, `None` where the client neither sent nor owes one.

    Raises:
        InvalidRequest: when it is missing although required, malformed, or not S256. An omitted method means plain
            (RFC 7636 section 4.3) and is refused like it.

    """
    if challenge is None:
        if method is not None:
            raise InvalidRequest("code_challenge_method was sent without code_challenge.", reason=reasons.PKCE_INVALID)
        if required:
            raise InvalidRequest("This client must send code_challenge (PKCE).", reason=reasons.PKCE_MISSING)
        return None
    if method != METHOD:
        raise InvalidRequest("code_challenge_method must be S256.", reason=reasons.PKCE_INVALID)
    if not _CHALLENGE.fullmatch(challenge):
        raise InvalidRequest("code_challenge must be 43 characters of unpadded base64url.", reason=reasons.PKCE_INVALID)
    return challenge


def verify(verifier: str | None, challenge: str | None) -> None:
    """Accept a verifier if and only if it belongs to the challenge the code was issued with.

    Raises:
        InvalidGrant: when they do not match, and when one comes without the other (RFC 9700 section 4.8.2).

    """
    if challenge is None and verifier is None:
        return
    if challenge is None:
        raise InvalidGrant("code_verifier was sent, and the authorization request had no code_challenge.")
    if verifier is None:
        raise InvalidGrant("code_verifier is missing.")
    if not _VERIFIER.fullmatch(verifier) or not hmac.compare_digest(challenge_of(verifier), challenge):
        raise InvalidGrant("code_verifier does not match the code_challenge.")
