"""Signing in with a password."""

from __future__ import annotations

from dataclasses import dataclass

from idp.protocol import acr


@dataclass(frozen=True, slots=True)
class Method:
    """One way to sign in: what its success proves (RFC 8176), in ``amr`` and ``acr``."""

    name: str
    amr: tuple[str, ...]
    acr: str


METHOD = Method("password", amr=("pwd",), acr=acr.PASSWORD)
