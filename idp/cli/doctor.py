"""``idp doctor``: whether this installation is as it should be; nothing is created and nothing is changed."""

from __future__ import annotations

import stat
import time
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from idp import settings as settings_module
from idp.accounts import store as accounts
from idp.app import create_app, create_database_app
from idp.audit import seals
from idp.audit.models import AuditEvent
from idp.cli.context import emit, json_option
from idp.clock import utc_now
from idp.contracts import pins
from idp.contracts.frames import Frames
from idp.db import db
from idp.deliveries import store as deliveries
from idp.deliveries.models import Delivery
from idp.keys import installation, readiness, rewrapping, rotation, schedule, store
from idp.keys.models import Installation
from idp.mail import smtp
from idp.prepare import current_revision, head_revision
from idp.protocol.key_schedule import Change
from idp.vault import VaultError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from idp.settings import Settings

# The background process chains new audit entries every few seconds; what waits this long has been forgotten.
_SEALED_WITHIN = timedelta(minutes=2)
_SLOW_MS = 250
_MOST_NAMED = 5
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: how it is, and what to do where that is not well."""

    name: str
    ok: bool
    text: str
    fix: str = ""


@click.command("doctor")
@json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """Check this installation: files, database, keys, background process, mail; exit status 1 if anything is wrong."""
    settings = settings_module.load()
    checks = list(examine(settings))
    ok = all(check.ok for check in checks)
    lines = [f"{'ok ' if one.ok else 'BAD'}  {one.name:<20}{one.text}{_to_do(one)}" for one in checks]
    emit({"ok": ok, "checks": [asdict(check) for check in checks]}, "\n".join(lines), as_json=as_json)
    ctx.exit(0 if ok else 1)


def examine(settings: Settings) -> Iterator[Check]:
    """Yield every check of the installation that *settings* describe; one that cannot go on is the last."""
    yield from _files(settings)
    app = create_database_app(settings)
    with app.app_context():
        try:
            database = _database()
            yield database
            if database.ok:
                for check in _INSIDE:
                    yield check(settings)
        except DBAPIError as error:
            # The driver's text names the cause, and never holds the password of the URL.
            cause = " ".join(str(error.orig).split())
            fix = "Look at IDP_DATABASE_URL and its server."
            yield Check("database", ok=False, text=f"It cannot be used: {cause}", fix=fix)
        finally:
            db.session.remove()
            db.engine.dispose()
    if settings.redis_url:
        yield _redis(settings)


def _to_do(check: Check) -> str:
    return "" if check.ok or not check.fix else f"\n     {'':<20}{check.fix}"


def _files(settings: Settings) -> Iterator[Check]:
    yield _private("data directory", settings.data_dir, "Run `idp migrate`, which makes it.")
    if not settings.master_key.get_secret_value():
        path = settings.data_dir / "master.key"
        yield _private("master key file", path, "Put it back from your copy; without it no key can be read.")


def _private(name: str, path: Path, missing: str) -> Check:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return Check(name, ok=False, text=f"{path}: {error.strerror}.", fix=missing)
    if mode & _OTHERS:
        return Check(name, ok=False, text=f"Others may look into {path}.", fix=f"Run `chmod go= {path}`.")
    return Check(name, ok=True, text=str(path))


def _database() -> Check:
    file = db.engine.url.database
    if db.engine.dialect.name == "sqlite" and not Path(file or "").exists():
        # Connecting would make it.
        return Check("database", ok=False, text=f"There is no file {file}.", fix="Run `idp migrate`, which makes it.")
    began = time.perf_counter()
    found, wanted = current_revision(), head_revision()
    taken = (time.perf_counter() - began) * 1000
    if found != wanted:
        text = f"Its schema is {found or 'not there'}, and this version needs {wanted}."
        return Check("database", ok=False, text=text, fix="Run `idp migrate`, or start `idp serve`, which does that.")
    text = f"{db.engine.dialect.name}, schema {found}, answers in {taken:.0f} ms"
    return Check("database", taken < _SLOW_MS, text, "It is slow: see what else its machine does.")


def _secret(settings: Settings) -> Check:
    try:
        vault = installation.open_vault(settings)
        installation.open_secrets(db.session(), vault)
        rewrapping.require_held(db.session(), vault)
    except VaultError as error:
        return Check("encryption", ok=False, text=str(error), fix="Every server of an installation has one master key.")
    return Check("encryption", ok=True, text="The master key is the one of this database.")


def _issuer(settings: Settings) -> Check:
    known = db.session().execute(select(Installation.issuer)).scalar()
    if known != settings.issuer:
        text = f"IDP_ISSUER is {settings.issuer}, and this database is {known}'s."
        return Check("issuer", ok=False, text=text, fix="Put it back, or run `idp migrate --accept-issuer`.")
    return Check("issuer", ok=True, text=settings.issuer)


def _keys(settings: Settings) -> Check:
    keys = store.all_keys(db.session())
    signing = {key.alg for key in store.in_state(keys, store.ACTIVE)}
    idle = sorted({key.alg for key in keys} - signing)
    waiting = dict(_held(settings, signing))
    late = schedule.overdue(keys, settings, utc_now(), waiting)
    if idle or not signing:
        text = f"Nothing signs with {', '.join(idle) or 'any algorithm'}."
        return Check("signing keys", ok=False, text=text, fix="Run `idp keys list`, then `idp keys rotate --force`.")
    if late:
        text = f"{late[0].change.value} is overdue for {late[0].alg}."
        return Check("signing keys", ok=False, text=text, fix="See that `idp serve` or `idp worker` runs.")
    state = "; ".join(waiting.values()) or "no change is overdue"
    return Check("signing keys", ok=True, text=f"{', '.join(sorted(signing))} sign; {state}")


def _held(settings: Settings, algs: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield those of *algs* whose rotation is due and waits, each with what for."""
    now = utc_now()
    for alg in sorted(algs):
        due = schedule.due(store.of_algorithm(db.session(), alg), settings, now)
        found = readiness.assess(db.session(), settings, alg, now)
        if Change.PROMOTE in {one.change for one in due} and rotation.is_held(found, settings, now):
            names = _named([reader.name for reader in found.holding(settings, now)])
            cause = (
                f"{names}, see `idp keys ready`" if names else f"caches until {found.settled_at:%d %B %Y, %H:%M} UTC"
            )
            yield alg, f"the rotation of {alg} waits for {cause}"


