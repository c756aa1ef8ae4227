"""How sure the server is of who a person is: the levels, and what a request may demand of them (Core section 2, acr).

Each level is told to clients as it is written here, in the `acr` of their tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

PASSWORD = "1"
TWO_FACTORS = "2"
# No page of somebody else can be handed what proves it (OpenID Connect Extended Authentication Profile section 2).
PHISHING_RESISTANT = "phr"
# From the weakest to the strongest; whoever reached one has reached those before it.
LEVELS = (PASSWORD, TWO_FACTORS, PHISHING_RESISTANT)


def stronger(left: str, right: str) -> str:
    """Return the stronger of two levels; one that is none of ours is the weakest."""
    return max(left, right, key=lambda level: LEVELS.index(level) if level in LEVELS else -1)


def reaches(reached: str, wanted: str) -> bool:
    """Tell whether a sign-in at the level *reached* is worth at least *wanted*."""
    return stronger(reached, wanted) == reached


@dataclass(frozen=True, slots=True)
class AcrRequest:
    """The levels that a request asks for, in its order of preference; with none of them anything goes.

    `is_essential`: a sign-in that reaches none of them is of no use to the client (Core section 5.5.1.1).
    """

    values: tuple[str, ...] = ()
    is_essential: bool = False

    def is_met(self, reached: str | None, levels: Sequence[str] = LEVELS) -> bool:
        """Tell whether a sign-in at the level *reached* is what was asked for."""
        return not self.values or self._answered(reached, levels) is not None

    def is_reachable(self, levels: Sequence[str] = LEVELS) -> bool:
        """Tell whether any sign-in could be what was asked for."""
        return not self.values or any(value in levels for value in self.values)

    def answer(self, reached: str, levels: Sequence[str] = LEVELS) -> str:
        """Return what to tell of a sign-in at the level *reached*: the level asked for that it meets, else itself."""
        return self._answered(reached, levels) or reached

    def _answered(self, reached: str | None, levels: Sequence[str]) -> str | None:
        if reached not in levels:
            return reached if reached in self.values else None
        met = levels[: levels.index(reached) + 1]
        return next((value for value in self.values if value in met), None)


ANY = AcrRequest()
