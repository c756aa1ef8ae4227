"""The token endpoint: codes, errors, grants (RFC 6749 sections 3.2 and 5, security.md rows T)."""

from __future__ import annotations

import concurrent.futures
import time
from urllib.parse import quote, urlencode

import pytest
import time_machine
from sqlalchemy import select

from idp.audit.models import AuditEvent
from idp.tokens.models import Grant
from tests.factories import disable_client, disable_person
from tests.relying_party import basic, header_of


def refused(response, error="invalid_grant", status=400):
    assert (response.status, response.json["error"]) == (status, error), response.text
    assert response.headers["Content-Type"] == "application/json"
    assert "no-store" in response.headers["Cache-Control"]
    assert set(response.json) <= {"error", "error_description"}


def userinfo_is_dead(party, access_token):
    response = party.userinfo(access_token)
    return response.status == 401 and 'error="invalid_token"' in response.headers["WWW-Authenticate"]


def test_T01_a_code_is_good_once(party, browser):
    code = party.code(browser)
    assert party.exchange(code).status == 200
    refused(party.exchange(code))


def test_T01_a_code_is_good_once_after_thirty_seconds_too(party, browser):
    code = party.code(browser)
    access = party.exchange(code).json["access_token"]
    with time_machine.travel(time.time() + 30, tick=False):
        refused(party.exchange(code))
        assert userinfo_is_dead(party, access)


def test_T02_a_replay_ends_everything_issued_from_the_code(idp, browser):
    party = idp.offline_party()
    code = party.code(browser)
    first = party.exchange(code).json
    second = party.refresh(first["refresh_token"]).json
    refused(party.exchange(code))
    assert userinfo_is_dead(party, first["access_token"])
    assert userinfo_is_dead(party, second["access_token"])
    refused(party.refresh(second["refresh_token"]))
    assert party.introspect(second["access_token"]).json == {"active": False}
    assert len(idp.rows(select(AuditEvent.id).where(AuditEvent.type == "code.replayed"))) == 1


def test_T03_a_stranger_can_neither_burn_nor_revoke(idp, browser):
    party, stranger = idp.offline_party(), idp.party()
    code = party.code(browser)
    wrong = {"Authorization": basic(party.client_id, "idps_wrong")}
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": party.redirect_uri,
        "code_verifier": party.pending[-1].verifier,
    }

    def strangers_try():
        refused(stranger.token(form))
        refused(party.http("POST", "/oauth/token", form, wrong), "invalid_client", 401)
        refused(party.http("POST", "/oauth/token", {**form, "client_id": party.client_id}, {}), "invalid_client", 401)
        refused(party.exchange(code, code_verifier="x" * 43))
        refused(party.exchange(code, redirect_uri="https://elsewhere.example/"))

    strangers_try()
    tokens = party.exchange(code).json
    strangers_try()
    assert party.userinfo(tokens["access_token"]).status == 200
    assert party.refresh(tokens["refresh_token"]).status == 200


def test_T04_a_code_is_good_for_its_own_client_alone(idp, browser):
    confidential, other = idp.party(), idp.party()
    public, other_public = idp.public_party(), idp.public_party()
    for owner, thief in ((confidential, other), (confidential, public), (public, other_public), (public, confidential)):
        code = owner.code(browser)
        pending = owner.pending[-1]
        thief.pending.append(pending)
        refused(thief.exchange(code))
        assert owner.exchange(code).status == 200


def test_T04_no_other_value_works_as_a_code(idp, browser):
    party = idp.offline_party()
    tokens = party.sign_in(browser)
    for value in (tokens.refresh, tokens.access, tokens.id_token, party.client_secret, party.client_id):
        refused(party.exchange(value))


@pytest.mark.parametrize(
    "redirect_uri",
    ["https://evil.example/", "{}/", "{}?x=1", "{}#", "{} "],
)
def test_T05_the_redirect_uri_is_the_one_of_the_request(party, browser, redirect_uri):
    code = party.code(browser)
    refused(party.exchange(code, redirect_uri=redirect_uri.format(party.redirect_uri)))
    assert party.exchange(code).status == 200


def test_T05_the_redirect_uri_may_not_be_left_out(party, browser):
    refused(party.exchange(party.code(browser), redirect_uri=None), "invalid_request")


