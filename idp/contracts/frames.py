"""What a client's tokens would hold: every protocol says it with the functions that it issues with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from idp.contracts import schema
from idp.protocol.claims import PersonView

if TYPE_CHECKING:
    from idp.clients.store import Client
    from idp.contracts.schema import Frame, Sample

    # Client, kind and granted scopes in; nothing out for a kind of another protocol, or one that it never gets.
    Maker = Callable[[Client, str, tuple[str, ...]], Sequence[Sample]]

# Nobody has these names.
PERSON_ID: Final = "usr_nobody"
SESSION_ID: Final = "ses_nobody"
AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
# One of whom everything is known, and one of whom nothing is: what both are told of is told of all.
PEOPLE: Final = (
    PersonView(
        subject=PERSON_ID,
        username="nobody",
        email="nobody@example.com",
        email_verified=True,
        name="No Body",
        claims={
            **dict.fromkeys(("given_name", "family_name", "middle_name", "nickname", "gender"), "x"),
            **dict.fromkeys(("profile", "picture", "website"), "https://example.com/"),
            "birthdate": "1990-01-01",
            "zoneinfo": "UTC",
            "locale": "en",
            "phone_number": "+1 604 555 1234",
            "phone_number_verified": True,
            "address": {"country": "ES"},
        },
        groups=("everybody",),
        updated_at=AT,
    ),
    PersonView(subject=PERSON_ID, username="nobody"),
)


class Frames:
    """Asks every protocol what it would issue."""

    def __init__(self, *makers: Maker) -> None:
        self._makers = makers

    def of(self, client: Client, kind: str, scopes: tuple[str, ...]) -> Frame | None:
        """Return what a token of *kind* holds when *scopes* were asked for; ``None`` where none would be issued."""
        granted = narrowed(client, scopes)
        if scopes and not granted:
            return None
        samples = [sample for make in self._makers for sample in make(client, kind, granted)]
        return schema.frame_of(client.client_id, samples)


def narrowed(client: Client, scopes: tuple[str, ...]) -> tuple[str, ...]:
    """Return what of *scopes* the client may ask for."""
    return tuple(name for name in scopes if name in client.view.scopes)
