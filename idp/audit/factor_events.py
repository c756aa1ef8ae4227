"""What is audited of second factors; known to others through ``idp.audit.events``."""

from __future__ import annotations

from idp.audit.declared import Change, Event
from idp.wording import say


class FactorAdded(Event, type="factor.added", title=say("Added a second factor"), about="accounts"):
    """A person can prove in a further way who they are."""

    # totp, email, passkey
    factor: str = ""
    sessions: int = 0
    grants: int = 0


class FactorRemoved(Event, type="factor.removed", title=say("Removed a second factor"), about="accounts"):
    """A way to prove who one is was taken from a person, by themselves or by an administrator."""

    factor: str = ""
    sessions: int = 0
    grants: int = 0


class RecoveryCodesMade(Event, type="recovery_codes.made", title=say("Made recovery codes"), about="accounts"):
    """A person has new recovery codes; those before are worth nothing."""

    codes: int = 0


class BrowserRemembered(Event, type="browser.remembered", title=say("Left a browser out of asking"), about="accounts"):
    """A person is not asked for the second factor in this browser for a while."""

    days: int = 0


class BrowserForgotten(Event, type="browser.forgotten", title=say("Asks again in a browser"), about="accounts"):
    """A person is asked for the second factor again where they were not; ``copied``: since two held what one should."""

    browsers: int = 0
    copied: bool = False


class GroupSecondFactorChanged(
    Event, type="group.second_factor_changed", title="Changed whether a group needs a second factor", about="accounts"
):
    """The members of a group must sign in with two factors from now on, or need not."""

    changes: tuple[Change, ...] = ()
