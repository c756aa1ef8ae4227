"""A key's life and the key set (security rows K01 to K09, C01)."""

import json
import threading
import time
from datetime import timedelta

import pytest
import time_machine
from joserfc.jwk import KeySet
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import IntegrityError

from idp import clock
from idp.audit.log import SYSTEM
from idp.audit.models import AuditEvent
from idp.cache import Cache
from idp.db import db, transaction
from idp.errors import Conflict, FieldErrors, InvalidToken, NotFound, ServerError
from idp.keys import canary, rotation, store
from idp.keys.algorithms import ALGORITHMS
from idp.keys.ledger import Ledger
from idp.keys.models import Installation, SigningKey
from idp.keys.rotation import TooEarly
from idp.keys.signer import Signer
from idp.keys.verifier import HINT
from idp.protocol import logout_token, response_types, statement
from idp.settings import KeySettings, Settings, TokenSettings
from idp.vault import Vault
from idp.web.current import service
from tests.factories import make_client
from tests.keyring import AUDIENCE, b64, change, claims, header_of, key_set, keys_of, of, token, verify
from tests.pace import strain

PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
SHORT = dict.fromkeys(("id", "access", "redirect_jwt", "api_access", "api_refresh"), timedelta(minutes=1))
FAST = KeySettings(jwks_max_age=timedelta(seconds=1))


def refused(text_, **options):
    with pytest.raises(InvalidToken):
        verify(text_, **options)


def notice(app):
    """Let *app* look at the database once more, as its watching thread does every half second."""
    app.extensions["idp"][Cache].check(db.engine)


def run_schedule(app, *, after: timedelta) -> list[str]:
    services = app.extensions["idp"]
    return rotation.run_schedule(db.session(), services[Vault], services[Settings], now=clock.utc_now() + after)


def events(kind: str) -> list[AuditEvent]:
    db.session.rollback()
    return list(db.session.execute(select(AuditEvent).where(AuditEvent.type == kind)).scalars())


@pytest.fixture
def inside(app):
    with of(app):
        yield


# The first keys


def test_first_keys_are_active_and_next_of_two_algorithms(app, inside):
    for alg in ("RS256", "ES256"):
        assert {state: len(kids) for state, kids in keys_of(alg).items()} == {"active": 1, "next": 1}
    before = set(key_set())
    store.create_first_keys(db.session(), service(Vault), clock.utc_now())
    assert set(key_set()) == before
    names = {key.name for key in store.all_keys(db.session())}
    # The month in which each was made; the installation may be a copy of one made a moment before midnight.
    month = min(key.created_at for key in store.all_keys(db.session())).strftime("%Y-%m")
    assert names == {f"{letter}-{month}{suffix}" for letter in "ke" for suffix in ("", "-b")}


@pytest.mark.parametrize("alg", list(ALGORITHMS))
def test_an_algorithm_gets_its_keys_when_it_is_first_chosen(app, inside, alg):
    now = clock.utc_now()
    made = store.ensure_algorithm(db.session(), service(Vault), alg, now)
    assert made == (alg not in {"RS256", "ES256"})
    assert not store.ensure_algorithm(db.session(), service(Vault), alg, now)
    assert {state: len(kids) for state, kids in keys_of(alg).items()} == {"active": 1, "next": 1}
    # It may sign at once, and a fresh installation may rotate at once.
    assert verify(token(alg))["aud"] == AUDIENCE
    before = token(alg)
    done = rotation.rotate(change(app), alg)
    assert header_of(token(alg))["kid"] == done.active
    assert verify(before)["aud"] == AUDIENCE
    with pytest.raises(FieldErrors):
        store.ensure_algorithm(db.session(), service(Vault), "HS256", now)


# The key set


