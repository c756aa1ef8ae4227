"""Keys change while applications work (security.md row F11)."""

import asyncio
import json
import re
import time
from datetime import timedelta

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import select

from bench.scenarios import RESOURCE, token
from idp import clock
from idp.audit.log import COMMAND_LINE
from idp.db import db
from idp.keys import rotation
from idp.keys.models import SigningKey
from idp.keys.rotation import Change
from idp.settings import KeySettings, Settings
from idp.vault import Vault
from idp.web.current import service
from tests.pace import watched

ROTATIONS = 10


class Verifier:
    """A resource server that believes Cache-Control, and never asks earlier for a key that it does not know."""

    def __init__(self, connection):
        self._connection = connection
        self._keys = None
        self._fresh_until = 0.0
        self.verified = 0
        self.seen_kids = set()

    async def verify(self, token, alg):
        if time.monotonic() >= self._fresh_until:
            asked = time.monotonic()
            answer = await self._connection.request("GET", "/oauth/jwks")
            max_age = int(re.search(r"max-age=(\d+)", answer.headers["cache-control"]).group(1))
            assert max_age == 1
            self._keys, self._fresh_until = KeySet.import_key_set(json.loads(answer.body)), asked + max_age
        # Raises for an unknown kid as for a wrong signature.
        self.seen_kids.add(jwt.decode(token, self._keys, algorithms=[alg]).header["kid"])
        self.verified += 1


async def use(connection, verifier, alg, *, until):
    """Get tokens and verify them, each at once and once more when it is nearly out."""
    form = {"grant_type": "client_credentials"} | ({"resource": RESOURCE} if alg == "RS256" else {})
    kept = []
    while not until.is_set():
        issued = (await token(connection, form))["access_token"]
        await verifier.verify(issued, alg)
        kept.append(issued)
        await verifier.verify(kept[len(kept) // 2], alg)
        await asyncio.sleep(0.01)
    await verifier.verify(kept[0], alg)


def rotate(idp, alg):
    """Rotate as the schedule does: never before the next key is known everywhere."""
    with idp.app.app_context():
        settings = service(Settings).model_copy(update={"keys": KeySettings(jwks_max_age=timedelta(seconds=1))})
        rotation.rotate(Change(service(Vault), settings, clock.utc_now(), COMMAND_LINE), alg)
        db.session.remove()


async def met(verifiers, kids, users):
    """Wait until each of *verifiers* has met the key that signs now: the number *kids* of its own."""
    until = time.monotonic() + 60
    while any(len(verifier.seen_kids) < kids for verifier in verifiers):
        for user in users:
            assert not user.done(), user.exception()
        assert time.monotonic() < until, "what is signed is not signed by the new key"
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=True)
def test_F11_ten_rotations_under_load_fail_no_verification(install):
    idp = install(workers=4, IDP_KEYS__JWKS_MAX_AGE="1")
    idp.client()

    async def scenario():
        over = asyncio.Event()
        verifiers = {alg: [Verifier(idp.connection()) for _ in range(2)] for alg in ("RS256", "ES256")}
        users = [
            asyncio.create_task(use(idp.connection(), verifier, alg, until=over))
            for alg, some in verifiers.items()
            for verifier in some
        ]
        with watched() as pace:
            for number in range(ROTATIONS):
                # Each algorithm every 2.1 s: the next key was published for longer than any cache keeps the set, and
                # than a worker takes to hear of it, which is the longer the more work the machine has.
                await asyncio.sleep((1.05 if number else 2.1) * pace.strain)
                alg = ("RS256", "ES256")[number % 2]
                await asyncio.to_thread(rotate, idp, alg)
                await met(verifiers[alg], number // 2 + 2, users)
        over.set()
        await asyncio.gather(*users)
        return verifiers

    verifiers = idp.run(scenario())
    for some in verifiers.values():
        for verifier in some:
            assert verifier.verified > ROTATIONS
            assert len(verifier.seen_kids) == ROTATIONS // 2 + 1
    states = idp.read(select(SigningKey.alg, SigningKey.state))
    for alg in verifiers:
        mine = sorted(key.state for key in states if key.alg == alg)
        assert mine == ["active", "next", *["retiring"] * (ROTATIONS // 2)]
