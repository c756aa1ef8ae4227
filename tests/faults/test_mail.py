"""Mail and the server that sends it: slow, away, back; and a kill in between (security.md row F15)."""

from __future__ import annotations

import re
import threading
import time
from email.utils import parseaddr

import pytest
from sqlalchemy import func, select, update

from idp import clock
from idp.db import transaction
from idp.deliveries import store
from idp.deliveries.models import Delivery
from tests.faults.conftest import submit
from tests.faults.test_supervisor import on_sqlite, wait_until
from tests.mailbox import mailbox
from tests.pace import strain
from tests.visitor import PASSWORD

NEW = "swim tulip radar mint"
ROUNDS = 4
# Of each round, for each state of the mail server.
SIGN_INS = 20
# How long a slow mail server looks at a mail: longer than a delivery is held without asking for more.
SLOW = 61


@pytest.fixture
def installed(install):
    """Return a function that starts a server which sends its mail through a port."""

    def start(port):
        mail = {"HOST": "127.0.0.1", "PORT": str(port), "TLS": "off", "FROM": "Doorward <id@example.com>"}
        return install(**{f"IDP_MAIL__{name}": value for name, value in mail.items()})

    return start


def free_port():
    with mailbox() as box:
        return box.port


def counted(idp, state):
    return idp.read(select(func.count()).select_from(Delivery).where(Delivery.state == state))[0][0]


async def sign_in_anew(connection, password=PASSWORD):
    """Sign in on what looks like another device, of which the person is told; return how long the answer took."""
    connection.cookies.clear()
    page = await connection.request("GET", "/login")
    token = re.search(rb'name="csrf_token"[^>]*value="([^"]+)"', page.body).group(1).decode()
    form = {"csrf_token": token, "username": "ana", "password": password}
    began = time.perf_counter()
    answer = await connection.request("POST", "/login", form=form)
    assert answer.status == 303, answer.status
    return time.perf_counter() - began


async def recovery_answer(connection, name):
    """Ask for a link; return what the page says, whatever the name."""
    connection.cookies.clear()
    answer = await submit(connection, "/recover", username=name)
    page = re.sub(r'name="csrf_token"[^>]*>', "", answer.body.decode())
    return answer.status, page.replace(name, "NAME")


def p99(times):
    return sorted(times)[int(len(times) * 0.99)]


def compared(idp, connection, states):
    """Sign in again and again in two *states* by turns; return by how much the second took longer at its best."""
    ratios = []
    for _ in range(ROUNDS):
        taken = []
        for state in states:
            with state():
                taken.append(p99([idp.run(sign_in_anew(connection)) for _ in range(SIGN_INS)]))
        ratios.append(taken[1] / taken[0])
    # The machine may have others to serve, which makes some rounds worse and never all of them.
    return min(ratios)


@on_sqlite
def test_F15_nobody_waits_for_a_mail_server_that_is_away_and_all_is_sent_soon_after(installed):
    port = free_port()
    idp, taken = installed(port), []
    idp.person("ana"), idp.person("bob")
    connection = idp.connection()
    # Nobody is told of the first device.
    idp.run(sign_in_anew(connection))

    class There:
        def __enter__(self):
            self.box = mailbox(port=port)
            self.messages = self.box.__enter__().messages

        def __exit__(self, *error):
            self.box.__exit__(*error)
            taken.extend(self.messages)

    class Away(There):
        def __enter__(self):
            self.box = self.messages = None

        def __exit__(self, *_error):
            pass

    assert compared(idp, connection, (There, Away)) <= 1.1 * strain()
    away = idp.run(recovery_answer(connection, "ana"))
    assert away == idp.run(recovery_answer(connection, "nobody"))
    assert wait_until(lambda: idp.read(select(Delivery.fault).where(Delivery.fault.contains("cannot be reached"))))
    told = 2 * ROUNDS * SIGN_INS + 1
    assert counted(idp, store.QUEUED) + counted(idp, store.SENT) == told
    began = time.monotonic()
    with There():
        assert idp.run(recovery_answer(connection, "bob")) == away
        assert wait_until(lambda: counted(idp, store.SENT) == told + 1, 60 * strain())
        print(f"sent {told - len(taken)} in {time.monotonic() - began:.1f} s")
    assert len(taken) == told + 1
    # Each of them once.
    assert len({message["Message-ID"] for message in taken}) == told + 1