def test_K01_the_key_set_holds_public_members_alone(app, inside):
    for alg in ALGORITHMS:
        store.ensure_algorithm(db.session(), service(Vault), alg, clock.utc_now())
    published = key_set()
    assert len(published) == 2 * len(ALGORITHMS)
    for kid, jwk in published.items():
        assert not PRIVATE_MEMBERS & jwk.keys()
        assert jwk.keys() <= {"kty", "n", "e", "crv", "x", "y", "use", "alg", "kid"}
        assert jwk["use"] == "sig"
        assert jwk["kid"] == kid
    rows = db.session.execute(select(SigningKey)).scalars().all()
    assert not any(PRIVATE_MEMBERS & row.public_jwk.keys() for row in rows)


def test_K02_keys_are_strong_and_fit_their_algorithm(app, inside):
    for alg in ALGORITHMS:
        store.ensure_algorithm(db.session(), service(Vault), alg, clock.utc_now())
    keys = KeySet.import_key_set({"keys": list(key_set().values())}).keys
    for key in keys:
        if key.key_type == "RSA":
            assert key.public_key.key_size >= 2048
        else:
            assert key.as_dict()["crv"] == ALGORITHMS[key.alg].curve


def test_K03_every_kid_is_the_thumbprint_and_there_once(app, inside):
    keys = json.loads(service(Signer).jwks()[0])["keys"]
    assert len({key["kid"] for key in keys}) == len(keys)
    for key in KeySet.import_key_set({"keys": keys}).keys:
        assert key.kid == key.thumbprint()
        assert not key.kid.startswith("-")


def test_K04_the_key_set_is_cacheable_and_changes_its_tag_with_its_content(app, inside):
    answer = app.test_client().get("/oauth/jwks")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    tag = answer.headers["ETag"]
    assert tag.startswith('"')
    assert json.loads(answer.data)["keys"] == list(key_set().values())
    again = app.test_client().get("/oauth/jwks", headers={"If-None-Match": tag})
    assert again.status_code == 304
    body, first = service(Signer).jwks()
    assert service(Signer).jwks()[0] is body
    rotation.rotate(change(app), "RS256")
    assert service(Signer).jwks()[1] != first
    assert service(Signer).jwks() == store.public_set(db.session())


# Rotation


def test_K05_no_key_signs_before_every_cached_key_set_holds_it(app, inside):
    # Making keys takes as long as it takes: the clock stands still meanwhile.
    with time_machine.travel(clock.utc_now(), tick=False):
        at = clock.utc_now()
        first = rotation.rotate(change(app), "RS256")
        with pytest.raises(TooEarly) as caught:
            rotation.rotate(change(app), "RS256")
        assert caught.value.ready_at - at >= timedelta(seconds=300)
        assert f"{caught.value.ready_at:%H:%M:%S} UTC" in caught.value.public
        with pytest.raises(TooEarly):
            rotation.rotate(change(app, after=timedelta(seconds=299)), "RS256")
        assert header_of(token())["kid"] == first.active
        # In the key set for a whole max-age before it signs.
        seen = set(key_set())
        done = rotation.rotate(change(app, after=timedelta(seconds=302)), "RS256")
        assert done.active == first.next
        assert done.active in seen
        assert header_of(token())["kid"] == done.active


def test_K05_force_overrides_the_wait(app, inside):
    rotation.rotate(change(app), "RS256")
    done = rotation.rotate(change(app), "RS256", force=True)
    assert header_of(token())["kid"] == done.active


def test_K06_rotation_kills_nothing_that_lives(app, inside):
    access, hint = token("ES256"), token("RS256", typ="JWT")
    for alg in ("RS256", "ES256"):
        rotation.rotate(change(app), alg)
        rotation.rotate(change(app), alg, force=True)
    assert verify(access)["aud"] == AUDIENCE
    assert verify(hint, typ="JWT")["aud"] == AUDIENCE
    later = timedelta(days=8)
    assert run_schedule(app, after=later)
    assert len(keys_of("RS256")["retired"]) == 2
    assert header_of(hint)["kid"] not in key_set()
    # Out of the key set it still says at logout who is meant, and nothing else.
    now = clock.utc_now() + later
    assert verify(hint, typ="JWT", now=now, expired_ok=True, states=HINT)["sub"] == "usr_1"
    refused(hint, typ="JWT", now=now, expired_ok=True)


