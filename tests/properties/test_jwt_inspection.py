"""Whatever is pasted, the inspector has an answer that prints; and it calls good what the verifier accepts, no more."""

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from idp import clock
from idp.errors import InvalidToken
from idp.keys import algorithms, examination
from idp.keys.algorithms import ALGORITHMS
from idp.keys.examination import Known, Secret
from idp.keys.ring import Parsed, Ring, RingKey
from idp.keys.signer import Signer
from idp.keys.verifier import Verifier
from idp.protocol import jwt_inspection, jwt_meanings
from idp.protocol.jwt_claim_checks import Expected
from idp.protocol.jwt_parts import MAX_LENGTH, take_apart
from idp.protocol.jwt_signatures import KeyFacts, Outcome
from tests.properties.test_parsers import ANYTHING, JSON

ISSUER = "https://id.example"
NOW = datetime(2026, 11, 24, tzinfo=UTC)
SECONDS = clock.epoch_seconds(NOW)
NAMES = st.sampled_from(sorted({*jwt_meanings.CLAIMS, *jwt_meanings.HEADERS})) | st.text(max_size=5)
INSTANTS = st.integers(SECONDS - 200, SECONDS + 200) | st.integers() | st.floats(allow_nan=False)
VALUES = JSON | INSTANTS | st.sampled_from([ISSUER, "RS256", "HS256", "none", "at+jwt", "JWT", "app"]) | ANYTHING
MEMBERS = st.dictionaries(NAMES, VALUES, max_size=8)
SEGMENT = st.binary(max_size=40) | MEMBERS.map(lambda members: json.dumps(members).encode())


def encoded(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


COMPOSED = st.lists(SEGMENT.map(encoded) | ANYTHING, max_size=7).map(".".join)


def made_key(alg, state):
    private = algorithms.generate(ALGORITHMS[alg])
    public = algorithms.parse(ALGORITHMS[alg], algorithms.public_jwk(private))
    facts = KeyFacts(public.thumbprint(), f"{alg}-{state}", alg, state, NOW)
    ring_key = RingKey(
        facts.kid, facts.name, alg, state, ALGORITHMS[alg].model, Parsed(public, private), lambda: private
    )
    return facts, public, ring_key


class FixedRing:
    """Keys that stand still: what the signer and the verifier ask of a ring."""

    def __init__(self, keys, not_before=0):
        live = [key for key in keys if key.state != "revoked"]
        active = {key.alg: key for key in keys if key.state == "active"}
        self.ring = Ring({key.kid: key for key in live}, active, (b"", ""), not_before)

    def current(self):
        return self.ring

    checked = current


MADE = [made_key(alg, state) for alg in ("RS256", "ES256", "EdDSA") for state in ("active", "retired", "revoked")]
KNOWN = Known(tuple((facts, public) for facts, public, _ in MADE), SECONDS - 1000)
RING = FixedRing([key for _, _, key in MADE], SECONDS - 1000)


def report_on(text, secret=None, **expected):
    pasted = take_apart(text)
    facts = examination.examine(pasted, KNOWN, (secret,) if secret else ())
    return jwt_inspection.inspect(pasted, facts, issuer=ISSUER, expected=Expected(**expected), now=SECONDS)


def texts_of(report):
    """Return every text that is shown."""
    yield from (report.verdict.title, report.verdict.text, *report.notes)
    for check in report.checks:
        yield from (check.title, check.note)
    for line in (*report.header, *report.claims):
        yield from (line.name, line.value, line.meaning, line.note)
    for _, text in report.unread:
        yield from text.split("\n")


LONG_NUMBER = b'{"alg": "RS256", "a": ' + b"9" * 5000 + b"}"


@given(ANYTHING | COMPOSED | st.text(alphabet="ey.AJ_-=+ \n\"'", max_size=60))
@example("." * 2)
@example("eyJhbGciOiJSUzI1NiJ9.e30.")
@example("[" * 20_000)
@example(f"{encoded(b'[' * 9000)}.{encoded(b'{' * 2000)}.x")
@example(f"{encoded(json.dumps({'alg': 'RS256', 'kid': {}}).encode())}.e30.QQ")
@example(f"{encoded(LONG_NUMBER)}.e30.QQ")
@example(f"{encoded(json.dumps({'alg': 'RS256'}).encode())}.{encoded(json.dumps({'exp': 1e308}).encode())}.QQ")
@settings(max_examples=400)
def test_whatever_is_pasted_there_is_an_answer_that_prints(text):
    report = report_on(text, audience="app")
    assert report.verdict.title
    assert report.verdict.text
    shown = list(texts_of(report))
    assert all(one.isprintable() for one in shown)
    assert not report.is_good
    json.dumps([one.encode("utf-8").decode() for one in shown])


@given(MEMBERS, st.sampled_from(["RS256", "ES256", "EdDSA"]))
@settings(max_examples=150)
def test_any_claims_signed_here_are_explained_and_only_sound_ones_are_good(claims, alg):
    token = Signer(RING).sign(alg, header={"typ": "JWT"}, claims={"exp": SECONDS + 60, **_sound(claims)}, now=NOW)
    report = report_on(token)
    assert len(report.claims) <= len(claims) + 1
    if report.is_good:
        assert report.is_ours
        assert Verifier(RING, ISSUER).verify(token, typ="JWT", audience=None, now=NOW)


def _sound(claims):
    """Leave out what the signer does not take, and what no reader does."""
    found = {name: value for name, value in claims.items() if name != "exp"}
    try:
        found = json.loads(json.dumps(found, allow_nan=False).encode("utf-8", "strict"))
        "".join(map(str, found.items())).encode("utf-8")
    except ValueError:
        return {}
    return found if len(json.dumps(found)) < MAX_LENGTH // 2 else {}


IDENTITY = {"iss": ISSUER, "sub": "usr_1", "aud": "app", "iat": SECONDS, "exp": SECONDS + 60, "nonce": "n"}
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "iss": st.sampled_from([ISSUER, f"{ISSUER}/", "", None, 7, [ISSUER]]),
        "aud": st.sampled_from(["app", "App", "", ["app"], ["x", "app"], [], None, 7, ["app", 7], {"app": 1}]),
        "iat": st.integers(SECONDS - 2000, SECONDS + 120) | st.sampled_from(["1", None, True, [], SECONDS + 0.5]),
        "exp": st.integers(SECONDS - 120, SECONDS + 120) | st.sampled_from(["1", None, True, [], SECONDS + 30.0]),
    },
)


