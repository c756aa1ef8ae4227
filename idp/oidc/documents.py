"""The two public documents, as bytes made once: discovery and the key set."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from flask import Response, request

from idp import registry
from idp.branding.links import Links, PublishedLinks
from idp.clients import public_keys
from idp.clients.metadata import ANSWER_ALGORITHMS
from idp.keys.signer import Signer
from idp.login import second_step
from idp.oidc import client_assertions, client_auth, clients
from idp.protocol import metadata
from idp.settings import Settings
from idp.web import language

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from flask import Flask

DISCOVERY_PATHS = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")
JWKS_PATHS = ("/oauth/jwks", "/.well-known/jwks.json")
# Followed by the identifier of a client: the same at addresses of its own, so that it is known who knows a key.
OF_ONE_DISCOVERY = f"{DISCOVERY_PATHS[0]}/"
OF_ONE_JWKS = f"{JWKS_PATHS[0]}/"
_DISCOVERY_MAX_AGE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Document:
    """What is sent: the body, its strong entity tag (quoted), and for how long it may be kept."""

    body: bytes
    etag: str
    max_age: timedelta

    @property
    def cache_control(self) -> str:
        """The value of Cache-Control."""
        return f"public, max-age={int(self.max_age.total_seconds())}"


def discovery_bytes(settings: Settings, links: Links | None = None) -> Document:
    """Return the discovery document (OpenID Connect Discovery, RFC 8414); the same at both of its addresses.

    *links* are those of the brand.
    """
    return _discovery(settings, links or Links())


def jwks_bytes(signer: Signer, settings: Settings) -> Document:
    """Return the published key set as it is now."""
    body, etag = signer.jwks()
    return Document(body, etag, settings.keys.jwks_max_age)


def providers(app: Flask) -> Mapping[str, Callable[[], Document]]:
    """Return, by path, what makes each public document; to be called outside of any request or context."""
    services = app.extensions["idp"]
    settings, signer, links = services[Settings], services[Signer], services[PublishedLinks]
    discovery: Callable[[], Document] = lambda: discovery_bytes(settings, links.current())  # noqa: E731 - as the next line
    by_path = dict.fromkeys(DISCOVERY_PATHS, discovery)
    return by_path | dict.fromkeys(JWKS_PATHS, lambda: jwks_bytes(signer, settings))


def of_one_client(app: Flask, path: str) -> Document | None:
    """Return the document at an address of one client's own, if there is such a client; to be called outside of any."""
    place = OF_ONE_JWKS if path.startswith(OF_ONE_JWKS) else OF_ONE_DISCOVERY
    client_id = path.removeprefix(place)
    with app.app_context():
        if clients.find(client_id) is None:
            return None
        services = app.extensions["idp"]
        if place == OF_ONE_JWKS:
            return jwks_bytes(services[Signer], services[Settings])
        return discovery_of(services[Settings], services[PublishedLinks].current(), client_id)


def discovery_of(settings: Settings, links: Links, client_id: str) -> Document:
    """Return the discovery document in which the key set has an address of the client's own."""
    told = json.loads(_discovery(settings, links).body)
    told["jwks_uri"] = f"{settings.issuer}{OF_ONE_JWKS}{client_id}"
    return _made(told)


def serve(document: Document) -> Response:
    """Answer a request for *document*, with 304 where the asker has it."""
    response = Response(document.body, content_type="application/json")
    response.headers["Cache-Control"] = document.cache_control
    response.headers["ETag"] = document.etag
    response.make_conditional(request)
    return response


@lru_cache(maxsize=8)
def _discovery(settings: Settings, links: Links) -> Document:
    """Return the document of an installation; its settings never change, and so neither does what it can do."""
    endpoints: dict[str, str] = {}
    extra: dict[str, Any] = {}
    for module in registry.modules_in("idp.oidc.endpoints"):
        for name, value in _told_by(module, settings).items():
            if isinstance(value, str) and value.startswith("/"):
                endpoints[name] = f"{settings.issuer}{value}"
            else:
                extra[name] = value
    addresses = {"op_policy_uri": links.privacy_uri, "op_tos_uri": links.terms_uri}
    extra |= {name: address for name, address in addresses.items() if address}
    grant_types = tuple(module.GRANT.GRANT_TYPE for module in registry.modules_in("idp.oidc.grants"))
    document = metadata.document(
        metadata.Capabilities(
            issuer=settings.issuer,
            endpoints=endpoints,
            grant_types=grant_types,
            auth_methods=client_auth.methods(settings),
            id_token_algorithms=ANSWER_ALGORITHMS,
            assertion_algorithms=client_assertions.SIGNING_ALGORITHMS,
            request_object_algorithms=public_keys.CLIENT_SIGNING_ALGORITHMS,
            key_encryption_algorithms=public_keys.KEY_ENCRYPTION_ALGORITHMS,
            content_encryption_algorithms=public_keys.CONTENT_ENCRYPTION_ALGORITHMS,
            sign_up=settings.sign_up.mode != "invite",
            acr_values=second_step.levels(),
            ui_locales=tuple(language.LANGUAGES),
        ),
        extra,
    )
    return _made(document)


def _made(document: Mapping[str, Any]) -> Document:
    body = json.dumps(document, separators=(",", ":")).encode()
    return Document(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"', _DISCOVERY_MAX_AGE)


def _told_by(module: ModuleType, settings: Settings) -> Mapping[str, Any]:
    """Return the metadata of one endpoint: `METADATA`, or what `metadata(settings)` says where a setting decides.

    Values that begin with a slash are paths on the issuer.
    """
    depending: Callable[[Settings], Mapping[str, Any]] | None = getattr(module, "metadata", None)
    fixed: Mapping[str, Any] = getattr(module, "METADATA", {})
    return {**fixed, **depending(settings)} if callable(depending) else fixed
