"""``idp`` commands for whoever runs many: each in a process of its own, a copy of one that has imported everything.

Importing takes most of a command's two seconds.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import sys
import traceback
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from multiprocessing.connection import Connection

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["bench.preload"])


class Done(NamedTuple):
    """What a command that ended had to say."""

    status: int
    stdout: str
    stderr: str


def run(arguments: Sequence[str], environment: Mapping[str, str], given: str | None = None) -> Done:
    """Run ``idp`` with *arguments* in *environment* and *given* on its standard input; wait until it ends."""
    ours, theirs = _processes.Pipe(duplex=False)
    process = _processes.Process(target=_run, args=(list(arguments), dict(environment), given or "", theirs))
    process.start()
    theirs.close()
    try:
        return ours.recv()
    except EOFError:
        process.join()
        return Done(process.exitcode or 1, "", f"ended without an answer, status {process.exitcode}")
    finally:
        process.join()


def _run(arguments: list[str], environment: dict[str, str], given: str, answer: Connection) -> None:
    from idp import cli

    os.environ.clear()
    os.environ.update(environment)
    sys.argv, sys.stdin = ["idp", *arguments], io.TextIOWrapper(io.BytesIO(given.encode()), encoding="utf-8")
    status, stdout, stderr = 0, io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        try:
            cli.main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:  # noqa: BLE001 - as the interpreter does with what nobody caught
            traceback.print_exc()
            status = 1
    answer.send(Done(status, stdout.getvalue(), stderr.getvalue()))
