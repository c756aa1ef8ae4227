"""A pasted token, taken apart as far as it goes, with every fault and where it stands.

`jws_header` refuses at the first fault; this reads on, for people who ask what is wrong. Nothing in it is proven.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from idp.protocol.jws_header import MAX_TOKEN_LENGTH
from idp.protocol.strict_json import parse_object

MAX_LENGTH = MAX_TOKEN_LENGTH
_ALPHABET = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9_.=+/-]+", re.ASCII)
_SCHEME = re.compile(r"(?:authorization:\s*)?(?:bearer|dpop)\s+", re.ASCII | re.IGNORECASE)
_PARAMETER = re.compile(
    r"(?:^|[?&#])(id_token|access_token|logout_token|id_token_hint|client_assertion|assertion|request|response|jwt|token)"
    r"=([^&#\s]+)",
    re.ASCII,
)
_JWS_PARTS, _JWE_PARTS = 3, 5
_JWE_NAMES = ("header", "encrypted key", "initialization vector", "ciphertext", "authentication tag")


class Form(StrEnum):
    """What a text is, by its outside alone."""

    # A compact JWS (RFC 7515), which a signed JWT is.
    JWS = "jws"
    # A compact JWE (RFC 7516): encrypted.
    JWE = "jwe"
    JSON = "json"
    # One value without parts: a reference that says nothing by itself.
    OPAQUE = "opaque"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a part of the text, in words; `title` alone says what, `text` where and why."""

    part: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Part:
    """One part: `raw` is what its base64url holds, `text` that as UTF-8, `members` the JSON object in it.

    Each is `None` where it cannot be had.
    """

    segment: str
    raw: bytes | None = None
    text: str | None = None
    members: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Pasted:
    """A text in its parts; `notes` say what was left out of it to find the token."""

    token: str
    form: Form
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()
    header: Part = Part("")
    payload: Part = Part("")
    signature: Part = Part("")

    @property
    def signing_input(self) -> bytes | None:
        """What a signature is made over (RFC 7515 section 5.1)."""
        text = f"{self.header.segment}.{self.payload.segment}"
        return text.encode("ascii") if text.isascii() else None

    @property
    def header_members(self) -> Mapping[str, Any]:
        """The header as far as it could be read."""
        return self.header.members or MappingProxyType({})

    @property
    def claims(self) -> Mapping[str, Any]:
        """The claims as far as they could be read."""
        return self.payload.members or MappingProxyType({})


