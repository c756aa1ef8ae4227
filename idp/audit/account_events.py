"""What is audited of a person's own pages: lock-downs, exports, and the end of an account."""

from __future__ import annotations

from idp.audit.declared import Event


class AccountSecured(Event, type="account.secured", title="Secured an account", about="accounts"):
    """A person locked their account down after something that was not them; what ended with it."""

    sessions: int = 0
    grants: int = 0
    consents: int = 0
    devices: int = 0
    # The entry that was not them, and since when everything is to be looked at.
    event_id: str = ""
    since: str = ""


class AccountExported(Event, type="account.exported", title="Exported what is kept about them", about="accounts"):
    """A person downloaded everything that is kept about them."""


class AccountDeletionAsked(Event, type="account.deletion_asked", title="Asked to be deleted", about="accounts"):
    """A person asked for their account to be deleted; an administrator decides."""


class AccountDeletionDropped(
    Event, type="account.deletion_dropped", title="No longer wants to be deleted", about="accounts"
):
    """The wish to have an account deleted was taken back."""


class PersonDeleted(Event, type="person.deleted", title="Deleted a person", about="accounts"):
    """An account was deleted for good; its entries in this log stay, under its id."""

    sessions: int = 0
    grants: int = 0
    # Whether somebody deleted their own.
    own: bool | None = None
