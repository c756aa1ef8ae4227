"""Passwords: hashed whole, a bounded number at a time."""

import threading
import time

import argon2
import pytest

from idp.accounts import passwords
from idp.accounts.passwords import PasswordHasher
from idp.errors import HashingBusy


@pytest.fixture(scope="module")
def hasher():
    return PasswordHasher(cores=2, workers=2, threads=8)


def test_a_hash_is_argon2id_with_the_stated_costs(hasher):
    parameters = argon2.extract_parameters(hasher.hash("correct horse"))
    assert parameters.type is argon2.Type.ID
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (19456, 2, 1)


@pytest.mark.parametrize(
    ("password", "other"),
    [
        ("a" * 80 + "x", "a" * 80 + "y"),
        ("before\x00after", "before\x00other"),
        (" correct horse ", "correct horse"),
        ("Correct horse", "correct horse"),
        ("\ufb01rst horse", "first horse"),
    ],
)
def test_L18_every_character_of_a_password_counts(hasher, password, other):
    stored = hasher.hash(password)
    assert hasher.verify(stored, password).ok
    assert not hasher.verify(stored, other).ok


def test_L18_a_password_over_the_limit_is_never_right(hasher):
    long = "a" * 1025
    assert not hasher.verify(hasher.hash(long), long).ok
    assert hasher.verify(hasher.hash("a" * 1024), "a" * 1024).ok


def test_a_hash_under_old_parameters_asks_to_be_made_anew(hasher):
    old = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("correct horse")
    verdict = hasher.verify(old, "correct horse")
    assert (verdict.ok, verdict.rehash) == (True, True)
    assert not hasher.verify(hasher.hash("correct horse"), "correct horse").rehash


@pytest.mark.parametrize("stored", [None, "", "not a hash", "$argon2id$broken"])
def test_with_no_usable_hash_no_password_is_right(hasher, stored):
    assert not hasher.verify(stored, "correct horse").ok


def test_hashing_takes_no_more_places_than_there_are(monkeypatch):
    monkeypatch.setattr(passwords, "_WAIT_SECONDS", 0.2)
    hasher = PasswordHasher(cores=2, workers=1, threads=4)
    inside = threading.Barrier(3)
    leave = threading.Event()

    def occupy():
        with hasher._places:
            inside.wait(5)
            leave.wait(5)

    holders = [threading.Thread(target=occupy) for _ in range(2)]
    for holder in holders:
        holder.start()
    inside.wait(5)
    began = time.monotonic()
    with pytest.raises(HashingBusy) as refused:
        hasher.hash("correct horse")
    assert 0.15 < time.monotonic() - began < 2
    assert refused.value.retry_after == 5
    leave.set()
    for holder in holders:
        holder.join()
    assert hasher.hash("correct horse")


def test_no_more_wait_than_half_of_the_threads(monkeypatch):
    monkeypatch.setattr(passwords, "_WAIT_SECONDS", 30)
    hasher = PasswordHasher(cores=1, workers=4, threads=4)
    refused = []

    def wait():
        try:
            hasher.hash("correct horse")
        except HashingBusy as busy:
            refused.append(busy.detail)

    with hasher._places:
        waiting = [threading.Thread(target=wait) for _ in range(2)]
        for one in waiting:
            one.start()
        deadline = time.monotonic() + 5
        while hasher._places._waiting < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        began = time.monotonic()
        with pytest.raises(HashingBusy):
            hasher.hash("correct horse")
        # At once, not after the time that those before it wait.
        assert time.monotonic() - began < 10
    for one in waiting:
        one.join()
    assert refused == []
