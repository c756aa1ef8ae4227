"""Inviting people: what an administrator does on the pages and by command, each with its entry in the audit log."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from idp.accounts import groups
from idp.accounts import store as accounts
from idp.accounts.names import email_fault, has_control
from idp.audit.invitation_events import InvitationMade, InvitationResent, InvitationRevoked, InviterAsked
from idp.audit.log import Actor, record
from idp.clients import store as clients
from idp.deliveries import mail
from idp.deliveries.mail import Mail
from idp.errors import Conflict, FieldErrors, NotFound
from idp.invitations import store
from idp.invitations.store import New
from idp.wording import say

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from sqlalchemy.orm import Session

    from idp.invitations.models import Invitation
    from idp.vault import Vault

LONGEST_MESSAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Made:
    """An invitation, and the path of its link where somebody is to hand it on; empty where it was mailed."""

    invitation: Invitation
    path: str


def path_of(token: str) -> str:
    """Return the path of a link."""
    return f"/join/{token}"


def invite(  # noqa: PLR0913 - keyword only: what inviting takes
    session: Session,
    vault: Vault,
    new: New,
    *,
    by_mail: bool,
    lifetime: timedelta,
    actor: Actor,
    now: datetime,
    language: str = "en",
) -> Made:
    """Make an invitation; *by_mail* it goes to its address, if it has one, in *language*; else its link is returned.

    Raises:
        FieldErrors: ``email``, ``message``, ``groups`` or ``apps`` cannot be taken; nothing was written.

    """
    new = _checked(session, new)
    row, token = store.make(session, new, lifetime=lifetime, now=now)
    event = InvitationMade(
        target_id=row.id,
        target_name=row.email or "whoever has the link",
        email=row.email,
        groups=group_names(session, row),
        apps=tuple(name for _, name in apps_of(session, row)),
        expires_at=row.expires_at.isoformat(timespec="seconds"),
    )
    record(session, event, now=now, actor=actor)
    return _handed_on(session, vault, row, token, language=language if by_mail else None, now=now)


def resend(  # noqa: PLR0913 - keyword only: what inviting takes
    session: Session,
    vault: Vault,
    invitation_id: str,
    *,
    lifetime: timedelta,
    actor: Actor,
    now: datetime,
    language: str = "en",
) -> Made:
    """Give an invitation a new link, also one that ran out or was revoked: by mail where it has an address.

    Raises:
        NotFound: there is no such invitation.
        Conflict: it was used.

    """
    row = found(session, invitation_id)
    token = store.renew(session, row.id, lifetime=lifetime, now=now)
    if token is None:
        raise Conflict(say("This invitation was used: the account is there."))
    session.refresh(row)
    event = InvitationResent(
        target_id=row.id,
        target_name=row.email or "whoever has the link",
        expires_at=row.expires_at.isoformat(timespec="seconds"),
    )
    record(session, event, now=now, actor=actor)
    return _handed_on(session, vault, row, token, language=language, now=now)


def revoke(session: Session, invitation_id: str, *, actor: Actor, now: datetime) -> Invitation:
    """Let an invitation stop working.

    Raises:
        NotFound: there is no such invitation.
        Conflict: it was used, or revoked before.

    """
    row = found(session, invitation_id)
    if not store.revoke(session, row.id, now):
        raise Conflict(say("This invitation was used or revoked before."))
    session.refresh(row)
    event = InvitationRevoked(target_id=row.id, target_name=row.email or "whoever has the link")
    record(session, event, now=now, actor=actor)
    return row


def ask_inviter(
    session: Session, vault: Vault, row: Invitation, *, actor: Actor, now: datetime, language: str = "en"
) -> None:
    """Tell whoever invited, in *language*, that the link no longer works; at most once a day."""
    inviter = accounts.find(session, row.inviter_id) if row.inviter_id else None
    if inviter is None or inviter.disabled_at is not None or not store.ask(session, row, now):
        return
    facts = {"name": inviter.name or inviter.username, "email": row.email, "made_at": row.created_at}
    notice = Mail(
        template="invitation_asked",
        to=inviter.email,
        person_id=inviter.id,
        facts=facts,
        link="/admin/invitations",
        language=language,
    )
    mail.queue(session, vault, notice, now=now)
    event = InviterAsked(target_id=row.id, target_name=row.email or "whoever has the link", inviter_id=inviter.id)
    record(session, event, now=now, actor=actor)


def found(session: Session, invitation_id: str) -> Invitation:
    """Return an invitation.

    Raises:
        NotFound: there is no such invitation.

    """
    row = store.find_by_id(session, invitation_id)
    if row is None:
        raise NotFound(say("There is no such invitation."))
    return row


def group_names(session: Session, row: Invitation) -> tuple[str, ...]:
    """Return the names of the groups that an invitation gives, of those that there still are."""
    return tuple(group.name for one in row.group_ids if (group := groups.find(session, one)))


def apps_of(session: Session, row: Invitation) -> list[tuple[str, str]]:
    """Return (client_id, name) of the apps that an invitation names, of those that can be used."""
    known = [clients.read(session, one) for one in row.client_ids]
    return [(client.client_id, client.name) for client in known if client is not None and not client.disabled]


def _handed_on(
    session: Session, vault: Vault, row: Invitation, token: str, *, language: str | None, now: datetime
) -> Made:
    """Mail the link in *language*, or return it where there is none or no address."""
    if language is None or not row.email:
        return Made(row, path_of(token))
    facts = {
        "inviter": row.inviter_name,
        # One paragraph, so that nothing in it can look like a part of the mail.
        "message": " ".join(row.message.split()),
        "groups": list(group_names(session, row)),
        "apps": [name for _, name in apps_of(session, row)],
        "expires_at": row.expires_at,
    }
    letter = Mail(
        template="invitation",
        to=row.email,
        facts=facts,
        link=path_of(token),
        lifetime=row.expires_at - now,
        language=language,
    )
    row.delivery_id = mail.queue(session, vault, letter, now=now)
    session.flush()
    return Made(row, "")


def _checked(session: Session, new: New) -> New:
    """Return *new* as it is kept."""
    new = replace(new, email=new.email.strip(), message=new.message.replace("\r\n", "\n").strip())
    faults = {
        "email": _email_fault(session, new.email),
        "message": _message_fault(new.message),
        "groups": _missing(one for one in new.group_ids if groups.find(session, one) is None),
        "apps": _missing(one for one in new.client_ids if clients.read(session, one) is None),
    }
    given = {name: fault for name, fault in faults.items() if fault}
    if given:
        raise FieldErrors(given)
    return new


def _email_fault(session: Session, email: str) -> str | None:
    if not email:
        return None
    if fault := email_fault(email):
        return fault
    person = accounts.find_by_login(session, email)
    if person is not None and person.disabled_at is not None:
        return say("Somebody with this address is disabled. Enable them instead.")
    return None


def _message_fault(message: str) -> str | None:
    if len(message) > LONGEST_MESSAGE:
        return say("Use at most %(most)s characters.", most=LONGEST_MESSAGE)
    return say("Leave out invisible characters.") if has_control(message.replace("\n", " ")) else None


def _missing(unknown: Iterable[str]) -> str | None:
    return say("Choose among those that are there.") if any(unknown) else None