@pytest.mark.parametrize(
    "verifier",
    [
        None,
        "",
        "a",
        "a" * 42,
        "a" * 43,
        "a" * 128,
        "a" * 129,
        "{challenge}",
        "{verifier}x",
        "{short}",
        "{verifier}=",
        "{verifier}%00",
        " {verifier}",
        "{verifier}é",
        "{upper}",
    ],
)
def test_T06_only_the_right_verifier_redeems(idp, browser, verifier):
    party = idp.public_party()
    code = party.code(browser)
    real = party.pending[-1].verifier
    tried = verifier and verifier.format(challenge="c" * 43, verifier=real, short=real[:-1], upper=real.swapcase())
    refused(party.exchange(code, code_verifier=tried))
    assert party.exchange(code).status == 200


def test_T06_the_challenge_is_no_verifier(idp, browser):
    party = idp.public_party()
    parameters = party.parameters()
    code = party.answer(browser("GET", f"/oauth/authorize?{urlencode(parameters)}"))["code"]
    refused(party.exchange(code, code_verifier=parameters["code_challenge"]))


def test_T06_a_huge_verifier_is_refused_quickly(party, browser):
    code = party.code(browser)
    started = time.monotonic()
    response = party.exchange(code, code_verifier="v" * 60_000)
    assert response.status == 400
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("seconds", [61, 3600, 86400])
def test_T07_a_code_stays_dead_after_its_time(party, browser, seconds):
    code = party.code(browser)
    with time_machine.travel(time.time() + seconds, tick=False):
        refused(party.exchange(code))


def test_T07_a_clock_that_jumped_back_gives_no_longer_code(party, browser):
    with time_machine.travel(time.time() + 300, tick=False):
        code = party.code(browser)
        assert party.exchange(code).status == 200
        refused(party.exchange(code))


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "PATCH"])
def test_T11_only_post_is_answered(party, method):
    response = party.http(method, "/oauth/token", None, {"Accept": "*/*"})
    assert response.status == 405
    if method != "HEAD":
        assert response.json["error_description"] == "Send this request by POST."


def test_T11_credentials_and_parameters_in_the_query_are_refused(party, browser):
    code = party.code(browser)
    pending = party.pending[-1]
    query = (
        f"grant_type=authorization_code&code={code}&redirect_uri={quote(party.redirect_uri)}"
        f"&code_verifier={pending.verifier}&client_id={party.client_id}&client_secret={party.client_secret}"
    )
    assert party.http("GET", f"/oauth/token?{query}", None, {}).status == 405
    refused(party.http("POST", f"/oauth/token?{query}", {}, {}), "invalid_request")
    refused(party.http("POST", f"/oauth/token?{query}", {"grant_type": "authorization_code"}, {}), "invalid_request")
    assert party.exchange(code).status == 200


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "text/plain", ""])
def test_T12_other_bodies_than_forms_are_refused(client, kind):
    body = b'{"grant_type": "client_credentials"}'
    response = client.post("/oauth/token", data=body, headers={"Content-Type": kind} if kind else {})
    assert response.status_code in {400, 415}
    assert response.content_type == "application/json"
    # Whoever programs against it reads what to do.
    assert "application/x-www-form-urlencoded" in response.json["error_description"]


@pytest.mark.parametrize("name", ["grant_type", "code", "redirect_uri", "code_verifier", "client_id"])
def test_T13_repeated_parameters_are_refused(party, browser, name):
    code = party.code(browser)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": party.redirect_uri,
        "code_verifier": party.pending[-1].verifier,
        "client_id": party.client_id,
    }
    refused(party.token([*form.items(), (name, form[name])]), "invalid_request")
    refused(party.token([*form.items(), (name, "other")]), "invalid_request")
    assert party.exchange(code).status == 200


GRANT_TYPES = [
    "password",
    "implicit",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "urn:ietf:params:oauth:grant-type:saml2-bearer",
    "urn:ietf:params:oauth:grant-type:token-exchange",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:openid:params:grant-type:ciba",
    "client_credentials ",
    "CLIENT_CREDENTIALS",
    "authorization_code,client_credentials",
    "none",
    "x" * 2000,
    "é",
]


@pytest.mark.parametrize("grant_type", GRANT_TYPES)
def test_T14_no_other_grant_is_served(idp, party, grant_type):
    for one in (party, idp.public_party()):
        response = one.token({"grant_type": grant_type, "username": "a", "password": "b", "assertion": "x"})
        refused(response, "unsupported_grant_type")


