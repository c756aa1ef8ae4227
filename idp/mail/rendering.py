"""Making a mail from its template: plain text, and HTML made from that text, so that both say the same.

A template is text. Its first line is ``Subject: …``; what follows are paragraphs between empty lines, of four kinds:

- ``[Label] address``: where the mail leads to; a button in HTML;
- lines that begin with ``- Name: value``: facts, a table in HTML;
- lines that begin with four spaces: a code to be typed, large in HTML;
- everything else: prose.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from flask import current_app, render_template

from idp.settings import Settings
from idp.web import language
from idp.web.current import service
from idp.wording import spoken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from idp.deliveries.mail import Mail

_SUBJECT: Final = "Subject: "
_BUTTON: Final = re.compile(r"\[(?P<label>[^\]\n]+)\] (?P<address>\S+)")
_CODE: Final = "    "
# A fact is one line: nothing that somebody typed begins a paragraph of its own, or another header.
_BREAKS: Final = dict.fromkeys((*range(32), *range(127, 160), 0x2028, 0x2029), " ")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail as it is sent; ``site`` is what the installation is called."""

    site: str
    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph: ``button`` (text, address), ``facts`` (pairs), ``code`` (text) or ``prose`` (text)."""

    kind: str
    text: str = ""
    address: str = ""
    pairs: tuple[tuple[str, str], ...] = ()


def render(mail: Mail) -> Rendered:
    """Return what *mail* says in its language; its link is an address of the issuer, whatever any request said."""
    with language.speaking(mail.language):
        return _render(mail)


def _render(mail: Mail) -> Rendered:
    link = f"{service(Settings).issuer}{mail.link}" if mail.link else ""
    made = render_template(
        f"mail/{mail.template}.txt", **{name: _one_line(fact) for name, fact in mail.facts.items()}, link=link
    )
    head, _, body = made.strip().partition("\n")
    if not head.startswith(_SUBJECT):
        message = f"the template of the mail {mail.template} does not begin with its subject"
        raise ValueError(message)
    subject = head.removeprefix(_SUBJECT)
    paragraphs = re.split(r"\n{2,}", body.strip())
    html = render_template("mail/_layout.html", subject=subject, blocks=[_block(one) for one in paragraphs])
    return Rendered(_site_name(), subject, "\n\n".join(_plain(paragraphs)) + "\n", html)


def _plain(paragraphs: list[str]) -> Iterator[str]:
    for one in paragraphs:
        button = _BUTTON.fullmatch(one)
        yield f"{button['label']}:\n{button['address']}" if button else one
    yield f"-- \n{_site_name()} · {service(Settings).issuer}"


def _site_name() -> str:
    site: Any = current_app.jinja_env.globals["site"]
    return str(site.name)


def _block(paragraph: str) -> Block:
    button = _BUTTON.fullmatch(paragraph)
    if button:
        return Block("button", button["label"], button["address"])
    lines = paragraph.split("\n")
    if all(line.startswith("- ") for line in lines):
        named = [line.removeprefix("- ").partition(": ") for line in lines]
        return Block("facts", pairs=tuple((name, value) for name, _, value in named))
    if all(line.startswith(_CODE) for line in lines):
        return Block("code", "\n".join(line.removeprefix(_CODE) for line in lines))
    return Block("prose", paragraph)


def _one_line(fact: Any) -> Any:  # noqa: ANN401 - whatever a template is given
    if isinstance(fact, str):
        return spoken(fact).translate(_BREAKS).strip()
    return [_one_line(one) for one in fact] if isinstance(fact, list) else fact
