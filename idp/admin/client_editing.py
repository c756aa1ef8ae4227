"""Making and editing clients: a kind, then one form whose fields carry the RFC 7591 names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict

from idp import clock
from idp.admin import client_consent, client_forms, drafts
from idp.admin.client_forms import KINDS, Kind
from idp.admin.client_lookup import registered
from idp.admin.client_secrets import reveal
from idp.clients import administration, jwt_redirect, logos, registration, sectors
from idp.clients.metadata import ClientMetadata, validate
from idp.clients.presets import Presets
from idp.clients.store import Client
from idp.contracts import pins
from idp.db import commits_in_steps, db, transaction
from idp.errors import FieldErrors
from idp.keys.store import ensure_algorithm
from idp.login.actor import actor
from idp.login.guards import needs_reauth, recent_sign_in
from idp.outbound import Outbound
from idp.protocol import scopes
from idp.settings import Settings
from idp.vault import Vault
from idp.web.current import service

_DRAFT = "admin_clients.draft"
_DELIVERIES = (("form_post", "Form post"), ("query", "Query parameter"), ("fragment", "Fragment"))
_LONGEST_ADDRESS = 2048


@recent_sign_in
@commits_in_steps
def new() -> Response:
    """Ask what kind of client it is, then for what that kind needs."""
    kept = _kept_form("")
    kind = KINDS.get(kept.get("kind", "") if kept is not None else request.args.get("kind", ""))
    if kind is None:
        return make_response(render_template("admin/clients/kind.html", kinds=list(KINDS.values())))
    if kept is None and kind.value == "jwt":
        return _from_preset(kind)
    values = client_forms.first_values(kind) if kept is None else client_forms.submitted_values(kind, kept)
    return _form_page(kind, values, client_id=kept.get("client_id", "") if kept is not None else "")


def _from_preset(kind: Kind) -> Response:
    """Ask which app takes the JWT, then show the form with all that it expects filled in."""
    known = service(Presets)
    name, address, error = request.args.get("preset", ""), request.args.get("address", "").strip(), ""
    preset = known.find(name)
    if preset is not None and not address and "address" in request.args and name == "generic":
        return _form_page(kind, client_forms.first_values(kind))
    if preset is not None:
        try:
            return _form_page(kind, client_forms.values_from(kind, preset.metadata(address[:_LONGEST_ADDRESS])))
        except FieldErrors as faults:
            error = next(iter(faults.fields.values()))
    tiles = [{"value": one.name, "label": one.title, "hint": one.hint} for one in known]
    page = render_template(
        "admin/clients/preset.html", presets=tiles, preset=name or "generic", address=address, error=error
    )
    return make_response(page, 400 if error else 200)


@commits_in_steps
def create() -> Response:
    """Register a client, and show its secret once."""
    kind = KINDS.get(request.form.get("kind", ""))
    if kind is None:
        return make_response(redirect(url_for("admin_clients.new"), code=303))
    if needs_reauth():
        return drafts.confirm_first(_DRAFT, request.form)
    chosen = request.form.get("client_id", "").strip()
    try:
        given = client_forms.read(kind, request.form)
        wanted = registration.read(given | ({"client_id": chosen} if chosen else {}))
        _prepare(wanted.metadata)
        with transaction() as session:
            created = administration.register(session, service(Vault), wanted, actor=actor(), now=clock.utc_now())
    except FieldErrors as faults:
        return _form_page(kind, client_forms.submitted_values(kind, request.form), faults.fields, client_id=chosen)
    _take_over_logo(created.client)
    return reveal(created, is_new=True)


@recent_sign_in
@commits_in_steps
def edit(client_id: str) -> Response:
    """Show a client's metadata in a form."""
    client = registered(client_id)
    kind, kept = client_forms.kind_of(client.metadata), _kept_form(client_id)
    if kept is not None:
        return _form_page(kind, client_forms.submitted_values(kind, kept), client=client)
    return _form_page(kind, client_forms.values_of(kind, client.metadata), client=client)