def test_T14_a_served_grant_needs_to_be_the_clients(idp, party):
    refused(party.token({"grant_type": "client_credentials"}), "unauthorized_client")
    refused(party.token({"grant_type": "refresh_token", "refresh_token": "x"}), "unauthorized_client")
    refused(idp.public_party().token({"grant_type": "client_credentials"}), "unauthorized_client")
    machine = idp.party(grant_types=["client_credentials"], redirect_uris=None, scope="")
    refused(machine.token({"grant_type": "authorization_code", "code": "x"}), "unauthorized_client")


def test_a_missing_grant_type_is_an_invalid_request(party):
    refused(party.token({"code": "x"}), "invalid_request")


@pytest.fixture
def machine(idp):
    return idp.party(
        grant_types=["client_credentials"],
        redirect_uris=None,
        scope="jobs:read jobs:write openid profile",
        resources=["https://api.example/", "https://other.example/"],
    )


def test_T15_client_credentials_never_speak_of_a_person(idp, machine):
    response = machine.token({"grant_type": "client_credentials", "scope": "jobs:read"})
    assert response.status == 200
    assert set(response.json) == {"access_token", "token_type", "expires_in", "scope"}
    tokens = machine.verified(response)
    assert tokens.access_claims["sub"] == machine.client_id
    assert "auth_time" not in tokens.access_claims
    assert machine.userinfo(tokens.access).status in {401, 403}
    refused(machine.token({"grant_type": "client_credentials", "scope": "openid profile"}), "invalid_scope")


def test_client_credentials_write_nothing(idp, machine):
    before = idp.rows(select(Grant.id))
    assert machine.token({"grant_type": "client_credentials"}).status == 200
    assert idp.rows(select(Grant.id)) == before


@pytest.mark.parametrize(
    ("resources", "alg", "aud"),
    [
        ([], "ES256", None),
        (["https://api.example/"], "RS256", "https://api.example/"),
        (
            ["https://api.example/", "https://other.example/"],
            "RS256",
            ["https://api.example/", "https://other.example/"],
        ),
    ],
)
def test_the_audience_and_algorithm_follow_the_resource(idp, machine, resources, alg, aud):
    form = [("grant_type", "client_credentials"), *(("resource", one) for one in resources)]
    tokens = machine.verified(machine.token(form))
    assert tokens.access_claims["aud"] == (aud or idp.issuer)
    assert header_of(tokens.access)["alg"] == alg
    assert tokens.access_claims["aud"] != machine.client_id


def test_a_clients_default_resource_is_meant_when_none_is_named(idp, browser):
    named = {"resources": ["https://a.example", "https://b.example"], "default_resource": "https://b.example"}
    tokens = idp.party(**named).sign_in(browser)
    assert tokens.access_claims["aud"] == "https://b.example"
    assert header_of(tokens.access)["alg"] == "RS256"
    other = idp.party(**named).sign_in(browser, resource="https://a.example")
    assert other.access_claims["aud"] == "https://a.example"


def test_a_clients_own_algorithm_goes_first(idp):
    machine = idp.party(
        grant_types=["client_credentials"], redirect_uris=None, scope="", access_token_signed_response_alg="RS256"
    )
    token = machine.token({"grant_type": "client_credentials"}).json["access_token"]
    assert header_of(token)["alg"] == "RS256"


@pytest.mark.parametrize(
    "resource", ["https://foreign.example/", "https://api.example", "api", "https://api.example/#x"]
)
def test_a_resource_that_is_not_the_clients_is_an_invalid_target(machine, resource):
    refused(machine.token({"grant_type": "client_credentials", "resource": resource}), "invalid_target")


def test_resources_of_a_code_can_be_narrowed_and_not_widened(idp, browser):
    party = idp.offline_party(resources=["https://a.example", "https://b.example"])
    tokens = party.sign_in(browser, resource="https://a.example")
    assert tokens.access_claims["aud"] == "https://a.example"
    assert tokens.id_claims["aud"] == party.client_id
    refused(party.refresh(tokens.refresh, resource="https://b.example"), "invalid_target")
    again = party.verified(party.refresh(tokens.refresh, resource="https://a.example"))
    assert again.access_claims["aud"] == "https://a.example"


