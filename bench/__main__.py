"""``python -m bench``: start a server, run each scenario in a closed loop, print one table."""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.http import Connection
from bench.scenarios import SCENARIOS, Failed, PutOff, Scenario, set_up
from bench.server import Server

HEAD = [
    "operation",
    "op/s",
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "server CPU ms/op",
    "first-version target",
    "put off",
    "errors",
]


def percentile(times: list[float], share: float) -> float:
    """Return the time below which *share* of the sorted *times* lie, in milliseconds."""
    return times[min(len(times) - 1, int(len(times) * share))] * 1000 if times else 0.0


async def load(server: Server, scenario: Scenario, *, seconds: float, concurrency: int) -> list[str]:
    """Run one scenario and return its row."""
    connections = [Connection("localhost", server.port) for _ in range(min(concurrency, scenario.most))]
    browsers = [(connection, await scenario.prepare(connection)) for connection in connections]
    for connection, held in browsers:
        await scenario.operate(connection, held)
    times: list[float] = []
    errors: list[str] = []
    put_off: list[float] = []
    cpu, began = server.cpu_seconds(), time.perf_counter()
    until = began + seconds
    await asyncio.gather(*(loop(scenario, *browser, until, times, put_off, errors) for browser in browsers))
    took, used = time.perf_counter() - began, server.cpu_seconds() - cpu
    for connection in connections:
        connection.close()
    times.sort()
    return [
        scenario.name,
        f"{len(times) / took:.0f}",
        *(f"{percentile(times, share):.1f}" for share in (0.5, 0.95, 0.99)),
        f"{used / max(1, len(times)) * 1000:.2f}",
        f"{scenario.target:g}",
        f"{len(put_off)}",
        f"{len(errors)}{f' ({errors[0]})' if errors else ''}",
    ]


async def loop(
    scenario: Scenario,
    connection: Connection,
    held: dict,
    until: float,
    times: list[float],
    put_off: list[float],
    errors: list[str],
) -> None:
    """Do one operation after the other until the time is over."""
    while (began := time.perf_counter()) < until:
        try:
            await scenario.operate(connection, held)
            times.append(time.perf_counter() - began)
        except PutOff:
            put_off.append(time.perf_counter() - began)
            await asyncio.sleep(0.1)
        except Failed as error:
            errors.append(str(error))


def pace() -> float:
    """Return how many milliseconds of processor time a fixed piece of Python takes here and now.

    Processor time, too, grows when the machine is shared: compare tables only where this number is about the same.
    """
    began = time.process_time()
    for _ in range(20):
        sum(number * number for number in range(50_000))
    return (time.process_time() - began) * 1000 / 20


def table(rows: list[list[str]]) -> str:
    """Return *rows* as a Markdown table."""
    return "\n".join("| " + " | ".join(row) + " |" for row in [HEAD, ["---"] * len(HEAD), *rows])


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="length of each scenario")
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--server-cores", default="0", help="cores of the server; empty: all")
    parser.add_argument("--only", default="", help="run the scenarios whose name holds this")
    parser.add_argument("--database-url", default="", help="empty: SQLite")
    parser.add_argument("--save", action="store_true", help="write the table to bench/results/")
    return parser.parse_args()


def measure(server: Server, scenario: Scenario, chosen: argparse.Namespace) -> list[str]:
    """Run one scenario, and print its row at once."""
    row = asyncio.run(load(server, scenario, seconds=chosen.seconds, concurrency=chosen.concurrency))
    print(*row, sep="\t", flush=True)
    return row


def main() -> None:
    """Run the harness."""
    chosen = arguments()
    cores = chosen.server_cores or None
    if cores is not None and (os.cpu_count() or 1) > 1:
        # The load generator keeps off the server's core.
        os.sched_setaffinity(0, {1})
    database = {"IDP_DATABASE_URL": chosen.database_url} if chosen.database_url else {}
    server = Server(workers=chosen.workers, cores=cores, settings=database)
    try:
        server.start()
        set_up(server)
        server.restart()
        start, before = server.started_in, pace()
        rows = [measure(server, scenario, chosen) for scenario in SCENARIOS if chosen.only in scenario.name]
        about = (
            f"{datetime.now(UTC):%Y-%m-%d}, {chosen.workers} worker(s), concurrency {chosen.concurrency}, "
            f"{chosen.seconds:g} s each; memory of the tree after load {server.memory_mib():.0f} MiB (PSS); "
            f"start to first answer {start:.1f} s; a fixed piece of Python takes {before:.1f} ms before the run, "
            f"{pace():.1f} ms after it"
        )
    finally:
        server.stop()
    text = f"{about}\n\n{table(rows)}\n"
    print(f"\n{text}")
    if chosen.save:
        name = f"{datetime.now(UTC):%Y-%m-%d}-w{chosen.workers}.md"
        (Path(__file__).parent / "results" / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
