"""Mail: queued in the transaction of what it tells of, so that neither is ever there without the other.

What a mail says may let somebody in (a link, a code), so what it is made from is encrypted, and forgotten once it is
sent. A link is kept as a path: the issuer goes before it when the mail is made, and nothing that a request says.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from idp import assets
from idp.deliveries import store
from idp.deliveries.models import Delivery
from idp.vault import place_of
from idp.wording import Sentence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from idp.deliveries.store import Claimed
    from idp.vault import Vault

# Who reads of something a week later is only alarmed.
LIFETIME: Final = timedelta(days=7)
_INSTANT: Final = "instant"
_SENTENCE: Final = "sentence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail to one address, made from ``templates/mail/<template>.txt``, which the HTML part is made from as well.

    ``facts`` are what the template names: text, numbers, lists, instants, sentences. ``link`` is the path of the page
    that the mail leads to; the template sees it as a whole address. After ``lifetime`` (that of its link or code) it is
    not sent any more. ``person_id`` is whose account it is about; the row goes with the account. ``language`` (a BCP 47
    tag) is what it is written in.
    """

    template: str
    to: str
    person_id: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    link: str = ""
    lifetime: timedelta = LIFETIME
    language: str = "en"

    def __post_init__(self) -> None:
        """Refuse what could not be sent, where it is written and not in the background."""
        if not (assets.folder("templates") / "mail" / f"{self.template}.txt").is_file():
            message = f"there is no template of a mail named {self.template}"
            raise ValueError(message)
        if self.link and not self.link.startswith("/"):
            message = "the link of a mail is a path"
            raise ValueError(message)


def queue(session: Session, vault: Vault, mail: Mail, *, now: datetime) -> str:
    """Queue *mail* and return the id of its delivery; it is sent once the transaction of *session* commits."""
    row = store.add(
        session,
        store.MAIL,
        now=now,
        facts={"template": mail.template, "to": mail.to},
        person_id=mail.person_id,
    )
    facts = {name: _kept(fact) for name, fact in mail.facts.items()}
    said = json.dumps({"facts": facts, "link": mail.link, "language": mail.language}, default=_written)
    row.sealed = vault.encrypt(said.encode(), place=_place(row.id))
    row.expires_at = now + mail.lifetime
    return row.id


def read(vault: Vault, delivery: Delivery | Claimed) -> Mail | None:
    """Return the mail that waits as *delivery*; ``None`` when what it says is no longer kept."""
    if delivery.sealed is None:
        return None
    said = json.loads(vault.decrypt(delivery.sealed, place=_place(delivery.id)), object_hook=_read)
    return Mail(**delivery.facts | said, person_id=delivery.person_id)


def label(template: str) -> str:
    """Return what a mail is called where it is listed: ``password_changed`` is "Password changed"."""
    return template.replace("_", " ").capitalize()


def _place(delivery_id: str) -> str:
    return place_of(Delivery.__tablename__, delivery_id, "sealed")


def _kept(fact: object) -> object:
    """Return *fact* with a sentence as what it is made of: its text alone would stay English."""
    if not isinstance(fact, Sentence):
        return fact
    message, plural, count, facts = fact.made_of
    return {_SENTENCE: [message, plural, count, {name: _kept(one) for name, one in facts.items()}]}


def _written(value: object) -> dict[str, str]:
    if isinstance(value, datetime):
        return {_INSTANT: value.isoformat()}
    message = f"not a fact of a mail: {type(value).__name__}"
    raise TypeError(message)


def _read(found: dict[str, Any]) -> object:
    if found.keys() == {_SENTENCE}:
        return Sentence.made(*found[_SENTENCE])
    return datetime.fromisoformat(found[_INSTANT]) if found.keys() == {_INSTANT} else found
