"""Clients that sign who they are: private_key_jwt and client_secret_jwt (RFC 7523; security.md rows T09, T21, T22)."""

from __future__ import annotations

import base64
import concurrent.futures
import hashlib
import hmac
import json
import threading
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from idp.clients.models import ClientSecret
from idp.clock import utc_now
from idp.db import transaction
from idp.outbound import FETCHES_AT_ONCE
from idp.settings import OutboundSettings
from idp.tokens.models import UsedAssertion
from idp.tokens.purge import purge
from tests.app_keys import ASSERTION_TYPE, assertion_claims, make_key, with_secret
from tests.listener import listening, say, serving
from tests.relying_party import basic, now

LOOPBACK = OutboundSettings(allow=("127.0.0.0/8",))
MACHINE = {"grant_types": ["client_credentials"], "redirect_uris": None, "scope": "", "skip_consent": None}


@pytest.fixture
def key():
    return make_key()


@pytest.fixture
def signing(idp, key):
    """A client that acts for itself, and signs with a key that it registered by value."""
    return idp.party(token_endpoint_auth_method="private_key_jwt", jwks=key.jwks, **MACHINE)


def prove(party, token, /, *, path="/oauth/token", headers=None, **form):
    """Ask for a token with *token* as the assertion; a field set to None is left out."""
    given = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": token,
        **form,
    }
    return party.http("POST", path, {name: value for name, value in given.items() if value is not None}, headers or {})


def claims_for(party, **changes):
    return assertion_claims(party.client_id, changes.pop("aud", party.issuer), **changes)


def refused(response, *words, error="invalid_client", status=401):
    assert (response.status, response.json["error"]) == (status, error), response.text
    for word in words:
        assert word in response.json["error_description"], response.text


# What is taken


@pytest.mark.parametrize(
    "alg", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
)
def test_every_advertised_algorithm_proves_a_client(idp, alg):
    document = idp.http()("GET", "/.well-known/openid-configuration", None, {}).json
    assert alg in document["token_endpoint_auth_signing_alg_values_supported"]
    assert "none" not in document["token_endpoint_auth_signing_alg_values_supported"]
    assert {"private_key_jwt", "client_secret_jwt"} <= set(document["token_endpoint_auth_methods_supported"])
    key = make_key(alg)
    party = idp.party(
        token_endpoint_auth_method="private_key_jwt", token_endpoint_auth_signing_alg=alg, jwks=key.jwks, **MACHINE
    )
    assert party.client_secret is None
    assert prove(party, key.sign(claims_for(party), typ="JWT")).status == 200


@pytest.mark.parametrize(
    "typ", [None, "JWT", "jwt", "client-authentication+jwt", "application/client-authentication+jwt"]
)
def test_the_typ_may_say_what_it_is(signing, key, typ):
    assert prove(signing, key.sign(claims_for(signing), typ=typ)).status == 200


@pytest.mark.parametrize(
    "audience",
    ["{issuer}", "{issuer}/oauth/token", ["{issuer}"], ["{issuer}/oauth/token", "https://other.example"]],
)
def test_oidcc_ensure_client_assertion_with_iss_aud_succeeds(signing, key, audience):
    shown = json.loads(json.dumps(audience).replace("{issuer}", signing.issuer))
    assert prove(signing, key.sign(claims_for(signing, aud=shown))).status == 200


def test_the_client_may_be_named_by_the_assertion_alone_or_beside_it(signing, key):
    assert prove(signing, key.sign(claims_for(signing))).status == 200
    assert prove(signing, key.sign(claims_for(signing)), client_id=signing.client_id).status == 200


def test_a_whole_sign_in_by_private_key_jwt(idp, browser, key):
    party = idp.offline_party(token_endpoint_auth_method="private_key_jwt", jwks=key.jwks, skip_consent=True)
    code = party.code(browser)
    pending = party.pending[-1]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": pending.redirect_uri}
    response = prove(party, key.sign(claims_for(party)), **form, code_verifier=pending.verifier)
    tokens = party.verified(response, nonce=pending.nonce)
    again = prove(party, key.sign(claims_for(party)), grant_type="refresh_token", refresh_token=tokens.refresh)
    assert again.status == 200


