"""Handing a message to a real mail server: encrypted, signed in, refused for now, refused for good, away."""

from __future__ import annotations

import socket
import threading
from datetime import timedelta

import pytest

from idp import clock
from idp.deliveries.faults import NotSent
from idp.mail import smtp
from idp.mail.messages import build
from idp.mail.rendering import Rendered
from idp.settings import Settings
from tests.certificates import of_loopback
from tests.mailbox import mailbox

RENDERED = Rendered("Example", "Hällo from Example", "Plain & simple\n", "<p>Plain &amp; simple</p>")
SENDER = "Example Corp <id@example.com>"


def settings_for(port, ca_file=None, **mail):
    given = {"host": "127.0.0.1", "port": port, "from": SENDER, "tls": "off"} | mail
    return Settings(issuer="https://id.example.com", mail=given, outbound={"ca_file": ca_file})


def send(settings, to="ana@people.example", delivery="dlv_1", before=lambda: None):
    message = build(settings, delivery, to, RENDERED, clock.utc_now())
    with smtp.connected(settings) as connection:
        connection.send(message, before_content=before)


def refused(settings, **rest):
    with pytest.raises(NotSent) as caught:
        send(settings, **rest)
    return caught.value


def test_a_message_is_text_and_html_and_known_again_at_a_second_attempt():
    asked = []
    with mailbox() as box:
        send(settings_for(box.port), before=lambda: asked.append(len(box.messages)))
        send(settings_for(box.port))
    first, second = box.messages
    assert asked == [0]
    assert first.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in first.iter_parts()] == ["text/plain", "text/html"]
    assert (box.text(0), box.html(0).strip()) == (RENDERED.text, RENDERED.html)
    assert (first["Subject"], first["From"], first["To"]) == ("Hällo from Example", SENDER, "ana@people.example")
    assert first["Message-ID"] == second["Message-ID"] == "<dlv_1@id.example.com>"
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["Date"].datetime - clock.utc_now() < timedelta(minutes=1)
    assert box.envelopes == [("id@example.com", ["ana@people.example"])] * 2


def test_encryption_and_signing_in(tmp_path):
    tls, authority = of_loopback(tmp_path)
    with mailbox(starttls=tls, user="idp", password="s3cret pass") as box:
        send(settings_for(box.port, authority, tls="starttls", user="idp", password="s3cret pass"))
        assert (box.messages[0].was_encrypted, box.users) == (True, ["idp"])
        assert smtp.check(settings_for(box.port, authority, tls="starttls", user="idp", password="s3cret pass")) is None
        wrong = refused(settings_for(box.port, authority, tls="starttls", user="idp", password="wrong pass"))
        assert "did not take the user name and password" in str(wrong)
        assert "wrong pass" not in str(wrong)
        # Whoever it is, it is not the one that the settings name.
        stranger = refused(settings_for(box.port, tls="starttls"))
        assert "certificate of the mail server is not trusted" in str(stranger)
        assert all(error.again and error.wait for error in (wrong, stranger))
        assert len(box.messages) == 1
    with mailbox(tls=tls) as box:
        send(settings_for(box.port, authority, tls="tls"))
        assert len(box.messages) == 1
    with mailbox() as box:
        assert "does not offer what the settings ask for" in str(refused(settings_for(box.port, tls="starttls")))
        assert "IDP_MAIL__TLS" in str(refused(settings_for(box.port, tls="tls")))


def test_what_the_server_says_decides_whether_it_is_tried_again():
    with mailbox() as box:
        settings = settings_for(box.port)
        box.at_rcpt = lambda: "450 4.2.2 Mailbox full"
        later = refused(settings)
        assert (str(later), later.again, later.wait) == (
            "The mail server refused the address: 450 4.2.2 Mailbox full",
            True,
            None,
        )
        box.at_rcpt = lambda: "550 5.1.1 Nobody here"
        never = refused(settings)
        assert (never.again, never.wait) == (False, None)
        box.at_rcpt = None
        box.at_data = lambda: "554 5.7.1 We do not like https://id.example.com/recover/secret"
        spam = refused(settings)
        assert (str(spam), spam.again) == ("The mail server refused the mail (status 554).", False)
        box.at_data = lambda: "451 4.3.0 Later"
        assert refused(settings).again
        box.at_data = None
        send(settings)
        assert len(box.messages) == 1


def test_addresses_with_other_letters():
    with mailbox() as box:
        send(settings_for(box.port), to="ana@bücher.example")
        send(settings_for(box.port), to="änne@bücher.example")
        assert [to for _, [to] in box.envelopes] == ["ana@xn--bcher-kva.example", "änne@xn--bcher-kva.example"]
    assert not refused(settings_for(1), to="ana@" + "x" * 70 + ".example").again


def test_a_server_that_is_away_or_hangs_is_tried_again_soon(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    away = refused(settings_for(port))
    assert "cannot be reached" in str(away)
    assert away.wait <= timedelta(seconds=60)
    monkeypatch.setattr(smtp, "_CONNECT", 0.5)
    # Connections are taken, and nobody says anything.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "did not answer in time" in str(refused(settings_for(silent.getsockname()[1])))
    with socket.create_server(("127.0.0.1", 0)) as rude:

        def hang_up():
            rude.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        assert refused(settings_for(rude.getsockname()[1])).wait
        thread.join()


@pytest.mark.parametrize(
    ("mail", "fault"),
    [
        ({"host": "mail.example"}, "IDP_MAIL__FROM is needed"),
        ({"host": "mail.example", "from": "nobody"}, "must be an address"),
        ({"host": "mail.example", "from": "a@b.example\r\nBcc: x@y.example"}, "must be an address"),
        ({"host": "https://mail.example", "from": SENDER}, "must be the name or the address of a server alone"),
        ({"host": "mail.example", "from": SENDER, "tls": "off", "user": "idp"}, "in clear"),
        ({"host": "mail.example", "from": SENDER, "port": 70000}, "less than or equal to 65535"),
    ],
)
def test_settings_that_cannot_work_are_refused(mail, fault):
    with pytest.raises(ValueError, match=fault):
        Settings(mail=mail)
    assert [Settings(mail={"tls": tls}).mail.effective_port for tls in ("starttls", "tls", "off")] == [587, 465, 25]
