"""Authorization requests as signed JWTs (RFC 9101, OpenID Connect Core section 6; security.md rows A23 and A24)."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from urllib.parse import quote, urlencode

import pytest
import time_machine

from idp.settings import OutboundSettings
from tests.app_keys import make_key, segment, unsigned
from tests.listener import listening, say, serving
from tests.protocol import flows
from tests.relying_party import now

LOOPBACK = OutboundSettings(allow=("127.0.0.0/8",))
EVIL = "https://evil.example/callback"


@pytest.fixture
def key():
    return make_key()


@pytest.fixture
def signing(idp, key):
    """A party whose public key is registered by value."""
    return idp.party(jwks=key.jwks)


@pytest.fixture
def signing_for(idp, key):
    """Return a function that makes a party of one response type, whose public key is registered."""

    def make(response_type):
        party = idp.party(jwks=key.jwks, **flows.metadata_for(response_type))
        party.response_type = response_type
        return party

    return make


@pytest.fixture
def reaching(idp_over, make_app):
    """A provider that may reach this machine."""
    return idp_over(make_app(outbound=LOOPBACK))


def claims_of(party, **changes):
    """Return the claims of a request object that holds a whole request; a change to None leaves one out."""
    given = {**party.parameters(), "iss": party.client_id, "aud": party.issuer, "exp": now() + 60, **changes}
    return {name: value for name, value in given.items() if value is not None}


def ask(party, browser, token, method="GET", **outer):
    """Send a request whose parameters stand in *token*, with no more beside it than Core section 6.1 demands."""
    given = {"client_id": party.client_id, "response_type": "code", "scope": "openid", "request": token, **outer}
    given = {name: value for name, value in given.items() if value is not None}
    if method == "POST":
        return browser("POST", "/oauth/authorize", given, {})
    return browser("GET", f"/oauth/authorize?{urlencode(given)}", None, {})


def refusal_of(party, browser, token, **outer):
    """Return the error that a request gets which has the address beside the object, too."""
    answer = ask(party, browser, token, redirect_uri=party.redirect_uri, state="outer", **outer)
    party.pending[-1].state = "outer"
    return party.answer(answer)["error"]


def assert_page(answer, *words):
    assert answer.status == 400
    assert answer.location is None
    for word in words:
        assert word in answer.text


# What is inside counts


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_signed_request_is_answered_as_its_parameters_say(signing, browser, key, method):
    answer = ask(signing, browser, key.sign(claims_of(signing)), method)
    while answer.location.startswith("/"):
        answer = browser("GET", answer.location, None, {})
    given = signing.answer(answer)
    tokens = signing.verified(signing.exchange(given["code"]), nonce=signing.pending[-1].nonce)
    assert tokens.id_claims["sub"]


@pytest.mark.parametrize(
    "alg", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
)
def test_every_algorithm_that_is_advertised_verifies(idp, browser, alg):
    key = make_key(alg)
    party = idp.party(jwks=key.jwks, request_object_signing_alg=alg)
    document = idp.http()("GET", "/.well-known/openid-configuration", None, {}).json
    assert alg in document["request_object_signing_alg_values_supported"]
    assert "none" not in document["request_object_signing_alg_values_supported"]
    assert "code" in party.answer(ask(party, browser, key.sign(claims_of(party), typ="oauth-authz-req+jwt")))


def test_parameters_beside_the_object_do_not_count(signing, browser, key):
    # RFC 9101 section 6.3.
    outer = {
        "state": "outer",
        "redirect_uri": EVIL,
        "prompt": "none login",
        "max_age": "-1",
        "scope": "openid nonsense",
    }
    assert "code" in signing.answer(ask(signing, browser, key.sign(claims_of(signing)), **outer))


def test_what_stands_beside_the_object_alone_is_not_taken(signing, browser, key):
    answer = ask(signing, browser, key.sign(claims_of(signing, state=None)), state="outer")
    signing.pending[-1].state = None
    assert "code" in signing.answer(answer)
    bare = key.sign(claims_of(signing, redirect_uri=None))
    assert_page(ask(signing, browser, bare, redirect_uri=signing.redirect_uri), "redirect_uri")


@pytest.mark.parametrize("response_type", flows.ALL)
def test_oidcc_ensure_request_object_with_redirect_uri(signing_for, browser, key, response_type):
    party = signing_for(response_type)
    token = key.sign(claims_of(party))
    answer = ask(party, browser, token, redirect_uri=EVIL, response_type=response_type)
    assert answer.location.startswith(party.redirect_uri)
    assert party.finish(answer).id_claims


def test_an_address_inside_that_is_not_registered_is_a_page(signing, browser, key):
    token = key.sign(claims_of(signing, redirect_uri=EVIL))
    assert_page(ask(signing, browser, token, redirect_uri=signing.redirect_uri), "redirect")


def test_numbers_lists_and_objects_become_parameters(idp, key, person):
    resource = "https://api.example/a"
    party = idp.party(jwks=key.jwks, resources=[resource, "https://api.example/b"])
    browser = idp.browser(person)
    token = key.sign(
        claims_of(
            party,
            max_age=3600,
            resource=[resource],
            claims={"id_token": {"email": {"essential": True}}},
            login_hint=None,
            nothing=None,
            unheard_of={"a": 1},
        )
        | {"display": None}
    )
    given = party.answer(ask(party, browser, token))
    assert "unheard_of" not in given
    # An unknown claim of whatever type is as an unknown parameter.
    tokens = party.verified(party.exchange(given["code"]), nonce=party.pending[-1].nonce)
    assert tokens.access_claims["aud"] == resource
    assert tokens.id_claims["email"] == person.email


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"scope": ["openid"]}, "scope"),
        ({"state": {"a": 1}}, "state"),
        ({"resource": [1]}, "resource"),
        ({"request": "x"}, "request"),
        ({"request_uri": "https://a.example"}, "request_uri"),
        ({"iss": "somebody"}, "iss"),
        ({"aud": "https://other.example"}, "aud"),
        ({"aud": []}, "aud"),
        ({"aud": {"x": 1}}, "aud"),
        ({"client_id": "other"}, "client_id"),
        ({"response_type": "id_token"}, "response_type"),
        ({"exp": 1}, "expired"),
        ({"exp": "tomorrow"}, "exp"),
        ({"exp": True}, "exp"),
        ({"nbf": now() + 3600}, "nbf"),
        ({"iat": now() + 3600}, "iat"),
    ],
)
def test_a_request_object_that_says_the_wrong_thing_is_refused_with_the_reason(signing, browser, key, changes, word):
    answer = ask(signing, browser, key.sign(claims_of(signing, **changes)), redirect_uri=signing.redirect_uri)
    signing.pending[-1].state = None
    given = signing.answer(answer)
    assert given["error"] == "invalid_request_object"
    assert word in given["error_description"]


def test_a_client_assertion_is_no_request(signing, browser, key):
    token = key.sign(claims_of(signing, sub=signing.client_id))
    assert refusal_of(signing, browser, token) == "invalid_request_object"
    typed = key.sign(claims_of(signing), typ="client-authentication+jwt")
    assert refusal_of(signing, browser, typed) == "invalid_request_object"


@pytest.mark.parametrize("audience", ["{issuer}", ["{issuer}"], ["https://other.example", "{issuer}"], None])
def test_the_audience_is_the_issuer_alone_or_among_others_or_missing(signing, browser, key, audience):
    shown = json.loads(json.dumps(audience).replace("{issuer}", signing.issuer))
    assert "code" in signing.answer(ask(signing, browser, key.sign(claims_of(signing, aud=shown))))


def test_clocks_may_differ_by_a_minute(signing, browser, key):
    for changes in ({"exp": now() - 30}, {"nbf": now() + 30, "iat": now() + 30}):
        assert "code" in signing.answer(ask(signing, browser, key.sign(claims_of(signing, iss=None, **changes))))


def test_both_ways_at_once_are_refused(signing, browser, key):
    token = key.sign(claims_of(signing))
    assert refusal_of(signing, browser, token, request_uri="https://a.example/r") == "invalid_request"


def test_a_request_repeated_is_refused(signing, browser, key):
    token = key.sign(claims_of(signing))
    query = urlencode({"client_id": signing.client_id, "redirect_uri": signing.redirect_uri, "request": token})
    answer = browser("GET", f"/oauth/authorize?{query}&request={quote(token)}", None, {})
    signing.pending[-1].state = None
    assert signing.answer(answer)["error"] == "invalid_request"


def test_an_object_that_fails_is_a_page_where_the_address_is_only_inside(signing, browser, key):
    answer = ask(signing, browser, key.sign(claims_of(signing, exp=1)))
    assert_page(answer, "could not be checked")
    assert "redirect_uri is missing" not in answer.text


def test_a_request_that_waits_for_a_person_is_verified_once(idp, signing, key):
    browser = idp.browser()
    with time_machine.travel(now(), tick=False) as clock:
        answer = ask(signing, browser, key.sign(claims_of(signing, exp=now() + 30)))
        assert answer.status == 303
        idp.sign_in(browser, idp.person())
        clock.shift(timedelta(minutes=10))
        resumed = browser("GET", f"/oauth/authorize/{answer.location.split('interaction=')[1].split('&')[0]}", None, {})
    assert "code" in signing.answer(resumed)


def test_a_client_may_owe_signed_requests(idp, browser, key):
    party = idp.party(jwks=key.jwks, require_signed_request_object=True)
    given = party.answer(party.start(browser))
    assert given["error"] == "invalid_request"
    assert "signed" in given["error_description"]
    assert "code" in party.answer(ask(party, browser, key.sign(claims_of(party))))
    # And the same where a person has to do something in between.
    anonymous = idp.browser()
    waiting = ask(party, anonymous, key.sign(claims_of(party)))
    idp.sign_in(anonymous, idp.person())
    place = waiting.location.split("interaction=")[1].split("&")[0]
    assert "code" in party.answer(anonymous("GET", f"/oauth/authorize/{place}", None, {}))


# A23


@pytest.mark.parametrize("response_type", flows.ALL)
@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE"])
def test_oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported(
    signing_for, browser, alg, response_type
):
    party = signing_for(response_type)
    token = unsigned(claims_of(party), alg)
    assert refusal_of(party, browser, token, response_type=response_type) == "request_not_supported"


def test_A23_an_unsigned_object_never_leads_to_a_bad_address(signing, browser):
    assert_page(ask(signing, browser, unsigned(claims_of(signing)), redirect_uri=EVIL))


def test_A23_only_the_registered_keys_verify(idp, signing, browser, key):
    claims = claims_of(signing)
    stranger = make_key("ES256", kid=key.kid)
    header, payload, signature = key.sign(claims).split(".")
    symmetric = f"{segment({'alg': 'HS256', 'kid': key.kid})}.{payload}"
    secrets = (b"", key.key.as_pem(private=False), signing.client_secret.encode())
    objects = [
        stranger.sign(claims),
        stranger.sign(claims, jwk=stranger.jwk, kid=None),
        *(
            f"{symmetric}.{segment(hmac.new(secret, symmetric.encode(), hashlib.sha256).digest())}"
            for secret in secrets
        ),
        f"{header}.{segment({**claims, 'scope': 'openid email'})}.{signature}",
        f"{header}.{payload}.",
        f"{header}.{payload}.{'A' * len(signature)}",
        key.sign(claims, kid="another"),
        key.sign(claims, crit=["exp"]),
        f"{header}.{payload}.{signature}.x.y",
        json.dumps({"payload": payload, "protected": header, "signature": signature}),
        "x",
        "..",
    ]
    for token in objects:
        assert refusal_of(signing, browser, token) == "invalid_request_object", token


def test_A23_a_key_that_a_header_offers_is_ignored_and_not_fetched(reaching, browser_of):
    key, stranger = make_key(), make_key("ES256")
    party, browser = reaching.party(jwks=key.jwks), browser_of(reaching)
    with listening(say(json.dumps(stranger.jwks).encode())) as (port, asked):
        for name in ("jku", "x5u"):
            token = stranger.sign(claims_of(party), **{name: f"http://127.0.0.1:{port}/keys"})
            assert refusal_of(party, browser, token) == "invalid_request_object"
            good = key.sign(claims_of(party), **{name: f"http://127.0.0.1:{port}/keys"})
            assert "code" in party.answer(ask(party, browser, good))
    assert asked == []


def test_A23_another_clients_key_is_no_key(idp, signing, browser):
    other = make_key("ES256")
    idp.party(jwks=other.jwks)
    assert refusal_of(signing, browser, other.sign(claims_of(signing))) == "invalid_request_object"


def test_A23_the_registered_algorithm_is_the_only_one(idp, browser):
    key = make_key("PS256")
    party = idp.party(jwks=key.jwks, request_object_signing_alg="PS256")
    assert "code" in party.answer(ask(party, browser, key.sign(claims_of(party))))
    assert refusal_of(party, browser, make_key("RS256").sign(claims_of(party))) == "invalid_request_object"


@pytest.mark.parametrize("changes", [{"use": "enc"}, {"alg": "PS256"}, {"use": None, "key_ops": ["encrypt"]}])
def test_a_key_is_used_for_nothing_but_what_it_says(idp, browser, key, changes):
    jwk = {name: value for name, value in {**key.jwk, **changes}.items() if value is not None}
    party = idp.party(jwks={"keys": [jwk]})
    assert refusal_of(party, browser, key.sign(claims_of(party))) == "invalid_request_object"


def test_a_client_without_keys_is_told_that_it_needs_them(party, browser, key):
    answer = ask(party, browser, key.sign(claims_of(party)), redirect_uri=party.redirect_uri)
    party.pending[-1].state = None
    given = party.answer(answer)
    assert given["error"] == "request_not_supported"
    assert "no registered keys" in given["error_description"]


def test_among_several_keys_the_kid_says_which(idp, browser):
    first, second, unnamed = make_key("ES256", "a"), make_key("ES256", "b"), make_key("ES384", None)
    party = idp.party(jwks={"keys": [first.jwk, second.jwk, unnamed.jwk]})
    for key, kid in ((first, "a"), (second, "b"), (second, None), (unnamed, None), (unnamed, "whatever")):
        assert "code" in party.answer(ask(party, browser, key.sign(claims_of(party), kid=kid)))
    assert refusal_of(party, browser, first.sign(claims_of(party), kid="b")) == "invalid_request_object"


# By reference


def by_reference(party, browser, uri, method="GET", **outer):
    return ask(party, browser, None, method, request_uri=uri, **outer)


@pytest.fixture
def referring(reaching, key, browser_of):
    """A provider, a party with two registered request_uris, a browser, and what is served there."""
    documents = {}
    with serving(documents) as (origin, asked):
        party = reaching.party(jwks=key.jwks, request_uris=[f"{origin}/r", f"{origin}/v#1"])
        yield party, browser_of(reaching), origin, documents, asked


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_oidcc_request_uri_signed_rs256(referring, key, method):
    party, browser, origin, documents, asked = referring
    documents["/v"] = key.sign(claims_of(party), typ="oauth-authz-req+jwt")
    answer = by_reference(party, browser, f"{origin}/v#1", method)
    while answer.location.startswith("/"):
        answer = browser("GET", answer.location, None, {})
    assert "code" in party.answer(answer)
    # The fragment says which version it is; it is not sent, and the object is fetched once for the whole request.
    assert asked == ["/v"]


def test_discovery_says_that_request_uris_are_taken_and_registered(idp):
    document = idp.http()("GET", "/.well-known/openid-configuration", None, {}).json
    assert document["request_uri_parameter_supported"] is True
    assert document["require_request_uri_registration"] is True
    assert document["request_parameter_supported"] is True
    assert "RS256" in document["request_object_signing_alg_values_supported"]


def test_an_address_with_a_fragment_is_remembered_and_one_without_is_not(referring, key):
    party, browser, origin, documents, asked = referring
    documents["/r"] = documents["/v"] = key.sign(claims_of(party, exp=None))
    for uri in ("/r", "/r", "/v#1", "/v#1"):
        assert "code" in party.answer(by_reference(party, browser, f"{origin}{uri}"))
    assert asked == ["/r", "/r", "/v"]
    with time_machine.travel(now() + 3600, tick=False):
        by_reference(party, browser, f"{origin}/v#1")
    assert asked == ["/r", "/r", "/v", "/v"]


def test_oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported(referring):
    party, browser, origin, documents, _ = referring
    documents["/r"] = unsigned(claims_of(party))
    answer = by_reference(party, browser, f"{origin}/r", redirect_uri=party.redirect_uri)
    party.pending[-1].state = None
    assert party.answer(answer)["error"] == "request_uri_not_supported"


@pytest.mark.parametrize("found", [None, {"keys": []}, "not a jwt", "x" * 20_000, "é"])
def test_what_is_no_request_object_is_refused(referring, found):
    party, browser, origin, documents, asked = referring
    documents["/r"] = found
    party.parameters(state=None)
    given = party.answer(by_reference(party, browser, f"{origin}/r", redirect_uri=party.redirect_uri))
    assert given["error"] in {"invalid_request_uri", "invalid_request_object"}
    assert "x" * 50 not in given["error_description"]
    assert asked == ["/r"]


@pytest.mark.parametrize(
    "uri", ["{origin}/R", "{origin}/r?", "{origin}/r#1", "{origin}/v", "{origin}/v#2", "{origin}/r/../r"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_A24_a_near_miss_of_a_registered_request_uri_is_never_fetched(referring, uri, method):
    party, browser, origin, _, asked = referring
    party.parameters(state=None)
    answer = by_reference(party, browser, uri.format(origin=origin), method, redirect_uri=party.redirect_uri)
    assert party.answer(answer)["error"] == "invalid_request_uri"
    assert asked == []


@pytest.mark.parametrize("uri", ["http://169.254.169.254/", "file:///etc/passwd", "urn:x", "https://a.example/r#1"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_A24_strange_addresses_are_never_fetched(referring, uri, method):
    # Every connection of this process but to loopback fails the test (tests/conftest.py).
    party, browser, _, _, asked = referring
    party.parameters(state=None)
    answer = by_reference(party, browser, uri, method, redirect_uri=party.redirect_uri)
    assert party.answer(answer)["error"] == "invalid_request_uri"
    assert asked == []


def test_A24_a_registered_address_on_this_machine_is_not_fetched_unless_allowed(idp, key, browser):
    documents = {}
    with serving(documents) as (origin, asked):
        party = idp.party(jwks=key.jwks, request_uris=[f"{origin}/r"])
        documents["/r"] = key.sign(claims_of(party))
        party.parameters(state=None)
        for method in ("GET", "POST"):
            answer = by_reference(party, browser, f"{origin}/r", method, redirect_uri=party.redirect_uri)
            given = party.answer(answer)
            assert given["error"] == "invalid_request_uri"
            assert "IDP_OUTBOUND__ALLOW" in given["error_description"]
        # And the two other ways by which a client's own address could make this server fetch something.
        by_jwks = idp.party(jwks_uri=f"{origin}/keys")
        by_jwks.parameters(state=None)
        answer = ask(by_jwks, browser, key.sign(claims_of(by_jwks)), redirect_uri=by_jwks.redirect_uri)
        by_jwks.pending[-1].state = None
        assert by_jwks.answer(answer)["error"] == "invalid_request_object"
        idp.http()("POST", "/oauth/authorize", {"client_id": party.client_id, "request_uri": f"{origin}/other"}, {})
    assert asked == []


def test_A24_a_redirect_is_not_followed(reaching, key, browser_of):
    with (
        listening(say(b"x")) as (inner, reached),
        listening(say(b"", 302, Location=f"http://127.0.0.1:{inner}/r")) as (port, _),
    ):
        uri = f"http://127.0.0.1:{port}/r"
        party = reaching.party(jwks=key.jwks, request_uris=[uri])
        party.parameters(state=None)
        answer = by_reference(party, browser_of(reaching), uri, redirect_uri=party.redirect_uri)
        assert party.answer(answer)["error"] == "invalid_request_uri"
    assert reached == []


def test_a_client_that_registered_no_request_uris_is_told_so(signing, browser):
    signing.parameters(state=None)
    given = signing.answer(by_reference(signing, browser, "https://a.example/r", redirect_uri=signing.redirect_uri))
    assert given["error"] == "request_uri_not_supported"
    assert "request_uris" in given["error_description"]


# The profile of FAPI 2.0 Message Signing


def test_the_fapi_profile_wants_short_lived_objects(idp, browser):
    key = make_key("PS256")
    party = idp.party(jwks=key.jwks, security_profile="fapi")
    good = {"nbf": now(), "exp": now() + 300}
    assert "code" in party.answer(ask(party, browser, key.sign(claims_of(party, **good))))
    assert "code" in party.answer(ask(party, browser, key.sign(claims_of(party, **good, aud=[party.issuer]))))
    for changes in ({"nbf": None}, {"exp": None}, {"aud": None}, {"nbf": now() - 4000}, {"exp": now() + 4000}):
        token = key.sign(claims_of(party, **{**good, **changes}))
        assert refusal_of(party, browser, token) == "invalid_request_object", changes
    rs256 = make_key("RS256").sign(claims_of(party, **good))
    assert refusal_of(party, browser, rs256) == "invalid_request_object"