def visible(text: str) -> str:
    """Return *text* with every character that does not print, or that turns the direction of writing, as an escape."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in text
    )


def take_apart(text: str) -> Pasted:
    """Return what can be told of any *text* at all; one above 16 KiB is not looked at."""
    if len(text) > MAX_LENGTH:
        fault = Fault("token", "It is too long", f"It has {len(text):,} characters; {MAX_LENGTH:,} are read at most.")
        return Pasted("", Form.UNREADABLE, (fault,))
    token, notes = _cleaned(text)
    if token.startswith(("{", "[")):
        return Pasted(token, Form.JSON, notes=notes)
    segments = token.split(".")
    if len(segments) == _JWE_PARTS:
        return _jwe(token, segments, notes)
    if len(segments) == 1:
        return _single(token, notes)
    if len(segments) > _JWS_PARTS:
        words = (
            f"A signed JWT has three parts with a dot between them, an encrypted one five; this has {len(segments)}."
        )
        return Pasted(token, Form.UNREADABLE, (Fault("token", "It is not a JWT", words),), notes)
    return _jws(token, segments, notes)


def _cleaned(text: str) -> tuple[str, tuple[str, ...]]:
    token, notes = text.strip(), []
    scheme = _SCHEME.match(token)
    if scheme:
        token = token[scheme.end() :]
        notes.append("The name of the HTTP header in front was left out.")
    bare = token.rstrip(",;").strip("\"'`")
    if bare != token:
        token = bare
        notes.append("The quotes around it were left out.")
    if "=" in token and not token.startswith("{"):
        found = _PARAMETER.search(token)
        if found:
            token = found[2]
            notes.append(f"It was taken out of the address, whose parameter {found[1]} it is.")
    words = token.split()
    if len(words) > 1 and "." in token and all(_WORD.fullmatch(word) for word in words):
        token = "".join(words)
        notes.append("Spaces or line breaks inside were left out; whoever gets them with the token refuses it.")
    return token, tuple(notes)


def _jws(token: str, segments: list[str], notes: tuple[str, ...]) -> Pasted:
    faults: list[Fault] = []
    header = _read(segments[0], "header", 0, faults)
    payload = _read(segments[1], "payload", len(segments[0]) + 1, faults)
    if len(segments) < _JWS_PARTS:
        words = "There are two parts and one dot; the third part, the signature, is cut off."
        faults.append(Fault("signature", "The signature is missing", words))
        return Pasted(token, Form.JWS, tuple(faults), notes, header, payload)
    signature = Part("")
    if segments[2]:
        raw = _decoded(segments[2], "signature", len(segments[0]) + len(segments[1]) + 2, faults)
        signature = Part(segments[2], raw)
    return Pasted(token, Form.JWS, tuple(faults), notes, header, payload, signature)


def _jwe(token: str, segments: list[str], notes: tuple[str, ...]) -> Pasted:
    faults: list[Fault] = []
    header, offset = _read(segments[0], "header", 0, faults), len(segments[0]) + 1
    for name, segment in zip(_JWE_NAMES[1:], segments[1:], strict=True):
        # With a key agreed upon directly there is no encrypted key (RFC 7516 section 5.1).
        if segment or name != "encrypted key":
            _decoded(segment, name, offset, faults)
        offset += len(segment) + 1
    return Pasted(token, Form.JWE, tuple(faults), notes, header)


def _single(token: str, notes: tuple[str, ...]) -> Pasted:
    part = _read(token, "text", 0, [])
    if part.members is None:
        return Pasted(token, Form.OPAQUE if token else Form.UNREADABLE, notes=notes)
    which = "header" if "alg" in part.members else "payload"
    words = f"This is the {which} of a JWT alone; a signed JWT has three parts with a dot between them."
    faults = (Fault("token", "Two parts are missing", words),)
    if which == "header":
        return Pasted(token, Form.UNREADABLE, faults, notes, header=part)
    return Pasted(token, Form.UNREADABLE, faults, notes, payload=part)


def _read(segment: str, name: str, offset: int, faults: list[Fault]) -> Part:
    raw = _decoded(segment, name, offset, faults)
    if raw is None:
        return Part(segment)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        words = f"Byte {error.start + 1} of the decoded {name} begins a sequence that is not UTF-8."
        faults.append(Fault(name, f"The {name} is not text", words))
        return Part(segment, raw)
    try:
        return Part(segment, raw, text, MappingProxyType(parse_object(text)))
    except json.JSONDecodeError as error:
        words = f"At line {error.lineno}, column {error.colno} of the decoded {name}: {_reason(error)}."
        faults.append(Fault(name, f"The {name} is not JSON", words))
    except ValueError as error:
        faults.append(Fault(name, f"The {name} is JSON that is not accepted", f"{error}{_repeated(text)}"))
    return Part(segment, raw, text)


def _reason(error: json.JSONDecodeError) -> str:
    if error.pos >= len(error.doc):
        return "it ends before the JSON does"
    return error.msg[:1].lower() + error.msg[1:]


def _repeated(text: str) -> str:
    names: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        known: set[str] = set()
        for name, _ in pairs:
            if name in known:
                names.append(name)
            known.add(name)

    try:
        json.loads(text, object_pairs_hook=look)
    except (ValueError, RecursionError):
        return ""
    return f" It is {visible(names[0][:80])}." if names else ""


def _decoded(segment: str, name: str, offset: int, faults: list[Fault]) -> bytes | None:
    """Return what *segment* holds, reading on where it is certain what was meant."""
    if not segment:
        faults.append(Fault(name, f"The {name} is empty", f"There is nothing at character {offset + 1}."))
        return None
    meant = segment
    end = _ALPHABET.match(segment).end()  # type: ignore[union-attr]  # it matches the empty text, too
    if end < len(segment):
        words, meant = _foreign(segment, end)
        title = f"The {name} is not base64url"
        faults.append(Fault(name, title, f"Character {offset + end + 1} is {_quoted(segment[end])}. {words}"))
    if len(meant) % 4 == 1 or not _ALPHABET.fullmatch(meant):
        if end == len(segment):
            words = f"No base64url is {len(segment)} long: a character is missing, or the end is cut off."
            faults.append(Fault(name, f"The {name} is incomplete", words))
        return None
    try:
        raw = base64.b64decode(meant + "=" * (-len(meant) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        return None
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii") != meant:
        words = (
            f"Character {offset + len(segment)} holds bits that mean nothing and must be zero. It was changed, and "
            "gives the token a second spelling."
        )
        faults.append(Fault(name, f"The last character of the {name} is wrong", words))
    return raw


def _foreign(segment: str, end: int) -> tuple[str, str]:
    """Return what a character outside the alphabet means, and the segment as it was meant."""
    letter = segment[end]
    if letter == "=":
        return "Padding is left out of a JWT (RFC 7515 section 2).", segment.rstrip("=")
    if letter in "+/":
        words = "That is ordinary base64; a JWT has - for + and _ for / (RFC 4648 section 5)."
        return words, segment.translate(str.maketrans("+/", "-_")).rstrip("=")
    if letter == "%":
        return "The token was percent-encoded on its way; decode it first.", segment
    if letter == "…":
        return "The token was shortened by whatever showed it; copy it from where it is whole.", segment
    if letter.isspace():
        return "Something else than a token was copied along.", segment
    return "Only letters, digits, - and _ may stand there.", segment


def _quoted(letter: str) -> str:
    return f"“{letter}”" if letter.isprintable() and not letter.isspace() else f"U+{ord(letter):04X}"
