"""``idp mail test``."""

from __future__ import annotations

import click

from idp import opaque
from idp.audit import mail_events
from idp.audit.log import COMMAND_LINE, record
from idp.cli.context import emit, json_option, opened
from idp.clock import utc_now
from idp.db import db, end_reading, transaction
from idp.deliveries.faults import NotSent
from idp.deliveries.mail import Mail
from idp.errors import Conflict
from idp.mail import smtp
from idp.mail.messages import build
from idp.mail.rendering import render
from idp.settings import Settings
from idp.web.current import service


@click.group("mail")
def command() -> None:
    """Mail that this server sends."""


@command.command("test")
@click.argument("address")
@json_option
def test(address: str, *, as_json: bool) -> None:
    """Send a test mail to ADDRESS at once, and say what the mail server answers."""
    with opened():
        settings = service(Settings)
        if not settings.mail.is_set_up:
            raise Conflict("Mail is not set up: set IDP_MAIL__HOST and IDP_MAIL__FROM.")
        delivery_id = opaque.new_id("dlv")
        letter = Mail(template="test", to=address, facts={"name": "the command line"}, link="/")
        try:
            message = build(settings, delivery_id, address, render(letter), utc_now())
            end_reading()
            with smtp.connected(settings) as connection:
                connection.send(message, before_content=db.session.remove)
        except NotSent as error:
            raise Conflict(str(error)) from None
        with transaction() as session:
            event = mail_events.MailTested(target_name=address, delivery_id=delivery_id)
            record(session, event, now=utc_now(), actor=COMMAND_LINE)
    emit({"sent": address}, f"{settings.mail.host} took a mail to {address}.", as_json=as_json)
