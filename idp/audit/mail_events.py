"""What is audited of mail and of email addresses; the target is the person, its name the address."""

from __future__ import annotations

from idp.audit.declared import REFUSED, Event
from idp.wording import say


class MailFailed(Event, type="mail.failed", title=say("Could not send a mail"), about="accounts", outcome=REFUSED):
    """A mail could not be sent, and is not tried again."""

    delivery_id: str = ""
    template: str = ""
    attempts: int = 0
    reason: str = ""


class MailRetried(Event, type="mail.retried", title=say("Sent a mail once more"), about="accounts"):
    """An administrator had a mail tried again."""

    delivery_id: str = ""
    template: str = ""


class MailGivenUp(Event, type="mail.given_up", title=say("Gave up sending a mail"), about="accounts"):
    """An administrator ended the tries of a mail."""

    delivery_id: str = ""
    template: str = ""


class MailRead(Event, type="mail.read", title=say("Read a mail that waits"), about="accounts"):
    """An administrator read what a mail says that was not sent yet; it may hold a link or a code that lets in."""

    delivery_id: str = ""
    template: str = ""


class MailTested(Event, type="mail.tested", title="Sent a test mail", about="settings"):
    """A mail was queued that says nothing but that mail works."""

    delivery_id: str = ""


class EmailLinkSent(Event, type="email.link_sent", title=say("Sent a link to an email address"), about="accounts"):
    """A link was sent to an address, for whoever reads its mail to confirm it."""

    # verify_email or change_email
    purpose: str = ""


class EmailVerified(Event, type="email.verified", title=say("Verified an email address"), about="accounts"):
    """Whoever reads the mail of the address has confirmed it."""
