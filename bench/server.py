"""A real server in processes of its own, on a fresh installation: started, killed, measured as a process tree."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench import commands

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TICKS = os.sysconf("SC_CLK_TCK")
PASSWORD = "correct horse battery staple"


def free_port(count: int = 1) -> int:
    """Return a port that nobody listens on, with ``count - 1`` free ones after it.

    It lies below the ports that the kernel gives to outgoing connections, so none of those can take it meanwhile.
    """
    while True:
        first = random.randrange(10_000, 32_000)
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first


class Server:
    """One installation in a temporary folder (or in *folder*, which stays), and its processes.

    *settings* are environment variables on top of those that make it an installation of its own.
    """

    def __init__(
        self,
        *,
        workers: int = 2,
        cores: str | None = None,
        folder: Path | None = None,
        settings: Mapping[str, str] | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        self._temporary = None if folder else tempfile.TemporaryDirectory(prefix="doorward-")
        self.data_dir = (folder or Path(self._temporary.name)) / "data"
        self.port = free_port()
        self.issuer = f"http://localhost:{self.port}"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("IDP_")} | {
            "IDP_ISSUER": self.issuer,
            "IDP_LISTEN": f"127.0.0.1:{self.port}",
            "IDP_DATA_DIR": str(self.data_dir),
            "IDP_WORKERS": str(workers),
            "IDP_LOG__LEVEL": "error",
            **(settings or {}),
        }
        self._arguments = list(arguments)
        self._cores = cores
        self._process: subprocess.Popen[str] | None = None
        self.output = self.data_dir.parent / "output.txt"
        self.started_in = 0.0

    def command(self, *arguments: str, given: str | None = None) -> dict:
        """Run an ``idp`` command with ``--json`` and return its answer."""
        done = commands.run([*arguments, "--json"], self.environment, given)
        if done.status:
            raise RuntimeError(f"idp {' '.join(arguments)}: {done.stderr}")
        return json.loads(done.stdout)

    def start(self) -> None:
        """Start the server, and note the seconds until its first answer."""
        command = [sys.executable, "-m", "idp", "serve", *self._arguments]
        if self._cores is not None:
            command = ["taskset", "-c", self._cores, *command]
        began = time.monotonic()
        with self.output.open("w") as output:
            self._process = subprocess.Popen(
                command, env=self.environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        while time.monotonic() - began < 60:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                    connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    if connection.recv(16).startswith(b"HTTP/1.1 200"):
                        self.started_in = time.monotonic() - began
                        return
            except OSError:
                pass
            if self._process.poll() is not None:
                break
            time.sleep(0.01)
        raise RuntimeError(f"the server did not come up: {self.output.read_text()}")

    def kill(self) -> None:
        """End the supervisor as ``kill -9`` does, and wait until its processes are gone, too."""
        tree = self.tree()
        self._process.kill()
        self._process.wait()
        while any(Path(f"/proc/{pid}").exists() for pid in tree[1:]):
            time.sleep(0.005)

    def said(self, pattern: str, *, seconds: float = 20) -> str:
        """Wait until the output holds *pattern*, and return its first group."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = re.search(pattern, self.output.read_text())
            if found:
                return found.group(1)
            time.sleep(0.05)
        raise RuntimeError(f"the server never said {pattern}: {self.output.read_text()}")

    def end(self) -> None:
        """End the server's processes."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)

    def restart(self) -> None:
        """End the server and start it again on the same data."""
        self.end()
        self.start()

    def stop(self) -> None:
        """End the server and remove a temporary folder."""
        self.end()
        if self._temporary is not None:
            self._temporary.cleanup()

    def tree(self) -> list[int]:
        """Return the process ids of the server's tree."""
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                children.setdefault(int(fields[1]), []).append(int(entry.name))
        found = [self._process.pid]
        for pid in found:
            found += children.get(pid, [])
        return found

    def cpu_seconds(self) -> float:
        """Return user and system time of the whole tree so far."""
        total = 0
        for pid in self.tree():
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def memory_mib(self) -> float:
        """Return the proportional set size (PSS) of the whole tree."""
        total = 0
        for pid in self.tree():
            try:
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            except OSError:
                continue
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return total / 1024
