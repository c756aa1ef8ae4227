"""The two ceremonies of Web Authentication: what a browser is asked, and the check of what it answers.

Who we are (the RP ID and the origin) follows from the issuer and from nothing that a request says.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from idp.protocol.strict_json import parse_object

if TYPE_CHECKING:
    from collections.abc import Sequence

    from idp.passkeys.models import Passkey

# EdDSA, ES256, RS256 (COSE algorithms).
_ALGORITHMS = (-8, -7, -257)
_TIMEOUT = 5 * 60 * 1000
_LONGEST_ANSWER = 32 * 1024
_LONGEST_CREDENTIAL_ID = 1364
_TRANSPORTS = frozenset({"usb", "nfc", "ble", "smart-card", "internal", "cable", "hybrid"})
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
_IPV4 = re.compile(r"[\d.]+")
REQUIRED, PREFERRED = "required", "preferred"


class AnswerRefused(Exception):
    """An answer is not one, or is not good: ``reason`` for the audit log, ``detail`` for the log alone."""

    def __init__(self, detail: str, reason: str = "wrong_passkey") -> None:
        super().__init__(detail)
        self.detail = detail
        self.reason = reason


COUNTER, NOT_VERIFIED = "passkey_counter", "passkey_not_verified"


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Who asks: the RP ID and the one origin whose pages may."""

    id: str
    name: str
    origin: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a browser sent, taken apart as far as is needed to find what it answers."""

    credential: dict[str, Any]
    credential_id: str
    challenge: str
    user_handle: str | None


@dataclass(frozen=True, slots=True)
class NewCredential:
    """A verified registration."""

    credential_id: str
    public_key: bytes
    sign_count: int
    aaguid: str
    transports: tuple[str, ...]
    backup_eligible: bool
    backed_up: bool


@dataclass(frozen=True, slots=True)
class Use:
    """A verified assertion."""

    sign_count: int
    backed_up: bool
    user_verified: bool


def relying_party(issuer: str, name: str) -> RelyingParty | None:
    """Return who *issuer* is to authenticators; nothing where it is an IP address, which no passkey can be for."""
    host = urlsplit(issuer).hostname or ""
    if not host or ":" in host or _IPV4.fullmatch(host):
        return None
    return RelyingParty(host, name, issuer)


def creation_options(
    party: RelyingParty,
    challenge: str,
    *,
    user: tuple[str, str, str],
    exclude: Sequence[dict[str, Any]],
    user_verification: str,
) -> dict[str, Any]:
    """Return what a browser is asked to make (PublicKeyCredentialCreationOptionsJSON); *user*: id, name, full name."""
    subject, name, display_name = user
    return {
        "rp": {"id": party.id, "name": party.name},
        "user": {"id": handle_of(subject), "name": name, "displayName": display_name},
        "challenge": challenge,
        "pubKeyCredParams": [{"type": "public-key", "alg": algorithm} for algorithm in _ALGORITHMS],
        "timeout": _TIMEOUT,
        "excludeCredentials": list(exclude),
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": user_verification,
        },
        "attestation": "none",
        "extensions": {"credProps": True},
    }


def request_options(
    party: RelyingParty, challenge: str, *, allow: Sequence[dict[str, Any]], user_verification: str
) -> dict[str, Any]:
    """Return what a browser is asked to sign (PublicKeyCredentialRequestOptionsJSON); without *allow* any passkey."""
    return {
        "challenge": challenge,
        "timeout": _TIMEOUT,
        "rpId": party.id,
        "allowCredentials": list(allow),
        "userVerification": user_verification,
    }


def handle_of(subject: str) -> str:
    """Return the user handle of a person: their subject, which says nothing about them, as base64url."""
    return base64.urlsafe_b64encode(subject.encode()).decode().rstrip("=")


def read(text: str) -> Answer:
    """Take the JSON form of a credential apart; nothing in it is believed yet.

    Raises:
        AnswerRefused: it is no answer of an authenticator.

    """
    if len(text) > _LONGEST_ANSWER:
        raise AnswerRefused("too long")
    try:
        credential = parse_object(text)
        response = credential["response"]
        client_data = parse_object(_bytes(response["clientDataJSON"]))
        credential_id, challenge = credential["id"], client_data["challenge"]
        handle = response.get("userHandle")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AnswerRefused(f"not a credential: {type(error).__name__}") from error
    for value in (credential_id, challenge, handle if handle is not None else "x"):
        if not isinstance(value, str) or not _BASE64URL.fullmatch(value.rstrip("=")):
            raise AnswerRefused("not base64url")
    if len(credential_id) > _LONGEST_CREDENTIAL_ID:
        raise AnswerRefused("the credential id is too long")
    return Answer(credential, credential_id.rstrip("="), challenge.rstrip("="), handle.rstrip("=") if handle else None)


def prepare() -> None:
    """Import what checks answers, which takes a second: before a transaction begins in which there is no time."""
    import webauthn  # noqa: F401, PLC0415


def verify_registration(
    party: RelyingParty, answer: Answer, *, user_verification: str, is_quiet: bool
) -> NewCredential:
    """Check a registration whose challenge was ours (Web Authentication section 7.1); *is_quiet*: nobody was asked.

    Raises:
        AnswerRefused: one of its checks failed.

    """
    # Half a second that only who uses passkeys pays: it brings OpenSSL's older binding along.
    from webauthn import verify_registration_response  # noqa: PLC0415

    try:
        found = verify_registration_response(
            credential=answer.credential,
            expected_challenge=_bytes(answer.challenge),
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_presence=not is_quiet,
            require_user_verification=user_verification == REQUIRED and not is_quiet,
        )
    except Exception as error:  # what its parsers raise for malformed input is not all of one kind
        raise AnswerRefused(f"{type(error).__name__}: {error}") from error
    transports = answer.credential["response"].get("transports")
    return NewCredential(
        credential_id=_text(found.credential_id),
        public_key=found.credential_public_key,
        sign_count=found.sign_count,
        aaguid=found.aaguid,
        transports=tuple(sorted(_TRANSPORTS & {str(one) for one in transports if isinstance(one, str)}))
        if isinstance(transports, list)
        else (),
        backup_eligible=found.credential_device_type == "multi_device",
        backed_up=found.credential_backed_up,
    )


def verify_use(party: RelyingParty, answer: Answer, passkey: Passkey, *, user_verification: str) -> Use:
    """Check an assertion by *passkey* whose challenge was ours (Web Authentication section 7.2).

    Raises:
        AnswerRefused: one of its checks failed: with ``COUNTER`` when its counter went backwards, with ``NOT_VERIFIED``
            when the authenticator did not check who held it.

    """
    from webauthn import verify_authentication_response  # noqa: PLC0415 - as above

    try:
        found = verify_authentication_response(
            credential=answer.credential,
            expected_challenge=_bytes(answer.challenge),
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=passkey.public_key,
            # Compared below, so that it can be told from other faults.
            credential_current_sign_count=0,
            require_user_verification=False,
        )
    except Exception as error:  # what its parsers raise for malformed input is not all of one kind
        raise AnswerRefused(f"{type(error).__name__}: {error}") from error
    if (found.new_sign_count or passkey.sign_count) and found.new_sign_count <= passkey.sign_count:
        raise AnswerRefused(f"the counter went from {passkey.sign_count} to {found.new_sign_count}", COUNTER)
    if user_verification == REQUIRED and not found.user_verified:
        raise AnswerRefused("the person was not verified", NOT_VERIFIED)
    if (found.credential_device_type == "multi_device") != passkey.backup_eligible:
        raise AnswerRefused("the backup eligibility changed")
    return Use(found.new_sign_count, found.credential_backed_up, found.user_verified)


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")
