"""Which addresses may be registered, and which one a request may name (RFC 9700 section 4.1, RFC 8252)."""

import ipaddress
import re
from collections.abc import Iterable
from enum import StrEnum
from urllib.parse import parse_qsl, quote, unquote

MAX_LENGTH = 2048
_ALLOWED = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", re.ASCII)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})", re.ASCII)
_PRIVATE_USE = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9][a-z0-9+-]*)+:/.*", re.ASCII)
_WEB = re.compile(r"(https?)://([^/?#]*)([^#]*)(#.*)?", re.ASCII)
_AUTHORITY = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([1-9][0-9]{0,4}))?", re.ASCII)
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|\[::1\])(?::([1-9][0-9]{0,4}))?((?:[/?].*)?)", re.ASCII)
_ANSWERED = frozenset({"code", "state", "iss", "error", "error_description", "error_uri"})
_MAX_PORT = 65535


class UriKind(StrEnum):
    """What an address of a client is for."""

    REDIRECT = "redirect_uri"
    POST_LOGOUT = "post_logout_redirect_uri"
    # An address that is only ever shown as a link or loaded: client_uri, policy_uri, tos_uri, logo_uri.
    PAGE = "page"


class ResponseMode(StrEnum):
    """How an answer travels to the client (OAuth 2.0 Multiple Response Types, Form Post)."""

    QUERY = "query"
    FRAGMENT = "fragment"
    FORM_POST = "form_post"


def matches(requested: str, registered: str, *, native: bool) -> bool:
    """Compare character by character, the port of a native client's loopback address aside (RFC 8252 section 7.3)."""
    if requested == registered:
        return True
    if not native:
        return False
    ours, theirs = _LOOPBACK.fullmatch(registered), _LOOPBACK.fullmatch(requested)
    if not ours or not theirs or int(theirs[2] or 80) > _MAX_PORT:
        return False
    return (ours[1], ours[3]) == (theirs[1], theirs[3])


def closest(requested: str, registered: Iterable[str]) -> str | None:
    """Return the registered address that shares most of its beginning and end with *requested*, to show a developer."""

    def likeness(candidate: str) -> int:
        pairs = zip(requested, candidate, strict=False)
        backwards = zip(reversed(requested), reversed(candidate), strict=False)
        return _run(pairs) + _run(backwards)

    return max(registered, key=likeness, default=None)


def check_registrable(uri: str, *, application_type: str = "web", kind: UriKind = UriKind.REDIRECT) -> str | None:
    """Return why *uri* can never be an address of a client, or `None` when it can.

    https anywhere; http on loopback and `*.localhost` alone; a private-use scheme (a reversed domain name, RFC 8252
    section 7.1) for native clients alone. Checked at registration and again whenever the address is used.
    """
    fault = _text_fault(uri)
    if fault:
        return fault
    if kind is not UriKind.PAGE and "#" in uri:
        return "It must not have a fragment (#)."
    if uri.startswith(("https:", "http:")):
        return _web_fault(uri, plain_http=False) or _answer_fault(uri, kind)
    if kind is UriKind.PAGE or application_type != "native":
        return "It must begin with https:// (http:// is for loopback and *.localhost only)."
    if not _PRIVATE_USE.fullmatch(uri):
        return "A native app's own scheme must be a reversed domain name, as in com.example.app:/callback."
    return None


def check_web_address(uri: str) -> str | None:
    """Return why *uri* is no http or https address that a person may be shown, or `None` when it is one."""
    return _text_fault(uri) or _web_fault(uri, plain_http=True)


def origin_of(uri: str) -> str | None:
    """Return scheme, host and port of a sound http or https address as browsers write an origin, else `None`."""
    if check_web_address(uri):
        return None
    scheme, authority = uri.split("://", 1)
    authority = re.split(r"[/?#]", authority, maxsplit=1)[0].lower()
    return f"{scheme}://{authority.removesuffix(':443' if scheme == 'https' else ':80')}"