def _administrator(_settings: Settings) -> Check:
    count = accounts.admin_count(db.session())
    text = f"{count} can sign in" if count else "Nobody can administer this installation yet."
    return Check("administrators", bool(count), text, "Open the link that `idp setup-link` prints.")


def _background(_settings: Settings) -> Check:
    oldest = db.session().execute(select(func.min(AuditEvent.at)).where(AuditEvent.seal_id.is_(None))).scalar()
    if oldest is not None and utc_now() - oldest > _SEALED_WITHIN:
        text = f"It has not sealed the audit log since {oldest:%d %B %Y, %H:%M} UTC."
        return Check("background process", ok=False, text=text, fix="Start `idp serve` or `idp worker`.")
    return Check("background process", ok=True, text="Nothing waits for it.")


def _audit(_settings: Settings) -> Check:
    found = seals.latest_check(db.session())
    if found is not None and found.broken_at is not None:
        text = f"The chain breaks at entry {found.broken_at}. {found.fault}"
        return Check("audit log", ok=False, text=text, fix="Compare with an export kept elsewhere.")
    text = f"intact to entry {found.intact_to}" if found else "not checked yet"
    return Check("audit log", ok=True, text=text)


def _mail(settings: Settings) -> Check:
    waiting = db.session().execute(
        select(func.count()).where(Delivery.kind == deliveries.MAIL, Delivery.state == deliveries.QUEUED)
    )
    count = f"{waiting.scalar_one()} wait in the outbox"
    if not settings.mail.is_set_up:
        return Check("mail", ok=True, text=f"not set up; {count}")
    db.session.rollback()
    fault = smtp.check(settings)
    fix = "Look at IDP_MAIL__… and at the server that it names; `idp mail test` sends a mail."
    return Check("mail", ok=fault is None, text=fault or f"{settings.mail.host} lets us in; {count}", fix=fix)


def _contracts(settings: Settings) -> Check:
    if not _secret(settings).ok:
        return Check("token contracts", ok=True, text="not looked at")
    # Only the whole application knows what it would issue.
    app = create_app(settings)
    with app.app_context():
        try:
            found = pins.differing(db.session(), app.extensions["idp"][Frames])
        finally:
            db.session.remove()
            db.engine.dispose()
    changed = [one.client.client_id for one in found if one.differs]
    waiting = [one.client.client_id for one in found if not one.differs]
    fix = "Run `idp contracts check`, which shows the differences, and `idp contracts accept` for what is meant."
    if changed:
        text = f"The tokens of {_named(changed)} are not what they were."
        return Check("token contracts", ok=False, text=text, fix=fix)
    text = f"kept; new defaults wait for agreement: {_named(waiting)}" if waiting else "kept"
    return Check("token contracts", ok=True, text=text, fix=fix)


def _named(apps: list[str]) -> str:
    rest = len(apps) - _MOST_NAMED
    return ", ".join(apps[:_MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _redis(settings: Settings) -> Check:
    import redis  # noqa: PLC0415 - only who uses Redis needs its client

    try:
        with redis.Redis.from_url(settings.redis_url, socket_timeout=5, socket_connect_timeout=5) as connection:
            connection.ping()
    except redis.RedisError as error:
        text = f"It cannot be used: {type(error).__name__}."
        return Check("redis", ok=False, text=text, fix="Look at IDP_REDIS_URL and its server.")
    return Check("redis", ok=True, text="answers")


_INSIDE: tuple[Callable[[Settings], Check], ...] = (
    _secret,
    _issuer,
    _keys,
    _administrator,
    _background,
    _audit,
    _contracts,
    _mail,
)
