"""What became of the apps that a session had reached, as the person who signed out is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from idp.deliveries import sign_outs, store
from idp.oidc import clients
from idp.protocol.redirect_uris import ResponseMode, append_parameters, origin_of
from idp.sessions import store as sessions
from idp.settings import Settings
from idp.vault import Secrets
from idp.web.current import service

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.clients.store import Client
    from idp.deliveries.models import Delivery, SignOut

FAILED: Final = "failed"
RETRYING: Final = "retrying"
TELLING: Final = "telling"
UNTOLD: Final = "untold"
FRAMED: Final = "framed"
ASKER: Final = "asker"
TOLD: Final = "told"
# What is open comes first.
_ORDER: Final = (FAILED, RETRYING, UNTOLD, TELLING, FRAMED, ASKER, TOLD)
_STATES: Final[Mapping[str, str]] = {store.SENT: TOLD, store.FAILED: FAILED, store.GIVEN_UP: FAILED}


@dataclass(frozen=True, slots=True)
class AppLine:
    """One app: `state` is one of the words above; `place` its host, `href` where one can sign out of it by hand."""

    name: str
    logo: str | None
    place: str
    href: str | None
    state: str
    tried_at: datetime | None = None
    due_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether somebody may still be signed in there."""
        return self.state in (FAILED, RETRYING, UNTOLD, TELLING)

    @property
    def is_pending(self) -> bool:
        """Tell whether a look a moment later may find another state."""
        return self.state in (RETRYING, TELLING)


@dataclass(frozen=True, slots=True)
class Frame:
    """A page of an app that signs the person out in this browser (OpenID Connect Front-Channel Logout section 2)."""

    name: str
    address: str

    @property
    def origin(self) -> str:
        """Where it is from, for the policy of the page."""
        return origin_of(self.address) or ""


def lines(session: Session, row: SignOut) -> list[AppLine]:
    """Return the apps that the session had reached, those where it may go on first."""
    sent = {one.client_id: one for one in store.of_sign_out(session, row.id)}
    found = [
        _line(client, way, sent.get(client_id), is_asker=client_id == row.client_id)
        for client_id, way in row.reached.items()
        if (client := clients.find(client_id)) is not None
    ]
    return sorted(found, key=lambda line: _ORDER.index(line.state))


def frames(row: SignOut) -> list[Frame]:
    """Return the pages that this browser has to load, each with exactly `iss` and `sid`."""
    issuer, secrets, found = service(Settings).issuer, service(Secrets), []
    for client_id, way in row.reached.items():
        client = clients.find(client_id) if way == sign_outs.FRONT else None
        if client is not None and client.metadata.frontchannel_logout_uri is not None:
            pairs = [("iss", issuer), ("sid", sessions.sid(secrets, row.session_id, client_id))]
            address = append_parameters(client.metadata.frontchannel_logout_uri, pairs, ResponseMode.QUERY)
            found.append(Frame(client.name, address))
    return found


def _line(client: Client, way: str, delivery: Delivery | None, *, is_asker: bool) -> AppLine:
    home = client.metadata.client_uri or client.metadata.initiate_login_uri
    addresses = (home, *client.metadata.redirect_uris)
    place = next((address.partition("://")[2].partition("/")[0] for address in addresses if address), "")
    if delivery is None:
        state = FRAMED if way == sign_outs.FRONT else ASKER if is_asker else UNTOLD
        return AppLine(client.name, client.logo, place, client.metadata.client_uri, state)
    return AppLine(
        name=client.name,
        logo=client.logo,
        place=place,
        href=client.metadata.client_uri,
        state=_STATES.get(delivery.state) or (RETRYING if delivery.fault else TELLING),
        tried_at=delivery.tried_at,
        due_at=delivery.due_at,
    )