@on_sqlite
def test_F15_a_slow_mail_server_holds_nobody_up_and_gets_each_mail_once(installed):
    released = threading.Event()
    with mailbox() as box:
        idp = installed(box.port)
        idp.person("ana")
        connection = idp.connection()
        idp.run(sign_in_anew(connection))
        usual = [idp.run(sign_in_anew(connection)) for _ in range(SIGN_INS)]
        assert wait_until(lambda: counted(idp, store.SENT) == SIGN_INS, 60)
        box.at_data = lambda: released.wait(SLOW) and None
        began = time.monotonic()
        slowly = [idp.run(sign_in_anew(connection)) for _ in range(SIGN_INS)]
        assert min(p99(slowly[:10]), p99(slowly[10:])) <= 1.1 * strain() * p99(usual)
        # Half of what is under way is taken in the end, and what waits meanwhile goes on afterwards.
        assert wait_until(lambda: len(box.messages) == SIGN_INS + 1, SLOW + 30 * strain())
        assert time.monotonic() - began >= SLOW - 1
        released.set()
        assert wait_until(lambda: counted(idp, store.SENT) == 2 * SIGN_INS, 60)
        assert len({message["Message-ID"] for message in box.messages}) == len(box.messages) == 2 * SIGN_INS


def test_a_forgotten_password_is_replaced_by_mail_though_the_mail_server_was_away_and_we_were_killed(installed):
    port = free_port()
    idp = installed(port)
    person, connection = idp.person("ana"), idp.connection()
    admin = idp.connection(idp.person("ruth", is_admin=True))
    status, page = idp.run(recovery_answer(connection, "ana"))
    assert (status, "sent" in page) == (200, True)
    assert wait_until(lambda: idp.read(select(Delivery.fault).where(Delivery.fault.contains("cannot be reached"))))
    outbox = idp.run(admin.request("GET", "/admin/outbox")).body.decode()
    for said in (person.email, "The mail server cannot be reached: Connection refused.", "Next try"):
        assert said in outbox
    idp.server.kill()
    idp.server.start()
    [delivery_id] = idp.read(select(Delivery.id))[0]
    with mailbox(port=port) as box:
        assert idp.run(submit(admin, "/admin/outbox", f"/admin/outbox/{delivery_id}/retry")).status == 303
        assert wait_until(lambda: box.messages, 60)
        path = linked(idp, box, person.email)
        assert idp.run(submit(connection, path, new_password=NEW)).status == 303
        assert wait_until(lambda: len(box.messages) == 2, 60)
        assert box.messages[1]["Subject"] == "Your password was changed"
    idp.run(sign_in_anew(connection, NEW))
    assert idp.run(connection.request("GET", "/account")).status == 200


def linked(idp, box, address):
    """Return the path that the one mail to *address* leads to, in both of its parts."""
    [message] = box.messages
    assert parseaddr(message["To"])[1] == address
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    link = box.link()
    assert link.startswith(f"{idp.issuer}/recover/")
    assert f'href="{link}"' in box.html()
    return link.removeprefix(idp.issuer)


def test_a_kill_while_the_mail_server_listens_has_the_mail_sent_again(installed):
    asked, released = threading.Event(), threading.Event()

    def hang():
        asked.set()
        released.wait(20)

    with mailbox() as box:
        idp = installed(box.port)
        idp.person("ana")
        box.at_rcpt = hang
        assert idp.run(recovery_answer(idp.connection(), "ana"))[0] == 200
        assert asked.wait(30)
        idp.server.kill()
        box.at_rcpt = None
        released.set()
        assert counted(idp, store.QUEUED) == 1
        # As if the minute of the claim had passed.
        with idp.app.app_context(), transaction() as session:
            session.execute(update(Delivery).values(due_at=clock.utc_now()))
        idp.server.start()
        assert wait_until(lambda: counted(idp, store.SENT) == 1, 30)
        assert len(box.messages) == 1
