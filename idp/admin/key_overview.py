"""What the keys page says: what signs, what comes next, whether it is safe to rotate, and what a leak would cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from idp.admin.key_timeline import STATE_LABELS, Life, Timeline, day, draw, life_of
from idp.deliveries import sign_outs
from idp.keys import algorithms, schedule, store
from idp.protocol.key_schedule import Change
from idp.sessions.models import BrowserSession
from idp.tokens.models import Grant

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from idp.keys.models import SigningKey
    from idp.settings import Settings

_BADGES = {store.NEXT: "next", store.ACTIVE: "ok", store.REVOKED: "bad"}
_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_LATE = {
    Change.PUBLISH: "the next {alg} key should have been published",
    Change.PROMOTE: "the next {alg} key should be signing",
    Change.RETIRE: "an old {alg} key should have left the key set",
}


@dataclass(frozen=True, slots=True)
class KeyLine:
    """One key as the table shows it."""

    kid: str
    name: str
    alg: str
    size: str
    state: str
    state_label: str
    badge: str
    signs: str
    signs_note: str
    removed_on: str


@dataclass(frozen=True, slots=True)
class AlgorithmLine:
    """One algorithm in use: what signs with it, what follows, and from when that may sign."""

    alg: str
    active: SigningKey | None
    next: SigningKey | None
    ready_at: datetime | None
    ready: bool
    rotates_at: datetime | None


@dataclass(frozen=True, slots=True)
class Check:
    """One fact that makes a rotation safe, or does not: kind is ok, warn or bad."""

    kind: str
    title: str
    note: str


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything on the page."""

    lines: tuple[AlgorithmLine, ...]
    keys: tuple[KeyLine, ...]
    timeline: Timeline
    checks: tuple[Check, ...]
    policy: tuple[tuple[str, str], ...]
    rotates_at: datetime | None
    rotates_in: str
    ready: bool
    not_ready: str
    missing: tuple[str, ...]
    late: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reach:
    """What the replacement of a leaked key touches: live grants, their apps and people, and live browser sessions.

    ``told`` is how many apps are told by back-channel logout to end their own sessions.
    """

    grants: int
    apps: int
    people: int
    sessions: int
    told: int


def overview(session: Session, settings: Settings, now: datetime, held: tuple[str, ...] = ()) -> Overview:
    """Read the keys and say everything about them; the rotation of the algorithms *held* waits for an app."""
    keys = store.all_keys(session)
    lines = tuple(_algorithm(alg, keys, settings, now) for alg in dict.fromkeys(key.alg for key in keys))
    used = tuple(line for line in lines if line.active or line.next)
    late = schedule.overdue(keys, settings, now, held)
    rotates_at = min((line.rotates_at for line in used if line.rotates_at), default=None)
    return Overview(
        lines=used,
        # Those that left the key set stand last.
        keys=tuple(
            key_line(key, keys, settings, now) for key in sorted(keys, key=lambda key: key.state not in store.PUBLISHED)
        ),
        timeline=draw(keys, settings, now),
        checks=_checks(used, settings),
        policy=policy(settings),
        rotates_at=rotates_at,
        rotates_in=f"In {_about(rotates_at - now)}" if rotates_at and rotates_at > now else "Now",
        ready=bool(used) and all(line.ready for line in used),
        not_ready=_not_ready(used),
        missing=tuple(line.alg for line in used if line.next is None),
        late=tuple(_LATE[transition.change].format(alg=transition.alg) for transition in late),
    )


def reach(session: Session, now: datetime) -> Reach:
    """Count what is alive: a replaced key ends every token that was issued before."""
    grants, apps, people = session.execute(
        select(func.count(), func.count(Grant.client_id.distinct()), func.count(Grant.person_id.distinct())).where(
            Grant.revoked_at.is_(None), Grant.expires_at > now
        )
    ).one()
    sessions = session.execute(
        select(func.count()).where(BrowserSession.ended_at.is_(None), BrowserSession.expires_at > now)
    ).scalar_one()
    told = len({client_id for _, _, client_id in sign_outs.to_be_told(session, now)})
    return Reach(grants, apps, people, sessions, told)


