"""Apps are told of a sign-out: quickly, though a server dies, and without anybody waiting (security.md row F16)."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError

from bench.scenarios import authorize
from idp import clock
from idp.db import transaction
from idp.deliveries import store
from idp.deliveries.models import Delivery
from tests.faults.conftest import submit
from tests.faults.test_supervisor import holding, on_sqlite, wait_until
from tests.listener import listening, say
from tests.pace import watched

ALLOW = "127.0.0.0/8"
SIGN_OUTS = 40


@contextmanager
def target(act=None):
    """Listen as an app does; yield its address and when each logout token came."""
    came = []

    def answer(handler):
        handler.rfile.read(int(handler.headers["Content-Length"]))
        came.append(time.monotonic())
        if act is not None:
            act()
        say(b"")(handler)

    with listening(answer) as (port, _):
        yield f"http://127.0.0.1:{port}/", came


@pytest.fixture
def installed(install):
    """Return a function that starts a server with one client that hears of sign-outs at an address."""

    def start(address):
        idp = install(IDP_OUTBOUND__ALLOW=ALLOW)
        idp.client(backchannel_logout_uri=address)
        return idp

    return start


async def sign_out(connection):
    """Reach the app, then sign out; return how long the answer to the button took."""
    await authorize(connection)
    page = await connection.request("GET", "/logout/confirm")
    assert page.status == 200
    began = time.monotonic()
    answer = await submit(connection, "/logout/confirm")
    assert answer.status == 303
    assert answer.headers["location"].startswith("/logout/done/")
    return time.monotonic() - began


def freeze(idp, process):
    """Freeze *process* at a moment when it keeps nobody from writing."""
    while True:
        os.kill(process, signal.SIGSTOP)
        try:
            with idp.app.app_context(), transaction() as session:
                session.execute(update(Delivery).values(due_at=Delivery.due_at))
        except OperationalError:
            os.kill(process, signal.SIGCONT)
        else:
            return


def counted(idp, state):
    return idp.read(select(func.count()).select_from(Delivery).where(Delivery.state == state))[0][0]


def test_an_app_is_told_within_a_second(installed):
    with target() as (address, came), watched() as pace:
        idp = installed(address)
        person, waited = idp.person("ana"), []
        for number in range(1, 4):
            idp.run(sign_out(idp.connection(person)))
            done = time.monotonic()
            assert wait_until(lambda number=number: len(came) == number)
            waited.append(came[-1] - done)
            # So that nothing is under way any more: what counts is an idle server.
            time.sleep(1)
        # The machine may have others to serve; alone on it, all three are much the same.
        assert min(waited) <= pace.strain, waited


@on_sqlite
def test_with_redis_an_app_is_told_at_once_too(install, redis_url):
    with target() as (address, came):
        idp = install(IDP_OUTBOUND__ALLOW=ALLOW, IDP_REDIS_URL=redis_url)
        idp.client(backchannel_logout_uri=address)
        idp.run(sign_out(idp.connection(idp.person("ana"))))
        assert wait_until(lambda: came)


def test_F16_nobody_who_signs_out_waits_for_an_app_that_hangs(installed):
    with target(lambda: time.sleep(8)) as (address, _came), watched() as pace:
        idp = installed(address)
        person = idp.person("ana")
        took = sorted(idp.run(sign_out(idp.connection(person))) for _ in range(SIGN_OUTS))
        assert took[int(len(took) * 0.99) - 1] <= pace.strain, took[-3:]
        # One after the other to one app, each for some seconds at most, and all of them kept.
        assert wait_until(lambda: idp.read(select(Delivery.fault).where(Delivery.fault != "")))
        assert idp.read(select(func.count()).select_from(Delivery))[0][0] == SIGN_OUTS
        assert counted(idp, store.FAILED) == 0


def test_a_kill_between_the_commit_and_the_sending_loses_nothing(installed):
    with target() as (address, came):
        idp = installed(address)
        connection = idp.connection(idp.person("ana"))
        [background] = wait_until(lambda: holding(idp.server.tree(), "jobs.db"))
        # Frozen, so that it cannot be quicker than the kill.
        freeze(idp, background)
        idp.run(sign_out(connection))
        idp.server.kill()
        assert came == []
        assert counted(idp, store.QUEUED) == 1
        for file in idp.server.data_dir.glob("jobs.db*"):
            # The queue's own memory of it is gone as well.
            file.unlink()
        idp.server.start()
        assert wait_until(lambda: counted(idp, store.SENT) == 1, 30)
        assert len(came) == 1


def test_a_kill_in_the_middle_of_the_sending_has_it_sent_again(installed):
    waits = iter([2])
    with target(lambda: time.sleep(next(waits, 0))) as (address, came):
        idp = installed(address)
        idp.run(sign_out(idp.connection(idp.person("ana"))))
        assert wait_until(lambda: came)
        idp.server.kill()
        assert counted(idp, store.QUEUED) == 1
        # As if the minute of the claim had passed.
        with idp.app.app_context(), transaction() as session:
            session.execute(update(Delivery).values(due_at=clock.utc_now()))
        idp.server.start()
        assert wait_until(lambda: counted(idp, store.SENT) == 1, 30)
        assert len(came) == 2
