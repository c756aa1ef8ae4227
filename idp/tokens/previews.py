"""What a client would be told of a person, as its tokens and answers would say it; nothing is signed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from idp.clients.store import Client

ID_TOKEN = "id_token"
USERINFO = "userinfo"
ACCESS_TOKEN = "access_token"
REDIRECT_JWT = "redirect_jwt"


@dataclass(frozen=True, slots=True)
class Asked:
    """Who would sign in to which client, and what would be granted; *scopes* are among those of the client."""

    client: Client
    person_id: str
    scopes: tuple[str, ...]
    now: datetime


@dataclass(frozen=True, slots=True)
class Preview:
    """One token or answer: its kind (``ID_TOKEN`` and so on), and the claims in it."""

    place: str
    claims: Mapping[str, Any]


Maker = Callable[[Session, Asked], list[Preview]]


class Previews:
    """Asks every protocol what it would tell; each makes its part with the functions that it issues with."""

    def __init__(self, *makers: Maker) -> None:
        self._makers = makers

    def of(self, session: Session, asked: Asked) -> list[Preview]:
        """Return all that *asked* would be answered with; nothing for a person who cannot sign in."""
        return [one for make in self._makers for one in make(session, asked)]
