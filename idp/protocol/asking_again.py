"""When a person is asked to sign in again: the rules of sessions and of `steps.next_step`, turned into instants.

Every instant here is the first at which the question comes: a microsecond earlier there is none.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Cause(StrEnum):
    """What makes the question come."""

    UNUSED = "unused"
    SESSION_ENDS = "session_ends"
    APP_WANTS = "app_wants"


@dataclass(frozen=True, slots=True)
class Session:
    """The times of one browser session: its sign-in, its last use, its longest life, how long it may lie unused."""

    auth_time: datetime
    last_use: datetime
    expires_at: datetime
    idle: timedelta


@dataclass(frozen=True, slots=True)
class Question:
    """When the question comes, and why."""

    at: datetime
    cause: Cause


@dataclass(frozen=True, slots=True)
class Outlook:
    """When it comes if nothing is used until then, and when it comes however much is used."""

    unused: Question
    latest: Question


@dataclass(frozen=True, slots=True)
class Access:
    """Until when an app can do without the person: if it does not renew its access, and however often it does."""

    unused: datetime
    latest: datetime


def outlook(session: Session, max_age: timedelta | None = None) -> Outlook:
    """Return when an app that takes sign-ins no older than *max_age* leads to a sign-in (`None`: of any age)."""
    ends = [Question(session.expires_at, Cause.SESSION_ENDS)]
    if max_age is not None:
        # A sign-in that is exactly as old is recent still (`steps._is_recent`).
        ends.append(Question(_sum(session.auth_time, max_age) + datetime.resolution, Cause.APP_WANTS))
    idle = Question(_sum(session.last_use, session.idle), Cause.UNUSED)
    return Outlook(unused=_first([*ends, idle]), latest=_first(ends))


def access(refresh_expires_at: datetime, granted_at: datetime, refresh_max: timedelta) -> Access:
    """Return how long the refresh token of a grant works: each use renews it, up to *refresh_max* after the grant."""
    latest = _sum(granted_at, refresh_max)
    return Access(unused=refresh_expires_at, latest=max(latest, refresh_expires_at))


def _first(questions: list[Question]) -> Question:
    return min(questions, key=lambda question: question.at)


def _sum(instant: datetime, length: timedelta) -> datetime:
    try:
        return instant + length
    except OverflowError:
        # Beyond the calendar: never.
        return datetime.max.replace(tzinfo=instant.tzinfo) - timedelta(days=2)
