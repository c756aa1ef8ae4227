"""Whether it is safe to rotate: four relying parties, each with another idea of how long a key set is good."""

import json
import time
from datetime import timedelta

import pytest
import time_machine
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey
from sqlalchemy import create_engine, delete, select
from sqlalchemy.exc import OperationalError
from werkzeug.test import Client

from idp import clock
from idp.audit.log import COMMAND_LINE
from idp.audit.models import AuditEvent
from idp.db import db, transaction
from idp.front import Front
from idp.keys import algorithms, canary, ledger, readiness, rotation, store
from idp.keys.ledger import Ledger
from idp.keys.models import KeySet as KeptSet
from idp.keys.models import KeySetFetch, SignedFor
from idp.keys.readiness import CONFIRMED, INFERRED, PINNED, UNKNOWN, WouldBreak
from idp.settings import Settings
from idp.vault import Vault
from idp.web.current import service
from tests.factories import make_client
from tests.keyring import change, keys_of, of
from tests.relying_party import header_of

HERE = "http://localhost:8000"
AGENT = {"User-Agent": "python-requests/2.32"}
FROM = {"REMOTE_ADDR": "192.0.2.9"}
API = "https://api.example"
HALF_A_DAY = 12 * 3600


class Party:
    """A relying party at an address of its own; ``keeps`` is for how many seconds it keeps a key set."""

    def __init__(self, front, made, number, *, keeps=None, asks_again=False, own_address=False):
        self.front, self.made, self.address = front, made, f"192.0.2.{number}"
        self.place = f"/oauth/jwks/{made.client_id}" if own_address else "/oauth/jwks"
        self.keeps, self.asks_again = keeps, asks_again
        self.keys, self.fetched_at = None, 0.0

    @property
    def name(self):
        return self.made.name

    def call(self, method, path, **given):
        return self.front.open(
            path,
            method=method,
            base_url=HERE,
            environ_overrides={"REMOTE_ADDR": self.address},
            headers=AGENT,
            **given,
        )

    def fetch(self):
        answer = self.call("GET", self.place)
        assert answer.status_code == 200
        self.keys, self.fetched_at = KeySet.import_key_set(json.loads(answer.text)), time.time()

    def token(self):
        form = {
            "grant_type": "client_credentials",
            "client_id": self.made.client_id,
            "client_secret": self.made.client_secret,
            "resource": API,
        }
        answer = self.call("POST", "/oauth/token", data=form)
        assert answer.status_code == 200, answer.text
        return answer.json["access_token"]

    def works(self):
        """Get a token, and verify it as this party does."""
        if self.keeps is not None and time.time() >= self.fetched_at + self.keeps:
            self.fetch()
        token = self.token()
        if self._verifies(token):
            return True
        if not self.asks_again:
            return False
        self.fetch()
        return self._verifies(token)

    def _verifies(self, token):
        try:
            jwt.decode(token, self.keys, algorithms=["RS256"])
        except (JoseError, ValueError):
            return False
        return True


class World:
    """The server, its four relying parties, and a clock that goes where it is sent."""

    def __init__(self, app, travel):
        self.app, self.travel = app, travel
        front = Client(Front(app))
        made = [self._client(number) for number in range(1, 5)]
        self.asking = Party(front, made[0], 1, asks_again=True, own_address=True)
        self.brief = Party(front, made[1], 2, keeps=300)
        self.slow = Party(front, made[2], 3, keeps=HALF_A_DAY)
        self.pinned = Party(front, made[3], 4)
        self.parties = (self.asking, self.brief, self.slow, self.pinned)
        self.asking.fetch()
        with of(app):
            self.give(keys_of()["active"][0])

    def _client(self, number):
        return make_client(
            self.app,
            client_name=f"Party {number}",
            grant_types=["client_credentials"],
            redirect_uris=None,
            resources=[API],
            scope=None,
            skip_consent=None,
        )

    def give(self, kid):
        """Hand the key *kid* to the party that fetches none."""
        with of(self.app):
            key = store.find(db.session(), kid)
            pem = algorithms.public_pem(algorithms.ALGORITHMS["RS256"], key.public_jwk)
            with transaction() as session:
                readiness.give(session, self.pinned.made.client_id, kid, clock.utc_now())
        self.next_pem = pem
        if self.pinned.keys is None:
            self.pinned.keys = RSAKey.import_key(pem)

    def later(self, seconds):
        # As the thread does every ten seconds.
        self.app.extensions["idp"][Ledger].flush()
        self.travel.shift(seconds)

    def working(self):
        return {party.name for party in self.parties if party.works()}

    def assessed(self):
        self.app.extensions["idp"][Ledger].flush()
        with of(self.app):
            found = readiness.assess(db.session(), service(Settings), "RS256", clock.utc_now())
        return {reader.name: reader for reader in found.readers}, {reader.name for reader in found.breaking}

    def rotate(self, alg="RS256", *, force=False):
        self.app.extensions["idp"][Ledger].flush()
        with of(self.app):
            if not force:
                readiness.require(db.session(), service(Settings), alg, clock.utc_now())
            return rotation.rotate(change(self.app), alg, force=force)

    def try_with(self, party):
        """Have the next key sign for *party*."""
        with of(self.app), transaction() as session:
            settings = service(Settings)
            canary.begin(session, settings, "RS256", party.made.client_id, now=clock.utc_now(), by=COMMAND_LINE)

    def purge(self, **keep):
        with of(self.app), transaction() as session:
            ledger.purge(session, clock.utc_now(), keep=timedelta(**keep))

    def next_kid(self):
        with of(self.app):
            return keys_of()["next"][0]


