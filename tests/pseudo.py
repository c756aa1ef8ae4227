"""A language made for tests: what is translated stands between brackets, so that whatever does not was forgotten."""

import re
from html.parser import HTMLParser

import flask_babel

_SAID = re.compile(r"⟦[^⟦⟧]*⟧")
_SHOWN = {"aria-label", "aria-description", "alt", "placeholder", "title", "data-confirm", "data-say"} | {
    "data-cancelled",
    "data-failed",
    "data-known",
}
_SILENT = {"script", "style", "svg", "code", "kbd"}


class _Brackets:
    def ugettext(self, message):
        return f"⟦{message}⟧"

    def ungettext(self, singular, plural, count):
        return f"⟦{singular if count == 1 else plural}⟧"


def speak(monkeypatch):
    """Make every page speak it from now on."""
    monkeypatch.setattr(flask_babel, "get_translations", _Brackets)


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.texts, self._silent = [], 0

    def handle_starttag(self, tag, attrs):
        self._silent += tag in _SILENT
        self.texts += [value for name, value in attrs if name in _SHOWN and value]

    def handle_endtag(self, tag):
        self._silent -= tag in _SILENT

    def handle_data(self, data):
        if not self._silent:
            self.texts.append(data)

    def handle_startendtag(self, tag, attrs):
        self.texts += [value for name, value in attrs if name in _SHOWN and value]


def unspoken(html, *data):
    """Return the texts of a page that are in no catalog, *data* (names, addresses, numbers of the test) left aside.

    A sentence in pieces is no sentence: text between tags is read as one with what stands around it in its brackets.
    """
    reader = _Reader()
    reader.feed(html)
    # A sentence may hold markup, so brackets may open in one text and close in another.
    whole = "\n".join(text.strip() for text in reader.texts if text.strip())
    for one in sorted(data, key=len, reverse=True):
        whole = whole.replace(one, "")
    before = None
    while before != whole:
        before, whole = whole, _SAID.sub("", whole)
    return [line.strip() for line in whole.split("\n") if re.search(r"[^\W\d_]", line)]
