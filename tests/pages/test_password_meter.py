"""What is said of a new password while it is typed."""

import logging

import pytest

from tests.factories import make_person
from tests.visitor import PASSWORD, Visitor


@pytest.fixture
def backend():
    return "sqlite"  # Counting is tested on both databases elsewhere.


@pytest.fixture
def visitor(app):
    make_person(app, "ana", password=PASSWORD)
    return Visitor(app)


def asked(visitor, form, password, **names):
    values = {"csrf_token": form.values["csrf_token"], "password": password, **names}
    return visitor.open("/password/strength", "POST", data=values)


def test_the_page_hears_how_hard_a_password_is_to_guess(visitor, caplog, capsys):
    visitor.sign_in("ana")
    page = visitor.visit("/account/password").text
    assert 'aria-live="polite"' in page
    assert 'data-meter="/password/strength"' in page
    form = visitor.form("/account/password")
    caplog.set_level(logging.DEBUG)
    good = asked(visitor, form, "swim tulip radar")
    assert good.json == {"ok": True, "sentence": "Strong: very hard to guess."}
    assert good.headers["Cache-Control"] == "no-store"
    assert asked(visitor, form, "ana@people.example").json == {
        "ok": False,
        "sentence": "Choose something other than your name or address.",
    }
    assert asked(visitor, form, "root@example.com", email="root@example.com").json["ok"] is False
    assert asked(visitor, form, "").json["ok"] is False
    assert "tulip" not in caplog.text + "".join(capsys.readouterr())


def test_only_our_own_pages_may_ask_and_not_for_ever(visitor):
    form = visitor.form("/login")
    assert visitor.open("/password/strength", "POST", data={"password": "swim tulip radar"}).status_code == 400
    assert visitor.open("/password/strength").status_code == 405
    answers = [asked(visitor, form, "short").status_code for _ in range(61)]
    assert answers == [200] * 60 + [429]
