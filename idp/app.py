"""The composition root: the one module that knows every feature."""

from __future__ import annotations

import importlib
from functools import partial
from typing import TYPE_CHECKING

from flask import Flask
from jinja2 import StrictUndefined

from idp import assets, registry
from idp import settings as settings_module
from idp.branding.links import PublishedLinks
from idp.cache import CHANGED, Cache
from idp.clients import store as clients
from idp.clients.secrets import SecretUse
from idp.contracts.frames import Frames
from idp.contracts.notes import Notes
from idp.db import db, engine_options, on_commit, prepare_engine
from idp.deliveries import wake
from idp.deliveries.store import WAITING
from idp.jwt_sso import contract as jwt_contract
from idp.jwt_sso import preview as jwt_preview
from idp.keys import installation, rewrapping
from idp.keys.ledger import Ledger
from idp.keys.ring import KeyRing
from idp.keys.signer import Signer
from idp.keys.verifier import Verifier
from idp.oidc import contract as oidc_contract
from idp.oidc import preview as oidc_preview
from idp.oidc.client_keys import ClientKeys
from idp.oidc.request_objects import FetchedObjects
from idp.outbound import Outbound
from idp.sessions.places import Places
from idp.token_api import contract as api_contract
from idp.tokens.previews import Previews
from idp.vault import VaultError
from idp.web import addresses, current, navigation
from idp.web.csrf import csrf

if TYPE_CHECKING:
    from idp.contracts.schema import Frame
    from idp.settings import Settings
    from idp.vault import Secrets, Vault

# Every module here may expose `bp` (a blueprint), `NAV` (a menu entry) and `init_app(app)`.
FEATURES = (
    "idp.web",
    "idp.login",
    "idp.account",
    "idp.admin",
    "idp.developer",
    "idp.oidc.endpoints",
    "idp.jwt_sso",
    "idp.setup",
    "idp.joining",
    "idp.token_api",
)
MODELS = (
    "accounts",
    "audit",
    "branding",
    "clients",
    "consents",
    "deliveries",
    "factors",
    "interactions",
    "invitations",
    "jobs",
    "keys",
    "passkeys",
    "sessions",
    "setup",
    "tokens",
    "web",
)


def create_database_app(settings: Settings) -> Flask:
    """Return an application that reaches the database and nothing else; enough to migrate."""
    for package in MODELS:
        importlib.import_module(f"idp.{package}.models")
    app = Flask(
        "idp",
        template_folder=str(assets.folder("templates")),
        static_folder=str(assets.folder("static")),
        static_url_path="/static",
    )
    url = settings.effective_database_url
    app.config.update(SQLALCHEMY_DATABASE_URI=url, SQLALCHEMY_ENGINE_OPTIONS=engine_options(url))
    db.init_app(app)
    with app.app_context():
        prepare_engine(db.engine, synchronous=settings.sqlite_synchronous)
    current.provide(app, settings)
    return app


def create_app(settings: Settings | None = None) -> Flask:
    """Return the whole application, over a database that is set up.

    Raises:
        SettingsError: a setting cannot be used.
        VaultError: the master key is missing or is not the one of this database, or another one is still needed.

    """
    settings = settings or settings_module.load()
    # Before anything is opened that a file that cannot be read would leave open.
    places = Places(settings.geoip_db)
    app = create_database_app(settings)
    vault = installation.open_vault(settings)
    cache = Cache()
    on_commit(app, CHANGED, cache.drop)
    on_commit(app, WAITING, partial(wake.try_to, partial(_wake_background, app)))
    with app.app_context():
        secrets = _open_secrets(vault)
    current.provide(app, vault, secrets, cache, places)
    _configure(app, settings)
    app.secret_key = secrets.derive("forms")
    csrf.init_app(app)
    _add_services(app, settings, vault, cache)
    for package in FEATURES:
        _add_feature(app, package)
    return app


def _open_secrets(vault: Vault) -> Secrets:
    try:
        secrets = installation.open_secrets(db.session(), vault)
        rewrapping.require_held(db.session(), vault)
    except VaultError:
        # There will be no application to close what is open.
        db.session.remove()
        db.engine.dispose()
        raise
    return secrets


def _configure(app: Flask, settings: Settings) -> None:
    secure = settings.is_secure
    app.config.update(
        SESSION_COOKIE_NAME="__Host-idp-form" if secure else "idp-form",
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        # A form stays good as long as its browser session: an 8-hour-old tab must still work.
        WTF_CSRF_TIME_LIMIT=None,
        # Origin is checked in idp.web.csrf; Referer is never sent by our own pages.
        WTF_CSRF_SSL_STRICT=False,
    )
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.url_map.strict_slashes = True
    app.url_map.redirect_defaults = False


def _add_services(app: Flask, settings: Settings, vault: Vault, cache: Cache) -> None:
    """Provide what needs more than one feature to build."""
    with app.app_context():
        ledger = Ledger(db.engine, partial(addresses.network_seen, settings.trusted_proxies))
        ring = KeyRing(cache, vault, db.engine, ledger)
        secret_use = SecretUse(db.engine)
        current.provide(app, PublishedLinks(cache, db.engine))
    outbound = Outbound(settings)
    current.provide(app, ledger, ring, Signer(ring, ledger), Verifier(ring, settings.issuer), secret_use)
    current.provide(app, outbound, ClientKeys(outbound), FetchedObjects(outbound))
    current.provide(app, Previews(oidc_preview.made, jwt_preview.made))
    frames = Frames(oidc_contract.samples, jwt_contract.samples, api_contract.samples)
    with app.app_context():
        current.provide(app, frames, Notes(db.engine, partial(_frame_of, app, frames)))


def _frame_of(app: Flask, frames: Frames, client_id: str, kind: str, scopes: tuple[str, ...]) -> Frame | None:
    """Return what a contract that begins says; for a thread that serves no request."""
    with app.app_context():
        client = clients.read(db.session(), client_id)
        is_allowed = client is not None and set(scopes) <= client.view.scopes
        return frames.of(client, kind, scopes) if client is not None and is_allowed else None


def _wake_background(app: Flask) -> None:
    from idp.jobs import queue  # noqa: PLC0415 - many processes never have anything to send

    queue.wake(app)


def _add_feature(app: Flask, package: str) -> None:
    for module in registry.modules_in(package):
        if hasattr(module, "init_app"):
            module.init_app(app)
        if hasattr(module, "bp"):
            app.register_blueprint(module.bp)
        if hasattr(module, "NAV"):
            navigation.add(app.extensions, module.NAV)
