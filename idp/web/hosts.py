"""One server has one address: whoever asks another Host is told so, and shown the right one."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import request

from idp.diagnosis import reasons
from idp.errors import PageError
from idp.settings import Settings
from idp.web.current import service
from idp.wording import say

# Asked by machines that know the server by its container's address.
HEALTH_CHECKS = frozenset({"/livez", "/readyz", "/healthz"})
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class WrongHost(PageError):
    """The request was meant for another host than the issuer's (RFC 9110 section 15.5.20)."""

    oauth_error = "invalid_request"
    status = 421


def is_misdirected(host: str, path: str, issuer: str) -> bool:
    """Tell whether a request with this ``Host`` header must not be answered, since it is not *issuer*'s."""
    if path in HEALTH_CHECKS:
        return False
    parts = urlsplit(issuer)
    given = host.lower().removesuffix(_DEFAULT_PORTS[parts.scheme])
    return given != parts.netloc.removesuffix(_DEFAULT_PORTS[parts.scheme])


def check_host() -> None:
    """Refuse a request for another host.

    Raises:
        WrongHost: with the page that links to the issuer.

    """
    if is_misdirected(request.headers.get("Host", ""), request.path, service(Settings).issuer):
        raise WrongHost(say("This is not the address of this site."), reason=reasons.WRONG_HOST)
