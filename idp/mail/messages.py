"""A mail as one message on the wire (RFC 5322): text and HTML, and the headers that belong to it."""

from __future__ import annotations

from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from idp.deliveries.faults import NotSent

if TYPE_CHECKING:
    from datetime import datetime

    from idp.mail.rendering import Rendered
    from idp.settings import Settings


@dataclass(frozen=True, slots=True)
class Message:
    """What goes to the mail server: the two addresses of the envelope, and the content."""

    sender: str
    recipient: str
    content: bytes

    @property
    def needs_utf8(self) -> bool:
        """Tell whether an address has letters that only some servers take (RFC 6531)."""
        return not (self.sender + self.recipient).isascii()


def build(settings: Settings, delivery_id: str, to: str, rendered: Rendered, now: datetime) -> Message:
    """Return the message of a delivery: the same Message-ID at every attempt, so that a mailbox knows it again.

    Raises:
        NotSent: the address cannot be written to.

    """
    name, sender = parseaddr(settings.mail.sender)
    sender, recipient = _ascii_domain(sender), _ascii_domain(to)
    message = EmailMessage(policy=SMTP.clone(utf8=not (sender + recipient).isascii()))
    message["From"] = _header(name or rendered.site, sender)
    message["To"] = _header("", recipient)
    message["Subject"] = rendered.subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{delivery_id}@{urlsplit(settings.issuer).hostname}>"
    # No holiday notices to us (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(rendered.text, cte="quoted-printable")
    message.add_alternative(rendered.html, subtype="html", cte="quoted-printable")
    return Message(sender, recipient, message.as_bytes())


def _header(name: str, address: str) -> Address:
    local, _, domain = address.rpartition("@")
    return Address(display_name=name, username=local, domain=domain)


def _ascii_domain(address: str) -> str:
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        raise NotSent("Mail cannot be sent to this address.", again=False) from None
