"""The devices of a person's sessions, as their pages show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from idp import clock
from idp.clients.models import ClientRow
from idp.login.browser import signed_in
from idp.sessions import devices
from idp.sessions import store as sessions
from idp.sessions.places import Places
from idp.settings import Settings
from idp.web.current import service

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.sessions.models import BrowserSession

_PHONES = ("iPhone", "iPad", "Android")


@dataclass(frozen=True, slots=True)
class Device:
    """One session as a page shows it."""

    id: str
    name: str
    icon: str
    address: str
    # A town and country, where they are known.
    place: str
    last_seen_at: datetime
    signed_in_at: datetime
    is_this: bool
    # The clients that it reached, by id, and what they are called.
    reached: dict[str, str]

    @property
    def apps(self) -> tuple[str, ...]:
        """The names of the apps that it reached."""
        return tuple(self.reached.values())


def live(session: Session) -> list[BrowserSession]:
    """Return the live sessions of the person who looks."""
    idle = service(Settings).session.idle
    return sessions.live(session, signed_in().person_id, clock.utc_now(), idle=idle)


def shown(session: Session) -> list[Device]:
    """Return the devices of the person who looks, this one first, then the one used last."""
    found = live(session)
    reached = sessions.clients_of(session, [one.id for one in found])
    wanted = {client_id for several in reached.values() for client_id in several}
    rows = session.execute(select(ClientRow.client_id, ClientRow.client_name).where(ClientRow.client_id.in_(wanted)))
    names = dict(rows.all())
    here, places = signed_in().id, service(Places)
    found_devices = [
        Device(
            id=one.id,
            name=devices.named(one.user_agent),
            icon="smartphone" if one.user_agent.endswith(_PHONES) else "laptop",
            address=one.address,
            place=places.of(one.address),
            last_seen_at=one.last_seen_at,
            signed_in_at=one.auth_time,
            is_this=one.id == here,
            reached={client_id: names[client_id] for client_id in reached[one.id] if client_id in names},
        )
        for one in found
    ]
    return sorted(found_devices, key=lambda device: not device.is_this)
