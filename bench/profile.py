"""``python -m bench.profile``: where the time of each scenario goes, by a profile of the application in this process.

No network, no second thread: what is left is the work of the application itself, call by call. The profiler slows
Python down about twofold, so read the shares, not the milliseconds; the column "without" is measured without it.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import io
import os
import pstats
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from bench.http import Answer, Connection
from bench.scenarios import SCENARIOS, Scenario, set_up
from bench.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from idp.front import Front


class InProcess(Connection):
    """Answers out of the application in this process, as a server would hand the request over."""

    def __init__(self, front: Front, host: str, port: int) -> None:
        super().__init__(host, port)
        self._front = front

    async def request(
        self, method: str, path: str, *, form: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Call the application."""
        body = urlencode(form or {}).encode()
        where, _, query = path.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": where,
            "QUERY_STRING": query,
            "SERVER_NAME": self.host,
            "SERVER_PORT": str(self.port),
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": f"{self.host}:{self.port}",
            "HTTP_ACCEPT": "*/*",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }
        environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in (headers or {}).items()}
        if form is not None:
            environ |= {"CONTENT_TYPE": "application/x-www-form-urlencoded", "CONTENT_LENGTH": str(len(body))}
        if self.cookies:
            environ["HTTP_COOKIE"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return self._call(environ)

    def _call(self, environ: dict[str, Any]) -> Answer:
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _error: object = None) -> None:
            started[:] = [status, headers]

        parts: Iterable[bytes] = self._front(environ, start_response)
        body = b"".join(parts)
        close: Callable[[], None] | None = getattr(parts, "close", None)
        if close is not None:
            close()
        headers, cookies = {}, {}
        for name, value in started[1]:
            if name.lower() == "set-cookie":
                cookie, _, content = value.partition("=")
                cookies[cookie] = content.partition(";")[0]
            headers[name.lower()] = value
        self.cookies.update(cookies)
        return Answer(int(started[0].split()[0]), headers, cookies, body)


async def repeat(scenario: Scenario, connection: Connection, held: dict, times: int) -> float:
    """Do the operation so many times; return the CPU milliseconds of one."""
    began = time.process_time()
    for _ in range(times):
        await scenario.operate(connection, held)
    return (time.process_time() - began) / times * 1000


async def profile(scenario: Scenario, connection: Connection, *, times: int, rows: int, order: str) -> str:
    """Return the head of the scenario's profile."""
    held = await scenario.prepare(connection)
    await repeat(scenario, connection, held, 20)
    without = await repeat(scenario, connection, held, times)
    profiler = cProfile.Profile()
    profiler.enable()
    await repeat(scenario, connection, held, times)
    profiler.disable()
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).strip_dirs().sort_stats(order).print_stats(rows)
    table = "\n".join(line for line in text.getvalue().splitlines()[2:] if line.strip())
    return f"## {scenario.name}\n\n{without:.3f} CPU ms an operation without the profiler\n\n```\n{table}\n```\n"


def main() -> None:
    """Profile the chosen scenarios."""
    parser = argparse.ArgumentParser(prog="bench.profile", description=__doc__)
    parser.add_argument("--only", default="", help="profile the scenarios whose name holds this")
    parser.add_argument("--times", type=int, default=300)
    parser.add_argument("--rows", type=int, default=25)
    parser.add_argument("--order", default="tottime", choices=["tottime", "cumtime", "ncalls"])
    chosen = parser.parse_args()
    server = Server(workers=1)
    try:
        set_up(server)
        os.environ.update({name: value for name, value in server.environment.items() if name.startswith("IDP_")})
        # Read from the environment when it is imported.
        from idp.app import create_app
        from idp.front import Front

        front = Front(create_app())
        for scenario in SCENARIOS:
            if chosen.only.lower() in scenario.name.lower():
                connection = InProcess(front, "localhost", server.port)
                options = {"times": chosen.times, "rows": chosen.rows, "order": chosen.order}
                print(asyncio.run(profile(scenario, connection, **options)), flush=True)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
