"""A token explained: what it is, what each part of it means, and whether it is good here and now, with the reason.

Pure: whoever holds the keys says what is with the signature (`idp.protocol.jwt_signatures`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from idp.errors import InvalidToken
from idp.protocol import jws_header, jwt_claim_checks, jwt_kinds, jwt_meanings, jwt_signatures, subjects, time_words
from idp.protocol.access_token import audiences_of
from idp.protocol.jwt_claim_checks import Check, Expected
from idp.protocol.jwt_kinds import Kind
from idp.protocol.jwt_parts import Form, Pasted, visible
from idp.protocol.jwt_signatures import Outcome, SignatureFacts

_FOREIGN = (Outcome.UNKNOWN_KID, Outcome.NO_KID, Outcome.UNKNOWN_ALG)
_LISTED = 300


@dataclass(frozen=True, slots=True)
class Line:
    """One header or claim: its value as text, what the name means, what this very value says, and when that is."""

    name: str
    value: str
    meaning: str
    note: str = ""
    instant: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer in one line: `result` is ok, info, warn or bad."""

    result: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is said of a text; `is_good` for a signed JWT of this server that holds here and now."""

    form: Form
    verdict: Verdict
    kind: Kind | None = None
    is_ours: bool = False
    is_secret: bool = False
    header: tuple[Line, ...] = ()
    claims: tuple[Line, ...] = ()
    checks: tuple[Check, ...] = ()
    notes: tuple[str, ...] = ()
    # The claims as they are, for machines.
    values: Mapping[str, Any] = field(default_factory=dict)
    # The two JSON parts as they are inside, where they could not be read as claims.
    unread: tuple[tuple[str, str], ...] = ()

    @property
    def is_good(self) -> bool:
        """Tell whether nothing is wrong and the signature was checked."""
        return self.form is Form.JWS and self.verdict.result == "ok"


def inspect(pasted: Pasted, signature: SignatureFacts, *, issuer: str, expected: Expected, now: int) -> Report:
    """Return what is to be said of *pasted* at *now* (seconds since 1970); *issuer* is this server's."""
    if pasted.form is Form.JWS:
        return _jws(pasted, signature, issuer, expected, now)
    if pasted.form is Form.JWE:
        return _jwe(pasted, now)
    if pasted.form is Form.OPAQUE:
        return _opaque(pasted)
    if pasted.form is Form.JSON:
        return _json(pasted)
    fault = pasted.faults[0] if pasted.faults else None
    verdict = Verdict(
        "bad",
        fault.title if fault else "There is nothing to look at",
        fault.text if fault else "Paste a token: three parts of letters and digits with dots between them.",
    )
    header, claims = _lines(pasted, issuer, now, None)
    return Report(pasted.form, verdict, header=header, claims=claims, notes=pasted.notes)


def _jws(pasted: Pasted, signature: SignatureFacts, issuer: str, expected: Expected, now: int) -> Report:
    claims = pasted.claims
    kind = jwt_kinds.recognise(pasted.header_members, claims, issuer)
    is_ours = claims.get("iss") == issuer
    checks = [Check(f"{fault.part}_form", "bad", fault.title, fault.text) for fault in pasted.faults]
    if signature.outcome is not Outcome.UNREADABLE or not pasted.faults:
        checks.append(_signature(signature, claims, kind, is_ours=is_ours, now=now))
    if pasted.payload.members is not None:
        checks += jwt_claim_checks.every(kind, pasted.header_members, claims, issuer, expected, now)
        checks += _by_the_server(signature, claims)
    if not any(check.result == "bad" for check in checks):
        checks += _strictly(pasted)
    header, lines = _lines(pasted, issuer, now, signature)
    return Report(
        form=pasted.form,
        verdict=_verdict(checks, kind, claims, is_ours=is_ours, now=now),
        kind=kind if pasted.payload.members is not None else None,
        is_ours=is_ours,
        header=header,
        claims=lines,
        checks=tuple(checks),
        notes=pasted.notes,
        values=claims,
        unread=tuple(
            (name, "\n".join(visible(line) for line in part.text.split("\n")))
            for name, part in (("header", pasted.header), ("payload", pasted.payload))
            if part.members is None and part.text is not None
        ),
    )