@pytest.mark.parametrize("kind", ["id", "access", "api_access", "api_refresh"])
def test_K06_a_key_is_kept_for_as_long_as_the_longest_token_of_each_kind(make_app, inside, kind):
    tokens = TokenSettings(**{**SHORT, kind: timedelta(days=3)})
    short = make_app(keys=KeySettings(keep=timedelta(seconds=1)), tokens=tokens)
    with of(short):
        done = rotation.rotate(change(short), "RS256")
        assert run_schedule(short, after=timedelta(days=3, minutes=-1)) == []
        assert done.before in key_set()
        assert run_schedule(short, after=timedelta(days=3, minutes=1)) == [done.before]
        assert done.before not in key_set()


@pytest.mark.parametrize("lifetime", [statement.MAX_LIFETIME, response_types.SIGNED_LIFETIME, logout_token.LIFETIME])
def test_K06_a_key_is_kept_for_as_long_as_what_no_setting_shortens(make_app, inside, lifetime):
    short = make_app(keys=KeySettings(keep=timedelta(seconds=1)), tokens=TokenSettings(**SHORT))
    with of(short):
        done = rotation.rotate(change(short), "RS256")
        assert run_schedule(short, after=lifetime - timedelta(seconds=20)) == []
        assert run_schedule(short, after=timedelta(minutes=11)) == [done.before]


def test_K07_a_revoked_key_verifies_nothing_anywhere_within_a_second(app, make_app, inside):
    other = make_app()
    access, hint, elsewhere = token("RS256"), token("RS256", typ="JWT"), token("ES256")
    with of(other):
        assert verify(access)["aud"] == AUDIENCE
    done = rotation.replace(change(app, after=timedelta(seconds=2)), "RS256")
    assert done.before == header_of(access)["kid"]
    with of(other):
        notice(other)
        for each in (app, other):
            with of(each):
                assert done.before not in key_set()
                refused(access)
                refused(hint, typ="JWT", expired_ok=True, states=HINT)
                # Whatever signed it: it was issued before the not-before.
                refused(elsewhere)
    later = clock.utc_now() + timedelta(seconds=3)
    assert verify(token("ES256", now=later), now=later)["aud"] == AUDIENCE
    assert header_of(token("RS256", now=later))["kid"] == done.active
    revoked = db.session.get(SigningKey, done.before, populate_existing=True)
    assert (revoked.state, revoked.private_jwk) == ("revoked", None)


def test_K07_the_watching_thread_hears_of_a_revocation_within_a_second(app, make_app, inside):
    other = make_app()
    with of(other):
        heard = []
        cache = other.extensions["idp"][Cache]
        cache.check(db.engine)
        cache.watch(db.engine, every=0.5, failed=heard.append)
        access = token()
        assert verify(access)
    try:
        rotation.replace(change(app, after=timedelta(seconds=2)), "RS256")
        # Not before: making the next key pair takes as long as it takes.
        began = time.monotonic()
        with of(other):
            while time.monotonic() - began < 30:
                try:
                    verify(access)
                except InvalidToken:
                    break
                time.sleep(0.02)
            took = time.monotonic() - began
            refused(access)
        assert took <= strain()
        assert heard == []
    finally:
        cache.stop()


def test_revoking_the_next_key_publishes_another(app, inside):
    before = keys_of()["next"][0]
    assert rotation.revoke(change(app), before) is None
    after = keys_of()
    assert after["revoked"] == [before]
    assert len(after["next"]) == 1
    assert before not in key_set()
    with pytest.raises(Conflict):
        rotation.revoke(change(app), before)
    with pytest.raises(NotFound):
        rotation.revoke(change(app), "nothing")


def test_revoking_a_next_key_tells_the_apps_only_if_it_was_tried_with_one(app, inside):
    told = []
    rotation.revoke(change(app), keys_of()["next"][0], also=told.append)
    assert told == []
    for ended in (False, True):
        (tried,) = keys_of()["next"]
        made, now = make_client(app), clock.utc_now() + timedelta(minutes=6)
        with transaction() as session:
            canary.begin(session, service(Settings), "RS256", made.client_id, now=now, by=SYSTEM)
            if ended:
                canary.end(session, made.client_id, now=now)
        told.clear()
        rotation.revoke(change(app), tried, also=told.append)
        assert len(told) == 1


