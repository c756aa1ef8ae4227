"""What a way to sign in proves, and what several of them prove together (RFC 8176)."""

from __future__ import annotations

from dataclasses import dataclass

from idp.protocol import acr as levels
from idp.sessions.pending import Proven

_SEVERAL = "mfa"


@dataclass(frozen=True, slots=True)
class Method:
    """One way to sign in, or one sign-in: what it proves, in the words of ``amr`` and ``acr``."""

    name: str
    amr: tuple[str, ...]
    acr: str

    def after(self, before: Proven) -> Proven:
        """Return what this proves together with what was proven *before* by other means."""
        amr = tuple(dict.fromkeys((*before.amr, *self.amr, _SEVERAL)))
        level = levels.stronger(levels.stronger(before.acr, self.acr), levels.TWO_FACTORS)
        return Proven(f"{before.method} {self.name}".strip(), amr, level)

    @property
    def alone(self) -> Proven:
        """What this proves by itself."""
        return Proven(self.name, self.amr, self.acr)