@given(CHANGES, st.integers(0, 60), st.sampled_from(MADE), st.sampled_from(["JWT", "at+jwt"]))
@settings(max_examples=300)
def test_good_is_exactly_what_the_verifier_accepts(changes, leeway, key, typ):
    facts, _, ring_key = key
    claims = {name: value for name, value in (IDENTITY | changes).items() if value is not None}
    header = encoded(json.dumps({"alg": facts.alg, "kid": facts.kid, "typ": typ}).encode())
    signing_input = f"{header}.{encoded(json.dumps(claims).encode())}"
    signature = ring_key.model.sign(signing_input.encode(), ring_key.private())
    token = f"{signing_input}.{encoded(signature)}"
    try:
        Verifier(RING, ISSUER).verify(token, typ="JWT", audience="app", now=NOW, leeway=leeway)
        accepted = True
    except InvalidToken:
        accepted = False
    assert report_on(token, audience="app", typ="JWT", leeway=leeway).is_good == accepted


GOOD = Signer(RING).sign("RS256", header={"typ": "JWT"}, claims=IDENTITY, now=NOW)


@given(st.integers(0, len(GOOD) - 1), st.characters(codec="ascii", exclude_categories=("Cc",)))
@settings(max_examples=300)
def test_one_character_changed_is_always_found(place, letter):
    altered = GOOD[:place] + letter + GOOD[place + 1 :]
    assert report_on(altered).is_good == (altered.strip() == GOOD)


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
@given(st.binary(max_size=300))
@settings(max_examples=60)
def test_any_signature_of_any_length_is_told_to_be_wrong(alg, signature):
    header, payload, _ = Signer(RING).sign(alg, header={"typ": "JWT"}, claims=IDENTITY, now=NOW).split(".")
    pasted = take_apart(f"{header}.{payload}.{encoded(signature)}")
    assert examination.examine(pasted, KNOWN).outcome in {Outcome.WRONG, Outcome.UNREADABLE}


@given(st.binary(min_size=32, max_size=64), st.binary(min_size=32, max_size=64))
@settings(max_examples=30)
def test_only_the_secret_of_the_app_makes_an_hmac_good(right, tried):
    token = Signer(RING).sign_with_secret(right, header={"typ": "JWT"}, claims=IDENTITY, now=NOW)
    assert report_on(token).verdict.result == "warn"
    assert report_on(token, Secret("app", tried)).is_good == (right == tried)
    assert report_on(token, Secret("app", right)).is_good
