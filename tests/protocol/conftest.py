"""What every test of the protocol speaks through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from idp import clock
from idp.cache import bump
from idp.clients import store
from idp.clients.models import ClientRow
from idp.db import db, transaction
from idp.keys import store as keys
from idp.keys.algorithms import FIRST
from idp.settings import RegistrationSettings, Settings
from idp.tokens import revocation
from idp.vault import Vault
from idp.web.current import service
from tests import factories
from tests.factories import MadeClient, MadePerson
from tests.registering import Registrar
from tests.relying_party import Http, RelyingParty, forged, hidden_fields, through_test_client


@dataclass
class Provider:
    """The provider under test, with ways to make what a test needs."""

    app: Any
    issuer: str

    @property
    def settings(self) -> Settings:
        return self.app.extensions["idp"][Settings]

    def http(self) -> Http:
        """Return an Http without any cookies."""
        return through_test_client(self.app.test_client(use_cookies=False), self.issuer)

    def browser(self, person: MadePerson | None = None) -> Http:
        """Return a browser, signed in when a person is named."""
        client = self.app.test_client()
        if person is not None:
            factories.sign_in(self.app, client, person)
        send = through_test_client(client, self.issuer)

        def browse(method, path, form=None, headers=None):
            address = path.removeprefix(self.issuer)
            return send(method, address, form, headers or {})

        browse.client = client
        return browse

    def person(self, username: str | None = None, **changes: Any) -> MadePerson:
        return factories.make_person(self.app, username, **changes)

    def client(self, **metadata: Any) -> MadeClient:
        """Register a client, and have the keys that it needs, as every way to register one does."""
        made = factories.make_client(self.app, **metadata)
        with self.app.app_context():
            algorithms = store.read(db.session(), made.client_id).metadata.signing_algorithms
        for alg in sorted(algorithms - set(FIRST)):
            self.ensure_algorithm(alg)
        return made

    def party(self, **metadata: Any) -> RelyingParty:
        """Register a client and return the party that is it."""
        made = self.client(**metadata)
        with self.app.app_context():
            registered = store.read(db.session(), made.client_id).metadata
        return RelyingParty(
            http=self.http(),
            issuer=self.issuer,
            client_id=made.client_id,
            client_secret=made.client_secret,
            redirect_uri=registered.redirect_uris[0] if registered.redirect_uris else "",
            scope=registered.scope or "openid",
            secret_algorithms=frozenset(registered.signed_with_secret.values()),
        )

    def public_party(self, **metadata: Any) -> RelyingParty:
        """The same for a client without a secret."""
        return self.party(token_endpoint_auth_method="none", **metadata)

    def offline_party(self, **metadata: Any) -> RelyingParty:
        """The same for a client that may hold refresh tokens."""
        given = {
            "grant_types": ["authorization_code", "refresh_token"],
            "scope": "openid profile email offline_access",
            **metadata,
        }
        return self.party(**given)

    def sign_in(self, browser: Http, person: MadePerson) -> str:
        """Sign *person* in in a browser that exists; return the session's id."""
        return factories.sign_in(self.app, browser.client, person)

    def form_of(self, page: Any) -> dict[str, str]:
        """Return the hidden fields of a page."""
        return dict(hidden_fields(page.text))

    def force_redirect_uri(self, client_id: str, uri: str) -> None:
        """Put an address past the checks of registration, as a fault elsewhere might."""
        with self.app.app_context(), transaction() as session:
            row = session.get(ClientRow, client_id)
            row.metadata_json = {**row.metadata_json, "redirect_uris": [uri]}
            session.flush()
            bump(session)

    def revoke_client_of_person(self, person_id: str, client_id: str) -> int:
        """End everything that a person granted a client."""
        with self.app.app_context(), transaction() as session:
            return revocation.revoke_client_of_person(session, person_id, client_id, now=clock.utc_now())

    def ensure_algorithm(self, alg: str) -> None:
        """Have keys of an algorithm that the installation did not begin with."""
        with self.app.app_context():
            keys.ensure_algorithm(db.session(), service(Vault), alg, clock.utc_now())

    def rows(self, statement: Any) -> list[Any]:
        """Return what the database holds."""
        with self.app.app_context():
            return list(db.session().execute(statement))


@pytest.fixture
def idp(app) -> Provider:
    """The provider under test, on each database."""
    return Provider(app, app.extensions["idp"][Settings].issuer)


@pytest.fixture
def idp_over():
    """Return a function that takes another application under test."""
    return lambda app: Provider(app, app.extensions["idp"][Settings].issuer)


@pytest.fixture
def browser_of():
    """Return a function that makes a browser with a fresh person signed in."""
    return lambda provider: provider.browser(provider.person())


@pytest.fixture
def person(idp) -> MadePerson:
    return idp.person()


@pytest.fixture
def browser(idp, person) -> Http:
    """A browser in which the person is signed in."""
    return idp.browser(person)


@pytest.fixture
def party(idp) -> RelyingParty:
    """A confidential client whose consent is skipped."""
    return idp.party()


@pytest.fixture
def forgeries():
    """Return a function that makes tokens which resemble a good one and are none."""
    return forged


@pytest.fixture
def registrar_for(make_app):
    """Return a function that makes a registrar over an application with these settings of registration."""

    def make(mode="open", outbound=None, **settings):
        given = {"registration": RegistrationSettings(mode=mode, **settings)}
        return Registrar(make_app(**given, **({"outbound": outbound} if outbound else {})))

    return make


@pytest.fixture
def registrar(registrar_for):
    """A registrar that is open to all."""
    return registrar_for()
