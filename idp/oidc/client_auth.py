"""Who the client is (RFC 6749 section 2.3): by exactly one way, the one that it is registered for.

Secrets by Basic or in the form are checked here, signed assertions and certificates in modules of their own.
"""

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
from idp.keys.ledger import Ledger
from idp.oidc import client_assertions, client_certificates, clients, secret_limits, signing
from idp.protocol.parameters import is_clean
from idp.web.addresses import client_address
from idp.web.current import service
from idp.web.request_ids import request_id

if TYPE_CHECKING:
    from idp.clients.store import Client
    from idp.oidc.client_assertions import Assertion
    from idp.protocol.parameters import Parameters
    from idp.settings import Settings

_ALWAYS = ("client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt")
_LONGEST_HEADER = 2048


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request says of its client; a request with neither ``secret`` nor ``assertion`` names it and no more."""

    client_id: str
    method: str
    secret: str | None = None
    assertion: Assertion | None = None


def methods(settings: Settings) -> tuple[str, ...]:
    """Return the ways to authenticate that work in this installation (``token_endpoint_auth_methods_supported``)."""
    by_certificate = client_certificates.METHODS if settings.client_certificate_header else ()
    return (*_ALWAYS, *by_certificate, "none")


def authenticate(form: Parameters) -> Client:
    """Return the client of this request, proven.

    A secret is taken by Basic or in the form, whichever the client's library prefers, unless the client was registered
    for one of them explicitly. May fetch the client's keys, and commits the use of an assertion: no transaction may be
    open.

    Raises:
        InvalidRequest: more than one way to authenticate, or two different clients, in one request.
        InvalidClient: anything else that is wrong.
        TooManyAttempts: too many wrong secrets for this client from this network.

    """
    credentials = read(request.headers.get("Authorization"), form)
    client = clients.find_enabled(credentials.client_id)
    if client is None:
        raise InvalidClient(secret_limits.REFUSED, detail=f"unknown or disabled client {credentials.client_id}")
    if credentials.assertion is not None:
        client_assertions.prove(client, credentials.assertion, clock.utc_now())
    elif credentials.secret is not None:
        _check_secret(client, credentials.secret)
        _check_method(client, credentials.method)
    elif client.metadata.token_endpoint_auth_method in client_certificates.METHODS:
        client_certificates.prove(client, clock.utc_now())
    elif not client.metadata.is_public:
        raise InvalidClient(secret_limits.REFUSED, detail=f"client {client.client_id} came without any proof")
    g.oidc_client_id = client.client_id
    if not client.metadata.is_public:
        # Whoever fetches the key set from there is taken for this client; a public one is on people's own machines.
        service(Ledger).called(client.client_id, client_address(), request.headers.get("User-Agent", ""))
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
    named, secret = form.get("client_id"), form.get("client_secret")
    signs = "client_assertion" in form or "client_assertion_type" in form
    if (authorization is not None) + (secret is not None) + signs > 1:
        raise InvalidRequest("Authenticate in one way only: by Basic, by client_secret or by client_assertion.")
    if signs:
        assertion = client_assertions.read(form)
        return Credentials(assertion.client_id, assertion.method, assertion=assertion)
    if authorization is not None:
        basic = _read_basic(authorization)
        if named not in (None, basic.client_id):
            raise InvalidRequest("client_id is not the client that the Authorization header names.")
        return basic
    if named is None:
        raise InvalidClient("The request names no client.")
    return Credentials(named, "none" if secret is None else "client_secret_post", secret)


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
    return Credentials(client_id, "client_secret_basic" if secret else "none", secret or None)


def _check_secret(client: Client, presented: str) -> None:
    secret_id = secrets.verify_with_reread(db.session(), client, presented)
    if secret_id is None:
        # Counted after the comparison and by network, so that guesses never lock the client itself out.
        secret_limits.note_failure(client.client_id)
        raise InvalidClient(secret_limits.REFUSED, detail=f"wrong secret for client {client.client_id}")
    service(SecretUse).note(secret_id, clock.utc_now())
    signing.note_secret(secret_id)


def _check_method(client: Client, method: str) -> None:
    expected = client.metadata.token_endpoint_auth_method
    if expected not in (None, method):
        raise InvalidClient(f"This client is registered to authenticate by {expected}.")
