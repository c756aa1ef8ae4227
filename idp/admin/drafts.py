"""Forms that took longer than actions that matter allow: kept over a fresh sign-in, then shown again, filled in.

Nothing is saved by any of this: whoever comes back looks at the form and sends it again. A password is never kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from flask import make_response, redirect, url_for
from werkzeug.datastructures import MultiDict

from idp import clock
from idp.db import transaction
from idp.errors import NotFound
from idp.interactions import store as interactions
from idp.login.browser import bind_browser

if TYPE_CHECKING:
    from flask import Response

_NOT_KEPT: Final = frozenset({"csrf_token", "password"})


@dataclass(frozen=True, slots=True)
class Draft:
    """A form as it was filled in, and the id of what it changes (empty: it makes something new)."""

    of: str
    form: MultiDict[str, str]


def confirm_first(endpoint: str, form: MultiDict[str, str], *, of: str = "", client_id: str | None = None) -> Response:
    """Keep *form* and ask for the password; *endpoint*, which takes an ``interaction``, leads back to the form.

    Raises:
        InvalidRequest: it is larger than requests that wait may be.

    """
    kept = [[name, value] for name, value in form.items(multi=True) if name not in _NOT_KEPT]
    browser = bind_browser()
    with transaction() as session:
        waiting = interactions.begin(
            session,
            resume_endpoint=endpoint,
            client_id=client_id,
            parameters={"of": of, "form": kept},
            browser=browser,
            now=clock.utc_now(),
        )
    return make_response(redirect(url_for("login.reauth", interaction=waiting.id), code=303))


def load(interaction: str, endpoint: str, *, of: str | None = None) -> Draft:
    """Return what ``confirm_first`` kept for *endpoint* in this browser.

    Raises:
        NotFound: something else waits there, or a form of another than *of*.
        InteractionExpired: it is unknown, or older than a day.
        InteractionForeign: it was kept in another browser.

    """
    with transaction() as session:
        found = interactions.load(session, interaction, browser=bind_browser(), now=clock.utc_now())
    if found.resume_endpoint != endpoint or of not in (None, found.parameters["of"]):
        raise NotFound("There is no form under this address.")
    form = MultiDict((str(name), str(value)) for name, value in found.parameters["form"])
    return Draft(str(found.parameters["of"]), form)
