"""Sentences are English everywhere, and what the page speaks where a template shows them."""

import copy
import json

import pytest
from jinja2 import Environment

from idp import wording
from idp.wording import say, say_count, spoken


class _Shouting:
    def one(self, message):
        return {"none of %(what)s": "NICHTS VON %(what)s <&>", "apples": "ÄPFEL"}[message]

    def counted(self, singular, plural, count):
        return {1: "EIN BLATT", 2: "%(count)s BLÄTTER"}[count]


@pytest.fixture
def shouting():
    before = list(wording._tongues)
    wording.speak_by(_Shouting())
    yield
    wording._tongues[:] = before


def test_a_sentence_is_english_text():
    sentence = say("%(percent)s%% of %(what)s", percent=5, what=say("apples"))
    assert sentence == "5% of apples"
    assert json.dumps({"error_description": sentence}) == '{"error_description": "5% of apples"}'
    assert say_count("%(count)s leaf", "%(count)s leaves", 1) == "1 leaf"
    assert say_count("%(count)s leaf", "%(count)s leaves", 2) == "2 leaves"


def test_a_template_shows_it_in_the_language_of_the_page_and_escapes_it(shouting):
    made = Environment(autoescape=True).from_string("{{ one }}|{{ two ~ '!' }}|{{ three }}")
    page = made.render(
        one=say("none of %(what)s", what=say("apples")), two=say_count("%(count)s leaf", "leaves", 2), three="<b>"
    )
    assert page == "NICHTS VON ÄPFEL &lt;&amp;&gt;|2 BLÄTTER!|&lt;b&gt;"


def test_spoken_says_it_where_no_template_does(shouting):
    assert spoken(say("apples")) == "ÄPFEL"
    assert spoken(say_count("a leaf", "%(count)s leaves", 1)) == "EIN BLATT"
    assert spoken("apples") == "apples"
    assert spoken(5) == "5"


def test_a_copy_says_the_same(shouting):
    assert spoken(copy.deepcopy(say("none of %(what)s", what=1))) == "NICHTS VON 1 <&>"