def test_T24_unknown_and_known_clients_look_the_same(idp, party):
    known = party.http("POST", "/oauth/token", {"grant_type": "x"}, {"Authorization": basic(party.client_id, "no")})
    unknown = party.http("POST", "/oauth/token", {"grant_type": "x"}, {"Authorization": basic("nobody", "no")})
    disabled = idp.party()
    disable_client(idp.app, disabled.client_id)
    off = disabled.token({"grant_type": "x"})
    for response in (known, unknown, off):
        refused(response, "invalid_client", 401)
    assert known.body == unknown.body == off.body


def test_T25_no_answer_with_a_token_is_kept(party, browser):
    good = party.exchange(party.code(browser))
    bad = party.exchange("x")
    info = party.userinfo(good.json["access_token"])
    for response in (good, bad, info, party.userinfo("x"), party.revoke("x"), party.introspect("x")):
        assert "no-store" in [item.strip() for item in response.headers["Cache-Control"].split(",")]


@pytest.mark.parametrize("disable", ["person", "client"])
def test_T31_who_is_switched_off_gets_nothing_more(idp, person, browser, disable):
    party, watcher = idp.offline_party(), idp.party(resource_server=True)
    tokens = party.sign_in(browser)
    pending_code = party.code(browser)
    if disable == "person":
        disable_person(idp.app, person.id)
    else:
        disable_client(idp.app, party.client_id)
    assert party.refresh(tokens.refresh).status in {400, 401}
    assert party.exchange(pending_code).status in {400, 401}
    assert party.userinfo(tokens.access).status == 401
    assert watcher.introspect(tokens.access).json == {"active": False}
    again = party.start(browser, prompt="none")
    assert "code=" not in (again.location or "")


def test_T31_a_disabled_clients_own_token_is_dead(idp, machine):
    watcher = idp.party(resource_server=True)
    token = machine.token({"grant_type": "client_credentials"}).json["access_token"]
    assert watcher.introspect(token).json["active"] is True
    disable_client(idp.app, machine.client_id)
    assert watcher.introspect(token).json == {"active": False}
    refused(machine.token({"grant_type": "client_credentials"}), "invalid_client", 401)


def test_T33_tokens_of_the_same_second_are_distinct(idp, browser):
    parties = [idp.party() for _ in range(3)]
    with time_machine.travel(time.time(), tick=False):
        found = [party.sign_in(browser) for _ in range(4) for party in parties]
    assert len({tokens.access for tokens in found}) == 12
    assert len({tokens.access_claims["jti"] for tokens in found}) == 12


@pytest.mark.parametrize(
    "form",
    [
        {"grant_type": "authorization_code", "code": "' OR 1=1 --", "redirect_uri": "x"},
        {"grant_type": "authorization_code", "code": "x" * 5000, "redirect_uri": "x"},
        {"grant_type": "authorization_code", "code": "\u0000", "redirect_uri": "x"},
        {"grant_type": "authorization_code", "code": "é😀", "redirect_uri": "é"},
        {"grant_type": "authorization_code", "code": ["x"], "redirect_uri": "x"},
        {"grant_type": "authorization_code", "code[]": "x"},
        {"grant_type": "\ud800x"},
    ],
)
def test_T34_errors_are_json_and_tell_nothing_of_the_inside(party, form):
    form = {name: str(value).encode("utf-8", "surrogatepass").decode("latin-1") for name, value in form.items()}
    response = party.token(form)
    assert response.status == 400
    assert response.headers["Content-Type"] == "application/json"
    for word in ("Traceback", "SELECT", "sqlite", "psycopg", "sqlalchemy", ".py"):
        assert word.lower() not in response.text.lower()


def test_T36_of_twenty_redemptions_at_once_one_succeeds(idp, browser):
    party = idp.offline_party()
    for _ in range(3):
        code = party.code(browser)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _, code=code: party.exchange(code), range(20)))
        assert sorted(answer.status for answer in answers) == [200] + [400] * 19
        assert all(answer.json["error"] == "invalid_grant" for answer in answers if answer.status == 400)


def test_unknown_form_fields_are_ignored(party, browser):
    code = party.code(browser)
    assert party.exchange(code, data="x", state="y").status == 200


def test_two_sign_ins_in_the_same_second_both_work(party, browser):
    first, second = party.sign_in(browser), party.sign_in(browser)
    assert party.userinfo(first.access).status == party.userinfo(second.access).status == 200