@pytest.fixture
def world(app):
    with time_machine.travel(time.time(), tick=False) as travel:
        yield World(app, travel)


def test_each_is_known_for_what_it_is_and_a_forced_rotation_breaks_those_that_were_named(world):  # noqa: PLR0915 - one story
    every = {party.name for party in world.parties}
    assert world.working() == every
    _, breaking = world.assessed()
    # The first two keys came together, so whoever fetched has both.
    assert breaking == {world.pinned.name}
    world.give(world.next_kid())
    world.rotate()
    world.pinned.keys = RSAKey.import_key(world.next_pem)
    assert world.working() == every

    # Now there is a next key that nobody has.
    world.later(400)
    assert world.brief.works()
    readers, breaking = world.assessed()
    assert {name: reader.kind for name, reader in readers.items()} == {
        world.asking.name: UNKNOWN,
        world.brief.name: INFERRED,
        world.slow.name: UNKNOWN,
        world.pinned.name: PINNED,
    }
    assert breaking == {world.asking.name, world.slow.name, world.pinned.name}
    assert readers[world.brief.name].every >= timedelta(seconds=300)
    with pytest.raises(WouldBreak) as refused:
        world.rotate()
    for name in breaking:
        assert name in refused.value.public

    # Tried with the one that asks for what it does not know, the key gets known.
    world.try_with(world.asking)
    assert world.working() == every
    readers, breaking = world.assessed()
    assert (readers[world.asking.name].kind, readers[world.asking.name].trial) == (CONFIRMED, True)
    assert breaking == {world.slow.name, world.pinned.name}
    world.rotate(force=True)
    assert every - world.working() == breaking

    # Half a day later only the one that cannot fetch is broken, until it is given the key that signs.
    world.later(HALF_A_DAY)
    assert every - world.working() == {world.pinned.name}
    with of(world.app):
        world.give(keys_of()["active"][0])
    world.pinned.keys = RSAKey.import_key(world.next_pem)
    assert world.working() == every
    # The slow one fetched after the key that comes now was published; the asking one did not, but was seen to ask.
    readers, breaking = world.assessed()
    assert breaking == {world.pinned.name}
    assert readers[world.asking.name].ready
    world.rotate(force=True)
    assert every - world.working() == breaking


def test_a_rotation_that_everybody_is_ready_for_breaks_nobody(world):
    every = {party.name for party in world.parties}
    world.give(world.next_kid())
    assert world.working() == every
    world.rotate()
    world.pinned.keys = RSAKey.import_key(world.next_pem)
    for _ in range(3):
        world.later(HALF_A_DAY)
        world.asking.fetch()
        world.give(world.next_kid())
        assert world.working() == every
        assert world.assessed()[1] == set()
        world.rotate()
        world.pinned.keys = RSAKey.import_key(world.next_pem)
        assert world.working() == every


