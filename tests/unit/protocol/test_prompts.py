from datetime import timedelta

import pytest

from idp.errors import InvalidRequest
from idp.protocol.prompts import Prompt, parse_max_age, parse_prompt


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, set()),
        ("", set()),
        ("none", {Prompt.NONE}),
        ("login consent", {Prompt.LOGIN, Prompt.CONSENT}),
        ("select_account  login login", {Prompt.LOGIN, Prompt.SELECT_ACCOUNT}),
    ],
)
def test_known_prompts(text, expected):
    assert parse_prompt(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "none login",
        "login none",
        "none consent select_account",
        "none create",
        "LOGIN",
        "x",
        "none x",
        "login\tconsent",
    ],
)
def test_A17_prompt_none_stands_alone_and_unknown_words_are_refused(text):
    with pytest.raises(InvalidRequest):
        parse_prompt(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("1", 1), ("15000", 15000), ("9999999999", 9999999999), ("007", 7)]
)
def test_A20_max_age_is_seconds_and_zero_is_a_value(text, seconds):
    assert parse_max_age(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["-1", "+1", "1.5", "1e3", " 1", "1 ", "", "x", "NaN", "0x10", "٣", "9223372036854775808", "1" * 20_000, "1\n"],
)
def test_A20_anything_else_is_refused(text):
    with pytest.raises(InvalidRequest):
        parse_max_age(text)


def test_A20_no_max_age_is_none():
    assert parse_max_age(None) is None