def safe_local_path(value: str) -> str | None:
    """Return *value* when every browser takes it for a path on this very origin, else `None`."""
    if not value.startswith("/") or _text_fault(value):
        return None
    path = unquote(re.split(r"[?#]", value, maxsplit=1)[0])
    if path.startswith("//") or "\\" in path or _has_dot_segment(path) or not path.isprintable():
        return None
    return value


def may_return_to(value: str, *, delivery_uri: str, prefixes: Iterable[str] = ()) -> bool:
    """Tell whether a JWT redirect may send the person on to *value*.

    Allowed are a local path, an address on the origin of *delivery_uri*, and one at or below a registered prefix.
    """
    if value.startswith("/"):
        return safe_local_path(value) is not None
    origin = origin_of(value)
    if origin is None or _has_dot_segment(unquote(value)) or "\\" in unquote(value):
        return False
    return origin == origin_of(delivery_uri) or any(_is_below(value, prefix) for prefix in prefixes)


def append_parameters(uri: str, pairs: Iterable[tuple[str, str]], mode: ResponseMode) -> str:
    """Return *uri* with the answer's parameters in its query or fragment; a registered query is kept as it is."""
    encoded = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
    if mode is ResponseMode.FORM_POST:
        raise ValueError("A form post carries its parameters in the form.")
    if not encoded:
        return uri
    if mode is ResponseMode.FRAGMENT:
        return f"{uri}#{encoded}"
    if "?" not in uri:
        return f"{uri}?{encoded}"
    return f"{uri}{'' if uri.endswith(('?', '&')) else '&'}{encoded}"


def _run(pairs: Iterable[tuple[str, str]]) -> int:
    length = 0
    for one, other in pairs:
        if one != other:
            break
        length += 1
    return length


def _text_fault(uri: str) -> str | None:
    if not uri or len(uri) > MAX_LENGTH:
        return "It must have between 1 and 2048 characters."
    if not _ALLOWED.fullmatch(uri):
        return "It must be ASCII without spaces, control characters, backslashes or quotes."
    if "*" in uri:
        return "It must not have a wildcard (*): addresses are compared exactly."
    if _BAD_ESCAPE.search(uri):
        return "Every % must begin a percent-encoded byte."
    return None


def _web_fault(uri: str, *, plain_http: bool) -> str | None:
    parts = _WEB.fullmatch(uri)
    if not parts or not parts[2]:
        return "It must be an absolute address, as in https://app.example.com/callback."
    if "@" in parts[2]:
        return "It must not have a user name or password (@)."
    authority = _AUTHORITY.fullmatch(parts[2])
    if not authority or not _is_host(authority[1]) or int(authority[2] or 443) > _MAX_PORT:
        return "Its host or port is malformed."
    if parts[1] == "http" and not plain_http and not _is_local(authority[1]):
        return "It must use https; http is for loopback and *.localhost only."
    return None


def _answer_fault(uri: str, kind: UriKind) -> str | None:
    if kind is UriKind.PAGE or "?" not in uri:
        return None
    names = {name for name, _ in parse_qsl(uri.split("?", 1)[1], keep_blank_values=True)}
    if names & _ANSWERED:
        return f"Its query must not have {', '.join(sorted(names & _ANSWERED))}, which the answer brings."
    return None


def _is_host(host: str) -> bool:
    if host.startswith("["):
        return _address(host) is not None
    labels = host.removesuffix(".").split(".")
    if labels[-1].isdecimal() and _address(host) is None:
        return False  # Browsers read 2130706433 and 0177.1 as addresses, and other programs do not.
    return all(labels) and not any(label.startswith("-") or label.endswith("-") for label in labels)


def _is_local(host: str) -> bool:
    name = host.lower()
    address = _address(host)
    return name == "localhost" or name.endswith(".localhost") or (address is not None and address.is_loopback)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


def _has_dot_segment(text: str) -> bool:
    return any(segment in (".", "..") for segment in re.split(r"[/?#;]", text))


def _is_below(value: str, prefix: str) -> bool:
    if origin_of(prefix) is None or origin_of(prefix) != origin_of(value) or not value.startswith(prefix):
        return False
    return prefix.endswith("/") or value == prefix or value[len(prefix)] in "/?#"