def test_revoking_a_next_key_that_signed_tells_the_apps(app, inside):
    (signed,), made, told = keys_of()["next"], make_client(app), []
    service(Ledger).signed(made.client_id, signed)
    service(Ledger).flush()
    rotation.revoke(change(app), signed, also=told.append)
    assert len(told) == 1


def test_revoking_the_active_key_replaces_it(app, inside):
    before = keys_of()
    done = rotation.revoke(change(app), before["active"][0])
    assert (done.active, done.before) == (before["next"][0], before["active"][0])
    assert db.session.execute(select(Installation.not_before)).scalar_one() is not None


def test_revoking_a_retiring_key_leaves_the_others_alone(app, inside):
    access = token("ES256")
    done = rotation.rotate(change(app), "RS256")
    assert rotation.revoke(change(app), done.before) is None
    assert verify(access)["aud"] == AUDIENCE
    assert keys_of()["revoked"] == [done.before]


def test_replacing_needs_no_next_key(app, inside):
    with transaction() as session:
        session.execute(update(SigningKey).where(SigningKey.state == "next").values(state="revoked"))
    with pytest.raises(Conflict):
        rotation.rotate(change(app), "RS256")
    done = rotation.replace(change(app), "RS256")
    held = keys_of()
    assert held["active"] == [done.active]
    assert held["next"] == [done.next]


def test_a_missing_next_key_can_be_published(app, inside):
    assert rotation.publish_next(change(app), "RS256") is None
    with transaction() as session:
        session.execute(update(SigningKey).where(SigningKey.state == "next").values(state="revoked"))
    kid = rotation.publish_next(change(app), "RS256")
    assert keys_of()["next"] == [kid]


def together(app, count, work):
    """Run *work* in *count* threads at once, each a server of its own; return what it returned or raised."""
    barrier = threading.Barrier(count)
    outcomes = []

    def run():
        with of(app):
            barrier.wait(10)
            try:
                outcomes.append(work())
            except Exception as error:  # noqa: BLE001 - what was raised is the outcome
                outcomes.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return outcomes


@pytest.mark.parametrize("action", [rotation.rotate, rotation.replace])
def test_K08_of_servers_that_rotate_at_once_one_wins(app, make_app, inside, action):
    apps = [make_app() for _ in range(4)]
    changes = iter([change(one) for one in apps])
    outcomes = together(app, 4, lambda: action(next(changes), "RS256"))
    won = [one for one in outcomes if isinstance(one, rotation.Rotated)]
    # Who comes later finds that it is too early, or that the keys changed under its hands.
    lost = [one for one in outcomes if isinstance(one, Conflict)]
    assert len(won) + len(lost) == 4
    assert won
    held = keys_of()
    assert len(held["active"]) == 1
    assert len(held["next"]) == 1
    left = "retiring" if action is rotation.rotate else "revoked"
    assert len(held[left]) == len(won)
    assert len(events("key.promoted")) == len(won)
    if action is rotation.rotate:
        assert len(won) == 1


def test_K08_of_two_forced_rotations_without_any_key_one_is_refused_in_words(app, inside, monkeypatch):
    with transaction() as session:
        session.execute(update(SigningKey).where(SigningKey.alg == "RS256").values(state="revoked"))
    held = rotation._held("RS256")
    rotation.rotate(change(app), "RS256", force=True)
    # As the other server read it a moment before.
    monkeypatch.setattr(rotation, "_held", lambda _: held)
    with pytest.raises(Conflict, match="changed by somebody else"):
        rotation.rotate(change(app), "RS256", force=True)
    assert {state: len(kids) for state, kids in keys_of().items()} == {"revoked": 2, "active": 1, "next": 1}


