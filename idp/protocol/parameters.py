"""Request parameters, read once and strictly (RFC 6749 section 3.1)."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import parse_qsl

from idp.diagnosis import reasons
from idp.errors import InvalidRequest

MAX_PARAMETERS = 64
MAX_NAME_LENGTH = 128
MAX_VALUE_LENGTH = 16 * 1024
# What is echoed, stored or looked up has a shorter limit, so that no answer and no row grows with the request.
MAX_LENGTHS: Mapping[str, int] = MappingProxyType(
    {
        "client_id": 256,
        "redirect_uri": 2048,
        "state": 4096,
        "nonce": 2048,
        "acr_values": 1024,
        "login_hint": 320,
        "ui_locales": 256,
        "post_logout_redirect_uri": 2048,
        "return_to": 2048,
        "resource": 2048,
    }
)
REPEATABLE = frozenset({"resource"})
_UNCLEAN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffd]")


@dataclass(frozen=True, slots=True)
class Parameters(Mapping[str, str]):
    """The parameters of one request by name; what was refused is absent and named in `refused`.

    A parameter without a value counts as omitted. Those that may repeat (`resource`, RFC 8707) are read by `all`.
    """

    values_by_name: Mapping[str, tuple[str, ...]]
    refused: Mapping[str, InvalidRequest]

    def __getitem__(self, name: str) -> str:
        return self.values_by_name[name][0]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of a parameter that may repeat, in the order sent, none twice."""
        return self.values_by_name.get(name, ())

    def stored(self, names: Collection[str]) -> dict[str, list[str]]:
        """Return the named parameters as plain JSON, for `from_stored`."""
        return {name: list(values) for name, values in self.values_by_name.items() if name in names}

    def require_sound(self) -> None:
        """Raise `InvalidRequest` for the first parameter that was refused."""
        for fault in self.refused.values():
            raise fault


def read(pairs: Iterable[tuple[str, str]]) -> Parameters:
    """Read name-value pairs in the order sent; never raises: a proven address is told of the fault."""
    found: dict[str, tuple[str, ...]] = {}
    refused: dict[str, InvalidRequest] = {}
    for number, (name, value) in enumerate(pairs):
        if number >= MAX_PARAMETERS:
            refused[""] = InvalidRequest("There are too many parameters.", reason=reasons.MALFORMED_PARAMETER)
            break
        fault = _fault(name, value, found)
        if fault:
            refused.setdefault(name, fault)
        elif value not in found.get(name, ()):
            found[name] = (*found.get(name, ()), value)
    sound = {name: tuple(filter(None, values)) for name, values in found.items() if name not in refused}
    return Parameters(
        MappingProxyType({name: values for name, values in sound.items() if values}), MappingProxyType(refused)
    )


def parse(pairs: Iterable[tuple[str, str]]) -> Parameters:
    """Read name-value pairs.

    Raises:
        InvalidRequest: when one is repeated, malformed or too long.

    """
    parameters = read(pairs)
    parameters.require_sound()
    return parameters


def read_urlencoded(raw: bytes) -> Parameters:
    """Read a query string or an `application/x-www-form-urlencoded` body; what is not UTF-8 is refused by name."""
    text = raw.decode("utf-8", "surrogateescape")
    return read(parse_qsl(text, keep_blank_values=True, errors="surrogateescape", separator="&"))


def from_stored(stored: Mapping[str, Iterable[str]]) -> Parameters:
    """Read what `Parameters.stored` returned, as strictly as the first time."""
    return read((name, value) for name, values in stored.items() for value in values)


def is_clean(text: str) -> bool:
    """Tell whether *text* is free of control characters, lone surrogates and the mark of undecodable bytes."""
    return _UNCLEAN.search(text) is None


def _fault(name: str, value: str, found: Mapping[str, tuple[str, ...]]) -> InvalidRequest | None:
    shown = name if len(name) <= MAX_NAME_LENGTH and is_clean(name) else "A parameter"
    if len(name) > MAX_NAME_LENGTH or len(value) > MAX_LENGTHS.get(name, MAX_VALUE_LENGTH):
        return InvalidRequest(f"{shown} is too long.", reason=reasons.TOO_LARGE)
    if not is_clean(name) or not is_clean(value):
        return InvalidRequest(f"{shown} holds characters that are not allowed.", reason=reasons.MALFORMED_PARAMETER)
    if name in found and name not in REPEATABLE:
        reason = (
            reasons.REDIRECT_URI_DUPLICATE if name in ("redirect_uri", "client_id") else reasons.DUPLICATE_PARAMETER
        )
        return InvalidRequest(f"{shown} was sent more than once.", reason=reason)
    return None