def test_introspection_and_revocation_take_assertions_for_themselves(signing, key):
    token = prove(signing, key.sign(claims_for(signing))).json["access_token"]
    for audience in (signing.issuer, f"{signing.issuer}/oauth/token", f"{signing.issuer}/oauth/introspect"):
        found = prove(
            signing, key.sign(claims_for(signing, aud=audience)), path="/oauth/introspect", grant_type=None, token=token
        )
        assert found.json["active"] is True
    ended = prove(
        signing,
        key.sign(claims_for(signing, aud=f"{signing.issuer}/oauth/revoke")),
        path="/oauth/revoke",
        grant_type=None,
        token=token,
    )
    assert ended.status == 200
    found = prove(signing, key.sign(claims_for(signing)), path="/oauth/introspect", grant_type=None, token=token)
    assert found.json == {"active": False}


def test_the_address_of_one_endpoint_is_no_audience_at_another(signing, key):
    refused(prove(signing, key.sign(claims_for(signing, aud=f"{signing.issuer}/oauth/revoke"))), "aud")


# T21


def after(seconds):
    return lambda: now() + seconds


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"aud": "https://other.example"}, "aud"),
        ({"aud": "{issuer}/"}, "aud"),
        ({"aud": []}, "aud"),
        ({"aud": 1}, "aud"),
        ({"aud": {"a": 1}}, "aud"),
        ({"exp": None}, "exp"),
        ({"exp": "soon"}, "exp"),
        ({"exp": True}, "exp"),
        ({"exp": after(-120)}, "expired"),
        ({"exp": after(600)}, "five minutes"),
        ({"exp": 10**15}, "five minutes"),
        ({"iat": after(-600)}, "five minutes ago"),
        ({"iat": after(600)}, "iat"),
        ({"nbf": after(600)}, "nbf"),
        ({"jti": None}, "jti"),
        ({"jti": ""}, "jti"),
        ({"jti": 1}, "jti"),
        ({"jti": "x" * 600}, "jti"),
    ],
)
def test_T21_what_an_assertion_says_is_checked_and_named(signing, key, changes, word):
    # Instants are counted from the test's own beginning, not from when it was collected.
    changes = {name: value() if callable(value) else value for name, value in changes.items()}
    aud = changes.get("aud", signing.issuer)
    shown = aud.format(issuer=signing.issuer) if isinstance(aud, str) else aud
    refused(prove(signing, key.sign(claims_for(signing, **{**changes, "aud": shown}))), word)


@pytest.mark.parametrize(
    "changes", [{"sub": None}, {"iss": None}, {"sub": "other"}, {"iss": "other"}, {"iss": 1, "sub": 1}]
)
def test_T21_iss_and_sub_are_both_the_client(signing, key, changes):
    refused(prove(signing, key.sign(claims_for(signing, **changes))), "iss and sub")


def test_T21_clocks_may_differ_by_a_minute(signing, key):
    for changes in ({"exp": now() - 30}, {"nbf": now() + 8}, {"iat": now() + 30}, {"exp": now() + 330}):
        assert prove(signing, key.sign(claims_for(signing, **changes))).status == 200
    assert prove(signing, key.sign(claims_for(signing, exp=now() + 60.5, iat=now() - 0.5))).status == 200


