"""``idp serve | worker | migrate | setup-link | version``."""

from __future__ import annotations

import sys
import threading
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import click

from idp import settings as settings_module
from idp.app import create_app
from idp.cli.context import emit, json_option, opened
from idp.clock import utc_now
from idp.db import db, transaction
from idp.prepare import head_revision, prepare
from idp.setup import links

if TYPE_CHECKING:
    from idp.demo import Demo
    from idp.settings import Settings


@click.command()
@click.option("--demo", "with_demo", is_flag=True, help="Add sample people and two sample apps of their own.")
@click.option(
    "--demo-port", default=8001, show_default=True, help="Port of the first sample app; the second has the next."
)
@json_option
def serve(*, with_demo: bool, demo_port: int, as_json: bool) -> None:
    """Run the sign-in server and its background process."""
    from idp import serve as supervisor  # noqa: PLC0415 - loads the whole application

    settings = settings_module.load()
    supervisor.check_free(settings.listen)
    sample = None
    if with_demo:
        from idp import demo  # noqa: PLC0415 - an optional part

        where = demo.ports(demo_port)
        demo.check(settings)
        settings = demo.reach_loopback(settings)
        for port in (where.notes, where.wiki):
            supervisor.check_free(f"127.0.0.1:{port}")
        prepare(settings)
        sample = demo.prepare(settings, where)
    else:
        prepare(settings)
    link = _first_link(settings)
    with supervisor.background(sample.processes if sample else (), partial(_work, settings)):
        threading.Thread(target=_announce, args=(settings, link, sample, as_json), daemon=True).start()
        supervisor.run(settings)


@click.command()
@json_option
def worker(*, as_json: bool) -> None:
    """Run the background process alone (``idp serve`` starts one itself)."""
    settings = settings_module.load()
    prepare(settings)
    queue = "Redis" if settings.redis_url else str(settings.data_dir / "jobs.db")
    emit({"queue": queue}, f"Working through {queue}.", as_json=as_json)
    _work(settings)


@click.command()
@click.option("--accept-issuer", is_flag=True, help="Take IDP_ISSUER although apps are registered under another one.")
@json_option
def migrate(*, accept_issuer: bool, as_json: bool) -> None:
    """Set the data directory and the database up, or bring them up to date."""
    settings = settings_module.load()
    prepare(settings, accept_issuer=accept_issuer)
    revision = head_revision()
    emit({"schema": revision}, f"The database is up to date (schema {revision}).", as_json=as_json)


@click.command("setup-link")
@json_option
def setup_link(*, as_json: bool) -> None:
    """Print a new one-time link that makes the first administrator."""
    with opened() as app:
        with transaction() as session:
            token = links.make(session, utc_now())
        url = f"{app.extensions['idp'][settings_module.Settings].issuer}/setup/{token}"
        minutes = int(links.LIFETIME.total_seconds() // 60)
        emit(
            {"setup_link": url, "expires_in": int(links.LIFETIME.total_seconds())},
            f"{url}\n(works once, {minutes} minutes)",
            as_json=as_json,
        )


@click.command("version")
@json_option
def show_version(*, as_json: bool) -> None:
    """Print the version."""
    try:
        number = version("doorward")
    except PackageNotFoundError:
        number = "unknown"
    python = ".".join(str(part) for part in sys.version_info[:3])
    data = {"version": number, "schema": head_revision(), "python": python}
    emit(data, f"Doorward {number} (schema {data['schema']}, Python {python})", as_json=as_json)


COMMANDS = (serve, worker, migrate, setup_link, show_version)


def _work(settings: Settings) -> None:
    from idp import jobs  # noqa: PLC0415 - needed by the background process alone

    jobs.run(create_app(settings))


def _first_link(settings: Settings) -> str | None:
    from idp.accounts import store  # noqa: PLC0415 - keeps `idp version` quick

    app = create_app(settings)
    with app.app_context():
        if store.admin_count(db.session()):
            return None
        with transaction() as session:
            token = links.make(session, utc_now())
        db.session.remove()
        db.engine.dispose()
    return f"{settings.issuer}/setup/{token}"


def _announce(settings: Settings, link: str | None, sample: Demo | None, as_json: bool) -> None:  # noqa: FBT001 - a thread takes its arguments by position
    """Say where the server is, once it answers."""
    from idp.serve import wait_until_ready  # noqa: PLC0415 - already loaded by then

    if not wait_until_ready(settings):
        return
    data: dict[str, object] = {"issuer": settings.issuer, "setup_link": link}
    lines = ["", f"  Sign-in server          ready at {settings.issuer}"]
    if link is not None:
        lines += [
            f"  Finish setup            {link}   (works once, 60 minutes)",
            "  Lost it?                idp setup-link",
        ]
    if sample is not None:
        data["demo"] = {"apps": dict(sample.apps), "passwords": dict(sample.passwords)}
        lines += ["", *(f"  Sample app {name:<12} {address}" for name, address in sample.apps.items())]
        lines += [f"  Sign in as              {name:<5} {password}" for name, password in sample.passwords.items()]
    emit(data, "\n".join([*lines, ""]), as_json=as_json)
    sys.stdout.flush()
