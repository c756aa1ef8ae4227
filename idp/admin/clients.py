"""The client registry's pages: the list, one client, and the addresses of everything that can be done to it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from flask import Blueprint, Response, make_response, render_template, request, url_for

from idp import clock
from idp.admin import client_actions, client_editing, client_secrets, client_told
from idp.admin.client_forms import kind_of
from idp.admin.client_lookup import registered
from idp.admin.client_reach import reach_of
from idp.clients import jwt_secrets, registrations, secrets, store
from idp.clients.presets import Presets
from idp.clients.secrets import SecretFacts
from idp.clients.store import Client
from idp.contracts import pins
from idp.contracts.frames import Frames
from idp.db import db
from idp.deliveries import rates
from idp.settings import Settings
from idp.vault import Vault
from idp.web.current import service
from idp.web.navigation import NavEntry

bp = Blueprint("admin_clients", __name__, url_prefix="/admin")
NAV = NavEntry(menu="admin", label="Clients", endpoint="admin_clients.index", icon="app-window", order=20, group="Apps")

_PAGE = 25
_LONGEST_SEARCH = 200
# What an app's settings ask for, under the names that they use.
_OPENID_ENDPOINTS = (
    ("Discovery", "/.well-known/openid-configuration"),
    ("Issuer", ""),
    ("Authorize", "/oauth/authorize"),
    ("Token", "/oauth/token"),
    ("UserInfo", "/oauth/userinfo"),
    ("Keys", "/oauth/jwks"),
    ("Sign-out", "/logout"),
)
_MACHINE_ENDPOINTS = (("Token", "/oauth/token"), ("Issuer", ""), ("Keys", "/oauth/jwks"))
_INTROSPECTION = ("Introspection", "/oauth/introspect")

for _rule, _methods, _view in (
    ("/clients/new", ["GET"], client_editing.new),
    ("/clients/new", ["POST"], client_editing.create),
    ("/clients/<client_id>/edit", ["GET"], client_editing.edit),
    ("/clients/<client_id>/edit", ["POST"], client_editing.save),
    ("/client-drafts/<interaction>", ["GET"], client_editing.draft),
    ("/clients/<client_id>/secrets", ["POST"], client_secrets.add_secret),
    ("/clients/<client_id>/secrets/<secret_id>/remove", ["GET"], client_secrets.confirm_remove_secret),
    ("/clients/<client_id>/secrets/<secret_id>/remove", ["POST"], client_secrets.remove_secret),
    ("/clients/<client_id>/jwt-secret", ["GET"], client_secrets.confirm_replace_jwt_secret),
    ("/clients/<client_id>/jwt-secret", ["POST"], client_secrets.replace_jwt_secret),
    ("/clients/<client_id>/jwt-secrets", ["GET"], client_secrets.new_jwt_secret),
    ("/clients/<client_id>/jwt-secrets", ["POST"], client_secrets.add_jwt_secret),
    ("/clients/<client_id>/jwt-secrets/switch", ["POST"], client_secrets.switch_jwt_secret),
    ("/clients/<client_id>/jwt-secrets/remove", ["POST"], client_secrets.remove_jwt_secret),
    ("/clients/<client_id>/disable", ["GET"], client_actions.confirm_disable),
    ("/clients/<client_id>/disable", ["POST"], client_actions.disable),
    ("/clients/<client_id>/enable", ["POST"], client_actions.enable),
    ("/clients/<client_id>/delete", ["GET"], client_actions.confirm_delete),
    ("/clients/<client_id>/delete", ["POST"], client_actions.delete),
):
    bp.add_url_rule(_rule, view_func=_view, methods=_methods)


@bp.get("/clients")
def index() -> str:
    """List clients by name, a page at a time."""
    search = request.args.get("q", "")[:_LONGEST_SEARCH]
    page = store.page(
        db.session(), search=search, before=request.args.get("before"), after=request.args.get("after"), limit=_PAGE
    )
    return render_template(
        "admin/clients/index.html",
        page=page,
        search=search,
        kinds={client.client_id: kind_of(client.metadata).label for client in page.clients},
        changing={client.client_id for client in page.clients if _is_changing(client.client_id)},
        previous=url_for("admin_clients.index", q=search or None, before=page.before) if page.before else "",
        next=url_for("admin_clients.index", q=search or None, after=page.after) if page.after else "",
    )


@bp.get("/clients/<client_id>")
def show(client_id: str) -> Response:
    """Show one client: addresses to copy, secrets, rules, and what depends on it."""
    client = registered(client_id)
    known = secrets.live(db.session(), client_id)
    page = render_template(
        "admin/clients/show.html",
        client=client,
        kind=kind_of(client.metadata),
        endpoints=_endpoints(client),
        secrets=known,
        secret_note=_secret_note(known),
        jwt_secrets=jwt_secrets.live(db.session(), service(Vault), client_id),
        preset=service(Presets).of(client) if client.metadata.jwt_sso else None,
        may_add_secret=client.metadata.needs_secret and len(client.secrets) < secrets.MOST_LIVE,
        origin=registrations.origin_of(db.session(), client_id),
        proof=client_told.proof_of(client.metadata),
        told=client_told.told(client.metadata, kind_of(client.metadata).fields),
        reach=reach_of(db.session(), client_id, clock.utc_now()),
        sign_outs=rates.of_client(db.session(), client_id, clock.utc_now()),
        contract=pins.examine(db.session(), service(Frames), client),
    )
    return make_response(page)


def _is_changing(client_id: str) -> bool:
    client = store.read(db.session(), client_id)
    return client is not None and not pins.examine(db.session(), service(Frames), client).is_kept


@dataclass(frozen=True, slots=True)
class Note:
    """What the facts about a client's secrets mean; ``kind`` is the banner's."""

    title: str
    text: str
    kind: str


def _secret_note(known: list[SecretFacts]) -> Note | None:
    if not known:
        return Note("No secret.", "It cannot get tokens until it has one.", "bad")
    if len(known) < secrets.MOST_LIVE:
        return None
    new, old = known
    if old.last_used_at is not None and old.last_used_at > new.created_at:
        text = "Give the new one to every server of the app before you remove it."
        return Note("The old secret is still in use.", text, "warn")
    if new.last_used_at is not None:
        return Note("The old secret is not used any more.", "It can be removed.", "ok")
    return Note("The new secret has not been used yet.", "Give it to the app, then remove the old one.", "info")


def _endpoints(client: Client) -> list[tuple[str, str]]:
    issuer, metadata = service(Settings).issuer, client.metadata
    found: list[tuple[str, str]] = []
    if metadata.signs_people_in:
        found += _OPENID_ENDPOINTS
    elif metadata.jwt_sso is None:
        found += _MACHINE_ENDPOINTS
    if metadata.jwt_sso is not None:
        found.append(("JWT redirect", url_for("jwt_sso.start", client_id=client.client_id)))
        if ("Keys", "/oauth/jwks") not in found:
            found += [("Issuer", "")] if metadata.jwt_sso.is_symmetric else [("Issuer", ""), ("Keys", "/oauth/jwks")]
    if metadata.resource_server:
        found.append(_INTROSPECTION)
    # At an address of its own it shows that it has the next key before that signs.
    own = {"/oauth/jwks": f"/oauth/jwks/{quote(client.client_id, safe='')}"}
    return [(label, issuer + own.get(path, path)) for label, path in found]