def b64(value):
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_T21_only_a_registered_key_and_algorithm_proves(signing, key):
    claims = claims_for(signing)
    stranger = make_key("ES256", kid=key.kid)
    header, payload, signature = key.sign(claims).split(".")
    symmetric = f"{b64({'alg': 'HS256', 'kid': key.kid})}.{payload}"
    pem = key.key.as_pem(private=False)
    tokens = [
        f"{b64({'alg': 'none'})}.{payload}.",
        f"{b64({'alg': 'nOnE'})}.{payload}.{signature}",
        f"{symmetric}.{b64(hmac.new(pem, symmetric.encode(), hashlib.sha256).digest())}",
        f"{symmetric}.{b64(hmac.new(b'', symmetric.encode(), hashlib.sha256).digest())}",
        stranger.sign(claims),
        stranger.sign(claims, jwk=stranger.jwk, kid=None),
        key.sign(claims, kid="unknown"),
        key.sign(claims, crit=["exp"]),
        key.sign(claims, typ="oauth-authz-req+jwt"),
        f"{header}.{payload}.",
        f"{header}.{payload}.{'A' * len(signature)}",
        f"{header}.{payload}.{signature}.x.y",
        "x",
        "..",
        "x" * 17_000,
    ]
    for token in tokens:
        response = prove(signing, token)
        assert response.status in {400, 401}, token
        assert response.json["error"] in {"invalid_client", "invalid_request"}
    # None of that used the identifier up.
    assert prove(signing, key.sign(claims)).status == 200


def test_T21_an_assertion_is_good_once(signing, key):
    token = key.sign(claims_for(signing))
    assert prove(signing, token).status == 200
    refused(prove(signing, token), "jti")
    refused(prove(signing, key.sign(claims_for(signing, jti=json.loads(_payload(token))["jti"]))), "jti")


def test_T21_one_clients_jti_is_another_ones_to_use(idp, signing, key):
    other = idp.party(token_endpoint_auth_method="private_key_jwt", jwks=key.jwks, **MACHINE)
    for party in (signing, other):
        assert prove(party, key.sign(claims_for(party, jti="the same"))).status == 200


def test_T21_a_jti_is_remembered_until_its_assertion_has_expired(idp, signing, key):
    with time_machine.travel(now(), tick=False) as clock:
        token = key.sign(claims_for(signing, exp=now() + 300))
        assert prove(signing, token).status == 200
        for seconds in (200, 100, 55):
            clock.shift(timedelta(seconds=seconds))
            refused(prove(signing, token))
        [(fingerprint, expires_at)] = idp.rows(select(UsedAssertion.fingerprint, UsedAssertion.expires_at))
        assert 300 + 60 <= expires_at.timestamp() - (now() - 355) <= 300 + 62
        assert len(fingerprint) == 64


def test_T21_of_many_uses_at_once_one_succeeds(signing, key):
    for _ in range(3):
        token = key.sign(claims_for(signing))
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(lambda _, token=token: prove(signing, token).status, range(12)))
        assert sorted(statuses) == [200] + [401] * 11


def test_what_has_expired_is_purged(idp, signing, key):
    assert prove(signing, key.sign(claims_for(signing))).status == 200
    for minutes, left in ((1, 1), (3, 0)):
        with idp.app.app_context(), transaction() as session:
            purge(session, utc_now() + timedelta(minutes=minutes))
        assert len(idp.rows(select(UsedAssertion.fingerprint))) == left


def test_T22_a_jti_is_used_up_for_every_instance(idp, idp_over, make_app, signing, key):
    token = key.sign(claims_for(signing))
    second = idp_over(make_app())
    assert prove(signing, token).status == 200
    signing.http = second.http()
    refused(prove(signing, token), "jti")


def test_T21_a_refused_grant_uses_the_assertion_up_all_the_same(signing, key):
    token = key.sign(claims_for(signing))
    assert prove(signing, token, grant_type="authorization_code").status == 400
    refused(prove(signing, token), "jti")


def test_T24_whose_key_is_wrong_looks_like_nobody(signing, key):
    stranger = make_key("ES256")
    wrong = prove(signing, stranger.sign(claims_for(signing)))
    unknown = prove(signing, stranger.sign({**claims_for(signing), "iss": "nobody", "sub": "nobody"}))
    assert (wrong.status, wrong.json) == (unknown.status, unknown.json)


