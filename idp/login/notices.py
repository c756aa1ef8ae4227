"""Mails that tell a person what happened to their account, so that what they did not do does not go unseen.

``tell(session, person, "passkey_added", now=now, passkey="My phone")`` is all that whoever changes something needs: who
is told, when it was and from where stands in every such mail. The template is ``templates/mail/<what>.txt``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import has_request_context, request

from idp.deliveries import mail
from idp.deliveries.mail import Mail
from idp.login.browser import current_session
from idp.sessions.devices import describe
from idp.vault import Vault
from idp.web import language
from idp.web.addresses import client_address
from idp.web.current import service
from idp.web.paths import path_of

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.accounts.models import Person

_SECURITY: Final = "account_security.index"


def tell(
    session: Session,
    person: Person,
    what: str,
    *,
    now: datetime,
    to: str = "",
    themselves: bool | None = None,
    **facts: Any,  # noqa: ANN401 - whatever the template names
) -> str:
    """Queue the mail *what* to *person* (or to an older address of theirs) in the caller's transaction.

    Beside *facts* the template knows ``name``, ``username``, ``email``, ``at``, whether somebody else did it for them
    (``by_administrator``), and if they did it themselves ``device`` and ``address``: that is so when this browser is
    not signed in as another person, unless *themselves* says it. Its link is their security page.
    """
    told = {"name": person.name or person.username, "username": person.username, "email": person.email, "at": now}
    is_theirs = _is_theirs(person) if themselves is None else themselves
    letter = Mail(
        template=what,
        to=to or person.email,
        person_id=person.id,
        facts=told | _where(is_theirs) | facts,
        link=path_of(_SECURITY),
        language=language.of_person(person.claims.get("locale"), is_here=is_theirs),
    )
    return mail.queue(session, service(Vault), letter, now=now)


def _is_theirs(person: Person) -> bool:
    view = current_session()
    return has_request_context() and (view is None or view.person_id == person.id)


def _where(themselves: bool) -> dict[str, Any]:  # noqa: FBT001 - a fact, handed on
    """Return from where the person acts, or that it is somebody else who does."""
    if not themselves:
        return {"by_administrator": True, "device": "", "address": ""}
    device = describe(request.headers.get("User-Agent", ""))
    return {"by_administrator": False, "device": device, "address": client_address()}
