"""The supervisor: server processes, one background process, and for the demo two relying parties.

When the supervisor ends, however it ends, so does everything it started; when the background process or a relying
party dies, it is started again.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.context import ForkProcess
from typing import TYPE_CHECKING

from idp.front import TAKEN_IN, Front
from idp.prepare import StartError

if TYPE_CHECKING:
    from idp.settings import Settings

# A command, and what its environment has besides ours.
Process = tuple[Sequence[str], Mapping[str, str]]

_PR_SET_PDEATHSIG = 1
# Of glibc's malloc.h.
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_HEADER_SECONDS = 10
_SWITCH_SECONDS = 0.001
_RESTART_SECONDS = 2.0
_STOP_SECONDS = 10


def application() -> Front:
    """Return the WSGI application of one server process: the front, and Flask behind it."""
    # Imported here, in the server process; the supervisor itself needs no application.
    from idp.app import create_app  # noqa: PLC0415

    die_with_parent()
    give_memory_back()
    # Whoever holds SQLite's write lock, or is about to answer, waits for the interpreter at most this long.
    sys.setswitchinterval(_SWITCH_SECONDS)
    app = create_app()
    front = Front(app)
    front.watch()
    return front


def die_with_parent() -> None:
    """Ask the kernel to end this process when the one that started it ends, ``kill -9`` included (Linux)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def give_memory_back() -> None:
    """Have the memory of a password hash (19 MiB) returned when it is done, not kept by each thread (glibc)."""
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_M_MMAP_THRESHOLD, 1 << 20)
        library.mallopt(_M_ARENA_MAX, 2)


def check_free(address: str) -> None:
    """Make sure that *address* (``host:port``) can be bound.

    Raises:
        StartError: another program has it, or it is not an address of this machine.

    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except (OSError, UnicodeError) as error:
            cause = error.strerror if isinstance(error, OSError) else "not an address"
            raise StartError(
                f"Cannot listen on {address}: {cause}. Stop the program that uses it, or choose another by IDP_LISTEN."
            ) from error


class Child:
    """One process of our own, kept running until it is told to stop.

    With *forked* the first one begins as a copy of this process and calls it: quicker than a program that imports
    everything anew, and most of its memory stays shared. It is started before this process has threads; whatever has
    to be started again later is started by *command*.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        forked: Callable[[], None] | None = None,
    ) -> None:
        self._command = list(command)
        self._environment = {**os.environ, **(environment or {})}
        self._stopping = threading.Event()
        self._process = self._start() if forked is None else _fork(forked)
        threading.Thread(target=self._watch, daemon=True).start()

    def _start(self) -> subprocess.Popen[bytes]:
        # The command is our own; nothing of it comes from outside.
        return subprocess.Popen(  # noqa: S603
            self._command,
            env=self._environment,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - runs before any thread of the child exists
        )

    def _watch(self) -> None:
        while not self._stopping.is_set():
            _ended(self._process)
            if not self._stopping.wait(_RESTART_SECONDS):
                self._process = self._start()

    def stop(self) -> None:
        """End the process: politely, then for good."""
        self._stopping.set()
        self._process.terminate()
        if not _ended(self._process, _STOP_SECONDS):
            self._process.kill()


def _fork(work: Callable[[], None]) -> ForkProcess:
    process = multiprocessing.get_context("fork").Process(target=_forked, args=(work,))
    process.start()
    return process


def _forked(work: Callable[[], None]) -> None:
    die_with_parent()
    give_memory_back()
    work()


def _ended(process: subprocess.Popen[bytes] | ForkProcess, seconds: float | None = None) -> bool:
    """Wait until *process* ends, for *seconds* at most; tell whether it did."""
    if isinstance(process, ForkProcess):
        process.join(seconds)
        return not process.is_alive()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


@contextlib.contextmanager
def background(children: Sequence[Process], work: Callable[[], None]) -> Iterator[None]:
    """Run *work* in a process of its own, and *children* (command, environment), beside the block; end them with it."""
    # Ahead of the first thread that this process starts.
    freeze()
    running = [Child(worker_command(), forked=work)]
    try:
        running += [Child(command, environment) for command, environment in children]
        yield
    finally:
        for child in running:
            child.stop()


def freeze() -> None:
    """Put all objects out of the collector's sight: what it never touches stays shared with copies of this process."""
    gc.collect()
    gc.freeze()


def worker_command() -> list[str]:
    """Return the command of the background process."""
    return [sys.executable, "-m", "idp", "worker"]


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    from granian import Granian  # noqa: PLC0415 - half a second that no other command needs
    from granian.constants import Interfaces  # noqa: PLC0415
    from granian.http import HTTP1Settings  # noqa: PLC0415
    from granian.log import LogLevels  # noqa: PLC0415

    host, _, port = settings.listen.rpartition(":")
    server = Granian(
        "idp.serve:application",
        factory=True,
        address=host.strip("[]"),
        port=int(port),
        interface=Interfaces.WSGI,
        workers=settings.workers,
        blocking_threads=TAKEN_IN,
        respawn_failed_workers=True,
        respawn_interval=1.0,
        workers_kill_timeout=_STOP_SECONDS,
        http1_settings=HTTP1Settings(header_read_timeout=_HEADER_SECONDS * 1000),
        log_level=LogLevels.error,
        websockets=False,
    )
    freeze()
    server.serve()


def wait_until_ready(settings: Settings, *, seconds: float = 60) -> bool:
    """Wait until the server accepts connections; false when it did not within *seconds*."""
    host, _, port = settings.listen.rpartition(":")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host.strip("[]"), host.strip("[]"))  # noqa: S104 - compared, not bound
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
            return True
        time.sleep(0.05)
    return False
