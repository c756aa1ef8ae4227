"""Dynamic client registration (RFC 7591, OpenID Connect Registration 1.0) and its management (RFC 7592)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from flask import Blueprint, Response, request

from idp import clock
from idp.clients import administration, initial_access, logos, registrations, secrets, sectors
from idp.clients.registration import Registration
from idp.contracts import pins
from idp.contracts.frames import Frames
from idp.contracts.pins import Changing
from idp.db import commits_in_steps, db, end_reading, transaction
from idp.errors import FieldErrors, InvalidClientMetadata, InvalidRequest
from idp.keys.store import ensure_algorithm
from idp.oidc import client_auth, registration, registration_access, software_statements
from idp.oidc.bearer import bearer_error_response
from idp.oidc.forms import from_elsewhere
from idp.oidc.json_responses import answer_errors, error_response, json_response, never_kept
from idp.outbound import Outbound
from idp.protocol.strict_json import parse_object
from idp.settings import Settings
from idp.tokens import reach
from idp.vault import Vault
from idp.web.current import service
from idp.web.limits import takes_json

if TYPE_CHECKING:
    from datetime import datetime

    from idp.clients.metadata import ClientMetadata
    from idp.clients.store import Client
    from idp.errors import IdpError

bp = Blueprint("oidc_register", __name__)
_LOG = structlog.get_logger("idp.oidc")
_PATH = "/oauth/register"
_UNAUTHORIZED = 401
_BODY = "Send one JSON object with client metadata, as application/json in UTF-8."


def metadata(settings: Settings) -> dict[str, Any]:
    """Return what discovery says of registration: nothing, where it is off."""
    return {} if settings.registration.mode == "off" else {"registration_endpoint": f"{settings.issuer}{_PATH}"}


def _render(error: IdpError) -> Response:
    """Answer with the words of RFC 7591 section 3.2.2: one code for addresses, one for everything else."""
    if isinstance(error, FieldErrors):
        code = "invalid_redirect_uri" if "redirect_uris" in error.fields else "invalid_client_metadata"
        return json_response({"error": code, "error_description": error.error_description}, status=400)
    return bearer_error_response(error) if error.status == _UNAUTHORIZED else error_response(error)


answer_errors(bp, _render)


@bp.post(_PATH)
@from_elsewhere
@takes_json
@commits_in_steps
def create() -> Response:
    """Register an app, and hand over its identifier, its secret and the token that it manages itself with."""
    now = clock.utc_now()
    entry = registration_access.let_in(now)
    document, statement = _read(now)
    wanted = registration.read(document, trusted=entry is not None)
    registration_access.count(entry, now)
    _prepare(wanted, now)
    with transaction() as session:
        if entry is not None and not initial_access.spend(session, entry.id, now):
            raise registration_access.used_up()
        actor = registration_access.actor(entry)
        created = administration.register(session, service(Vault), Registration(wanted), actor=actor, now=now)
        token = registrations.begin(
            session,
            created.client.client_id,
            initial_token_id=entry.id if entry else None,
            initial_token_name=entry.name if entry else "",
            software_statement=statement,
        )
    return _answer(created.client, token, secret=created.client_secret, asked=document)


@bp.get(f"{_PATH}/<client_id>")
def show(client_id: str) -> Response:
    """Tell an app what is registered of it."""
    client, token = registration_access.managed(client_id)
    return _answer(client, token)


@bp.put(f"{_PATH}/<client_id>")
@from_elsewhere
@takes_json
@commits_in_steps
def change(client_id: str) -> Response:
    """Replace what is registered of an app, and its token with it; what is left out gets its default."""
    client, token = registration_access.managed(client_id)
    now = clock.utc_now()
    document, statement = _read(now)
    _check_identity(document, client)
    origin = registrations.origin_of(db.session(), client_id)
    is_trusted = origin is not None and bool(origin.initial_token_id)
    wanted = registration.read(document, trusted=is_trusted, before=client.metadata)
    _prepare(wanted, now, client.metadata)
    with transaction() as session:
        fresh = registrations.rotate(session, client_id, token, software_statement=statement)
        if fresh is None:
            raise registration_access.replaced_meanwhile()
        actor = registration_access.actor_of(client)
        # The app itself asks for other tokens, so nobody else has to agree.
        how = Changing(service(Vault), service(Frames), actor, now)
        changed = pins.change(session, how, client_id, wanted)
    return _answer(changed.client, fresh, secret=changed.client_secret, logo_before=client.metadata.logo_uri)


@bp.delete(f"{_PATH}/<client_id>")
@from_elsewhere
@transaction()
def delete(client_id: str) -> Response:
    """Delete an app with everything granted to it."""
    client, _ = registration_access.managed(client_id)
    session, now = db.session(), clock.utc_now()
    grants, people = reach.held_by(session, client_id, now)
    actor = registration_access.actor_of(client)
    administration.delete(session, client_id, grants=grants, people=people, actor=actor, now=now)
    response = Response(status=204)
    del response.headers["Content-Type"]
    return never_kept(response)


def _read(now: datetime) -> tuple[dict[str, Any], str | None]:
    """Return the metadata that was sent, with what a software statement says in its place, and the statement.

    Raises:
        InvalidRequest: it is not one JSON object.
        InvalidSoftwareStatement: the statement cannot be read.
        UnapprovedSoftwareStatement: nobody who is trusted here has signed it.

    """
    if request.mimetype != "application/json":
        raise InvalidRequest(_BODY)
    try:
        document = parse_object(request.get_data(cache=False))
    except ValueError as error:
        raise InvalidClientMetadata(f"{_BODY} {error}") from None
    statement = document.get("software_statement")
    if statement is None:
        return document, None
    trusted = service(Settings).registration.software_statement_keys
    claims = software_statements.read(statement, trusted, now)
    return {**document, **claims}, str(statement)


def _check_identity(document: dict[str, Any], client: Client) -> None:
    """RFC 7592 section 2.2: what a client says of its identity is what it was given.

    Raises:
        FieldErrors: naming ``client_id`` or ``client_secret``.

    """
    if document.get("client_id") != client.client_id:
        raise FieldErrors({"client_id": "Send the identifier that is being changed."})
    secret = document.get("client_secret")
    if secret is not None and not (isinstance(secret, str) and secrets.verify(client, secret)):
        raise FieldErrors({"client_secret": "A secret cannot be chosen; send the present one, or none."})


def _prepare(wanted: ClientMetadata, now: datetime, before: ClientMetadata | None = None) -> None:
    """Do what is slow before anything is written: fetch the list of a sector, make keys.

    Raises:
        FieldErrors: the list does not fit, or the app would authenticate in a way that is not switched on.

    """
    served = client_auth.methods(service(Settings))
    if wanted.token_endpoint_auth_method not in (None, *served):
        raise FieldErrors({"token_endpoint_auth_method": f"This is not served here. Choose among {', '.join(served)}."})
    end_reading()
    sectors.check(service(Outbound), wanted, before)
    for alg in sorted(wanted.signing_algorithms):
        ensure_algorithm(db.session(), service(Vault), alg, now)


def _answer(
    client: Client,
    token: str,
    *,
    secret: str | None = None,
    asked: dict[str, Any] | None = None,
    logo_before: str | None = None,
) -> Response:
    """Tell an app of itself; *asked* is what a new one sent."""
    origin = registrations.origin_of(db.session(), client.client_id)
    found = registration.answer(client, origin, token, issuer=service(Settings).issuer, secret=secret)
    if asked is not None and not asked.get("scope"):
        # idpyoidc refuses a registration that answers with a scope it did not name; the app can read it where it
        # manages itself.
        found.pop("scope", None)
    if request.method != "GET":
        fault = logos.follow(service(Outbound), client, clock.utc_now(), before=logo_before)
        if fault:
            _LOG.info("no_logo", client_id=client.client_id, cause=fault)
    return json_response(found, status=200 if asked is None else 201)
