"""Why an attempt to deliver something failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta


class NotSent(Exception):
    """It did not arrive; the text says why in one sentence.

    ``again`` says whether to try it later, at intervals that grow; with ``wait`` it is tried after that long, however
    often it failed, and so is everything else of its kind: not it failed, but the way.
    """

    def __init__(self, sentence: str, *, again: bool, wait: timedelta | None = None) -> None:
        super().__init__(sentence)
        self.again = again
        self.wait = wait