def test_the_schedule_waits_for_an_app_that_holds_an_older_set_and_for_one_that_was_given_a_key(world):
    assert len(world.working()) == 4
    world.give(world.next_kid())
    world.rotate()
    world.pinned.keys = RSAKey.import_key(world.next_pem)
    assert len(world.working()) == 4
    settings = world.app.extensions["idp"][Settings]
    world.later(settings.keys.rotate_every.total_seconds())
    before = world.next_kid()
    for party in (world.asking, world.brief, world.slow):
        # All but the last to be waited for are used; what was last seen long ago counts no more.
        assert party.works()
    assert world.pinned.works()
    world.app.extensions["idp"][Ledger].flush()
    with of(world.app):
        # What signs with another algorithm nobody holds back.
        assert before not in rotation.run_schedule(db.session(), service(Vault), service(Settings), now=clock.utc_now())
        db.session.rollback()
    assert world.next_kid() == before
    world.asking.fetch()
    world.give(before)
    world.app.extensions["idp"][Ledger].flush()
    with of(world.app):
        assert before in rotation.run_schedule(db.session(), service(Vault), service(Settings), now=clock.utc_now())


def test_a_download_is_counted_once_a_place_and_nothing_of_it_tells_who_it_was(app):
    front, made, kept = Client(Front(app)), make_client(app), app.extensions["idp"][Ledger]
    for path in ("/oauth/jwks", "/oauth/jwks", "/.well-known/jwks.json", f"/oauth/jwks/{made.client_id}"):
        answer = front.get(path, base_url=HERE, headers=AGENT, environ_overrides=FROM)
        assert answer.status_code == 200
    etag = answer.headers["ETag"]
    again = front.get(
        "/oauth/jwks",
        base_url=HERE,
        headers=AGENT | {"If-None-Match": etag},
        environ_overrides=FROM,
    )
    assert again.status_code == 304
    kept.flush()
    with of(app):
        rows = list(db.session.execute(select(KeySetFetch)).scalars())
        held = db.session.execute(select(KeptSet)).scalar_one()
        assert held.etag == etag
        assert sorted(held.kids) == sorted(key["kid"] for key in json.loads(answer.text)["keys"])
    assert {(row.client_id, row.network, row.fetches) for row in rows} == {
        ("", "192.0.2.9/32", 4),
        (made.client_id, "192.0.2.9/32", 1),
    }
    assert {row.agent for row in rows} == {ledger.fingerprint("python-requests/2.32")}


def test_the_address_of_a_client_that_there_is_not_is_refused_in_words(app):
    front = Client(Front(app))
    for place in ("/oauth/jwks", "/.well-known/openid-configuration"):
        for asked in (front, app.test_client()):
            assert asked.get(f"{place}/nobody", base_url="http://localhost:8000").status_code == 404
    app.extensions["idp"][Ledger].flush()
    with of(app):
        assert db.session.execute(select(KeySetFetch)).first() is None


def test_discovery_for_one_client_differs_in_the_address_of_the_key_set_alone(app):
    made, issuer = make_client(app), "http://localhost:8000"
    place = "/.well-known/openid-configuration"
    shared = app.test_client().get(place).json
    for asked in (Client(Front(app)), app.test_client()):
        own = asked.get(f"{place}/{made.client_id}", base_url=issuer).json
        assert own == shared | {"jwks_uri": f"{issuer}/oauth/jwks/{made.client_id}"}


def test_a_flood_of_names_is_counted_together_and_what_could_not_be_written_is_kept(app, tmp_path):
    kept = app.extensions["idp"][Ledger]
    for number in range(5000):
        kept.fetched("", '"etag"', "192.0.2.1", "", f"agent {number}")
    with of(app):
        engine = db.engine
    kept._engine = create_engine(f"sqlite:///{tmp_path}/nowhere/idp.db")
    with pytest.raises(OperationalError):
        kept.flush()
    kept._engine = engine
    kept.flush()
    with of(app):
        rows = list(db.session.execute(select(KeySetFetch)).scalars())
    assert sum(row.fetches for row in rows) == 5000
    assert len(rows) == 1001


def test_what_was_last_seen_long_ago_is_forgotten(world):
    world.working()
    for alg in ("RS256", "ES256"):
        # What was fetched holds no key any more that does not sign yet.
        world.rotate(alg, force=True)
    world.later(40 * 24 * 3600)
    world.purge(days=39)
    with of(world.app):
        for model in (KeySetFetch, SignedFor, KeptSet):
            assert db.session.execute(select(model)).first() is None
    assert world.assessed() == ({}, set())


