"""Every request that this server sends by itself: to addresses that clients registered, and so to anywhere (R02, O07).

An address is resolved once; every address it resolves to must be public or allowed by ``IDP_OUTBOUND__ALLOW``, and the
connection goes to one of those very addresses, so that a second look-up cannot lead elsewhere. No redirect is followed,
no proxy is used, and time and size are bounded. Never call it while a transaction is open.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

import httpcore

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from idp.settings import Settings

CONNECT_SECONDS: Final = 3.0
TOTAL_SECONDS: Final = 5.0
LARGEST: Final = 64 * 1024
# Anybody can make this server fetch what some client registered, and be slow there: most requests a process can work
# on at once (`idp.web.limits.AT_WORK`) have to be left for everybody else.
FETCHES_AT_ONCE: Final = 3
PLACE_SECONDS: Final = 0.5
_AGENT: Final = b"Doorward"
# What translators for networks without IPv4 put in front of an IPv4 address (RFC 6052), which is what counts then.
_TRANSLATED: Final = ipaddress.ip_network("64:ff9b::/96")
# Python may call these global, although they lead to any IPv4 address, inner ones included, through a translator of
# one's own or a tunnel (RFC 8215, RFC 3056, RFC 4291 section 2.5.5.1), or were meant for sites (RFC 3879).
_NEVER_PUBLIC: Final = tuple(
    ipaddress.ip_network(network) for network in ("64:ff9b:1::/48", "2002::/16", "::/96", "fec0::/10")
)
# 100.64.0.0/10 (shared by carriers) is neither private nor global to Python; is_global says no, which is what counts.
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class OutboundError(Exception):
    """A request could not be made; the text says why in one sentence and is fit for the client's owner."""


class OutboundRefused(OutboundError):
    """The address may not be reached from here."""


class OutboundFailed(OutboundError):
    """The other side did not answer, or not as it should."""


class OutboundBusy(OutboundFailed):
    """Too much else is being fetched; nothing was sent, and nothing is known of the other side."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer with status 200; `content_type` is in lower case and without parameters, `max_age` in seconds."""

    body: bytes
    content_type: str
    max_age: int | None


class Outbound:
    """Sends requests within the rules of this installation."""

    def __init__(self, settings: Settings) -> None:
        self._allowed = tuple(ipaddress.ip_network(network, strict=False) for network in settings.outbound.allow)
        self._ca_file = settings.outbound.ca_file
        self._tls: ssl.SSLContext | None = None
        self._places = threading.BoundedSemaphore(FETCHES_AT_ONCE)

    def fetch(self, url: str, *, accept: str = "application/json", limit: int = LARGEST) -> Fetched:
        """Return what *url* answers; a fragment is not sent.

        Raises:
            OutboundRefused: the address is not one to be reached.
            OutboundBusy: as many other addresses are being fetched as may be at once.
            OutboundFailed: no answer in time, one larger than *limit* bytes, or any status but 200.

        """
        if not self._places.acquire(timeout=PLACE_SECONDS):
            raise OutboundBusy("Too much else is being fetched at this moment; try again in a few seconds.")
        try:
            status, headers, body = self._send("GET", url, {b"Accept": accept.encode()}, None, limit)
        finally:
            self._places.release()
        if status != 200:  # noqa: PLR2004 - HTTP
            raise OutboundFailed(f"It answered with status {status}.")
        content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        return Fetched(body, content_type, _max_age(headers.get("cache-control", "")))

    def post_form(self, url: str, fields: Mapping[str, str]) -> int:
        """Post *fields* as a form, and return the status; what the answer says is not read.

        Raises:
            OutboundRefused: the address is not one to be reached.
            OutboundFailed: no answer in time.

        """
        headers = {b"Content-Type": b"application/x-www-form-urlencoded"}
        return self._send("POST", url, headers, urlencode(fields).encode(), 0)[0]

    def _send(
        self, method: str, url: str, headers: Mapping[bytes, bytes], content: bytes | None, limit: int
    ) -> tuple[int, dict[str, str], bytes]:
        scheme, host, port, target = _parts(url)
        addresses = self._resolve(host, port, scheme)
        shown = f"[{host}]" if ":" in host else host
        usual = 443 if scheme == "https" else 80
        named = shown if port == usual else f"{shown}:{port}"
        deadline = time.monotonic() + TOTAL_SECONDS
        every = [(b"Host", named.encode()), (b"User-Agent", _AGENT), (b"Connection", b"close"), *headers.items()]
        if content is not None:
            every.append((b"Content-Length", str(len(content)).encode()))
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), CONNECT_SECONDS)
        pinned = _Pinned(addresses, deadline)
        try:
            with (
                httpcore.ConnectionPool(ssl_context=self._context(), network_backend=pinned, retries=0) as pool,
                pool.stream(
                    method,
                    httpcore.URL(scheme=scheme.encode(), host=host.encode(), port=port, target=target.encode()),
                    headers=every,
                    content=content,
                    extensions={"timeout": timeouts},
                ) as response,
            ):
                body = _read(response.iter_stream(), limit) if limit else b""
                found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
                return response.status, found, body
        except httpcore.TimeoutException:
            raise OutboundFailed("It did not answer in time.") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError) as error:
            raise OutboundFailed(_reason(error)) from None

    def _resolve(self, host: str, port: int, scheme: str) -> list[str]:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise OutboundFailed("Its host name cannot be resolved.") from None
        addresses = [str(entry[4][0]) for entry in found]
        for text in addresses:
            self._check(ipaddress.ip_address(text.partition("%")[0]), scheme)
        return list(dict.fromkeys(addresses))

    def _check(self, address: _Address, scheme: str) -> None:
        mapped = getattr(address, "ipv4_mapped", None) or address
        allowed = any(mapped in network for network in self._allowed)
        if not allowed and not _is_public(mapped):
            raise OutboundRefused(
                "It leads to an address that is not public; an operator can allow it with IDP_OUTBOUND__ALLOW."
            )
        if scheme == "http" and not (allowed and mapped.is_loopback):
            raise OutboundRefused("It must use https.")

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            context = ssl.create_default_context()
            if self._ca_file is not None:
                context.load_verify_locations(cafile=str(self._ca_file))
            self._tls = context
        return self._tls


