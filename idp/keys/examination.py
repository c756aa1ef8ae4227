"""Why a signature holds or does not, for whoever looks into a token; ``verifier`` alone decides what is accepted.

Every key there ever was is asked, the revoked ones included, and a signature that does not hold is tried in the few
ways that tell for certain what happened to the token.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, utils
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from sqlalchemy import select

from idp import clock
from idp.keys import algorithms, store
from idp.keys.algorithms import ALGORITHMS, AsymmetricKey
from idp.keys.models import Installation, SigningKey
from idp.protocol import access_token, jwt_signatures
from idp.protocol.jwt_parts import Form
from idp.protocol.jwt_signatures import KeyFacts, Outcome, SignatureFacts, Trace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.protocol.jwt_parts import Pasted

_HMAC: Final = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
_HASHES: Final = {"RS256": hashes.SHA256(), "RS384": hashes.SHA384(), "RS512": hashes.SHA512()}
# What this server writes into headers, the most frequent first.
_TYPS = ("JWT", access_token.TYP, "logout+jwt", "statement+jwt", "token-introspection+jwt")
_dumps = json.JSONEncoder(separators=(",", ":")).encode
# A key set that has rotated for decades; looking further back would only cost time.
_MOST_KEYS = 200
_DER_SEQUENCE = 0x30


@dataclass(frozen=True, slots=True)
class Known:
    """What tokens are examined with: the keys, parsed, and the not-before of the installation (a NumericDate)."""

    keys: tuple[tuple[KeyFacts, AsymmetricKey], ...]
    not_before: int


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that a client shares with this server, to check an HMAC with."""

    client_id: str
    value: bytes


def known(session: Session) -> Known:
    """Read every key there ever was; nothing private is touched."""
    keys = store.all_keys(session)[:_MOST_KEYS]
    not_before = session.execute(select(Installation.not_before)).scalar()
    return Known(
        tuple((_facts(key), algorithms.parse(ALGORITHMS[key.alg], key.public_jwk)) for key in keys),
        clock.epoch_seconds(not_before) if not_before else 0,
    )


def _facts(key: SigningKey) -> KeyFacts:
    since: dict[str, datetime | None] = {
        store.ACTIVE: key.activated_at,
        store.RETIRING: key.retiring_at,
        store.RETIRED: key.retired_at,
        store.REVOKED: key.revoked_at,
    }
    return KeyFacts(key.kid, key.name, key.alg, key.state, since.get(key.state) or key.published_at)


def examine(token: Pasted, found: Known, secrets: Sequence[Secret] = ()) -> SignatureFacts:
    """Return what is with the signature of *token*; slow enough that no transaction may be open.

    ``secrets`` are those that an HMAC is checked with, all of one client. Never raises: what cannot be read is an
    outcome, too.
    """
    header, signing_input = token.header_members, token.signing_input
    alg, kid = header.get("alg"), header.get("kid")
    if token.form is not Form.JWS or token.header.members is None or not isinstance(alg, str) or signing_input is None:
        return SignatureFacts(Outcome.UNREADABLE)
    facts = SignatureFacts(Outcome.WRONG, not_before=found.not_before, alg=alg, kid=kid if isinstance(kid, str) else "")
    if alg.lower() == "none":
        return replace(facts, outcome=Outcome.UNSIGNED)
    if token.signature.raw is None:
        return replace(facts, outcome=Outcome.UNREADABLE)
    if alg in _HMAC:
        return _shared(_Case(token, signing_input, token.signature.raw, facts, found), secrets)
    return _signed(_Case(token, signing_input, token.signature.raw, facts, found))


@dataclass(frozen=True, slots=True)
class _Case:
    token: Pasted
    signing_input: bytes
    signature: bytes
    # What is known before the signature is looked at.
    facts: SignatureFacts
    found: Known

    def result(self, outcome: Outcome, **changed: Any) -> SignatureFacts:  # noqa: ANN401 - fields of the facts
        return replace(self.facts, outcome=outcome, length=len(self.signature), **changed)

    def wrong(self, trace: Trace, key: KeyFacts | None, **changed: Any) -> SignatureFacts:  # noqa: ANN401 - the same
        return self.result(Outcome.WRONG, trace=trace, key=key, **changed)


def _shared(case: _Case, secrets: Sequence[Secret]) -> SignatureFacts:
    made_with = _HMAC[case.facts.alg]
    for facts, key in case.found.keys:
        if _is_hmac(case, key.as_pem(private=False), made_with):
            return case.wrong(Trace.PUBLIC_KEY_AS_SECRET, facts)
    for secret in secrets:
        if _is_hmac(case, secret.value, made_with):
            return case.result(Outcome.GOOD, client_id=secret.client_id)
    if not secrets:
        return case.result(Outcome.NEEDS_SECRET)
    return case.wrong(Trace.NOTHING, None, client_id=secrets[0].client_id)


def _is_hmac(case: _Case, secret: bytes, made_with: Any) -> bool:  # noqa: ANN401 - a constructor of hashlib
    return hmac.compare_digest(hmac.digest(secret, case.signing_input, made_with), case.signature)


