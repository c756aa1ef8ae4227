"""Who the client is (RFC 6749 section 2.3; security.md rows T08 to T10, T35)."""

from __future__ import annotations

import base64
import time
from urllib.parse import quote_plus

import pytest
import time_machine

from tests.relying_party import basic


def ask(party, headers=None, **form):
    return party.http("POST", "/oauth/token", {"grant_type": "authorization_code", "code": "x", **form}, headers or {})


def refused(response, error="invalid_client", status=401):
    assert (response.status, response.json["error"]) == (status, error), response.text
    if status == 401:
        assert response.headers["WWW-Authenticate"].startswith("Basic ")


def proven(response):
    """Tell that the client was proven: what is refused then is the made-up code."""
    return response.json["error"] in {"invalid_grant", "invalid_request"} and response.status == 400


def test_form_encoded_basic_credentials_are_understood(party):
    header = (
        "Basic "
        + base64.b64encode(f"{quote_plus(party.client_id)}:{quote_plus(party.client_secret)}".encode()).decode()
    )
    assert proven(ask(party, {"Authorization": header}))
    encoded = "".join(f"%{ord(letter):02X}" for letter in party.client_secret)
    every = "Basic " + base64.b64encode(f"{party.client_id}:{encoded}".encode()).decode()
    assert proven(ask(party, {"Authorization": every}))


@pytest.mark.parametrize(
    "secret",
    ["", "\0", "x", "{short}", "{long}", "{secret} ", " {secret}", "{upper}", "' OR '1'='1", "é", "undefined", "null"],
)
def test_T08_only_the_whole_secret_proves_a_client(party, secret):
    real = party.client_secret
    tried = secret.format(secret=real, short=real[:-1], long=real + "x", upper=real.swapcase())
    response = ask(party, {"Authorization": basic(party.client_id, tried)})
    refused(response)
    response = ask(party, client_id=party.client_id, client_secret=tried)
    assert response.status in {400, 401}
    assert not proven(response) or tried == "\0"


def test_T08_a_confidential_client_always_authenticates(party):
    refused(ask(party, client_id=party.client_id))
    refused(ask(party))
    refused(ask(party, {"Authorization": "Basic " + base64.b64encode(f"{party.client_id}:".encode()).decode()}))


@pytest.mark.parametrize("client_id", ["' OR 1=1 --", "x" * 5000, "[]", "{}", "usr_x", "%00", "../x", "é"])
def test_T08_strange_identifiers_are_no_clients(party, client_id):
    response = ask(party, {"Authorization": basic(client_id, "secret")})
    assert response.status == 401
    assert ask(party, client_id=client_id, client_secret="secret").status in {400, 401}


def test_T08_array_parameters_are_no_parameters(party):
    response = party.http(
        "POST",
        "/oauth/token",
        {"grant_type": "authorization_code", "client_id[]": party.client_id, "client_secret[]": party.client_secret},
        {},
    )
    refused(response)


def test_T08_an_unsigned_assertion_proves_nothing(party):
    response = ask(
        party,
        client_id=party.client_id,
        client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        client_assertion="eyJhbGciOiJub25lIn0.e30.",
    )
    refused(response)


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_T08_a_method_that_was_registered_is_the_only_one(idp, method):
    party = idp.party(token_endpoint_auth_method=method)
    by_basic = ask(party, {"Authorization": basic(party.client_id, party.client_secret)})
    by_form = ask(party, client_id=party.client_id, client_secret=party.client_secret)
    assert proven(by_basic) == (method == "client_secret_basic")
    assert proven(by_form) == (method == "client_secret_post")
    refused(by_form if method == "client_secret_basic" else by_basic)


def test_T08_without_a_registered_method_both_work(party):
    assert proven(ask(party, {"Authorization": basic(party.client_id, party.client_secret)}))
    assert proven(ask(party, client_id=party.client_id, client_secret=party.client_secret))


def test_T08_a_public_client_has_no_secret(idp):
    party = idp.public_party()
    assert party.client_secret is None
    assert proven(ask(party, client_id=party.client_id))
    refused(ask(party, client_id=party.client_id, client_secret="anything"))
    refused(ask(party, {"Authorization": basic(party.client_id, "anything")}))


def test_T09_two_ways_at_once_are_refused(party):
    header = {"Authorization": basic(party.client_id, party.client_secret)}
    refused(ask(party, header, client_secret=party.client_secret), "invalid_request", 400)
    refused(ask(party, header, client_id=party.client_id, client_secret=party.client_secret), "invalid_request", 400)
    assertion = {"client_assertion": "x", "client_assertion_type": "y"}
    refused(ask(party, header, **assertion), "invalid_request", 400)
    refused(ask(party, client_secret=party.client_secret, **assertion), "invalid_request", 400)


def test_T09_two_clients_in_one_request_are_refused(idp, party):
    header = {"Authorization": basic(party.client_id, party.client_secret)}
    refused(ask(party, header, client_id=idp.party().client_id), "invalid_request", 400)
    refused(ask(party, header, client_id=idp.public_party().client_id), "invalid_request", 400)
    assert proven(ask(party, header, client_id=party.client_id))


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b":").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
        "Basic " + base64.b64encode(b"a\0b:c").decode(),
        "Basic " + base64.b64encode(b"%ff:%fe").decode(),
        "Basic " + base64.b64encode(b"a:" + b"x" * 5000).decode(),
        "Bearer abc",
        "Digest username=x",
        "x",
    ],
)
def test_T10_a_malformed_header_is_a_clean_401(party, header):
    refused(ask(party, {"Authorization": header}))


def test_T23_secrets_are_compared_by_fingerprint_in_constant_time(party):
    # The comparison itself is reviewed; seen from outside, a near miss takes as long as a miss.
    near, far = party.client_secret[:-1] + "#", "x"
    times = {near: [], far: []}
    for _ in range(9):
        for secret, found in times.items():
            started = time.perf_counter()
            answer = ask(party, {"Authorization": basic(party.client_id, secret)})
            found.append(time.perf_counter() - started)
            # Not slowed down yet, which would compare nothing.
            assert answer.status == 401
    medians = [sorted(found)[4] for found in times.values()]
    assert max(medians) < min(medians) * 3 + 0.01


def test_T35_guessing_is_slowed_and_the_client_goes_on(idp, party):
    statuses = [ask(party, {"Authorization": basic(party.client_id, f"guess{n}")}).status for n in range(25)]
    assert statuses[:20] == [401] * 20
    assert set(statuses[20:]) == {429}
    last = ask(party, {"Authorization": basic(party.client_id, "guess")})
    assert last.json["error"] == "slow_down"
    assert 1 <= int(last.headers["Retry-After"]) <= 60
    assert proven(ask(party, {"Authorization": basic(party.client_id, party.client_secret)}))
    other = idp.party()
    assert ask(other, {"Authorization": basic(other.client_id, "guess")}).status == 401
    with time_machine.travel(time.time() + 61, tick=False):
        assert ask(party, {"Authorization": basic(party.client_id, "guess")}).status == 401