@commits_in_steps
def save(client_id: str) -> Response:
    """Change a client's metadata; a secret that this makes is shown once."""
    client = registered(client_id)
    kind = client_forms.kind_of(client.metadata)
    if needs_reauth():
        return drafts.confirm_first(_DRAFT, request.form, of=client_id, client_id=client_id)
    try:
        wanted = validate(client_forms.read(kind, request.form, client.metadata))
        _prepare(wanted, client.metadata)
    except FieldErrors as faults:
        return _form_page(kind, client_forms.submitted_values(kind, request.form), faults.fields, client=client)
    if client_consent.goes_back():
        return _form_page(kind, client_forms.submitted_values(kind, request.form), client=client)
    question = client_consent.question(client, wanted)
    if question is not None:
        return question
    with transaction() as session:
        changed = pins.change(session, client_consent.changing(), client_id, wanted)
    _take_over_logo(changed.client, client.metadata.logo_uri)
    if changed.client_secret is not None or changed.jwt_secret is not None:
        return reveal(changed, is_new=False)
    flash("The changes are saved.", "ok")
    return make_response(redirect(url_for("admin_clients.show", client_id=client_id), code=303))


@commits_in_steps
def draft(interaction: str) -> Response:
    """Go back to a form that was filled in when a fresh sign-in was asked for; nothing is saved by that."""
    client_id = drafts.load(interaction, _DRAFT).of
    if client_id:
        back = url_for("admin_clients.edit", client_id=client_id, interaction=interaction)
    else:
        back = url_for("admin_clients.new", interaction=interaction)
    return make_response(redirect(back, code=303))


def _kept_form(client_id: str) -> MultiDict[str, str] | None:
    interaction = request.args.get("interaction")
    return drafts.load(interaction, _DRAFT, of=client_id).form if interaction else None


def _prepare(metadata: ClientMetadata, before: ClientMetadata | None = None) -> None:
    """Do what is slow, so that no transaction is open then: fetch a sector's list, make keys never needed before."""
    sectors.check(service(Outbound), metadata, before)
    for alg in sorted(metadata.signing_algorithms):
        ensure_algorithm(db.session(), service(Vault), alg, clock.utc_now(), by=actor())


def _offers_certificates(client: Client | None) -> bool:
    """Tell whether certificates are taken here, or the client was registered for one when they were."""
    method = (client.metadata.token_endpoint_auth_method if client else None) or ""
    return bool(service(Settings).client_certificate_header) or "tls_client_auth" in method


def _take_over_logo(client: Client, before: str | None = None) -> None:
    fault = logos.follow(service(Outbound), client, clock.utc_now(), before=before)
    if fault:
        flash(f"{fault} Its letter is shown instead.", "warn")


def _form_page(
    kind: Kind,
    values: Mapping[str, Any],
    faults: Mapping[str, str] | None = None,
    *,
    client: Client | None = None,
    client_id: str = "",
) -> Response:
    errors = dict(faults or {})
    interaction = request.args.get("interaction")
    if client is None:
        action = url_for("admin_clients.new", interaction=interaction)
    else:
        action = url_for("admin_clients.edit", client_id=client.client_id, interaction=interaction)
    page = render_template(
        "admin/clients/form.html",
        kind=kind,
        client=client,
        client_id=client_id,
        action=action,
        values=values,
        errors=errors,
        summary=_summary(errors, kind),
        parts=client_forms.parts_of(kind, certificates=_offers_certificates(client)),
        scopes=_scopes(kind),
        other_scopes=" ".join(name for name in values["scope"] if name not in scopes.KNOWN_NAMES),
        jwt_algorithms=[(alg, alg) for alg in jwt_redirect.ALGORITHMS],
        deliveries=_DELIVERIES,
        presets=[(one.name, one.title) for one in service(Presets)],
    )
    return make_response(page, 400 if errors else 200)


def _summary(errors: Mapping[str, str], kind: Kind) -> list[tuple[str, str]]:
    """Return what the form has to have changed; what it has no control for only when nothing else is left."""
    here = [(_field_of(name, kind), sentence) for name, sentence in errors.items() if _field_of(name, kind)]
    return here or [("", f"{name}: {sentence}") for name, sentence in errors.items()]


def _scopes(kind: Kind) -> list[tuple[str, str, str]]:
    # A redirect token is handed over once: there is nothing to renew.
    left_out = {scopes.OFFLINE_ACCESS} if kind.value == "jwt" else set()
    return [(scope.name, scope.name, scope.sentence) for scope in scopes.KNOWN if scope.name not in left_out]


def _field_of(name: str, kind: Kind) -> str:
    """Return the id of the control that *name* stands next to, or nothing where the form has none."""
    if name == "scope" and not kind.is_interactive:
        return "scope-others"
    return name if name in kind.fields or name == "client_id" else ""
