"""What was found about the signature of a token, and how to say it. Whoever holds the keys finds it; this is words."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from idp.protocol import time_words
from idp.protocol.jwt_parts import visible


class Outcome(StrEnum):
    """What came of checking a signature."""

    GOOD = "good"
    WRONG = "wrong"
    # The header names no key, and the signature is by none of ours.
    NO_KID = "no_kid"
    UNKNOWN_KID = "unknown_kid"
    # The header names a key of ours and another algorithm than that key has.
    OTHER_ALG = "other_alg"
    UNSIGNED = "unsigned"
    # HMAC: whoever checks it has to know the secret.
    NEEDS_SECRET = "needs_secret"
    UNKNOWN_ALG = "unknown_alg"
    # The header or the parts cannot be read.
    UNREADABLE = "unreadable"


class Trace(StrEnum):
    """What is certain about a signature that does not hold."""

    # It holds over the header that this server would have written.
    HEADER_ALTERED = "header_altered"
    # It holds over the same claims, written as this server writes them.
    PAYLOAD_REWRITTEN = "payload_rewritten"
    # It was made with the key, for other content: told by opening it (RSA, RFC 8017 section 8.2.2).
    CONTENT_ALTERED = "content_altered"
    # Opened with the key it holds no digest at all: it was altered itself, or made with another key.
    SIGNATURE_ALTERED = "signature_altered"
    # It holds under another key of ours than the header names.
    OTHER_KEY = "other_key"
    OTHER_LENGTH = "other_length"
    # An ECDSA signature in the form that other protocols use; converted, it holds.
    DER = "der"
    # An HMAC under a public key of ours, as if that were a secret.
    PUBLIC_KEY_AS_SECRET = "public_key_as_secret"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """One signing key as it stands: `state` is next, active, retiring, retired or revoked, and so since `since`."""

    kid: str
    name: str
    alg: str
    state: str
    since: datetime


@dataclass(frozen=True, slots=True)
class SignatureFacts:
    """What was found; `key` is the one named by the header or, for `Trace.OTHER_KEY` and no kid, the one that fits.

    `length` and `expected_length` are in bytes. `not_before` (seconds since 1970): the installation refuses whatever
    was issued earlier, since a leaked key was replaced then. `client_id` names the app whose secret was tried.
    `is_revoked`: an access token that was revoked, `None` where that was not looked up.
    """

    outcome: Outcome
    key: KeyFacts | None = None
    trace: Trace = Trace.NOTHING
    length: int = 0
    expected_length: int = 0
    not_before: int = 0
    client_id: str = ""
    is_revoked: bool | None = None
    # What the header says, for the words below.
    alg: str = ""
    kid: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """A finding in words; `result` is ok, info, warn or bad."""

    result: str
    title: str
    text: str


_STATES: Final = MappingProxyType(
    {
        "next": "It is published and follows the key that signs; it has hardly begun to.",
        "active": "It is the key that signs now.",
        "retiring": "It signs no more and is still in the key set, so that older tokens stay good.",
    }
)
# Of what a token says, at most.
_SHOWN = 150
_LENGTHS: Final = MappingProxyType({"ES256": 64, "ES384": 96, "ES512": 132, "EdDSA": 64, "Ed25519": 64, "HS256": 32})


def length_of(alg: str) -> int:
    """Return how many bytes a signature of *alg* has, 0 where that depends on the key."""
    return _LENGTHS.get(alg, 0)


def said(facts: SignatureFacts, now: int) -> Said:
    """Return what *facts* mean at *now* (seconds since 1970)."""
    if facts.outcome is Outcome.GOOD:
        return _good(facts, now)
    if facts.outcome is Outcome.WRONG:
        return _wrong(facts)
    return _unchecked(facts)


def _good(facts: SignatureFacts, now: int) -> Said:
    key = facts.key
    if key is None:
        words = f"It fits the secret that {facts.client_id} shares with this server, so one of the two made it."
        return Said("ok", "The signature is good", words)
    by = f"{key.name} ({key.alg})"
    if key.state in _STATES:
        return Said("ok", f"Signed here, by {by}", _STATES[key.state])
    since = int(key.since.timestamp())
    when = f"{time_words.relative(since, now)}, on {time_words.absolute(since)}"
    if key.state == "revoked":
        words = (
            f"The signature is by {by}, which was revoked {when}. It proves nothing any more: somebody else may have "
            "had the key."
        )
        return Said("bad", "The key was revoked", words)
    words = (
        f"The signature is by {by}, which left the key set {when}. Apps cannot check it, and nothing accepts it but "
        "sign-out, as id_token_hint. Sign in again for a token by the key that signs now."
    )
    return Said("bad", f"The key was retired {time_words.relative(since, now)}", words)


def _wrong(facts: SignatureFacts) -> Said:
    title, words = _TRACES[facts.trace]
    key = facts.key
    by, alg = (f"{key.name} ({key.alg})" if key else "the secret of the app"), visible(facts.alg[:_SHOWN])
    text = words.format(key=by, length=facts.length, expected=facts.expected_length, alg=alg)
    if facts.trace is Trace.NOTHING and facts.client_id:
        text = f"It does not fit the secret that {facts.client_id} shares with this server."
    return Said("bad", title, text)


_TRACES: Final = MappingProxyType(
    {
        Trace.HEADER_ALTERED: (
            "The header was altered",
            "Payload and signature belong together: with the header that {key} was used with, the signature holds.",
        ),
        Trace.PAYLOAD_REWRITTEN: (
            "The payload was written anew",
            "The claims are what {key} signed, but their JSON was spelled anew since. Pass tokens on as they came.",
        ),
        Trace.CONTENT_ALTERED: (
            "The content was altered",
            (
                "{key} made this signature, but not over this content, and no header of this server makes it fit: the "
                "payload was altered, or the signature was taken from another token."
            ),
        ),
        Trace.SIGNATURE_ALTERED: (
            "The signature was altered",
            (
                "Opened with {key}, it holds nothing that the key could have made: characters of it were changed, or "
                "another key made it. Nothing can be told of the header and the payload."
            ),
        ),
        Trace.OTHER_KEY: (
            "The header names another key",
            "The signature is by {key}. A verifier takes the key that the header names, and refuses.",
        ),
        Trace.OTHER_LENGTH: (
            "The signature has the wrong length",
            "It has {length} bytes, and one of {alg} has {expected}: it was cut off or belongs to another algorithm.",
        ),
        Trace.DER: (
            "The signature is written in another form",
            "{key} made it, but it is DER-encoded. A JWT has the two numbers side by side (RFC 7518 section 3.4).",
        ),
        Trace.PUBLIC_KEY_AS_SECRET: (
            "It is a forgery",
            (
                "It was made with HMAC, and with the public key {key}, which everybody has, as the secret. It is an "
                "attack on verifiers that let the token choose the algorithm."
            ),
        ),
        Trace.NOTHING: (
            "The signature is wrong",
            (
                "It is not by {key}. The header, the payload or the signature was altered, or another key made it; "
                "which of them cannot be told with {alg}."
            ),
        ),
    }
)


def _unchecked(facts: SignatureFacts) -> Said:
    result, title, words = _OUTCOMES[facts.outcome]
    key = facts.key
    name, known = (key.name, key.alg) if key else ("", "")
    text = words.format(alg=visible(facts.alg[:_SHOWN]), kid=visible(facts.kid[:_SHOWN]), name=name, known=known)
    return Said(result, title, text)


_OUTCOMES: Final = MappingProxyType(
    {
        Outcome.NO_KID: (
            "bad",
            "No key is named",
            "The header has no kid, and every token of this server names its key.",
        ),
        Outcome.UNKNOWN_KID: (
            "bad",
            "The key is not one of this server",
            (
                "The kid {kid} never was a key here. The token comes from another server or installation (a test "
                "system, or this one before its database was made anew), or it is forged."
            ),
        ),
        Outcome.OTHER_ALG: (
            "bad",
            "The algorithm does not fit the key",
            "The header says {alg}, and its key {name} is for {known} alone: it was altered, or the token is forged.",
        ),
        Outcome.UNSIGNED: (
            "bad",
            "It is not signed",
            "The header says that there is no signature, so anybody can have written it. It is never accepted.",
        ),
        Outcome.NEEDS_SECRET: (
            "warn",
            "A shared secret is needed to check it",
            (
                "{alg} is made and checked with one secret, which the app and the issuer share. Where the app takes "
                "the JWT redirect of this server with HS256, an administrator can have it checked here."
            ),
        ),
        Outcome.UNKNOWN_ALG: (
            "bad",
            "The algorithm is not known here",
            "{alg} is not an algorithm that tokens are signed with here.",
        ),
        Outcome.UNREADABLE: (
            "bad",
            "The signature cannot be checked",
            "It takes a header, a payload and a signature that can be read.",
        ),
    }
)