def test_K08_the_database_refuses_two_active_keys(app, inside):
    with pytest.raises(IntegrityError), transaction() as session:
        session.execute(update(SigningKey).where(SigningKey.alg == "RS256").values(state="active"))
    assert len(keys_of()["active"]) == 1


def test_K08_servers_that_choose_an_algorithm_at_once_share_its_keys(app, inside):
    vault = service(Vault)
    outcomes = together(app, 4, lambda: store.ensure_algorithm(db.session(), vault, "EdDSA", clock.utc_now()))
    assert all(isinstance(one, bool) for one in outcomes)
    assert sum(outcomes) >= 1
    assert {state: len(kids) for state, kids in keys_of("EdDSA").items()} == {"active": 1, "next": 1}


def test_K08_a_server_that_has_not_heard_yet_goes_on_working(app, make_app, inside):
    stale = make_app()
    with of(stale):
        before = token()
    done = rotation.rotate(change(app), "RS256")
    new = token()
    with of(stale):
        # It signs with the old key, which verifies everywhere, and accepts what the new one signed.
        old = token()
        assert header_of(old)["kid"] == done.before
        assert header_of(new)["kid"] == done.active
        assert verify(new)["aud"] == AUDIENCE
    for each in (before, old, new):
        assert verify(each)["aud"] == AUDIENCE
    # An algorithm that it never heard of is looked up at once.
    store.ensure_algorithm(db.session(), service(Vault), "EdDSA", clock.utc_now())
    edwards = token("EdDSA")
    with of(stale):
        assert verify(edwards)["aud"] == AUDIENCE
        assert header_of(token())["kid"] == done.active


def test_keys_are_read_inside_a_transaction_that_writes(app, make_app, inside):
    cold = make_app()
    with of(cold), transaction() as session:
        session.execute(update(SigningKey).values(name=SigningKey.name))
        # On SQLite the write lock is taken; reading the keys must not wait for it.
        assert verify(token())["aud"] == AUDIENCE


def test_signing_touches_no_database_once_the_keys_are_known(app, inside, monkeypatch):
    verify(token())
    db.session.remove()
    monkeypatch.setattr(type(db.engine), "connect", lambda *_: pytest.fail("a connection was asked for"))
    assert verify(token())["aud"] == AUDIENCE
    assert service(Signer).jwks()[0]


# The schedule


def test_the_schedule_does_nothing_before_its_time(app, inside):
    assert run_schedule(app, after=timedelta(days=89)) == []


def test_the_schedule_rotates_and_retires(app, inside):
    before = {alg: keys_of(alg) for alg in ("RS256", "ES256")}
    run_schedule(app, after=timedelta(days=91))
    for alg, held in before.items():
        now = keys_of(alg)
        assert now["active"] == held["next"]
        assert now["retiring"] == held["active"]
        assert len(now["next"]) == 1
    # A token of today is long over then; whoever signs does so with the new key.
    assert header_of(token())["kid"] == before["RS256"]["next"][0]
    assert run_schedule(app, after=timedelta(days=97)) == []
    assert len(run_schedule(app, after=timedelta(days=99))) == 2
    assert keys_of()["retired"] == before["RS256"]["active"]
    assert db.session.get(SigningKey, before["RS256"]["active"][0], populate_existing=True).private_jwk is None
    assert {event.actor_id for event in events("key.promoted")} == {"system"}
    assert len(events("key.retired")) == 2


def test_the_schedule_runs_on_two_servers_at_once(app, make_app, inside):
    apps = iter([make_app() for _ in range(3)])
    outcomes = together(app, 3, lambda: run_schedule(next(apps), after=timedelta(days=91)))
    assert all(isinstance(one, list) for one in outcomes)
    assert len(events("key.promoted")) == 2
    for alg in ("RS256", "ES256"):
        assert {state: len(kids) for state, kids in keys_of(alg).items()} == {"active": 1, "next": 1, "retiring": 1}


