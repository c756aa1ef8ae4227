"""The instants of the session calculator, against the very decisions that they foretell."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from idp.protocol.asking_again import Access, Cause, Question, Session, access, outlook
from idp.protocol.steps import Situation, Step, next_step

NINE = datetime(2026, 11, 24, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
TIMES = Session(auth_time=NINE, last_use=NINE + HOUR, expires_at=NINE + 24 * HOUR, idle=8 * HOUR)


def test_a_session_that_lies_unused_ends_before_its_longest_life():
    assert outlook(TIMES).unused == Question(NINE + 9 * HOUR, Cause.UNUSED)
    assert outlook(TIMES).latest == Question(NINE + 24 * HOUR, Cause.SESSION_ENDS)


def test_in_the_last_hours_use_changes_nothing():
    late = outlook(replace(TIMES, last_use=NINE + 20 * HOUR))
    assert late.unused == late.latest == Question(NINE + 24 * HOUR, Cause.SESSION_ENDS)


@pytest.mark.parametrize("max_age", [timedelta(0), timedelta(seconds=1), timedelta(minutes=15), 30 * HOUR])
def test_an_app_asks_at_the_first_instant_at_which_its_request_leads_to_a_sign_in(max_age):
    at = outlook(TIMES, max_age).latest.at
    expected = Cause.APP_WANTS if max_age < 24 * HOUR else Cause.SESSION_ENDS
    assert outlook(TIMES, max_age).latest.cause is expected
    situation = Situation(max_age=max_age, subject="usr_ana", auth_time=NINE, skip_consent=True)
    if expected is Cause.APP_WANTS:
        assert next_step(situation, at - datetime.resolution).step is Step.ISSUE
        assert next_step(situation, at).step is Step.LOG_IN


def test_an_age_beyond_the_calendar_is_none():
    assert outlook(TIMES, timedelta(seconds=9_999_999_999)).latest.cause is Cause.SESSION_ENDS
    assert outlook(TIMES, timedelta(days=999_999_000)).latest.cause is Cause.SESSION_ENDS


def test_access_ends_at_the_latest_with_the_family():
    day = timedelta(days=1)
    assert access(NINE + 30 * day, NINE, 90 * day) == Access(NINE + 30 * day, NINE + 90 * day)
    # A setting that was shortened since does not shorten a token that is out.
    assert access(NINE + 30 * day, NINE, 7 * day) == Access(NINE + 30 * day, NINE + 30 * day)
