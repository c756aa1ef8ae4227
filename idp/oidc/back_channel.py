"""Telling a client from server to server that a session ended (OpenID Connect Back-Channel Logout)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp import opaque
from idp.contracts import schema
from idp.contracts.notes import Notes
from idp.db import end_reading
from idp.deliveries.faults import NotSent
from idp.oidc import clients, signing
from idp.oidc.subjects import subject_for
from idp.outbound import Outbound, OutboundFailed, OutboundRefused
from idp.protocol import logout_token
from idp.protocol.logout_token import LogoutToken
from idp.sessions import store as sessions
from idp.settings import Settings
from idp.vault import Secrets
from idp.web.current import service

if TYPE_CHECKING:
    from datetime import datetime

    from idp.clients.store import Client
    from idp.deliveries.store import Claimed

_BAD_REQUEST = 400
_GOOD = range(200, 300)


def tell(claimed: Claimed, now: datetime) -> None:
    """Send a logout token, made for this attempt alone; a client that is switched off is told as well.

    Raises:
        NotSent: it did not arrive, or the client refused it.

    """
    client = clients.find(claimed.client_id or "")
    address = client.metadata.backchannel_logout_uri if client else None
    if client is None or address is None:
        raise NotSent("The app has no back-channel logout address any more.", again=False)
    token = _mint(client, claimed, now)
    end_reading()
    try:
        status = service(Outbound).post_form(address, {"logout_token": token})
    except OutboundRefused as error:
        raise NotSent(str(error), again=False) from None
    except OutboundFailed as error:
        raise NotSent(str(error), again=True) from None
    if status == _BAD_REQUEST:
        # Section 2.8. The next one may fare better: it is made anew, and the app may have learned of a new key by then.
        raise NotSent("It refused the logout token (status 400).", again=True)
    if status not in _GOOD:
        raise NotSent(f"It answered with status {status}.", again=True)


def _mint(client: Client, claimed: Claimed, now: datetime) -> str:
    claims = token_of(client, claimed.person_id or "", claimed.facts["session_id"]).claims(now)
    alg, header = client.metadata.id_token_signed_response_alg, logout_token.HEADER
    service(Notes).note(client.client_id, schema.LOGOUT_TOKEN, (), claims, now=now, alg=alg, typ=header["typ"])
    return signing.sign(client, alg, header=header, claims=claims, now=now)


def token_of(client: Client, person_id: str, session_id: str) -> LogoutToken:
    """Return the logout token for one session of one person, not signed."""
    return LogoutToken(
        issuer=service(Settings).issuer,
        client_id=client.client_id,
        subject=subject_for(client, person_id),
        sid=sessions.sid(service(Secrets), session_id, client.client_id),
        jti=opaque.token(16),
        backdate=client.metadata.backdate,
    )