def _signature(facts: SignatureFacts, claims: Mapping[str, Any], kind: Kind, *, is_ours: bool, now: int) -> Check:
    is_told = "iss" in claims or not kind.is_made_here
    if facts.outcome in _FOREIGN and facts.key is None and not is_ours and is_told:
        if kind.is_made_here:
            words = (
                f"Only keys of this server are checked, and nothing is looked up elsewhere. {_text(claims['iss'])} "
                "says which keys it signs with."
            )
            return Check("signature", "warn", "Somebody else signed it", words)
        words = "The app signed it with a key of its own, and only keys of this server are checked on this page."
        return Check("signature", "warn", "An app signed it", words)
    said = jwt_signatures.said(facts, now)
    return Check("signature", said.result, said.title, said.text)


def _by_the_server(facts: SignatureFacts, claims: Mapping[str, Any]) -> list[Check]:
    found: list[Check] = []
    issued = claims.get("iat")
    if facts.outcome is Outcome.GOOD and isinstance(issued, int) and issued < facts.not_before:
        words = (
            f"A leaked key was replaced on {time_words.absolute(facts.not_before)}, and whatever was issued before "
            "that is refused."
        )
        found.append(Check("not_before", "bad", "It was issued before a key was replaced", words))
    if facts.is_revoked is not None:
        if facts.is_revoked:
            words = (
                "It was revoked, or its grant; or the person or the app was disabled. Introspection calls it inactive."
            )
            found.append(Check("revoked", "bad", "It was revoked", words))
        else:
            found.append(Check("revoked", "ok", "It was not revoked", "Nor was the grant that it was made from."))
    return found


def _strictly(pasted: Pasted) -> list[Check]:
    """Say what else a strict reader refuses, so that nothing is called good which the server itself would not take."""
    alg = pasted.header_members.get("alg")
    try:
        jws_header.parse(pasted.token, algorithms=(alg,) if isinstance(alg, str) else ())
    except InvalidToken as error:
        return [Check("form", "bad", "It is not accepted in this form", f"The reason: {error.detail}.")]
    return []


def _verdict(checks: list[Check], kind: Kind, claims: Mapping[str, Any], *, is_ours: bool, now: int) -> Verdict:
    faults = [check for check in checks if check.result == "bad"]
    if faults:
        others = len(faults) - 1
        more = " One more reason stands below." if others == 1 else f" {others} more reasons stand below."
        return Verdict(
            "bad",
            f"Not valid: {faults[0].title[:1].lower()}{faults[0].title[1:]}",
            faults[0].note + (more if others else ""),
        )
    doubts = [check for check in checks if check.code in {"signature", "issuer"} and check.result == "warn"]
    if doubts or not is_ours:
        whose = "" if is_ours else f" of {_text(claims.get('iss', 'somebody else'))[:200]}"
        title = f"{kind.article.capitalize()} {kind.name}{whose}: it cannot be vouched for here"
        return Verdict("warn", title, doubts[0].note if doubts else "It names another issuer than this server.")
    ends = claims.get("exp")
    until = f" It expires {time_words.relative(ends, now)}." if isinstance(ends, int) else ""
    return Verdict("ok", f"Good: {kind.article} {kind.name} of this server", f"{kind.text}{until}")


def _jwe(pasted: Pasted, now: int) -> Report:
    checks = tuple(Check(f"{fault.part}_form", "bad", fault.title, fault.text) for fault in pasted.faults)
    words = (
        "It has five parts: an encrypted token (JWE). Only whoever holds the private key that it was encrypted for, "
        "mostly an app, can read it. There is a signed JWT inside, as a rule: decrypt it there, and paste that."
    )
    verdict = Verdict("info", "It is encrypted, so nothing of its content can be told", words)
    if checks:
        verdict = Verdict("bad", f"Not valid: {checks[0].title[:1].lower()}{checks[0].title[1:]}", checks[0].note)
    return Report(pasted.form, verdict, header=_lines(pasted, "", now, None)[0], checks=checks, notes=pasted.notes)


