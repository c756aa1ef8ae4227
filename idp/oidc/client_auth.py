"""Who the client is: its secret by Basic or in the form, or none at all for a public client (RFC 6749 section 2.3)."""

from __future__ import annotations

import base64
import binascii
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from flask import g, request

from idp import clock
from idp.audit.log import Actor
from idp.clients import secrets
from idp.clients.secrets import SecretUse
from idp.db import db
from idp.errors import InvalidClient, InvalidRequest
from idp.oidc import clients, secret_limits
from idp.protocol.parameters import is_clean
from idp.web.addresses import client_address
from idp.web.current import service
from idp.web.request_ids import request_id

if TYPE_CHECKING:
    from idp.clients.store import Client
    from idp.protocol.parameters import Parameters

METHODS = ("client_secret_basic", "client_secret_post", "none")
_LONGEST_HEADER = 2048
# One text for an unknown client, a disabled one and a wrong secret: nobody learns which clients exist.
_REFUSED = "The client is not known here, is switched off, or did not prove who it is."


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request says of its client; ``secret`` is ``None`` for the method ``none``."""

    client_id: str
    secret: str | None
    method: str


def authenticate(form: Parameters) -> Client:
    """Return the client of this request, proven.

    A secret is taken by Basic or in the form, whichever the client's library prefers, unless the client was registered
    for one of them explicitly.

    Raises:
        InvalidRequest: more than one way to authenticate, or two different clients, in one request.
        InvalidClient: anything else that is wrong.
        TooManyAttempts: too many wrong secrets for this client from this network.

    """
    credentials = read(request.headers.get("Authorization"), form)
    client = clients.find_enabled(credentials.client_id)
    if client is None:
        raise InvalidClient(_REFUSED, detail=f"unknown or disabled client {credentials.client_id}")
    if credentials.secret is None:
        if not client.metadata.is_public:
            raise InvalidClient(_REFUSED, detail="a client with a secret came without it")
    else:
        _check_secret(client, credentials.secret)
        _check_method(client, credentials.method)
    g.oidc_client_id = client.client_id
    return client


def actor_of(client: Client) -> Actor:
    """Return the client as the one who acts, for the audit log."""
    return Actor(client.client_id, client.name, client_address(), request_id())


def read(authorization: str | None, form: Parameters) -> Credentials:
    """Read the credentials of a request out of its Authorization header and its form.

    Raises:
        InvalidRequest: more than one way to authenticate, or two different clients.
        InvalidClient: no client is named, or the header is malformed.

    """
    if "client_assertion" in form or "client_assertion_type" in form:
        raise InvalidClient("Client assertions are not supported here.")
    named, secret = form.get("client_id"), form.get("client_secret")
    if authorization is not None:
        basic = _read_basic(authorization)
        if secret is not None:
            raise InvalidRequest("Authenticate in one way only: by Basic or in the form.")
        if named not in (None, basic.client_id):
            raise InvalidRequest("client_id is not the client that the Authorization header names.")
        return basic
    if named is None:
        raise InvalidClient("The request names no client.")
    return Credentials(named, secret, "none" if secret is None else "client_secret_post")


def _read_basic(authorization: str) -> Credentials:
    scheme, _, encoded = authorization.partition(" ")
    client_id, colon, secret = "", "", ""
    if scheme.lower() == "basic" and len(encoded) <= _LONGEST_HEADER:
        # What is not base64 or not UTF-8 stays empty.
        with suppress(ValueError, binascii.Error):
            client_id, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
            # Both are form-encoded first (RFC 6749 section 2.3.1); what nobody encoded reads the same, since neither
            # an identifier nor a secret can hold a plus or a percent sign.
            client_id, secret = unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict")
    if not colon or not client_id or not is_clean(client_id + secret):
        raise InvalidClient("The Authorization header is not a well-formed Basic header.")
    return Credentials(client_id, secret or None, "client_secret_basic" if secret else "none")


def _check_secret(client: Client, presented: str) -> None:
    secret_id = secrets.verify_with_reread(db.session(), client, presented)
    if secret_id is None:
        # Counted after the comparison and by network, so that guesses never lock the client itself out.
        secret_limits.note_failure(client.client_id)
        raise InvalidClient(_REFUSED, detail=f"wrong secret for client {client.client_id}")
    service(SecretUse).note(secret_id, clock.utc_now())


def _check_method(client: Client, method: str) -> None:
    expected = client.metadata.token_endpoint_auth_method
    if expected not in (None, method):
        raise InvalidClient(f"This client is registered to authenticate by {expected}.")
