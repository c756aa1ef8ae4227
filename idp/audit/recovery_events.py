"""What is audited of passwords, and of getting back into an account; the target is the person."""

from __future__ import annotations

from idp.audit.declared import Event
from idp.wording import say


class PasswordChanged(Event, type="password.changed", title="Changed a password", about="accounts"):
    """A password was set; other sessions and refresh tokens ended with the old one."""

    sessions: int = 0
    grants: int = 0
    # changed, required, recovered, set
    how: str = ""
    # Another one is asked for at the next sign-in.
    must_change: bool | None = None


class PasswordChangeRequired(
    Event, type="password.change_required", title=say("Asked for a new password"), about="accounts"
):
    """A person has to choose another password before they are next signed in."""

    sessions: int = 0
    grants: int = 0


class RecoveryAsked(Event, type="recovery.asked", title=say("Asked for a recovery link"), about="sign-ins"):
    """Somebody who cannot sign in asked for a link by mail; the target is empty when nobody has the name."""

    # unknown_person, disabled; empty when a mail was queued
    reason: str = ""
    client_id: str = ""


class RecoveryLinkMade(Event, type="recovery.link_made", title=say("Made a recovery link"), about="accounts"):
    """A link with which a person chooses a new password was made to be handed over."""

    removes_second_factors: bool | None = None
