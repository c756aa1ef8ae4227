"""What is audited of invitations, and of people who make an account themselves."""

from __future__ import annotations

from idp.audit.declared import Event
from idp.wording import say


class InvitationMade(Event, type="invitation.made", title="Invited somebody", about="accounts"):
    """An invitation was made; the target is the invitation, named by its address where it has one."""

    email: str = ""
    groups: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()
    expires_at: str = ""


class InvitationResent(Event, type="invitation.resent", title="Sent an invitation again", about="accounts"):
    """An invitation got a new link; the one before stopped working."""

    expires_at: str = ""


class InvitationRevoked(Event, type="invitation.revoked", title="Revoked an invitation", about="accounts"):
    """An invitation stopped working before it was used."""


class InvitationAccepted(Event, type="invitation.accepted", title=say("Accepted an invitation"), about="accounts"):
    """Somebody used an invitation; the target is the person."""

    invitation_id: str = ""
    # False: with the account that they had before.
    new_account: bool | None = None
    groups: tuple[str, ...] = ()


class InviterAsked(Event, type="invitation.asked_for", title="Asked for another invitation", about="accounts"):
    """Somebody whose link no longer works asked whoever invited them for another; the target is the invitation."""

    inviter_id: str = ""


class SignUpAsked(Event, type="sign_up.asked", title="Asked for an account", about="accounts"):
    """Somebody gave an address to make an account with; whether it has one already is not told apart here."""

    email: str = ""


class SignedUp(Event, type="sign_up.done", title=say("Made an account"), about="accounts"):
    """Somebody who was not invited made an account, after their address was verified; the target is the person."""

    email: str = ""
    groups: tuple[str, ...] = ()
