"""Where a sign-in that another server on this host asked for may lead back to.

The session cookie belongs to one host name, whatever the port, and over https to https alone. An address is accepted
exactly when the browser would send that cookie to it: everywhere else the person could not be recognised, and would be
sent here again for ever.
"""

import re
from urllib.parse import quote_from_bytes, unquote_to_bytes, urlsplit

LONGEST = 4096
_NAMED = re.compile(r"(?:^|&)rd=(.*)", re.ASCII | re.DOTALL)
_ESCAPED = re.compile(r"(?:https?%3A|%2F)", re.ASCII | re.IGNORECASE)
_ABSOLUTE = re.compile(rb"(https?)://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[1-9][0-9]{0,4})?((?:[/?].*)?)", re.DOTALL)
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})", re.ASCII)
_UNSAFE = re.compile(rb"[\x00-\x1f\x7f]")
_KEPT = "/?#[]@!$&'()*+,;=:%-._~"
_MAX_PORT = 65535


def named_in(query: str) -> str | None:
    """Return the address that a raw *query* string names as ``rd``, still as it was sent; nothing when it names none.

    nginx puts an address in as it is, its own ``&`` included, so everything after ``rd=`` is the address. One that
    begins percent-encoded was encoded as a whole, and ends at the next ``&``.
    """
    found = _NAMED.search(query)
    if not found:
        return None
    given = found[1]
    return given.partition("&")[0] if _ESCAPED.match(given) else given


def return_address(given: str, *, issuer: str) -> str | None:
    """Return the absolute address that *given* (from ``named_in``) leads to, or `None` when it must not be followed.

    Accepted are a path of this very origin, and an address on the issuer's host name, on any port, by the issuer's
    scheme or https. What browsers send unescaped in paths and queries is escaped.
    """
    sent = given.encode("latin-1", "replace")
    raw = unquote_to_bytes(sent) if _ESCAPED.match(given) else sent
    # Browsers read a backslash as a slash and drop control characters; nobody else does.
    if not raw or len(raw) > LONGEST or _UNSAFE.search(raw) or b"\\" in raw.partition(b"?")[0]:
        return None
    ours = urlsplit(issuer)
    if raw.startswith(b"/"):
        return None if raw.startswith(b"//") else f"{ours.scheme}://{ours.netloc}{_escaped(raw)}"
    parts = _ABSOLUTE.fullmatch(raw)
    if not parts or int(parts[3][1:] if parts[3] else 443) > _MAX_PORT:
        return None
    scheme, host, port = parts[1].decode(), parts[2].decode().lower(), (parts[3] or b"").decode()
    if urlsplit(f"//{host}").hostname != ours.hostname or scheme not in {ours.scheme, "https"}:
        return None
    rest = _escaped(parts[4])
    return f"{scheme}://{host}{port}{rest if rest.startswith('/') else f'/{rest}'}"


def _escaped(rest: bytes) -> str:
    return _LONE_PERCENT.sub("%25", quote_from_bytes(rest, safe=_KEPT))
