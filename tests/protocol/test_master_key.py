"""The master key is replaced while servers work, in steps that can be ended and begun again."""

import base64

import pytest
from sqlalchemy import select

from idp import opaque
from idp.clients import jwt_secrets
from idp.clients import store as clients
from idp.clients.secrets import signing_keys
from idp.db import db
from idp.keys import installation, rewrapping
from idp.keys.models import Installation
from idp.prepare import prepare
from idp.vault import Vault, VaultError, parse_master_key
from idp.web.current import service
from tests.factories import make_client
from tests.keyring import of, token, verify


def given(key):
    return base64.urlsafe_b64encode(key).decode()


@pytest.fixture
def old(settings):
    return (settings.data_dir / "master.key").read_text().strip()


@pytest.fixture
def new():
    return given(opaque.random_bytes(32))


def secrets_of(app, *client_ids):
    with of(app):
        vault, found = service(Vault), []
        for client_id in client_ids:
            client = clients.read(db.session(), client_id)
            found.append([key for _, key in signing_keys(vault, client)])
            found.append(jwt_secrets.keys(vault, client))
        return found


def starts(app, key):
    """Tell whether a server with *key* alone gets past the first thing that it reads."""
    with of(app):
        try:
            installation.open_secrets(db.session(), Vault(parse_master_key(key)))
        except VaultError as error:
            return "The master key is not the one" not in str(error)
        return True


def test_everything_is_read_before_while_and_after_the_master_key_is_replaced(make_app, old, new):
    first = make_app()
    signing = make_client(first, token_endpoint_auth_method="client_secret_jwt")
    plain = make_client(
        first,
        jwt_sso={"delivery_uri": "https://rp.example/jwt", "alg": "HS256"},
        grant_types=[],
        redirect_uris=None,
        scope=None,
    )
    known = secrets_of(first, signing.client_id, plain.client_id)
    assert [bool(some) for some in known] == [True, False, False, True]

    # Every server learns to read with the new key before any writes with it.
    learning = make_app(other_master_key=new)
    turned = make_app(master_key=new, other_master_key=old)
    with of(learning):
        before = token()
    with of(turned):
        assert verify(before)
        # Ended in the middle.
        assert rewrapping._batch(service(Vault), rewrapping._SEALED[0]) == 4
        assert set(rewrapping.left(service(Vault))) == {
            "installation.secret",
            "clients.jwt_secret",
            "client_secrets.envelope",
        }
    assert not starts(turned, new)
    with of(turned):
        assert rewrapping.rewrap(service(Vault)) == 3
        assert rewrapping.left(service(Vault)) == []
        assert rewrapping.rewrap(service(Vault)) == 0
    for app in (learning, turned, make_app(master_key=new)):
        assert secrets_of(app, signing.client_id, plain.client_id) == known
        with of(app):
            assert verify(token())["iss"] == verify(before)["iss"]
    assert starts(turned, new)
    assert not starts(turned, old)


def test_neither_key_alone_starts_a_server_midway(make_app, settings, old, new):
    with of(make_app(master_key=new, other_master_key=old)):
        rewrapping._batch(service(Vault), rewrapping._SEALED[0])
    for start in (make_app, lambda: prepare(settings)):
        with pytest.raises(VaultError) as refused:
            start()
        assert str(refused.value).startswith(
            "Encrypted under a master key that is not here: signing_keys.private_jwk. "
        )
    with pytest.raises(VaultError):
        make_app(master_key=new)
    for keys in ((old, new), (new, old)):
        with of(make_app(master_key=keys[0], other_master_key=keys[1])):
            assert verify(token())


def test_nothing_is_changed_that_cannot_be_read(make_app, new, old):
    first = make_app()
    turned = make_app(master_key=new, other_master_key=old)
    with of(turned):
        before = db.session.execute(select(Installation.secret)).scalar_one()
        # Neither of these two made what is there.
        stranger = Vault(opaque.random_bytes(32), opaque.random_bytes(32))
        with pytest.raises(VaultError):
            rewrapping.rewrap(stranger)
        db.session.rollback()
        assert db.session.execute(select(Installation.secret)).scalar_one() == before
    with of(first):
        assert verify(token())
