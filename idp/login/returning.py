"""The way back to another server on this host, which sent somebody here to sign in with ``/login?rd=<address>``."""

from __future__ import annotations

from flask import abort, request, url_for

from idp import clock
from idp.db import transaction
from idp.diagnosis import reasons
from idp.errors import PageError
from idp.interactions import store as interactions
from idp.login.browser import bind_browser
from idp.protocol.return_address import named_in, return_address
from idp.settings import Settings
from idp.web.current import service


class ReturnRefused(PageError):
    """The address that a sign-in was to lead back to is none of this host's."""

    oauth_error = "invalid_request"
    status = 400


def named_return() -> str | None:
    """Return the address that this request names as ``rd``, checked; nothing when it names none.

    Raises:
        ReturnRefused: it leads somewhere else.

    """
    given = named_in(request.query_string.decode("latin-1"))
    return checked_return(given) if given else None


def checked_return(address: str) -> str:
    """Return *address* as browsers are sent there.

    Raises:
        ReturnRefused: it leads to another host, or to this one without encryption.

    """
    found = return_address(address, issuer=service(Settings).issuer)
    if found is None:
        # The address itself is not told: whoever made this link up wants it to be read here.
        raise ReturnRefused(reasons.SIGN_IN_RETURN.public, reason=reasons.SIGN_IN_RETURN)
    return found


def keep_return(address: str, endpoint: str = "login.index") -> str:
    """Keep the checked *address* for after the sign-in; return the page (*endpoint*) that asks, and leads there.

    A script or picture of a page whose session has ended is sent here, too, and nobody sees what it gets: that is told
    so, and nothing is kept for it.
    """
    if request.headers.get("Sec-Fetch-Mode", "navigate") != "navigate":
        abort(401)
    browser = bind_browser()
    with transaction() as session:
        interaction = interactions.begin(
            session,
            resume_endpoint="login.resume_page",
            client_id=None,
            parameters={"address": address},
            browser=browser,
            now=clock.utc_now(),
        )
    return url_for(endpoint, interaction=interaction.id)
