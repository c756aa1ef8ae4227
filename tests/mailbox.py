"""A mail server on loopback, as one that an installation sends through."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from itertools import pairwise
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


@dataclass
class Mailbox:
    """What a mail server took, and how it answers: ``at_rcpt`` and ``at_data`` are asked first."""

    port: int = 0
    messages: list[Any] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    at_rcpt: Any = None
    at_data: Any = None
    # Who signed in.
    users: list[str] = field(default_factory=list)

    async def handle_RCPT(self, _server, _session, envelope, address, _options):
        refused = self.at_rcpt() if self.at_rcpt else None
        if refused:
            return refused
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, session, envelope):
        refused = self.at_data() if self.at_data else None
        if refused:
            return refused
        message = message_from_bytes(envelope.content, policy=default)
        message.was_encrypted = session.ssl is not None
        self.messages.append(message)
        self.envelopes.append((envelope.mail_from, envelope.rcpt_tos))
        return "250 OK"

    def text(self, number=-1):
        """Return the plain text of a mail."""
        return self.messages[number].get_body(("plain",)).get_content().replace("\r\n", "\n")

    def html(self, number=-1):
        """Return the HTML of a mail."""
        return self.messages[number].get_body(("html",)).get_content()

    def link(self, number=-1):
        """Return the address that a mail leads to."""
        lines = self.text(number).split("\n")
        return next(after for line, after in pairwise(lines) if line.endswith(":") and "://" in after)


@contextmanager
def mailbox(*, port=0, tls=None, starttls=None, user="", password=""):
    """Serve as a mail server; with *tls* or *starttls* (contexts) encrypted, with *user* for that one alone."""
    box, loop = Mailbox(), asyncio.new_event_loop()

    def authenticate(_server, _session, _envelope, _mechanism, data):
        given = isinstance(data, LoginPassword) and (data.login.decode(), data.password.decode())
        if given == (user, password):
            box.users.append(user)
            return AuthResult(success=True)
        return AuthResult(success=False, handled=False)

    def make():
        return SMTP(
            box,
            loop=loop,
            enable_SMTPUTF8=True,
            tls_context=starttls,
            require_starttls=starttls is not None,
            authenticator=authenticate if user else None,
            auth_required=bool(user),
            auth_require_tls=starttls is not None,
        )

    server = loop.run_until_complete(loop.create_server(make, "127.0.0.1", port, ssl=tls))
    box.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield box
    finally:
        asyncio.run_coroutine_threadsafe(_close(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _close(server):
    server.close()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