# T09: one way, and the registered one


def test_T09_an_assertion_beside_another_way_is_refused(idp, signing, key):
    secretive = idp.party(**MACHINE)
    header = {"Authorization": basic(secretive.client_id, secretive.client_secret)}
    token = key.sign(claims_for(signing))
    refused(prove(signing, token, headers=header), error="invalid_request", status=400)
    refused(prove(signing, token, client_secret="x"), error="invalid_request", status=400)
    refused(prove(signing, token, client_id=secretive.client_id), error="invalid_request", status=400)


@pytest.mark.parametrize(
    "form", [{"client_assertion_type": None}, {"client_assertion_type": "x"}, {"client_assertion": None}]
)
def test_T09_half_an_assertion_is_refused(signing, key, form):
    refused(prove(signing, key.sign(claims_for(signing)), **form), "client_assertion_type")


def test_T09_a_key_client_has_no_other_way_in(signing):
    for headers, form in (
        ({}, {"client_id": signing.client_id}),
        ({}, {"client_id": signing.client_id, "client_secret": "x"}),
        ({"Authorization": basic(signing.client_id, "x")}, {}),
        ({"Authorization": basic(signing.client_id, "")}, {}),
    ):
        refused(signing.http("POST", "/oauth/token", {"grant_type": "client_credentials", **form}, headers))


def test_T08_a_secret_client_proves_nothing_by_its_key(idp, key):
    party = idp.party(jwks=key.jwks, **MACHINE)
    refused(prove(party, key.sign(claims_for(party))))
    refused(prove(party, with_secret(party.client_secret).sign(claims_for(party))))


# client_secret_jwt


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_a_client_may_sign_with_its_secret(idp, alg):
    document = idp.http()("GET", "/.well-known/openid-configuration", None, {}).json
    assert alg in document["token_endpoint_auth_signing_alg_values_supported"]
    party = idp.party(token_endpoint_auth_method="client_secret_jwt", **MACHINE)
    key = with_secret(party.client_secret, alg)
    assert prove(party, key.sign(claims_for(party))).status == 200
    refused(prove(party, with_secret(party.client_secret[:-1] + "x", alg).sign(claims_for(party))))
    # The secret itself is not sent by such a client.
    refused(
        party.http(
            "POST",
            "/oauth/token",
            {"grant_type": "client_credentials"},
            {"Authorization": basic(party.client_id, party.client_secret)},
        ),
        "client_secret_jwt",
    )


def test_a_registered_hmac_algorithm_is_the_only_one(idp):
    party = idp.party(
        token_endpoint_auth_method="client_secret_jwt", token_endpoint_auth_signing_alg="HS512", **MACHINE
    )
    refused(prove(party, with_secret(party.client_secret, "HS256").sign(claims_for(party))))
    assert prove(party, with_secret(party.client_secret, "HS512").sign(claims_for(party))).status == 200


def test_a_short_chosen_secret_is_no_key_for_a_long_hash(idp):
    party = idp.party(token_endpoint_auth_method="client_secret_jwt", client_secret="x" * 40, **MACHINE)
    assert prove(party, with_secret("x" * 40, "HS256").sign(claims_for(party))).status == 200
    refused(prove(party, with_secret("x" * 40, "HS512").sign(claims_for(party))))


def test_C03_only_a_secret_that_is_signed_with_is_kept_and_only_encrypted(idp):
    signs = idp.party(token_endpoint_auth_method="client_secret_jwt", **MACHINE)
    sends = idp.party(**MACHINE)
    kept = dict(idp.rows(select(ClientSecret.client_id, ClientSecret.envelope)))
    assert kept[sends.client_id] is None
    assert kept[signs.client_id].startswith("v1:")
    assert signs.client_secret not in kept[signs.client_id]


