"""Sentences for people, kept so that each reader gets them in a language of their own.

``say("That code has run out.")`` is English text wherever text is wanted: a log, the JSON of a protocol, a test. A
template shows it in the language of its page; ``spoken`` does so for what no template shows. What the pages are written
in says how (``speak_by``); until then everything is English.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Tongue(Protocol):
    """How the language of the present page says a message, with the placeholders still in it."""

    def one(self, message: str) -> str:
        """Return *message* in that language."""

    def counted(self, singular: str, plural: str, count: int) -> str:
        """Return the form of the message that *count* takes in that language."""


class _English:
    def one(self, message: str) -> str:
        return message

    def counted(self, singular: str, plural: str, count: int) -> str:
        return singular if count == 1 else plural


_ENGLISH = _English()
_tongues: list[Tongue] = [_ENGLISH]


class Sentence(str):
    """English text that knows the message it was made from; made by ``say`` and ``say_count`` alone."""

    __slots__ = ("_count", "_facts", "_message", "_plural")

    _message: str
    _plural: str
    _count: int | None
    _facts: Mapping[str, object]

    @classmethod
    def made(cls, message: str, plural: str, count: int | None, facts: Mapping[str, object]) -> Self:
        """Return the sentence of *message*, or of *plural* where *count* asks for it; *facts* fill the placeholders."""
        pattern = message if count is None else _ENGLISH.counted(message, plural, count)
        sentence = cls(pattern % {name: str(fact) for name, fact in facts.items()})
        sentence._message, sentence._plural, sentence._count, sentence._facts = message, plural, count, facts
        return sentence

    @property
    def made_of(self) -> tuple[str, str, int | None, Mapping[str, object]]:
        """What ``made`` makes this sentence of anew, elsewhere and in another language."""
        return self._message, self._plural, self._count, self._facts

    def in_tongue(self, tongue: Tongue) -> str:
        """Return this sentence as *tongue* says it; facts that are sentences are said by it as well."""
        if self._count is None:
            pattern = tongue.one(self._message)
        else:
            pattern = tongue.counted(self._message, self._plural, self._count)
        return pattern % {name: spoken(fact) for name, fact in self._facts.items()}

    def __html__(self) -> Markup:
        """Return this sentence in the language of the page, as a template shows it."""
        return escape(spoken(self))


def say(message: str, /, **facts: object) -> Sentence:
    """Return *message* as a sentence; ``%(name)s`` in it stands for the fact of that name, and ``%%`` for a ``%``."""
    return Sentence.made(message, "", None, facts)


def say_count(singular: str, plural: str, count: int, /, **facts: object) -> Sentence:
    """Return the form of a sentence that *count* takes; ``%(count)s`` in it stands for the count."""
    return Sentence.made(singular, plural, count, {"count": count, **facts})


def listed(names: Sequence[str]) -> str:
    """Return *names*, one at least, as one text: apples, pears and plums."""
    *some, last = names
    if not some:
        return last
    text = some[0]
    for name in some[1:]:
        text = say("%(names)s, %(name)s", names=text, name=name)
    return say("%(names)s and %(name)s", names=text, name=last)


def spoken(text: object) -> str:
    """Return *text* in the language of the page, if it is a sentence, and as it is otherwise."""
    return text.in_tongue(_tongues[-1]) if isinstance(text, Sentence) else str(text)


def speak_by(tongue: Tongue) -> None:
    """Say every sentence of this process by *tongue* from now on."""
    _tongues[:] = [tongue]
