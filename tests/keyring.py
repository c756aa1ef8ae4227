"""What tests of signing keys share: tokens of our own, tokens that nobody should accept, and keys as they stand."""

from __future__ import annotations

import base64
import json
from contextlib import contextmanager
from datetime import timedelta

from idp import clock
from idp.db import db
from idp.keys import store
from idp.keys.rotation import Change
from idp.keys.signer import Signer
from idp.keys.verifier import Verifier
from idp.settings import Settings
from idp.vault import Vault
from idp.web.current import service

TYP = "at+jwt"
AUDIENCE = "https://api.example"


def b64(data: bytes | str) -> str:
    raw = data if isinstance(data, bytes) else data.encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def header_of(token: str) -> dict:
    return json.loads(unb64(token.partition(".")[0]))


def claims(now=None, **changed) -> dict:
    at = clock.epoch_seconds(now or clock.utc_now())
    given = {
        "iss": service(Settings).issuer,
        "aud": AUDIENCE,
        "sub": "usr_1",
        "iat": at,
        "exp": at + 300,
        "jti": "j",
        **changed,
    }
    return {name: value for name, value in given.items() if value is not None}


def token(alg="RS256", *, typ=TYP, now=None, reader="", **changed) -> str:
    now = now or clock.utc_now()
    return service(Signer).sign(alg, header={"typ": typ}, claims=claims(now, **changed), now=now, client_id=reader)


def verify(text: str, *, now=None, typ=TYP, audience=AUDIENCE, **options) -> dict:
    return service(Verifier).verify(text, typ=typ, audience=audience, now=now or clock.utc_now(), **options)


def change(app, *, after: timedelta = timedelta(0)) -> Change:
    services = app.extensions["idp"]
    return Change(services[Vault], services[Settings], clock.utc_now() + after)


def keys_of(alg="RS256") -> dict[str, list[str]]:
    """Return the kids of *alg* by state."""
    db.session.rollback()
    found: dict[str, list[str]] = {}
    for key in store.of_algorithm(db.session(), alg):
        found.setdefault(key.state, []).append(key.kid)
    db.session.rollback()
    return found


def key_set() -> dict[str, dict]:
    """Return the published key set by kid."""
    return {key["kid"]: key for key in json.loads(service(Signer).jwks()[0])["keys"]}


@contextmanager
def of(app):
    """Enter *app*, as one of several servers."""
    with app.app_context():
        try:
            yield app
        finally:
            db.session.remove()