def test_T35_guessing_a_secret_by_signing_is_slowed_too(idp):
    party = idp.party(token_endpoint_auth_method="client_secret_jwt", **MACHINE)
    statuses = [prove(party, with_secret("x" * 64).sign(claims_for(party))).status for _ in range(22)]
    assert statuses[:20] == [401] * 20
    assert statuses[-1] == 429
    assert prove(party, with_secret(party.client_secret).sign(claims_for(party))).status == 200


# Keys by address


@pytest.fixture
def rotating(idp_over, make_app):
    """A provider that may reach this machine, a client with a jwks_uri there, what is served, and what was asked."""
    provider = idp_over(make_app(outbound=LOOPBACK))
    documents = {}
    with serving(documents) as (origin, asked):
        party = provider.party(token_endpoint_auth_method="private_key_jwt", jwks_uri=f"{origin}/keys", **MACHINE)
        yield party, documents, asked


def test_oidcc_registration_jwks_uri(rotating, key):
    party, documents, asked = rotating
    documents["/keys"] = key.jwks
    for _ in range(3):
        assert prove(party, key.sign(claims_for(party))).status == 200
    assert asked == ["/keys"]


def test_oidcc_refresh_token_rp_key_rotation(idp_over, make_app):
    provider = idp_over(make_app(outbound=LOOPBACK))
    old, new = make_key("ES256", "old"), make_key("ES256", "new")
    documents = {"/keys": old.jwks}
    with serving(documents) as (origin, _), time_machine.travel(now(), tick=True) as clock:
        party = provider.offline_party(
            token_endpoint_auth_method="private_key_jwt", jwks_uri=f"{origin}/keys", skip_consent=True
        )
        code, pending = party.code(provider.browser(provider.person())), party.pending[-1]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": pending.redirect_uri}
        response = prove(party, old.sign(claims_for(party)), **form, code_verifier=pending.verifier)
        refresh = party.verified(response, nonce=pending.nonce).refresh
        documents["/keys"] = new.jwks
        clock.shift(timedelta(seconds=60))
        response = prove(party, new.sign(claims_for(party)), grant_type="refresh_token", refresh_token=refresh)
        assert response.status == 200
        refused(prove(party, old.sign(claims_for(party))))


def test_an_unknown_key_is_looked_for_once_a_minute(rotating):
    party, documents, asked = rotating
    first, second, third = (make_key("ES256", name) for name in "abc")
    documents["/keys"] = first.jwks
    with time_machine.travel(now(), tick=False) as clock:
        assert prove(party, first.sign(claims_for(party))).status == 200
        documents["/keys"] = second.jwks
        assert prove(party, second.sign(claims_for(party))).status == 200
        documents["/keys"] = third.jwks
        for _ in range(5):
            refused(prove(party, third.sign(claims_for(party))))
        assert len(asked) == 2
        clock.shift(timedelta(seconds=61))
        assert prove(party, third.sign(claims_for(party))).status == 200
        assert len(asked) == 3


def test_requests_at_once_fetch_once(rotating):
    party, documents, asked = rotating
    for place, name in enumerate("ab", 1):
        key = make_key("ES256", name)
        documents["/keys"] = key.jwks
        tokens = [key.sign(claims_for(party)) for _ in range(10)]
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            assert {answer.status for answer in pool.map(lambda token: prove(party, token), tokens)} == {200}
        # Ten that know no keys yet, and ten with a key that is not known yet.
        assert len(asked) == place


def test_keys_that_cannot_be_fetched_are_asked_for_again_after_a_while(rotating, key):
    party, documents, asked = rotating
    with time_machine.travel(now(), tick=False) as clock:
        for _ in range(3):
            refused(prove(party, key.sign(claims_for(party))))
        assert len(asked) == 1
        documents["/keys"] = key.jwks
        clock.shift(timedelta(seconds=11))
        assert prove(party, key.sign(claims_for(party))).status == 200


