"""Applications that run while a test uses them: started until they answer, ended with all that they started."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_START_SECONDS = 120
_END_SECONDS = 5
_LOG_LINES = 60
# What a proxy says that is up before the application behind it.
_NOT_YET = frozenset({404, 502, 503, 504})


class Process:
    """One application and its log; *port* is where it listens on this machine."""

    def __init__(self, command: Sequence[str | Path], *, port: int, folder: Path, log: Path) -> None:
        self.name = " ".join(Path(word).name for word in map(str, command[:3]))
        self.port = port
        self._command = [str(word) for word in command]
        self._folder = folder
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._output: TextIO | None = None

    def start(self, environment: Mapping[str, str], ready: str) -> None:
        """Start it, and wait until a request for the path *ready* is answered by more than a proxy before it."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
        home = self._log.parent / f"{self._log.stem}-home"
        home.mkdir(exist_ok=True)
        self._output = self._log.open("w", encoding="utf-8")
        self._process = subprocess.Popen(
            self._command,
            cwd=self._folder,
            # Nothing of this machine's own configuration takes part, and nothing is left behind.
            env={**kept, "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1", **environment},
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers(ready):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} did not come up:\n{self.log()}")
            time.sleep(0.05)

    def _answers(self, path: str) -> bool:
        # Asked for by HTTP only when somebody listens, which is cheaper to try.
        try:
            with socket.create_connection(("localhost", self.port), timeout=1):
                pass
            return httpx.get(f"http://localhost:{self.port}{path}", timeout=10).status_code not in _NOT_YET
        except (OSError, httpx.TransportError):
            return False

    def log(self) -> str:
        """Return the last lines that it wrote."""
        return "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:])

    def end(self) -> None:
        """End its whole process group."""
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        # Children that outlive their parent, too.
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._output.close()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
