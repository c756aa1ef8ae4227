"""What a way to sign in adds to a person's security page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from idp.sessions.store import SessionView


@dataclass(frozen=True, slots=True)
class Way:
    """One part of the security page, in the order of ``order``.

    ``template`` shows it: a whole section where ``is_section``, else one ``row_item`` among the other ways to sign in.
    It finds what ``state`` returns for the person of the page as the variable ``way``.
    """

    order: int
    template: str
    state: Callable[[SessionView], Mapping[str, object]]
    is_section: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A way as one page shows it."""

    template: str
    state: Mapping[str, object]
    is_section: bool