def test_known_keys_serve_on_for_a_day_while_their_address_is_away(rotating, key):
    party, documents, _ = rotating
    documents["/keys"] = key.jwks
    with time_machine.travel(now(), tick=False) as clock:
        assert prove(party, key.sign(claims_for(party))).status == 200
        documents.clear()
        clock.shift(timedelta(hours=23))
        assert prove(party, key.sign(claims_for(party))).status == 200
        clock.shift(timedelta(hours=2))
        refused(prove(party, key.sign(claims_for(party))))


def test_keys_are_fetched_again_when_they_are_old(rotating, key):
    party, documents, asked = rotating
    documents["/keys"] = key.jwks
    with time_machine.travel(now(), tick=False) as clock:
        for hours in (0, 0, 2):
            clock.shift(timedelta(hours=hours))
            assert prove(party, key.sign(claims_for(party))).status == 200
    assert len(asked) == 2


@pytest.mark.parametrize(
    "document",
    ["nonsense", {}, {"keys": "x"}, {"keys": []}, {"keys": [{"kty": "oct", "k": "AAAA"}]}, {"keys": [1]}],
)
def test_an_address_without_usable_keys_proves_nobody(rotating, key, document):
    party, documents, _ = rotating
    documents["/keys"] = document
    refused(prove(party, key.sign(claims_for(party))))


def test_keys_that_cannot_be_used_are_passed_over(rotating, key):
    party, documents, _ = rotating
    private = key.key.as_dict(private=True)
    documents["/keys"] = {"keys": [{"kty": "oct", "k": "AAAA"}, {"kty": "new"}, {**private, "kid": "p"}, key.jwk]}
    assert prove(party, key.sign(claims_for(party))).status == 200
    documents["/keys"] = {"keys": [key.jwk] * 21}
    refused(prove(party, make_key("ES256").sign(claims_for(party))))


def test_R02_a_jwks_uri_on_this_machine_is_not_fetched_unless_allowed(idp, key):
    with serving({"/keys": key.jwks}) as (origin, asked):
        party = idp.party(token_endpoint_auth_method="private_key_jwt", jwks_uri=f"{origin}/keys", **MACHINE)
        refused(prove(party, key.sign(claims_for(party))))
    assert asked == []


def test_R02_a_client_whose_keys_are_slow_to_come_holds_up_few_others(idp_over, make_app, key):
    until, reached = threading.Event(), threading.Event()

    def hang(handler):
        reached.set()
        until.wait(4)
        say(json.dumps(key.jwks).encode())(handler)

    provider = idp_over(make_app(outbound=LOOPBACK))
    with listening(hang) as (port, asked), concurrent.futures.ThreadPoolExecutor(FETCHES_AT_ONCE + 2) as pool:
        party = provider.party(
            token_endpoint_auth_method="private_key_jwt", jwks_uri=f"http://127.0.0.1:{port}/keys", **MACHINE
        )
        tokens = [key.sign(claims_for(party)) for _ in range(FETCHES_AT_ONCE + 2)]
        sent = [pool.submit(prove, party, token) for token in tokens]
        assert reached.wait(3)
        early, late = concurrent.futures.wait(sent, timeout=1.8)
        until.set()
        answers = [one.result() for one in late]

    for one in early:
        refused(one.result())
    # One fetches, the others that may wait for it are served by what it brings.
    assert (len(early), [answer.status for answer in answers]) == (2, [200] * FETCHES_AT_ONCE)
    assert asked == ["/keys"]


# The fapi profile


def test_the_fapi_profile_takes_the_issuer_alone_as_audience(idp):
    key = make_key("PS256")
    party = idp.party(token_endpoint_auth_method="private_key_jwt", jwks=key.jwks, security_profile="fapi", **MACHINE)
    assert prove(party, key.sign(claims_for(party))).status == 200
    for audience in ([party.issuer], f"{party.issuer}/oauth/token", [party.issuer, f"{party.issuer}/oauth/token"]):
        refused(prove(party, key.sign(claims_for(party, aud=audience))), "single string")
    refused(prove(party, make_key("RS256").sign(claims_for(party))))


def _payload(token):
    part = token.split(".")[1]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
