"""The processes of an installation: what begins together ends together, and what dies is started again."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis
from sqlalchemy import func, select

from bench.scenarios import code_flow
from bench.server import Server, free_port
from idp.audit.models import AuditEvent, AuditSeal
from tests.faults.conftest import submit

on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
SECONDS = 15


def wait_until(holds, seconds=SECONDS):
    """Wait until *holds* returns something true, and return that."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = holds()
        if found:
            return found
        time.sleep(0.05)
    return holds()


def alive(pids):
    return [pid for pid in pids if Path(f"/proc/{pid}/stat").exists() and not is_zombie(pid)]


def is_zombie(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


def belonging_to(data_dir):
    """Return the processes that were started for *data_dir*."""
    wanted, found = f"IDP_DATA_DIR={data_dir}".encode(), []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if wanted in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def holding(pids, name):
    """Return those of *pids* that have the file *name* open."""
    found = []
    for pid in pids:
        try:
            links = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]
        except OSError:
            continue
        if any(link.endswith(name) for link in links):
            found.append(pid)
    return found


def is_all_sealed(idp):
    newest = idp.read(select(func.max(AuditEvent.row)))[0][0]
    sealed = idp.read(select(func.max(AuditSeal.last_row)))[0][0]
    return newest is not None and sealed == newest


@pytest.mark.parametrize("arguments", [(), ("--demo",)])
def test_a_port_that_is_taken_is_one_line_and_nothing_is_left_running(tmp_path, arguments):
    server = Server(folder=tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", server.port))
        taken.listen()
        done = subprocess.run(
            [sys.executable, "-m", "idp", "serve", *arguments],
            env=server.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"idp: Cannot listen on 127.0.0.1:{server.port}: Address already in use.")
    assert belonging_to(server.data_dir) == []


def test_a_port_of_the_demo_that_is_taken_is_one_line_as_well(tmp_path):
    server = Server(folder=tmp_path)
    first = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first))
        taken.listen()
        done = subprocess.run(
            [sys.executable, "-m", "idp", "serve", "--demo", "--demo-port", str(first)],
            env=server.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert belonging_to(server.data_dir) == []


@on_sqlite
def test_SIGTERM_ends_every_process(idp):
    tree = idp.server.tree()
    assert len(tree) >= 4
    began = time.monotonic()
    idp.server.end()
    # Of itself: after 20 s it is killed.
    assert time.monotonic() - began < 19
    assert wait_until(lambda: not belonging_to(idp.server.data_dir))
    assert alive(tree) == []


@on_sqlite
def test_kill_9_of_the_supervisor_leaves_no_process(idp):
    tree = idp.server.tree()
    os.kill(tree[0], signal.SIGKILL)
    assert wait_until(lambda: not alive(tree[1:])), alive(tree[1:])
    assert wait_until(lambda: not belonging_to(idp.server.data_dir))


@on_sqlite
def test_a_server_process_that_dies_is_started_again(idp):
    browser = idp.connection(idp.person("ana"))
    idp.run(code_flow(browser))
    tree = idp.server.tree()
    workers = [pid for pid in tree[1:] if pid not in holding(tree, "jobs.db")]
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    assert wait_until(lambda: len(idp.server.tree()) == len(tree) and workers[0] not in idp.server.tree())
    assert idp.run(code_flow(idp.connection(idp.person("bea"))))["id_token"]


@on_sqlite
def test_the_background_process_is_started_again_and_seals_the_audit_log(idp):
    idp.run(submit(idp.connection(), "/login", username="nobody", password="not the password"))
    assert wait_until(lambda: is_all_sealed(idp))
    first = wait_until(lambda: holding(idp.server.tree(), "jobs.db"))
    assert len(first) == 1
    os.kill(first[0], signal.SIGKILL)
    idp.run(submit(idp.connection(), "/login", username="nobody", password="not the password either"))
    second = wait_until(lambda: holding(idp.server.tree(), "jobs.db"))
    assert second
    assert second != first
    assert wait_until(lambda: is_all_sealed(idp), 2 * SECONDS)


@on_sqlite
def test_with_redis_it_does_the_background_work_and_counts_the_tries(install, redis_url):
    idp = install(IDP_REDIS_URL=redis_url)
    idp.client()
    idp.person("ana")
    browser = idp.connection()
    for _ in range(6):
        answer = idp.run(submit(browser, "/login", username="ana", password="not the password"))
    assert answer.status == 429
    assert int(answer.headers["retry-after"]) >= 1
    with redis.Redis.from_url(redis_url) as connection:
        assert connection.keys("idp:throttle:*")
        assert connection.keys("huey.*")
    assert not (idp.server.data_dir / "jobs.db").exists()
    assert wait_until(lambda: is_all_sealed(idp))


def test_C07_a_weak_master_key_stops_the_start(tmp_path):
    server = Server(folder=tmp_path, settings={"IDP_MASTER_KEY": "dev"})
    done = subprocess.run(
        [sys.executable, "-m", "idp", "serve"],
        env=server.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 1
    assert "master key" in done.stderr
    assert "Traceback" not in done.stderr
    assert "dev" not in done.stderr
    assert belonging_to(server.data_dir) == []
