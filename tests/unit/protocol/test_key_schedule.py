from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from idp.protocol import key_schedule
from idp.protocol.key_schedule import Change, KeyFacts, KeyState, Schedule, Transition, due, may_sign

START = datetime(2026, 9, 1, tzinfo=UTC)
SCHEDULE = Schedule(
    rotate_every=timedelta(days=90),
    publish_ahead=timedelta(days=14),
    keep=timedelta(days=7),
    jwks_max_age=timedelta(minutes=5),
    longest_token_lifetime=timedelta(hours=1),
)
ACTIVE = KeyFacts(kid="a", alg="RS256", state=KeyState.ACTIVE, published_at=START, activated_at=START)
NEXT = KeyFacts(kid="n", alg="RS256", state=KeyState.NEXT, published_at=START + timedelta(days=76))
RETIRING = KeyFacts(
    kid="r", alg="RS256", state=KeyState.RETIRING, published_at=START - timedelta(days=90), retiring_at=START
)


def day(number, **more):
    return START + timedelta(days=number, **more)


@pytest.mark.parametrize(
    ("keys", "now", "expected"),
    [
        ([], day(0), ()),
        ([ACTIVE], day(75, hours=23), ()),
        ([ACTIVE], day(76), (Transition(Change.PUBLISH, "RS256"),)),
        ([ACTIVE], day(400), (Transition(Change.PUBLISH, "RS256"),)),
        ([ACTIVE, NEXT], day(76), ()),
        ([ACTIVE, NEXT], day(89, hours=23), ()),
        ([ACTIVE, NEXT], day(90), (Transition(Change.PROMOTE, "RS256", "n"),)),
        ([ACTIVE, replace(NEXT, published_at=day(90))], day(90, minutes=4), ()),
        (
            [ACTIVE, replace(NEXT, published_at=day(90))],
            day(90, minutes=5),
            (Transition(Change.PROMOTE, "RS256", "n"),),
        ),
        ([ACTIVE, RETIRING], day(6), ()),
        ([ACTIVE, RETIRING], day(7), (Transition(Change.RETIRE, "RS256", "r"),)),
        ([replace(ACTIVE, state=KeyState.REVOKED), NEXT], day(77), (Transition(Change.PROMOTE, "RS256", "n"),)),
        ([replace(ACTIVE, state=KeyState.REVOKED), NEXT], day(76), ()),
        ([replace(ACTIVE, state=KeyState.REVOKED)], day(1), (Transition(Change.PUBLISH, "RS256"),)),
        (
            [ACTIVE, replace(ACTIVE, kid="e", alg="ES256", activated_at=day(20))],
            day(80),
            (Transition(Change.PUBLISH, "RS256"),),
        ),
    ],
)
def test_what_is_due(keys, now, expected):
    assert due(keys, SCHEDULE, now) == expected


def test_a_key_stays_published_for_the_longest_token():
    long = replace(SCHEDULE, longest_token_lifetime=timedelta(days=30))
    assert due([ACTIVE, RETIRING], long, day(29)) == ()
    assert due([ACTIVE, RETIRING], long, day(30)) == (Transition(Change.RETIRE, "RS256", "r"),)


def test_K05_a_key_signs_no_earlier_than_the_last_cached_set_without_it_has_run_out():
    first = key_schedule.first_published_at([ACTIVE, NEXT], "RS256")
    assert first == START
    assert not may_sign(NEXT, first, SCHEDULE.jwks_max_age, day(76, minutes=4, seconds=59))
    assert may_sign(NEXT, first, SCHEDULE.jwks_max_age, day(76, minutes=5))
    assert key_schedule.ready_at(NEXT, first, SCHEDULE.jwks_max_age) == day(76, minutes=5)


def test_a_fresh_installation_rotates_at_once():
    both = [ACTIVE, replace(NEXT, published_at=START)]
    first = key_schedule.first_published_at(both, "RS256")
    assert all(may_sign(key, first, SCHEDULE.jwks_max_age, START) for key in both)


def test_the_first_key_of_an_algorithm_signs_at_once():
    key = replace(NEXT, alg="EdDSA", published_at=day(50))
    first = key_schedule.first_published_at([ACTIVE, key], "EdDSA")
    assert may_sign(key, first, SCHEDULE.jwks_max_age, day(50))
    assert key_schedule.first_published_at([ACTIVE], "EdDSA") is None
    assert may_sign(key, None, SCHEDULE.jwks_max_age, day(50))


@pytest.mark.parametrize("state", [KeyState.RETIRING, KeyState.RETIRED, KeyState.REVOKED])
def test_K07_a_key_that_is_out_never_signs_again(state):
    assert not may_sign(replace(ACTIVE, state=state), START, SCHEDULE.jwks_max_age, day(1000))


@pytest.mark.parametrize(
    ("state", "published", "hints"),
    [
        (KeyState.NEXT, True, True),
        (KeyState.ACTIVE, True, True),
        (KeyState.RETIRING, True, True),
        (KeyState.RETIRED, False, True),
        (KeyState.REVOKED, False, False),
    ],
)
def test_K06_K07_what_each_state_proves(state, published, hints):
    assert state.is_published is published
    assert state.verifies is published
    assert state.verifies_hints is hints


def test_the_times_of_the_page():
    assert key_schedule.promotion_at(ACTIVE, SCHEDULE) == day(90)
    assert key_schedule.publication_at(ACTIVE, SCHEDULE) == day(76)
    assert key_schedule.publication_at(ACTIVE, replace(SCHEDULE, publish_ahead=timedelta(0))) == day(90) - timedelta(
        minutes=5
    )
    assert key_schedule.retirement_at(RETIRING, SCHEDULE) == day(7)
