"""PostgreSQL and Redis of the tests' own, in a temporary folder: started when first asked for, stopped at the end.

All workers of a run share them. The first to ask starts a server, under a file lock; the process that began the run
stops whatever was started. The system's own servers are never touched.
"""

import contextlib
import fcntl
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg import sql

_START_SECONDS = 30
_CONFIGURATION = """
listen_addresses = ''
max_connections = 300
shared_buffers = 64MB
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
log_min_messages = fatal
"""


class ServiceError(Exception):
    """A server of the tests is missing or does not start; the text says what to install or shows its log."""


def free_port() -> int:
    """Return a TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Services:
    """What one run of the tests has started, known by the folder that all its workers share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def create(cls) -> "Services":
        folder = Path(tempfile.mkdtemp(prefix="doorward-"))
        # The account `postgres` must be able to walk to its own folder.
        folder.chmod(0o711)
        return cls(folder)

    def shared(self, name: str) -> Path:
        """Return a folder that all workers of the run may read and write."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return folder

    @contextlib.contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Hold the lock *name* against the other workers."""
        with (self.folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def stop(self) -> None:
        """Stop what was started and remove the folder."""
        with contextlib.suppress(FileNotFoundError):
            _end(int((self.folder / "redis.pid").read_text()), signal.SIGTERM)
        with contextlib.suppress(FileNotFoundError):
            # Immediate: nothing in there is kept.
            _end(int((self.folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    # PostgreSQL

    def postgres_url(self, database: str) -> str:
        """Return the SQLAlchemy URL of *database*, which need not exist yet; starts the server."""
        return f"postgresql+psycopg://postgres@/{database}?host={self._started_postgres()}"

    def create_database(self, name: str, *, template: str = "template0") -> None:
        """Create the database *name* anew as a copy of *template*."""
        self.drop_database(name)
        statement = sql.SQL(
            "CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY"
            if template != "template0"
            else "CREATE DATABASE {} TEMPLATE {}"
        )
        self._administer(statement.format(sql.Identifier(name), sql.Identifier(template)))

    def drop_database(self, name: str) -> None:
        """Drop the database *name*, whoever is still connected."""
        self._administer(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def connect(self, database: str) -> psycopg.Connection:
        """Return a connection to *database* whose every statement is a transaction."""
        return psycopg.connect(host=str(self._started_postgres()), user="postgres", dbname=database, autocommit=True)

    def _administer(self, statement: sql.Composed) -> None:
        with self.connect("postgres") as connection:
            connection.execute(statement)

    def _started_postgres(self) -> Path:
        folder = self.folder / "postgres"
        if (folder / "ready").exists():
            return folder
        with self.alone("postgres"):
            if not (folder / "ready").exists():
                _start_postgres(folder)
                (folder / "ready").touch()
        return folder

    # Redis

    def redis_url(self, database: int) -> str:
        """Return the URL of the Redis database numbered *database*; starts the server."""
        port_file = self.folder / "redis.port"
        with self.alone("redis"):
            if not port_file.exists():
                port_file.write_text(str(_start_redis(self.folder)))
        return f"redis://127.0.0.1:{port_file.read_text()}/{database}"


def _start_postgres(folder: Path) -> None:
    programs = _postgres_programs()
    folder.mkdir(mode=0o755)
    prefix: list[str] = []
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root.
        account = pwd.getpwnam("postgres")
        os.chown(folder, account.pw_uid, account.pw_gid)
        prefix = ["runuser", "-u", "postgres", "--"]
    data = folder / "data"
    _run([*prefix, str(programs / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8",
          "--no-locale", "--no-sync", "--no-instructions"])  # fmt: skip
    with (data / "postgresql.conf").open("a") as configuration:
        configuration.write(f"{_CONFIGURATION}unix_socket_directories = '{folder}'\n")
    _run([*prefix, str(programs / "pg_ctl"), "-D", str(data), "-w", "-t", str(_START_SECONDS),
          "-l", str(folder / "log"), "start"])  # fmt: skip


def _postgres_programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    if on_path:
        return Path(on_path).resolve().parent
    message = "PostgreSQL is missing: run the tests by `make test`, or install the package postgresql"
    raise ServiceError(message)


def _start_redis(folder: Path) -> int:
    program = shutil.which("redis-server")
    if program is None:
        message = "Redis is missing: run the tests by `make test`, or install the package redis-server"
        raise ServiceError(message)
    port = free_port()
    options = {"port": port, "bind": "127.0.0.1", "save": "", "appendonly": "no", "databases": 64, "daemonize": "yes",
               "dir": folder, "pidfile": folder / "redis.pid", "logfile": folder / "redis.log"}  # fmt: skip
    _run([program, *(word for name, value in options.items() for word in (f"--{name}", str(value)))])
    until = time.monotonic() + _START_SECONDS
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return port
        if time.monotonic() > until:
            raise ServiceError((folder / "redis.log").read_text())
        time.sleep(0.02)


def _run(command: list[str]) -> None:
    # To a file, not to a pipe: the server would keep the pipe open.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, cwd="/", check=False)
        if done.returncode:
            output.seek(0)
            message = f"{command} ended with {done.returncode}:\n{output.read()}"
            raise ServiceError(message)


def _end(process: int, with_signal: signal.Signals) -> None:
    """Send the signal and wait until the process is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, with_signal)
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            os.kill(process, 0)
            time.sleep(0.02)
        os.kill(process, signal.SIGKILL)
