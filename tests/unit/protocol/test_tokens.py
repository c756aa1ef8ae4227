import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from idp.protocol import access_token, id_token, redirect_jwt
from idp.protocol.access_token import AccessToken, audience, audiences_of, grant_id_of, jti_of
from idp.protocol.id_token import IdToken, half_hash
from idp.protocol.redirect_jwt import RedirectJwt

NOW = datetime(2026, 11, 24, 12, 0, 0, 999_999, tzinfo=UTC)
SECONDS = 1795521600
ISSUER = "https://id.example"
ID_TOKEN = IdToken(
    issuer=ISSUER,
    subject="u1",
    client_id="notes",
    lifetime=timedelta(hours=1),
    auth_time=NOW - timedelta(minutes=10),
    alg="RS256",
)
ACCESS_TOKEN = AccessToken(issuer=ISSUER, subject="u1", client_id="notes", lifetime=timedelta(minutes=5), jti="g1.x")
REDIRECT = RedirectJwt(
    issuer=ISSUER, subject="u1", client_id="wiki", lifetime=timedelta(seconds=60), jti="j", auth_time=NOW
)
BUILDERS = [(ID_TOKEN, "person"), (ACCESS_TOKEN, "extra"), (REDIRECT, "person")]


def test_an_id_token_has_the_required_claims_and_no_others():
    assert ID_TOKEN.claims(NOW) == {
        "iss": ISSUER,
        "sub": "u1",
        "aud": "notes",
        "exp": SECONDS + 3600,
        "iat": SECONDS,
        "auth_time": SECONDS - 600,
    }


@pytest.mark.parametrize(("seconds", "back"), [(0, 0), (5, 5), (60, 30)])
def test_for_a_slow_clock_iat_lies_back_as_far_as_the_sign_in(seconds, back):
    earlier = {"auth_time": NOW - timedelta(seconds=30), "backdate": timedelta(seconds=seconds)}
    for made in (replace(ID_TOKEN, **earlier), replace(REDIRECT, **earlier)):
        claims, plain = made.claims(NOW), replace(made, backdate=timedelta(0)).claims(NOW)
        assert claims == plain | {"iat": SECONDS - back}
    longest = replace(REDIRECT, **earlier, lifetime=timedelta(seconds=120)).claims(NOW)
    assert longest["exp"] - longest["iat"] == 120


def test_an_id_token_carries_what_is_known():
    full = replace(
        ID_TOKEN,
        nonce="n" * 384,
        sid="s",
        acr="urn:x",
        amr=("pwd", "otp"),
        access_token="at",
        person={"email": "a@example.com"},
    )
    found = full.claims(NOW)
    assert (found["nonce"], found["sid"], found["acr"], found["amr"]) == ("n" * 384, "s", "urn:x", ["pwd", "otp"])
    assert found["at_hash"] == half_hash("at", "RS256")
    assert found["email"] == "a@example.com"
    assert not {"azp", "jti", "nbf", "c_hash"} & set(found)


def test_auth_time_is_never_later_than_the_token():
    assert replace(ID_TOKEN, auth_time=NOW + timedelta(seconds=30)).claims(NOW)["auth_time"] == SECONDS


@pytest.mark.parametrize(("builder", "field"), BUILDERS)
def test_J12_a_persons_data_cannot_overwrite_the_protocol(builder, field):
    for name in ("iss", "sub", "aud", "exp", "iat", "nonce", "auth_time", "jti", "scope", "client_id"):
        with pytest.raises(ValueError, match=name):
            replace(builder, **{field: {name: "x"}}).claims(NOW)


@pytest.mark.parametrize(("builder", "field"), BUILDERS)
def test_instants_are_whole_seconds_and_there_is_no_nbf(builder, field):
    found = builder.claims(NOW)
    assert "nbf" not in found
    for name in ("exp", "iat", "auth_time"):
        assert type(found.get(name, 0)) is int
    assert found["exp"] - found["iat"] == builder.lifetime.total_seconds()


@pytest.mark.parametrize(
    ("alg", "length"),
    [
        ("RS256", 22),
        ("PS256", 22),
        ("ES256", 22),
        ("HS256", 22),
        ("RS384", 32),
        ("ES384", 32),
        ("PS512", 43),
        ("ES512", 43),
        ("EdDSA", 43),
        ("Ed25519", 43),
    ],
)
def test_J12_at_hash_follows_the_algorithm(alg, length):
    assert re.fullmatch(rf"[A-Za-z0-9_-]{{{length}}}", half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", alg))


def test_at_hash_of_a_published_example():
    # OpenID Connect Core appendix A.3.
    assert half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", "RS256") == "77QmUPtjPfzWtF2AnpK9RQ"


@pytest.mark.parametrize("alg", ["none", "", "XX256", "RS1", "Ed448", "256", "rs256"])
def test_J12_an_unknown_algorithm_never_leaves_the_hash_out(alg):
    with pytest.raises(ValueError, match="hash"):
        replace(ID_TOKEN, alg=alg, access_token="at").claims(NOW)


def test_an_access_token_is_for_the_issuer_and_never_for_the_client_by_default():
    assert access_token.HEADER == {"typ": "at+jwt"}
    assert ACCESS_TOKEN.claims(NOW) == {
        "iss": ISSUER,
        "sub": "u1",
        "aud": ISSUER,
        "client_id": "notes",
        "exp": SECONDS + 300,
        "iat": SECONDS,
        "jti": "g1.x",
    }


def test_an_access_token_carries_the_original_sign_in():
    full = replace(
        ACCESS_TOKEN,
        audiences=("https://a.example", "https://b.example"),
        scopes=("openid", "email"),
        auth_time=NOW - timedelta(days=1),
        acr="x",
        amr=("pwd",),
        extra={"groups": ["staff"]},
    )
    found = full.claims(NOW)
    assert found["aud"] == ["https://a.example", "https://b.example"]
    assert (found["scope"], found["auth_time"], found["acr"], found["amr"]) == (
        "openid email",
        SECONDS - 86400,
        "x",
        ["pwd"],
    )
    assert found["groups"] == ["staff"]
    assert not {"nonce", "at_hash"} & set(found)


def test_T26_an_audience_is_never_empty():
    assert audience(("a",)) == "a"
    with pytest.raises(ValueError, match="audience"):
        audience(())


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a", ("a",)), (["a", "b"], ("a", "b")), ([], ()), (None, ()), ({}, ()), (["a", 1], ()), (7, ()), ([["a"]], ())],
)
def test_J12_received_audiences_are_text(value, expected):
    assert audiences_of({"aud": value}) == expected
    assert audiences_of({}) == ()


def test_the_identifier_names_the_grant():
    assert grant_id_of(jti_of("g1", "abc")) == "g1"
    assert grant_id_of(jti_of("g.1", "abc")) == "g.1"
    assert [grant_id_of(jti) for jti in ("abc", "", ".abc", "g1.")] == [None] * 4


def test_a_redirect_token_lives_two_minutes_at_most():
    assert redirect_jwt.HEADER == id_token.HEADER == {"typ": "JWT"}
    found = replace(REDIRECT, lifetime=timedelta(hours=1), nonce="n", person={"email": "a@example.com"}).claims(NOW)
    assert found["exp"] - found["iat"] == 120
    assert (found["aud"], found["jti"], found["nonce"], found["email"]) == ("wiki", "j", "n", "a@example.com")
    assert "nonce" not in REDIRECT.claims(NOW)
    assert "sid" not in found
