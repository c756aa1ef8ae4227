"""What the claims of a token are compared with: whose it is, whom it is for, its times, and what its kind must have."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from idp.protocol import time_words
from idp.protocol.access_token import audiences_of
from idp.protocol.jwt_kinds import Kind, missing, typ_of
from idp.protocol.jwt_parts import visible

MOST_LEEWAY = 3600
# What two clocks may differ by when a token seems to come from the future, as in `idp.keys.verifier`.
_SKEW = 60
_MILLISECONDS_NOTE = " It looks like milliseconds; seconds belong there (RFC 7519 section 2)."


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: `result` is ok, info (not compared), warn (cannot be told) or bad."""

    code: str
    result: str
    title: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What whoever asks expects; empty: not compared, but for the issuer, which is then this server.

    `leeway` (seconds) is granted after exp and before nbf, `typ` is compared without `application/`.
    """

    audience: str = ""
    issuer: str = ""
    typ: str = ""
    leeway: int = 0


def every(
    kind: Kind, header: Mapping[str, Any], claims: Mapping[str, Any], issuer: str, expected: Expected, now: int
) -> list[Check]:
    """Return all findings about *claims* at *now* (seconds since 1970); *issuer* is this server's."""
    found = [
        *_typ(header, expected.typ),
        _issuer(claims, expected.issuer or issuer, is_asked=bool(expected.issuer), kind=kind),
        *_audience(claims, expected.audience, kind),
        *_expiry(claims, expected.leeway, now, kind),
        *_beginning(claims, expected.leeway, now, kind),
        *_fractions(claims, issuer),
    ]
    lacking = [name for name in missing(kind, claims) if name not in {"iss", "aud", "exp", "iat"}]
    if lacking:
        words = f"{kind.article.capitalize()} {kind.name} has {_listed(kind.required)}."
        found.append(Check("claims", "bad", f"It lacks {_listed(lacking)}", words))
    extra = [name for name in kind.forbidden if name in claims]
    if extra:
        words = f"{kind.article.capitalize()} {kind.name} never has it, so that it cannot be taken for another token."
        found.append(Check("claims", "bad", f"It must not have {_listed(extra)}", words))
    return found


def _typ(header: Mapping[str, Any], wanted: str) -> list[Check]:
    if not wanted:
        return []
    typ, wanted = typ_of(header), wanted.lower().removeprefix("application/")
    if typ == wanted:
        return [Check("typ", "ok", f"It is of the expected type {wanted}", "The typ of the header says so.")]
    words = f"The typ of the header is {visible(typ[:80])}." if typ else "The header has no typ."
    return [Check("typ", "bad", "It is another kind of token", f"{words} {wanted} was expected.")]


def _issuer(claims: Mapping[str, Any], wanted: str, *, is_asked: bool, kind: Kind) -> Check:
    found = claims.get("iss")
    if found == wanted:
        return Check("issuer", "ok", "The issuer is right", f"iss is {wanted}.")
    if not is_asked and not kind.is_made_here:
        return Check("issuer", "info", "The issuer is the app", "A server compares it with the client_id.")
    if not isinstance(found, str):
        return Check("issuer", "bad", "It names no issuer", f"There is no iss; it should be {wanted}.")
    words = f"iss is {visible(found[:300])}, and {wanted} {'was expected' if is_asked else 'is this server'}."
    return Check("issuer", "bad" if is_asked else "warn", "Another issuer", words + _nearly(found, wanted))


def _audience(claims: Mapping[str, Any], wanted: str, kind: Kind) -> list[Check]:
    found = audiences_of(claims)
    if not found:
        if "aud" not in claims and "aud" not in kind.required and not wanted:
            return []
        words = "aud is missing." if "aud" not in claims else "aud is neither text nor a list of text."
        return [Check("audience", "bad", "It is for nobody", f"{words} Everybody would have to accept it, or nobody.")]
    shown = visible(_listed(found[:10])[:600])
    if not wanted:
        words = f"It is for {shown}. Say which audience you expect, and it is compared."
        return [Check("audience", "info", "The audience was not compared", words)]
    if wanted in found:
        return [
            Check("audience", "ok", "The audience is right", f"aud {'is' if len(found) == 1 else 'names'} {wanted}.")
        ]
    hint = next((near for one in found if (near := _nearly(one, wanted))), "")
    return [Check("audience", "bad", "It is for somebody else", f"aud is {shown}, and {wanted} was expected.{hint}")]