class _Pinned(httpcore.SyncBackend):
    """Connects to the addresses that were checked, whatever the host name resolves to by now."""

    def __init__(self, addresses: list[str], deadline: float) -> None:
        super().__init__()
        self._addresses = addresses
        self._deadline = deadline

    def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:  # noqa: ARG002, ANN401 - the interface of httpcore
        """Connect to the first of the checked addresses that answers."""
        for address in self._addresses[:-1]:
            try:
                return _Bounded(super().connect_tcp(address, port, *args, **kwargs), self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return _Bounded(super().connect_tcp(self._addresses[-1], port, *args, **kwargs), self._deadline)


class _Bounded(httpcore.NetworkStream):
    """A connection that ends at the deadline, however slowly and often the other side says a little."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: float) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the interface of httpcore
        return self._inner.read(max_bytes, self._left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - the interface of httpcore
        self._inner.write(buffer, self._left())

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the interface of httpcore
    ) -> httpcore.NetworkStream:
        return _Bounded(self._inner.start_tls(ssl_context, server_hostname, self._left()), self._deadline)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - the interface of httpcore
        return self._inner.get_extra_info(info)

    def _left(self) -> float:
        left = min(CONNECT_SECONDS, self._deadline - time.monotonic())
        if left <= 0:
            raise httpcore.ReadTimeout
        return left


def _is_public(address: _Address) -> bool:
    if address in _TRANSLATED:
        address = ipaddress.IPv4Address(address.packed[-4:])
    within = any(address in network for network in _NEVER_PUBLIC)
    return address.is_global and not address.is_multicast and not within


def _parts(url: str) -> tuple[str, str, int, str]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise OutboundRefused("It is not an address.") from None
    if parts.scheme not in {"https", "http"} or not host or parts.username is not None or not url.isascii():
        raise OutboundRefused("It must be an https address without a user name.")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.scheme, host, port or (443 if parts.scheme == "https" else 80), target


def _read(stream: Iterable[bytes], limit: int) -> bytes:
    found = b""
    for piece in stream:
        found += piece
        if len(found) > limit:
            raise OutboundFailed(f"Its answer is larger than {limit // 1024} KiB.")
    return found


def _max_age(cache_control: str) -> int | None:
    for directive in cache_control.lower().split(","):
        name, _, value = directive.strip().partition("=")
        if name == "max-age" and value.isascii() and value.isdigit() and len(value) < 10:  # noqa: PLR2004 - nine digits are thirty years
            return int(value)
    return None


def _reason(error: Exception) -> str:
    text = str(error).lower()
    if "certificate" in text:
        return "Its certificate could not be verified."
    return "The connection could not be made, or broke off."
