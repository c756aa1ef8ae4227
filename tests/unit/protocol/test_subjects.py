"""Pairwise subjects."""

import pytest

from idp.protocol.subjects import pairwise, sector_of

SECRET = b"s" * 32


def test_a_subject_is_stable_and_differs_by_person_sector_and_installation():
    subject = pairwise(SECRET, "notes.example.com", "usr_1")

    assert subject == pairwise(SECRET, "notes.example.com", "usr_1")
    others = {
        pairwise(SECRET, "notes.example.com", "usr_2"),
        pairwise(SECRET, "wiki.example.com", "usr_1"),
        pairwise(b"t" * 32, "notes.example.com", "usr_1"),
        pairwise(SECRET, "notes.example.com:usr", "_1"),
    }
    assert len(others | {subject}) == 5


def test_a_subject_tells_nothing_and_fits_everywhere():
    subject = pairwise(SECRET, "notes.example.com", "usr_1")

    assert subject.isascii()
    assert len(subject) <= 64
    assert "usr_1" not in subject
    # Neither a person nor a client begins like this (RFC 9068 section 5).
    assert subject.startswith("pps_")


@pytest.mark.parametrize(
    ("sector_identifier_uri", "redirect_uris", "expected"),
    [
        (None, ["https://notes.example.com/a", "https://notes.example.com:8443/b"], "notes.example.com"),
        ("https://sector.example.com/list.json", ["https://a.example/", "https://b.example/"], "sector.example.com"),
        (None, ["com.example.notes:/callback"], "com.example.notes"),
    ],
)
def test_the_sector_is_one_host(sector_identifier_uri, redirect_uris, expected):
    assert sector_of(sector_identifier_uri, redirect_uris) == expected


@pytest.mark.parametrize("redirect_uris", [[], ["https://a.example/", "https://b.example/"]])
def test_without_one_host_there_is_no_sector(redirect_uris):
    with pytest.raises(ValueError, match="sector"):
        sector_of(None, redirect_uris)