def _nearly(found: str, wanted: str) -> str:
    if found.rstrip("/") == wanted.rstrip("/"):
        return " They differ in the slash at the end alone."
    if found.lower() == wanted.lower():
        return " They differ in capital letters alone."
    schemes = {found.partition("://")[0], wanted.partition("://")[0]}
    if schemes == {"http", "https"} and found.partition("://")[2] == wanted.partition("://")[2]:
        return " They differ in http and https alone."
    return ""


def _expiry(claims: Mapping[str, Any], leeway: int, now: int, kind: Kind) -> list[Check]:
    if "exp" not in claims:
        if "exp" not in kind.required:
            return [Check("exp", "info", "It does not expire", "There is no exp.")]
        return [
            Check("exp", "bad", "It does not say when it expires", "There is no exp, and it would be good for ever.")
        ]
    ends = claims["exp"]
    if not _is_instant(ends):
        return [Check("exp", "bad", "Its exp is not an instant", _not_an_instant(ends))]
    if now < ends:
        late = " That is in milliseconds." if time_words.looks_like_milliseconds(ends) else ""
        words = f"Until {time_words.absolute(ends)}, {time_words.relative(ends, now)}.{late}"
        return [Check("exp", "warn" if late else "ok", "It has not expired", words)]
    past = f"It ended {time_words.relative(ends, now)}, on {time_words.absolute(ends)}"
    if now < ends + leeway:
        return [Check("exp", "ok", "It has just expired", f"{past}, within the leeway of {time_words.span(leeway)}.")]
    words = f"{past}, by the clock of this server.{_by_skew(now - ends, leeway)}"
    return [Check("exp", "bad", f"It expired {time_words.relative(ends, now)}", words)]


def _by_skew(away: float, leeway: int) -> str:
    if away > MOST_LEEWAY // 12:
        return ""
    needed = time_words.span(int(away) + 1)
    granted = f" {time_words.span(leeway)} of leeway are not enough." if leeway else ""
    return f"{granted} A clock that is {needed} slow would still take it: compare the clocks before anything else."


def _beginning(claims: Mapping[str, Any], leeway: int, now: int, kind: Kind) -> list[Check]:
    found: list[Check] = []
    for name in ("nbf", "iat"):
        value = claims.get(name, now)
        if not _is_instant(value):
            found.append(Check(name, "bad", f"Its {name} is not an instant", _not_an_instant(value)))
        elif value > now:
            found.append(_from_the_future(name, value, leeway, now))
    if "iat" not in claims and "iat" in kind.required:
        found.append(Check("iat", "bad", "It does not say when it was issued", "There is no iat."))
    return found


def _fractions(claims: Mapping[str, Any], issuer: str) -> list[Check]:
    """Name what the verifier of this server refuses in its own tokens, and others may accept (RFC 7519 section 2)."""
    names = [name for name in ("exp", "iat") if claims.get("iss") == issuer and isinstance(claims.get(name), float)]
    words = "This server writes whole seconds, and takes nothing else for its own."
    return [Check(name, "bad", f"Its {name} is not a whole number", words) for name in names]


def _from_the_future(name: str, value: float, leeway: int, now: int) -> Check:
    ahead = time_words.span(value - now)
    granted = _SKEW if name == "iat" else leeway
    is_tolerated = value - now <= granted
    title = "It is not valid yet" if name == "nbf" else "It was issued in the future"
    words = f"Its {name} is {time_words.absolute(value)}, {ahead} ahead of the clock of this server."
    if time_words.looks_like_milliseconds(value):
        words += _MILLISECONDS_NOTE
    elif is_tolerated:
        words += " So much is tolerated: clocks differ."
    else:
        words += f" The clock of whoever made it is {ahead} fast, or that of this server slow."
    return Check(name, "ok" if is_tolerated else "bad", title, words)


def _is_instant(value: object) -> bool:
    # bool is an int to Python.
    return isinstance(value, int | float) and not isinstance(value, bool)


def _not_an_instant(value: object) -> str:
    words = "It must be a number, of seconds since 1970 (RFC 7519 section 2)."
    return words + (" Here it is text; leave out the quotes." if isinstance(value, str) else "")


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
