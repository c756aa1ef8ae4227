"""What changing how one signs in ended elsewhere, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp.wording import say, say_count

if TYPE_CHECKING:
    from idp.wording import Sentence


def told(sessions: int) -> Sentence:
    """Return how many other devices were signed out."""
    if not sessions:
        return say("No other device was signed in.")
    return say_count("We signed out %(count)s other device.", "We signed out %(count)s other devices.", sessions)