def test_who_fetched_a_key_long_before_it_signs_is_still_known_to_have_it(world):
    world.rotate(force=True)
    assert world.brief.works()
    assert world.slow.works()
    world.later(80 * 24 * 3600)
    world.purge(days=44)
    # Whoever keeps a key set for months is used all the same.
    world.brief.token()
    world.slow.token()
    readers, breaking = world.assessed()
    assert {name: reader.kind for name, reader in readers.items()} == {
        world.brief.name: INFERRED,
        world.slow.name: INFERRED,
    }
    assert breaking == set()


def test_a_key_set_that_is_fetched_after_it_was_forgotten_is_known_again(world):
    world.working()
    world.later(1)
    with of(world.app), transaction() as session:
        session.execute(delete(KeySetFetch))
        session.execute(delete(KeptSet))
    world.brief.fetch()
    world.later(1)
    with of(world.app):
        (held,) = db.session.execute(select(KeptSet)).scalars()
        assert world.next_kid() in held.kids


def test_an_answer_without_keys_is_no_download(app):
    made = make_client(app)
    for asked in (Client(Front(app)), app.test_client()):
        for path in ("/oauth/jwks", f"/oauth/jwks/{made.client_id}"):
            answer = asked.head(path, base_url=HERE)
            assert (answer.status_code, answer.data) == (200, b"")
    app.extensions["idp"][Ledger].flush()
    with of(app):
        assert db.session.execute(select(KeySetFetch)).first() is None


def test_an_api_that_holds_an_older_set_is_waited_for_and_one_that_asks_us_is_not(world):
    """It verifies what is signed for the apps that call it; nothing is ever signed for itself."""
    api = {"grant_types": [], "redirect_uris": None, "scope": None, "resource_server": True, "resources": [API]}
    holding = Party(world.parties[0].front, make_client(world.app, client_name="Verifies", **api), 8, own_address=True)
    make_client(world.app, client_name="Asks us", **api)
    other = make_client(world.app, client_name="Another API", **{**api, "resources": ["https://other.example"]})
    holding.fetch()
    Party(holding.front, other, 9, own_address=True).fetch()
    for party in world.parties[:3]:
        assert party.works()
    readers, _ = world.assessed()
    assert (readers["Verifies"].kind, readers["Verifies"].ready) == (CONFIRMED, True)
    assert readers.keys().isdisjoint({"Asks us", "Another API"})
    world.rotate(force=True)
    world.later(400)
    readers, breaking = world.assessed()
    assert "Verifies" in breaking
    assert readers["Verifies"].is_api
    assert not readers[world.brief.name].is_api
    holding.fetch()
    assert "Verifies" not in world.assessed()[1]


def test_a_secret_of_the_jwt_redirect_pins_nothing(app):
    """An app may take JWTs by its secret, and ID tokens by our keys, which it fetches."""
    jwt_sso = {"delivery_uri": "https://rp.example/sso", "alg": "HS256"}
    made, kept = make_client(app, jwt_sso=jwt_sso), app.extensions["idp"][Ledger]
    with of(app):
        kept.signed(made.client_id, keys_of()["active"][0])
        assert app.test_client().get(f"/oauth/jwks/{made.client_id}", base_url=HERE).status_code == 200
        kept.flush()
        db.session.rollback()
        (reader,) = readiness.assess(db.session(), service(Settings), "RS256", clock.utc_now()).readers
    assert (reader.kind, reader.ready) == (CONFIRMED, True)


def test_a_trial_goes_back_by_itself_when_somebody_starts_over_three_times_within_a_minute(idp):
    app, party = idp.app, idp.party()
    browser = idp.browser(idp.person())

    def kid():
        return header_of(party.sign_in(browser).id_token)["kid"]

    with of(app):
        keys = keys_of()
        with transaction() as session:
            canary.begin(session, service(Settings), "RS256", party.client_id, now=clock.utc_now(), by=COMMAND_LINE)
    assert [kid() for _ in range(3)] == keys["next"] * 3
    assert kid() == keys["active"][0]
    with of(app):
        event = db.session.execute(select(AuditEvent).where(AuditEvent.type == "key.trial_ended")).scalar_one()
        assert event.detail["by_itself"] is True
        assert keys_of() == keys
