"""What is audited of passkeys. The target is the person; ``passkey_id`` is an id of ours, not the credential's."""

from __future__ import annotations

from idp.audit.declared import Change, Event
from idp.wording import say


class PasskeyAdded(Event, type="passkey.added", title=say("Added a passkey"), about="accounts"):
    """A person can sign in with one passkey more."""

    passkey_id: str = ""
    name: str = ""
    # synced, one_device or security_key
    kind: str = ""
    sessions: int = 0
    grants: int = 0


class PasskeyRenamed(Event, type="passkey.renamed", title=say("Renamed a passkey"), about="accounts"):
    """A passkey got another name."""

    passkey_id: str = ""
    changes: tuple[Change, ...] = ()


class PasskeyRemoved(Event, type="passkey.removed", title=say("Removed a passkey"), about="accounts"):
    """Nobody can sign in with this passkey any more."""

    passkey_id: str = ""
    name: str = ""
    sessions: int = 0
    grants: int = 0
