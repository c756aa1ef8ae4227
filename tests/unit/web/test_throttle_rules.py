"""How long the next try waits."""

from datetime import UTC, datetime, timedelta

import pytest

from idp.login.throttling import ACCOUNT_AND_ADDRESS, ACCOUNT_EVERYWHERE, ADDRESS, KNOWN_DEVICE, limits_for
from idp.web.throttle import Count

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rule", "failures", "seconds"),
    [
        (ACCOUNT_AND_ADDRESS, 4, 0),
        (ACCOUNT_AND_ADDRESS, 5, 5),
        (ACCOUNT_AND_ADDRESS, 6, 10),
        (ACCOUNT_AND_ADDRESS, 7, 20),
        (ACCOUNT_AND_ADDRESS, 12, 640),
        (ACCOUNT_AND_ADDRESS, 13, 900),
        (ACCOUNT_AND_ADDRESS, 1000, 900),
        (ACCOUNT_EVERYWHERE, 19, 0),
        (ACCOUNT_EVERYWHERE, 20, 60),
        (ACCOUNT_EVERYWHERE, 40, 60),
        (ADDRESS, 29, 0),
        (ADDRESS, 30, 1),
        (ADDRESS, 35, 30),
        (ADDRESS, 500, 30),
        (KNOWN_DEVICE, 4, 0),
        (KNOWN_DEVICE, 5, 5),
    ],
)
def test_the_wait_after_so_many_failures(rule, failures, seconds):
    assert rule.wait_after(failures) == timedelta(seconds=seconds)


def test_failures_are_forgotten_after_a_quarter_of_an_hour():
    counted = Count(19, NOW, None).next(ACCOUNT_EVERYWHERE, NOW + timedelta(minutes=15))
    assert counted == Count(1, NOW + timedelta(minutes=15), None)


def test_an_account_at_an_address_counts_the_time_from_its_last_failure():
    later = NOW + timedelta(minutes=14)
    assert Count(5, NOW, None).next(ACCOUNT_AND_ADDRESS, later) == Count(6, later, later + timedelta(seconds=10))


def test_a_known_device_has_a_counter_of_its_own():
    limits = limits_for("ana", person_id="usr_1", device="abc", address="198.51.100.7")
    assert [limit.rule for limit in limits] == [KNOWN_DEVICE, ADDRESS]


def test_spellings_of_a_name_share_a_counter():
    names = ("Ana", "\uff21\uff2e\uff21 ")
    one, other = (limits_for(name, person_id=None, device=None, address="198.51.100.7") for name in names)
    assert [limit.key for limit in one] == [limit.key for limit in other]


def test_neither_names_nor_addresses_are_kept_in_the_counters():
    limits = limits_for("ana", person_id="usr_1", device=None, address="198.51.100.7")
    assert not any("ana" in limit.key or "198" in limit.key.partition(":")[0] for limit in limits)
    assert all(len(limit.key) <= 128 for limit in limits)