def policy(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Return the policy, each with the setting that changes it."""
    keys = settings.keys
    return (
        ("A new key signs every", f"{span(keys.rotate_every)} (IDP_KEYS__ROTATE_EVERY)"),
        ("Published ahead by at least", f"{span(keys.publish_ahead)} (IDP_KEYS__PUBLISH_AHEAD)"),
        ("Kept to verify for", f"{span(keys.keep)} (IDP_KEYS__KEEP)"),
        ("Apps may cache the key set for", f"{span(keys.jwks_max_age)} (IDP_KEYS__JWKS_MAX_AGE)"),
    )


def kept(settings: Settings) -> str:
    """Write how long a key that signs no more stays in the key set."""
    return span(schedule.published_for(settings))


def span(length: timedelta) -> str:
    """Write a length of time in the largest unit that holds it whole: 90 days, 5 minutes."""
    seconds = max(1, int(length.total_seconds()))
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    count = seconds // size
    return f"{count} {unit}{'s' if count > 1 else ''}"


def _algorithm(alg: str, keys: list[SigningKey], settings: Settings, now: datetime) -> AlgorithmLine:
    own = [key for key in keys if key.alg == alg]
    active = next(iter(store.in_state(own, store.ACTIVE)), None)
    following = next(iter(schedule.followers(own)), None)
    ready_at = schedule.may_sign_at(following, own, settings) if following else None
    return AlgorithmLine(
        alg=alg,
        active=active,
        next=following,
        ready_at=ready_at,
        ready=ready_at is not None and ready_at <= now,
        rotates_at=schedule.rotates_at(active, settings) if active else None,
    )


def key_line(key: SigningKey, keys: list[SigningKey], settings: Settings, now: datetime) -> KeyLine:
    """Return *key* as the table shows it; *keys* are all there are."""
    life = life_of(key, keys, settings, now)
    signs, note = _signs(life, now)
    return KeyLine(
        kid=key.kid,
        name=key.name,
        alg=key.alg,
        size=algorithms.size_label(key.public_jwk),
        state=key.state,
        state_label=STATE_LABELS[key.state],
        badge=_BADGES.get(key.state, "off"),
        signs=signs,
        signs_note=note,
        removed_on=day(life.ends),
    )


def _signs(life: Life, now: datetime) -> tuple[str, str]:
    if life.signs_from is None or life.signs_until is None:
        return "Never", "never signed" if life.key.state in {store.RETIRED, store.REVOKED} else "verifies only"
    stretch = f"{_short(life.signs_from)} – {_short(life.signs_until)}"
    if life.key.state == store.NEXT:
        return stretch, f"starts in {_about(life.signs_from - now)}" if life.signs_from > now else "starts any minute"
    if life.key.state == store.ACTIVE:
        return stretch, f"{_about(life.signs_until - now)} left" if life.signs_until > now else "due to rotate"
    return stretch, _about(life.signs_until - life.signs_from)


def _short(instant: datetime) -> str:
    return f"{instant.day} {instant:%b}"


def _about(length: timedelta) -> str:
    seconds = max(1.0, length.total_seconds())
    size, unit = next((size, unit) for size, unit in _UNITS if seconds >= size)
    count = round(seconds / size)
    return f"{count} {unit}{'s' if count > 1 else ''}"


def _not_ready(lines: tuple[AlgorithmLine, ...]) -> str:
    missing = [line.alg for line in lines if line.next is None]
    if missing:
        return f"There is no next key for {' and '.join(missing)}."
    waiting = [line.ready_at for line in lines if line.ready_at and not line.ready]
    return f"Apps may hold an older key set until {max(waiting):%H:%M:%S} UTC." if waiting else ""


def _checks(lines: tuple[AlgorithmLine, ...], settings: Settings) -> tuple[Check, ...]:
    ahead = [_seen(line, settings) for line in lines]
    longest = span(schedule.policy(settings).longest_token_lifetime)
    return (
        *ahead,
        Check(
            "ok",
            "Old tokens keep working",
            f"The longest token lasts {longest}; the old key stays readable for {kept(settings)}.",
        ),
        Check(
            "ok",
            "Private keys are encrypted at rest",
            "AES-256-GCM under the master key. A key that signs no more loses its private part when it is removed.",
        ),
    )


def _seen(line: AlgorithmLine, settings: Settings) -> Check:
    if line.next is None or line.ready_at is None:
        note = "Create the next key, so that apps can learn of it before it signs."
        return Check("warn", f"No next key for {line.alg}", note)
    published = f"{line.next.name} was published on {day(line.next.published_at)}; "
    if line.ready:
        note = f"{published}apps refresh at least every {span(settings.keys.jwks_max_age)}."
        return Check("ok", f"Apps have had time to see the next {line.alg} key", note)
    note = f"{published}apps may hold an older key set until {line.ready_at:%H:%M:%S} UTC."
    return Check("warn", f"Some apps may not know the next {line.alg} key yet", note)
