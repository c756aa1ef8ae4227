"""What a way to prove a second time who one is adds to the page that asks for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from idp import registry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.accounts.models import Person
    from idp.login.method import Method
    from idp.sessions.models import PendingSignIn


@dataclass(frozen=True, slots=True)
class Try:
    """One answer to the question for a second factor, inside the transaction that takes it."""

    session: Session
    person: Person
    half: PendingSignIn
    form: Mapping[str, str]
    now: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a try: right, or a sentence for the field; ``reason`` is for the audit log.

    ``method`` is what it proved, where that depends on the answer.
    """

    is_right: bool
    sentence: str = ""
    reason: str = "wrong_code"
    method: Method | None = None


RIGHT = Answer(is_right=True)


@dataclass(frozen=True, slots=True)
class Factor:
    """One second factor, in the order of ``order``: the best comes first.

    ``template`` holds the inside of its form on the page of the second step; there it finds what that page does, and
    what ``shows`` returns. ``has`` tells whether a person could answer with it now, ``demands`` whether having it means
    that it is asked for after every password, ``fulfils`` whether it is one where two factors are asked for (a passkey
    does the second alone, recovery codes neither). ``check`` runs in a transaction that holds the person locked, so
    ``prepare`` does before what takes long.
    ``question`` is shown above the form, ``choice`` where it is offered as another way.
    """

    method: Method
    order: int
    question: str
    choice: str
    icon: str
    template: str
    has: Callable[[Session, Person], bool]
    check: Callable[[Try], Answer]
    demands: bool = True
    fulfils: bool = True
    # Whether an error stands at a field called "code".
    has_field: bool = True
    shows: Callable[[Session, Person, PendingSignIn], Mapping[str, object]] = field(default=lambda *_: {})
    prepare: Callable[[], None] = field(default=lambda: None)

    @property
    def name(self) -> str:
        """Its name in addresses."""
        return self.method.name


def factors() -> list[Factor]:
    """Return every second factor there is, the best first."""
    found: list[Factor] = [
        module.FACTOR for module in registry.modules_in("idp.login.methods") if hasattr(module, "FACTOR")
    ]
    return sorted(found, key=lambda factor: factor.order)


def factors_of(session: Session, person: Person, half: PendingSignIn | None = None) -> Sequence[Factor]:
    """Return the second factors that *person* can answer with; none that *half* was begun with."""
    used = half.method.split() if half is not None else ()
    return [one for one in factors() if one.name not in used and one.has(session, person)]