def test_a_rotation_under_way_never_leaves_a_moment_without_a_key(make_app):
    app = make_app(keys=FAST)
    with of(app):
        stop, seen, faults = threading.Event(), set(), []

        def sign_on():
            with of(app):
                while not stop.is_set():
                    try:
                        made = token("ES256")
                        verify(made)
                        seen.add(header_of(made)["kid"])
                    except Exception as error:  # noqa: BLE001 - whatever goes wrong is a fault
                        faults.append(error)

        threads = [threading.Thread(target=sign_on) for _ in range(3)]
        for thread in threads:
            thread.start()
        kids = [rotation.rotate(change(app), "ES256", force=True).active for _ in range(8)]
        stop.set()
        for thread in threads:
            thread.join(10)
        assert faults == []
        assert set(kids) & seen
        assert keys_of("ES256")["active"] == [kids[-1]]


# At rest, and in the log


def test_K09_the_private_key_is_encrypted_at_rest_and_nowhere_else(app, inside):
    rotation.rotate(change(app), "RS256")
    for row in db.session.execute(select(SigningKey)).scalars():
        assert row.private_jwk.startswith(f"v1:{service(Vault).key_id}:")
        private = json.loads(service(Vault).decrypt(row.private_jwk, place=store.place(row.kid)))
        dump = dumped()
        for member in PRIVATE_MEMBERS & private.keys():
            assert private[member] not in dump
            assert b64(private[member]) not in dump


def test_C01_a_private_key_is_bound_to_its_row(app, inside):
    rows = list(db.session.execute(select(SigningKey).where(SigningKey.state == "active")).scalars())
    envelopes = {row.kid: row.private_jwk for row in rows}
    first, second = envelopes
    db.session.rollback()
    with transaction() as session:
        session.execute(update(SigningKey).where(SigningKey.kid == first).values(private_jwk=envelopes[second]))
    from idp.vault import VaultError

    with pytest.raises(VaultError):
        service(Vault).decrypt(envelopes[second], place=store.place(first))


def dumped() -> str:
    """Return every value of every table, as text."""
    found = []
    for name in db.metadata.tables:
        found += [str(tuple(row)) for row in db.session.execute(text(f"SELECT * FROM {name}"))]  # noqa: S608 - our own table names
    return "\n".join(found)


def test_every_change_is_in_the_audit_log(app, inside):
    rotation.rotate(change(app), "RS256")
    rotation.replace(change(app), "ES256")
    kinds = dict(
        db.session.execute(
            select(AuditEvent.type, func.count()).where(AuditEvent.type.startswith("key.")).group_by(AuditEvent.type)
        ).all()
    )
    # Four first keys and two more.
    assert kinds == {"key.created": 6, "key.promoted": 2, "key.revoked": 1}
    assert all(event.target_name and event.target_id for event in events("key.created"))


# What the signer refuses


def test_the_signer_takes_no_other_header_and_no_dead_token(app, inside):
    now = clock.utc_now()
    signer = service(Signer)
    for header in ({}, {"typ": "JWT", "alg": "none"}, {"typ": "JWT", "kid": "x"}, {"jku": "x"}):
        with pytest.raises(ValueError, match="header"):
            signer.sign("RS256", header=header, claims=claims(), now=now)
    with pytest.raises(ValueError, match="over"):
        signer.sign("RS256", header={"typ": "JWT"}, claims=claims(exp=1), now=now)
    with pytest.raises(ServerError):
        signer.sign("HS256", header={"typ": "JWT"}, claims=claims(), now=now)


def test_a_shared_secret_signs_with_hs256_alone(app, inside):
    from joserfc import jwt
    from joserfc.jwk import OctKey

    secret, now = b"s" * 32, clock.utc_now()
    made = service(Signer).sign_with_secret(secret, header={"typ": "JWT"}, claims=claims(), now=now)
    assert header_of(made) == {"alg": "HS256", "typ": "JWT"}
    assert jwt.decode(made, OctKey.import_key(secret), algorithms=["HS256"]).claims["sub"] == "usr_1"
    refused(made, typ="JWT")
    with pytest.raises(ValueError, match="32 bytes"):
        service(Signer).sign_with_secret(secret[:31], header={"typ": "JWT"}, claims=claims(), now=now)