def _signed(case: _Case) -> SignatureFacts:
    named = next((one for one in case.found.keys if one[0].kid == case.facts.kid), None)
    if named is None:
        return _by_nobody(case)
    facts, key = named
    if facts.alg != case.facts.alg:
        if _restored_header(case, [named]) is not None:
            return case.wrong(Trace.HEADER_ALTERED, facts)
        return case.result(Outcome.OTHER_ALG, key=facts)
    if _holds(facts.alg, key, case.signing_input, case.signature):
        return case.result(Outcome.GOOD, key=facts)
    return _traced(case, facts, key)


def _by_nobody(case: _Case) -> SignatureFacts:
    """Examine a signature whose header names none of our keys."""
    fitting = _fitting(case)
    if fitting is not None:
        return case.wrong(Trace.OTHER_KEY, fitting)
    restored = _restored_header(case, case.found.keys)
    if restored is not None:
        return case.wrong(Trace.HEADER_ALTERED, restored)
    if case.facts.alg not in ALGORITHMS:
        return case.result(Outcome.UNKNOWN_ALG)
    return case.result(Outcome.UNKNOWN_KID if case.facts.kid else Outcome.NO_KID)


def _traced(case: _Case, facts: KeyFacts, key: AsymmetricKey) -> SignatureFacts:
    expected = _length(facts.alg, key)
    if len(case.signature) != expected:
        trace = Trace.DER if _holds_from_der(case, facts.alg, key, expected) else Trace.OTHER_LENGTH
        return case.wrong(trace, facts, expected_length=expected)
    fitting = _fitting(case)
    if fitting is not None:
        return case.wrong(Trace.OTHER_KEY, fitting)
    restored = _restored_header(case, case.found.keys)
    if restored is not None:
        return case.wrong(Trace.HEADER_ALTERED, restored)
    rewritten = _rewritten(case)
    if rewritten is not None and _holds(facts.alg, key, rewritten, case.signature):
        return case.wrong(Trace.PAYLOAD_REWRITTEN, facts)
    return case.wrong(_opened(case, facts.alg, key), facts)


def _holds(alg: str, key: AsymmetricKey, signing_input: bytes, signature: bytes) -> bool:
    try:
        return bool(ALGORITHMS[alg].model.verify(signing_input, signature, key))
    except (ValueError, JoseError):
        return False


def _length(alg: str, key: AsymmetricKey) -> int:
    if isinstance(key, RSAKey):
        return (key.public_key.key_size + 7) // 8
    return jwt_signatures.length_of(alg)


def _fitting(case: _Case) -> KeyFacts | None:
    """Return the key whose signature this is as it stands, whatever the header says of the kid."""
    for facts, key in case.found.keys:
        if facts.alg == case.facts.alg and _holds(facts.alg, key, case.signing_input, case.signature):
            return facts
    return None


def _restored_header(case: _Case, keys: Sequence[tuple[KeyFacts, AsymmetricKey]]) -> KeyFacts | None:
    """Return the key whose signature holds over this payload under a header that this server writes."""
    payload = case.token.payload.segment
    given = case.token.header_members.get("typ")
    typs = dict.fromkeys((*((given,) if isinstance(given, str) else ()), *_TYPS))
    for (facts, key), typ in itertools.product(keys, typs):
        if len(case.signature) != _length(facts.alg, key):
            continue
        header = _dumps({"alg": facts.alg, "kid": facts.kid, "typ": typ})
        if _holds(facts.alg, key, f"{_segment(header)}.{payload}".encode(), case.signature):
            return facts
    return None


def _rewritten(case: _Case) -> bytes | None:
    """Return the signing input with the same claims as this server spells them, ``None`` where that is the same."""
    claims = case.token.payload.members
    if claims is None:
        return None
    signing_input = f"{case.token.header.segment}.{_segment(_dumps(dict(claims)))}".encode()
    return None if signing_input == case.signing_input else signing_input


def _opened(case: _Case, alg: str, key: AsymmetricKey) -> Trace:
    """Tell whether the key made this signature for other content; only RSASSA-PKCS1-v1_5 shows that."""
    if alg not in _HASHES or not isinstance(key, RSAKey):
        return Trace.NOTHING
    try:
        key.public_key.recover_data_from_signature(case.signature, padding.PKCS1v15(), _HASHES[alg])
    except (InvalidSignature, ValueError):
        return Trace.SIGNATURE_ALTERED
    return Trace.CONTENT_ALTERED


def _holds_from_der(case: _Case, alg: str, key: AsymmetricKey, expected: int) -> bool:
    if not alg.startswith("ES") or case.signature[:1] != bytes((_DER_SEQUENCE,)):
        return False
    try:
        numbers = utils.decode_dss_signature(case.signature)
        sides = [number.to_bytes(expected // 2) for number in numbers]
    except (ValueError, OverflowError):
        return False
    return _holds(alg, key, case.signing_input, b"".join(sides))


def _segment(text: str) -> str:
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
