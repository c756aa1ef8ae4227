"""Using an invitation up: a new account that is signed in, or groups for an account that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp import clock
from idp.accounts import administration, groups
from idp.accounts import store as accounts
from idp.audit.invitation_events import InvitationAccepted, SignedUp
from idp.audit.log import record
from idp.db import transaction
from idp.invitations import store
from idp.joining import with_passkey
from idp.joining.with_passkey import FirstPasskey
from idp.login import halfway
from idp.login.actor import acting
from idp.login.methods.password import METHOD
from idp.login.passkey_method import MADE

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from idp.accounts.models import Person
    from idp.invitations.models import Invitation
    from idp.login.halfway import Outcome
    from idp.login.waiting import Waiting
    from idp.sessions.store import SessionView


class Spent(Exception):
    """Somebody else used the invitation, or it ended, a moment ago."""


def make_account(fingerprint: str, names: dict[str, str], chosen: str | FirstPasskey, waiting: Waiting) -> Outcome:
    """Make the account of an invitation, and sign it in as far as what was *chosen* does; return what that led to.

    *names* are ``username`` and ``name``, checked; *chosen* is the hash of a password, or a passkey; everything else
    about the account the invitation says.

    Raises:
        FieldErrors: somebody else has the user name or, since a moment, the address; the invitation stays good.
        Spent: the invitation cannot be used any more.

    """
    with transaction() as session:
        row = store.find_by_fingerprint(session, fingerprint)
        if row is None or not row.email:
            raise Spent
        # One savepoint: a name that cannot be taken leaves the invitation as it was.
        with session.begin_nested():
            if not store.consume(session, row, clock.utc_now()):
                raise Spent
            person = _add(session, row, names, chosen)
        _give(session, row, person, new_account=True)
        method = MADE if isinstance(chosen, FirstPasskey) else METHOD
        return halfway.prove(session, person, method, waiting, known_device=False)


def accept(session: Session, fingerprint: str, view: SessionView) -> tuple[str, ...]:
    """Use an invitation up for the account that is signed in; return the names of its groups.

    Raises:
        Spent: it cannot be used any more; the caller's transaction is to be rolled back.

    """
    row, person = store.find_by_fingerprint(session, fingerprint), accounts.find(session, view.person_id, lock=True)
    if row is None or person is None or not is_for_accounts(row):
        raise Spent
    with session.begin_nested():
        if not store.consume(session, row, clock.utc_now()):
            raise Spent
    return _give(session, row, person, new_account=False)


def is_for_accounts(row: Invitation) -> bool:
    """Tell whether an account that is there gains anything: who only wanted a new one has nothing to accept."""
    return row.kind == store.INVITATION or row.parent_id is not None


def _add(session: Session, row: Invitation, names: dict[str, str], chosen: str | FirstPasskey) -> Person:
    first = chosen if isinstance(chosen, FirstPasskey) else None
    values = {
        "username": names["username"],
        "name": names["name"],
        "email": row.email,
        "email_verified": store.is_proven(session, row),
        "password_hash": None if first else chosen,
        "person_id": first.person_id if first else "",
    }
    # Nobody is signed in yet; whoever invited did not do this.
    person = administration.add(
        session, values, actor=acting("", names["name"] or names["username"]), now=clock.utc_now()
    )
    if first is not None:
        with_passkey.keep(session, person, first)
    return person


def _give(session: Session, row: Invitation, person: Person, *, new_account: bool) -> tuple[str, ...]:
    """Put *person* into the groups of the invitation, and note what became of it."""
    now, name = clock.utc_now(), person.name or person.username
    actor = acting(person.id, name)
    store.note_person(session, row, person.id)
    given = [group for one in row.group_ids if (group := groups.find(session, one))]
    for group in given:
        administration.add_member(session, group, person, actor=actor, now=now)
    names = tuple(group.name for group in given)
    if is_for_accounts(row):
        event: InvitationAccepted | SignedUp = InvitationAccepted(
            target_id=person.id,
            target_name=name,
            invitation_id=row.parent_id or row.id,
            new_account=new_account,
            groups=names,
        )
    else:
        event = SignedUp(target_id=person.id, target_name=name, email=row.email, groups=names)
    record(session, event, now=now, actor=actor)
    return names
