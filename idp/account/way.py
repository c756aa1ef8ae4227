"""What a way to sign in adds to a person's security page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from idp.wording import say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from idp.sessions.store import SessionView


@dataclass(frozen=True, slots=True)
class Held:
    """One thing that a person signs in with, as somebody who secures their account looks over it.

    ``href`` leads to where it is removed, or is where a form is sent that does so at once (``is_form``). ``label`` is
    on the link or button, ``icon`` that of its row.
    """

    name: str
    icon: str
    added_at: datetime
    href: str
    label: str = say("Look at it")
    is_form: bool = False


@dataclass(frozen=True, slots=True)
class Way:
    """One part of the security page, in the order of ``order``.

    ``template`` shows it: a whole section where ``is_section``, else one ``row_item`` among the other ways to sign in.
    It finds what ``state`` returns for the person of the page as the variable ``way``. ``held`` names what of this way
    the person has set up, for the review of ``/account/secure``.
    """

    order: int
    template: str
    state: Callable[[SessionView], Mapping[str, object]]
    is_section: bool = False
    held: Callable[[SessionView], Sequence[Held]] | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A way as one page shows it."""

    template: str
    state: Mapping[str, object]
    is_section: bool
