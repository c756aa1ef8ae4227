"""Which passwords can be chosen, and what is said of the others."""

import re
import subprocess
import sys
import time

import pytest

from idp.accounts import strength
from idp.accounts.passwords import check_new_password
from tests.architecture.tree import ROOT

ANA = ("ana.ruiz", "Ana.Ruiz@example.com", "Ana Ruiz")


@pytest.mark.parametrize(
    "password",
    [
        "a good pass",
        "correct horse battery",
        "pässwörter sind lang",
        # No rules of composition: small letters alone will do.
        "swimtulipradarmint",
        " blank before and after ",
        "x" + "1kq9 " * 200,
    ],
)
def test_what_can_be_chosen(password):
    assert check_new_password(password, names=ANA) is None


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("short", "Use at least 10 characters."),
        ("", "Use at least 10 characters."),
        ("x1y2" * 300, "Use at most 1024 characters."),
        ("qwertyuiop", "This is one of the most used passwords. Choose something else."),
        ("Password123", "This is one of the most used passwords. Choose something else."),
        ("Summer2026", "This is close to one of the most used passwords. Add another word or two."),
        ("Ana.Ruiz@Example.com", "Choose something other than your name or address."),
        ("ana.ruiz@example.com1", "This is mostly your own name or address. Add another word or two."),
        ("aaaaaaaaaaaaaaaaaaaa", "Repeating the same characters does not help much. Add another word or two."),
        ("x1y2x1y2x1y2", "Repeating the same characters does not help much. Add another word or two."),
        ("ghijklmnopqrs", "Sequences such as “abcd” or “6543” are guessed early. Add another word or two."),
        ("1990-05-17ab", "Dates and years are guessed early. Add another word or two."),
        ("thunderstorm", "One word alone is guessed early. Add another word or two."),
        ("michaelangelo", "This is easy to guess. Add another word or two."),
    ],
)
def test_what_cannot_is_told_why(password, sentence):
    assert check_new_password(password, names=ANA) == sentence


def test_every_sentence_says_what_to_do_next():
    sentences = [
        value for name, value in vars(strength).items() if re.fullmatch("_[A-Z_]+", name) and str(value) == value
    ]
    assert len(sentences) > 10
    assert [one for one in sentences if not re.search(r"Use at|Add another|Choose|hard to guess", one)] == []


def test_no_password_keeps_the_server_busy():
    # zxcvbn alone takes seconds over a password made of every sign that could stand for a letter.
    assert strength.judge("4@8({[<3691!|70$5+%2" * 50).ok
    began = time.thread_time()
    strength.judge("4@8({[<3691!|70$5+%2" * 50)
    assert time.thread_time() - began < 1


def test_the_word_lists_are_loaded_when_a_password_is_looked_at():
    look = "import sys, idp.accounts.passwords, idp.accounts.strength; print('zxcvbn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "False"


def test_the_page_asks_about_no_password_that_is_too_short_anyhow():
    macro = (ROOT / "templates" / "_ui" / "password.html").read_text()
    assert f'data-least="{strength.SHORTEST}"' in macro
    assert f"At least {strength.SHORTEST} characters." in macro
