"""Django sites among the applications: their database made, their development server started."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.clients.provider import FOLDER, PYTHON

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.clients.processes import Process
    from tests.clients.provider import Registered


def start_site(
    start: Callable[..., Process],
    name: str,
    registered: Registered,
    data: Path | None = None,
    ready: str = "/",
    **more: str,
) -> None:
    """Start the site of the folder *name*, with a new database in *data* if it has one; *more* is its environment."""
    environment = {**registered.environment, "DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": ".", **more}
    if data is not None:
        environment["DATABASE"] = str(data / "db.sqlite3")
        subprocess.run(
            [PYTHON, "-B", "-m", "django", "migrate", "--verbosity=0"], cwd=FOLDER / name, env=environment, check=True
        )
    command = [PYTHON, "-m", "django", "runserver", "--noreload", f"localhost:{registered.port}"]
    start(command, port=registered.port, folder=name, environment=environment, ready=ready)
