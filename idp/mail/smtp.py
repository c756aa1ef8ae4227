"""Handing one message to the mail server, within a time that is known beforehand."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from idp.deliveries.faults import NotSent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from idp.mail.messages import Message
    from idp.settings import Settings

# In seconds: to connect, for each answer, for all of them up to the content, for the answer to the content.
_CONNECT: Final = 15.0
_ANSWER: Final = 30.0
_BEFORE_CONTENT: Final = 50.0
# A server may look at the content for long (RFC 5321 section 4.5.3.2.6), and who asks again meanwhile sends it twice.
CONTENT: Final = 240.0
# How soon a server that is away is tried again.
_AWAY: Final = timedelta(seconds=30)
_PERMANENT: Final = 500
_LONGEST_ANSWER: Final = 200


class Connection:
    """A connection to the mail server that is ready to take a message."""

    def __init__(self, server: smtplib.SMTP, deadline: float) -> None:
        self._server = server
        self._deadline = deadline

    def send(self, message: Message, *, before_content: Callable[[], None]) -> None:
        """Hand *message* over; *before_content* is called when the server has taken both addresses.

        Raises:
            NotSent: the server refused it.

        """
        options = self._options(message)
        self._expect("the sender", lambda: self._server.mail(message.sender, options))
        self._expect("the address", lambda: self._server.rcpt(message.recipient))
        before_content()
        self._wait(CONTENT)
        try:
            code, _ = self._server.data(message.content)
        except smtplib.SMTPDataError as error:
            code = error.smtp_code
        if code != 250:  # noqa: PLR2004 - RFC 5321 section 4.2.1
            # Not its words: they may repeat a link.
            raise NotSent(f"The mail server refused the mail (status {code}).", again=code < _PERMANENT)

    def _options(self, message: Message) -> list[str]:
        if not message.needs_utf8:
            return []
        if not self._server.has_extn("smtputf8"):
            raise NotSent("The mail server sends to no address with such letters.", again=False)
        return ["SMTPUTF8", "BODY=8BITMIME"]

    def _expect(self, what: str, say: Callable[[], tuple[int, bytes]]) -> None:
        self._wait(min(_ANSWER, self._deadline - time.monotonic()))
        code, answer = say()
        if not 200 <= code < 300:  # noqa: PLR2004 - RFC 5321 section 4.2.1
            words = " ".join(answer.decode("ascii", "replace").split())[:_LONGEST_ANSWER]
            raise NotSent(f"The mail server refused {what}: {code} {words}", again=code < _PERMANENT)

    def _wait(self, seconds: float) -> None:
        if self._server.sock is not None:
            self._server.sock.settimeout(max(0.1, seconds))


@contextlib.contextmanager
def connected(settings: Settings) -> Iterator[Connection]:
    """Yield a connection to the configured server, encrypted and signed in as the settings say.

    Raises:
        NotSent: the server is away or does not let us in; it is worth another try soon.

    """
    deadline = time.monotonic() + _BEFORE_CONTENT
    try:
        server = _open(settings)
    except _FAULTS as error:
        raise _away(error) from None
    try:
        yield Connection(server, deadline)
    except _FAULTS as error:
        raise NotSent(_sentence(error), again=True) from None
    finally:
        # What was taken is taken; a server that is away by now need not hear the goodbye.
        with contextlib.suppress(*_FAULTS):
            server.quit()
        server.close()


def check(settings: Settings) -> str | None:
    """Connect and sign in, and say nothing more; return what was wrong, one sentence, or nothing."""
    try:
        with connected(settings):
            return None
    except NotSent as error:
        return str(error)


def _open(settings: Settings) -> smtplib.SMTP:
    mail, own_name = settings.mail, urlsplit(settings.issuer).hostname
    where = (mail.host, mail.effective_port, own_name)
    server: smtplib.SMTP
    if mail.tls == "tls":
        server = smtplib.SMTP_SSL(*where, timeout=_CONNECT, context=_trusted(settings))
    else:
        server = smtplib.SMTP(*where, timeout=_CONNECT)
    try:
        server.ehlo()
        if mail.tls == "starttls":
            server.starttls(context=_trusted(settings))
            server.ehlo()
        if mail.user:
            server.login(mail.user, mail.password.get_secret_value())
    except BaseException:
        server.close()
        raise
    return server


def _trusted(settings: Settings) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if settings.outbound.ca_file is not None:
        context.load_verify_locations(settings.outbound.ca_file)
    return context


_FAULTS: Final = (OSError, smtplib.SMTPException, UnicodeError, ValueError)


def _away(error: BaseException) -> NotSent:
    return NotSent(_sentence(error), again=True, wait=_AWAY)


def _sentence(error: BaseException) -> str:
    """Return what is wrong in words that name no secret."""
    for kind, words in _WORDS:
        if isinstance(error, kind):
            return words(error)
    return "The mail server gave an answer that is none."


# The first that fits; what is more special comes first.
_WORDS: Final[tuple[tuple[type[BaseException], Callable[[Any], str]], ...]] = (
    (
        smtplib.SMTPAuthenticationError,
        lambda error: f"The mail server did not take the user name and password (status {error.smtp_code}).",
    ),
    (
        smtplib.SMTPNotSupportedError,
        lambda _: "The mail server does not offer what the settings ask for (encryption, or signing in).",
    ),
    (
        ssl.SSLCertVerificationError,
        lambda error: f"The certificate of the mail server is not trusted: {error.verify_message}.",
    ),
    (
        ssl.SSLError,
        lambda _: "The mail server and this one found no encryption in common; look at IDP_MAIL__TLS and the port.",
    ),
    (TimeoutError, lambda _: "The mail server did not answer in time."),
    (socket.gaierror, lambda _: "The mail server was not found by its name."),
    (smtplib.SMTPServerDisconnected, lambda _: "The mail server ended the connection, or did not answer in time."),
    (
        smtplib.SMTPResponseException,
        lambda error: f"The mail server turned us away (status {error.smtp_code}).",
    ),
    (OSError, lambda error: f"The mail server cannot be reached: {error.strerror or type(error).__name__}."),
)