def _opaque(pasted: Pasted) -> Report:
    for prefix, (title, words, is_secret) in jwt_meanings.OPAQUE.items():
        if pasted.token.startswith(prefix):
            result = "warn" if is_secret else "info"
            warning = " Nothing of it was kept, but think about where else it was pasted." if is_secret else ""
            verdict = Verdict(result, title, words + warning)
            return Report(Form.OPAQUE, verdict, is_secret=is_secret, notes=pasted.notes)
    words = (
        "It has no parts with dots between them, so nothing can be read from it. Authorization codes, refresh tokens "
        "and session cookies look like this: references that only the server that issued them can look up."
    )
    return Report(Form.OPAQUE, Verdict("info", "It is not a JWT", words), is_secret=True, notes=pasted.notes)


def _json(pasted: Pasted) -> Report:
    words = (
        "It begins like JSON. Of a token response, paste the value of access_token or id_token alone. A JWS in its "
        "JSON form (RFC 7515 section 7.2) is not accepted here: a JWT is three parts with dots between them."
    )
    return Report(Form.JSON, Verdict("bad", "It is JSON, not a JWT", words), is_secret=True, notes=pasted.notes)


def _lines(
    pasted: Pasted, issuer: str, now: int, signature: SignatureFacts | None
) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
    header = tuple(
        Line(
            visible(name),
            _text(value),
            jwt_meanings.HEADERS.get(name, "A header of somebody's own; whoever does not know it ignores it."),
            _of_header(name, value, signature),
        )
        for name, value in pasted.header_members.items()
    )
    claims = tuple(
        Line(
            visible(name),
            _text(value),
            jwt_meanings.CLAIMS.get(name, "A claim of somebody's own: the issuer says what it means."),
            *_of_claim(name, value, pasted.claims, issuer, now),
        )
        for name, value in pasted.claims.items()
    )
    return header, claims


def _text(value: object) -> str:
    """Return a value on one line, JSON but for text; nothing in it can draw or turn the writing."""
    return visible(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _of_header(name: str, value: object, signature: SignatureFacts | None) -> str:
    if name in {"alg", "enc"} and isinstance(value, str):
        known = jwt_meanings.ALGORITHMS.get("none" if value.lower() == "none" else value, "")
        return known if name == "alg" else ""
    key = signature.key if signature else None
    if name == "kid" and key is not None and value == key.kid:
        return f"It is {key.name}, {key.state} since {time_words.absolute(key.since.timestamp())}."
    return ""


def _of_claim(
    name: str,
    value: object,
    claims: Mapping[str, Any],
    issuer: str,
    now: int,
) -> tuple[str, datetime | None]:
    if name in jwt_meanings.INSTANTS and isinstance(value, int | float) and not isinstance(value, bool):
        if time_words.looks_like_milliseconds(value):
            return "These are milliseconds; seconds belong here.", None
        return f"{time_words.absolute(value)}, {time_words.relative(value, now)}.", time_words.instant(value)
    if name == "iss":
        return ("That is this server." if value == issuer else ""), None
    if name == "aud":
        return (_audience(claims) if issuer in audiences_of(claims) else ""), None
    if name == "sub":
        return _subject(value, claims), None
    return (_methods(value) if name == "amr" and isinstance(value, list) else ""), None


def _audience(claims: Mapping[str, Any]) -> str:
    """Say what a token is for whose audience is this server."""
    scope = claims.get("scope")
    opens = isinstance(scope, str) and "openid" in scope.split()
    return f"This server itself{': the token opens UserInfo' if opens else ''}."


def _subject(value: object, claims: Mapping[str, Any]) -> str:
    if "client_id" in claims and value == claims["client_id"]:
        return "The client itself: no person signed in."
    if isinstance(value, str) and value.startswith(subjects.PREFIX):
        return "A pseudonym: other apps know the same person by another one."
    return ""


def _methods(value: list[Any]) -> str:
    known = [
        jwt_meanings.METHODS[one] for one in value[:_LISTED] if isinstance(one, str) and one in jwt_meanings.METHODS
    ]
    return f"By {', '.join(known)}." if known else ""
