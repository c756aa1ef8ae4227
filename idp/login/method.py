"""What a way to sign in proves, and what several of them prove together (RFC 8176)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Method:
    """One way to sign in, or one sign-in: what it proves, in the words of ``amr`` and ``acr``."""

    name: str
    amr: tuple[str, ...]
    acr: str
