"""The server under load: started on a fresh installation, measured as a process tree."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PASSWORD = "correct horse battery staple"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One installation in a temporary folder, and its processes."""

    def __init__(self, *, workers: int, cores: str | None, database_url: str = "") -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="doorward-bench-")
        self.port = free_port()
        self.issuer = f"http://localhost:{self.port}"
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("IDP_")} | {
            "IDP_ISSUER": self.issuer,
            "IDP_LISTEN": f"127.0.0.1:{self.port}",
            "IDP_DATA_DIR": str(Path(self._folder.name) / "data"),
            "IDP_WORKERS": str(workers),
            "IDP_LOG__LEVEL": "error",
        }
        if database_url:
            self._environment["IDP_DATABASE_URL"] = database_url
        self._cores = cores
        self._process: subprocess.Popen[bytes] | None = None
        self.started_in = 0.0

    def command(self, *arguments: str, given: str | None = None) -> dict:
        """Run an ``idp`` command with ``--json`` and return its answer."""
        done = subprocess.run(
            [sys.executable, "-m", "idp", *arguments, "--json"],
            env=self._environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"idp {' '.join(arguments)}: {done.stderr}")
        return json.loads(done.stdout)

    def start(self) -> None:
        """Start the server, and note the seconds until its first answer."""
        command = [sys.executable, "-m", "idp", "serve"]
        if self._cores is not None:
            command = ["taskset", "-c", self._cores, *command]
        began = time.monotonic()
        self._process = subprocess.Popen(
            command, env=self._environment, stdout=subprocess.DEVNULL, start_new_session=True
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
            time.sleep(0.01)
        raise RuntimeError("the server did not come up")

    def end(self) -> None:
        """End the server's processes."""
        if self._process is not None:
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
        """End the server and remove its folder."""
        self.end()
        self._folder.cleanup()

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
