"""The token API: names and passwords in, a pair of tokens out; held against the package itself in tests/clients."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import jwt
import pytest
from sqlalchemy import select

from idp import clock
from idp.audit.log import COMMAND_LINE
from idp.audit.models import AuditEvent
from idp.db import transaction
from idp.errors import FieldErrors
from idp.keys import canary
from idp.keys.ledger import Ledger
from idp.keys.models import SignedFor
from idp.protocol.access_token import grant_id_of
from idp.settings import Settings
from idp.tokens.models import RefreshToken
from idp.web.current import service
from tests import factories
from tests.keyring import keys_of, of

ORIGIN = "https://spa.example"
API = "https://api.example"
PASSWORD = "correct horse battery staple"
CLIENT = {
    "token_endpoint_auth_method": "none",
    "grant_types": [],
    "response_types": [],
    "redirect_uris": [],
    "scope": "",
    "skip_consent": True,
    "resources": [API],
    "default_resource": API,
}
WRONG = {"detail": "No active account found with the given credentials"}
DEAD = {"detail": "Token is blacklisted", "code": "token_not_valid"}


@pytest.fixture
def switched_on(idp):
    """Return a function that turns the token API on."""
    return lambda **changes: idp.client(**CLIENT, token_api={"origins": [ORIGIN], **changes})


@pytest.fixture
def ana(idp):
    return idp.person("ana", password=PASSWORD)


@pytest.fixture
def call(idp):
    """Return a function that sends JSON to the token API as the app's pages do."""

    def send(path, body, *, origin=ORIGIN, **more):
        client = idp.app.test_client(use_cookies=False)
        headers = {} if origin is None else {"Origin": origin}
        data = body if isinstance(body, str | bytes) else json.dumps(body)
        given = {"content_type": "application/json", "base_url": idp.issuer, "headers": headers, **more}
        return client.post(f"/api/token/{path}", data=data, **given)

    return send


@pytest.fixture
def pair(ana, call):
    """Return a function that signs Ana in."""

    def sign_in():
        answer = call("", {"username": "ana", "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        assert set(answer.json) == {"access", "refresh"}
        return answer.json

    return sign_in


def read(token):
    return jwt.decode(token, options={"verify_signature": False})


def test_it_is_off_until_an_app_has_it(idp, ana, call):
    idp.client()
    for path in ("", "refresh/", "verify/", "blacklist/"):
        answer = call(path, {"username": "ana", "password": PASSWORD})
        assert (answer.status_code, answer.json) == (404, {"detail": "Not found."})
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_password_is_answered_with_a_pair(idp, switched_on, ana, pair):
    made, tokens = switched_on(), pair()
    keys = jwt.PyJWKSet.from_dict(idp.http()("GET", "/oauth/jwks", None, {}).json)
    for kind, audience, lifetime in (("access", API, 300), ("refresh", idp.issuer, 86400)):
        header = jwt.get_unverified_header(tokens[kind])
        key = next(key for key in keys.keys if key.key_id == header["kid"])
        claims = jwt.decode(tokens[kind], key, algorithms=["RS256"], audience=audience, issuer=idp.issuer)
        assert (claims["token_type"], claims["user_id"], claims["sub"]) == (kind, ana.id, ana.id)
        assert claims["exp"] - claims["iat"] == lifetime
        assert claims["client_id"] == made.client_id
    assert jwt.get_unverified_header(tokens["access"])["typ"] == "at+jwt"
    assert read(tokens["access"])["amr"] == ["pwd"]
    assert idp.rows(select(AuditEvent.type).where(AuditEvent.type == "person.signed_in")) == [("person.signed_in",)]


def test_L16_whoever_has_to_choose_a_new_password_gets_nothing_here(idp, switched_on, call):
    switched_on()
    idp.person("bob", password=PASSWORD, must_change_password=True)
    answer = call("", {"username": "bob", "password": PASSWORD})
    assert (answer.status_code, answer.json["code"]) == (401, "password_change_required")
    assert answer.json["url"] == f"{idp.issuer}/login"
    wrong = call("", {"username": "bob", "password": "wrong"})
    assert wrong.json == WRONG


def test_an_unknown_a_wrong_and_a_disabled_one_are_answered_alike(idp, switched_on, ana, call):
    switched_on()
    gone = idp.person("gone", password=PASSWORD)
    factories.disable_person(idp.app, gone.id)
    for username, password in (("nobody", PASSWORD), ("ana", "wrong"), ("gone", PASSWORD)):
        answer = call("", {"username": username, "password": password})
        assert (answer.status_code, answer.json) == (401, WRONG)
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'
        assert answer.headers["Cache-Control"] == "no-store"


def test_failures_slow_down_as_on_the_login_page(switched_on, ana, call):
    switched_on()
    answers = [call("", {"username": "ana", "password": "wrong"}) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    # What is right is not tried either, until the wait is over.
    refused = call("", {"username": "ana", "password": PASSWORD})
    seconds = int(refused.headers["Retry-After"])
    unit = "second" if seconds == 1 else "seconds"
    assert refused.json == {"detail": f"Request was throttled. Expected available in {seconds} {unit}."}


def test_a_right_password_of_a_disabled_person_stays_counted(idp, switched_on, call):
    switched_on()
    gone = idp.person("gone", password=PASSWORD)
    factories.disable_person(idp.app, gone.id)
    statuses = [call("", {"username": "gone", "password": PASSWORD}).status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ("{}", {"username": ["This field is required."], "password": ["This field is required."]}),
        (
            '{"username": "", "password": " "}',
            {name: ["This field may not be blank."] for name in ("username", "password")},
        ),
        ('{"username": null, "password": "x"}', {"username": ["This field may not be null."]}),
        ('{"username": [1], "password": true}', {name: ["Not a valid string."] for name in ("username", "password")}),
        ("null", {"non_field_errors": ["No data provided"]}),
        ("[]", {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}),
        ("", {"username": ["This field is required."], "password": ["This field is required."]}),
        (
            '{"token": }',
            {"detail": "JSON parse error - Expecting value: line 1 column 11 (char 10)"},
        ),
    ],
)
def test_what_cannot_be_read_is_refused_by_field(switched_on, call, body, refused):
    switched_on()
    answer = call("", body)
    assert (answer.status_code, answer.json) == (400, refused)


def test_a_form_is_taken_and_nothing_else(switched_on, ana, call):
    switched_on()
    form = "username=ana&password=correct+horse+battery+staple"
    assert call("", form, content_type="application/x-www-form-urlencoded").status_code == 200
    refused = call("", form, content_type="text/plain")
    assert (refused.status_code, refused.json) == (415, {"detail": 'Unsupported media type "text/plain" in request.'})


def test_another_method_is_refused_in_the_words_of_the_package(idp, switched_on):
    switched_on()
    client = idp.app.test_client(use_cookies=False)
    for path in ("", "refresh/", "verify/", "blacklist/"):
        answer = client.get(f"/api/token/{path}", base_url=idp.issuer)
        assert (answer.status_code, answer.json) == (405, {"detail": 'Method "GET" not allowed.'})
        assert sorted(answer.headers["Allow"].split(", ")) == ["OPTIONS", "POST"]
    assert "detail" not in client.get("/oauth/token", base_url=idp.issuer, headers={"Accept": "*/*"}).json


def test_a_refresh_hands_out_the_next_one(switched_on, pair, call):
    switched_on()
    before = pair()
    after = call("refresh/", {"refresh": before["refresh"]}).json
    assert set(after) == {"access", "refresh"}
    assert read(after["refresh"])["jti"] != read(before["refresh"])["jti"]
    assert call("refresh/", {"refresh": after["refresh"]}).status_code == 200


def test_without_rotation_one_refresh_token_stays(switched_on, pair, call):
    switched_on(rotate=False)
    tokens = pair()
    for _ in range(3):
        answer = call("refresh/", {"refresh": tokens["refresh"]})
        assert (answer.status_code, set(answer.json)) == (200, {"access"})


def test_a_replayed_refresh_token_ends_its_family(idp, switched_on, pair, call):
    switched_on()
    first = pair()["refresh"]
    second = call("refresh/", {"refresh": first}).json["refresh"]
    third = call("refresh/", {"refresh": second}).json["refresh"]
    assert call("refresh/", {"refresh": first}).json == DEAD
    assert call("refresh/", {"refresh": third}).json == DEAD
    assert idp.rows(select(AuditEvent.type).where(AuditEvent.type == "refresh_token.replayed"))


def test_ten_refreshes_at_once_leave_the_person_signed_in(switched_on, pair, call):
    switched_on()
    token = pair()["refresh"]
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: call("refresh/", {"refresh": token}), range(10)))
    assert [answer.status_code for answer in answers] == [200] * 10
    successors = {read(answer.json["refresh"])["jti"] for answer in answers}
    assert len(successors) == 1
    assert call("refresh/", {"refresh": answers[0].json["refresh"]}).status_code == 200


def test_only_fingerprints_of_refresh_tokens_are_kept(idp, switched_on, pair):
    switched_on()
    token = pair()["refresh"]
    (kept,) = idp.rows(select(RefreshToken.fingerprint))
    assert read(token)["jti"] not in kept[0]
    assert token not in kept[0]


def test_signing_out_ends_both_tokens(switched_on, pair, call):
    switched_on()
    tokens = pair()
    assert call("verify/", {"token": tokens["access"]}).json == {}
    assert call("verify/", {"token": tokens["refresh"]}).json == {}
    gone = call("blacklist/", {"refresh": tokens["refresh"]})
    assert (gone.status_code, gone.json) == (200, {})
    for path in ("refresh/", "blacklist/"):
        answer = call(path, {"refresh": tokens["refresh"]})
        assert (answer.status_code, answer.json) == (401, DEAD)
    for token in tokens.values():
        answer = call("verify/", {"token": token})
        assert (answer.status_code, answer.json) == (400, {"non_field_errors": ["Token is blacklisted"]})


def test_a_disabled_person_gets_nothing_more(idp, switched_on, ana, pair, call):
    switched_on()
    tokens = pair()
    factories.disable_person(idp.app, ana.id)
    answer = call("refresh/", {"refresh": tokens["refresh"]})
    assert (answer.status_code, answer.json) == (401, {"detail": "No active account found for the given token."})
    assert call("verify/", {"token": tokens["access"]}).status_code == 400


def test_each_token_is_taken_in_its_own_place_alone(idp, switched_on, ana, pair, call, forgeries):
    switched_on()
    tokens = pair()
    wrong = {"detail": "Token has wrong type", "code": "token_not_valid"}
    invalid = {"detail": "Token is invalid", "code": "token_not_valid"}
    assert call("refresh/", {"refresh": tokens["access"]}).json == wrong
    assert call("blacklist/", {"refresh": tokens["access"]}).json == wrong
    for forged in (*forgeries(tokens["refresh"]), *forgeries(tokens["access"]), "nonsense"):
        assert call("verify/", {"token": forged}).json == invalid
        assert call("refresh/", {"refresh": forged}).json == invalid
    # The JWT is no bearer token, and what stands in it is no refresh token of OAuth.
    bearer = {"Authorization": f"Bearer {tokens['refresh']}"}
    assert idp.http()("GET", "/oauth/userinfo", None, bearer).status == 401
    other = idp.offline_party().sign_in(idp.browser(ana), prompt="consent")
    for token in (other.access, other.refresh, other.id_token):
        assert call("refresh/", {"refresh": token}).json == invalid
        assert call("verify/", {"token": token}).json == invalid


def test_a_refresh_token_of_the_api_is_none_at_the_token_endpoint(idp, pair, call):
    made = idp.client(
        token_endpoint_auth_method="none",
        skip_consent=True,
        scope="openid offline_access",
        grant_types=["authorization_code", "refresh_token"],
        token_api={"origins": [ORIGIN]},
    )
    token = pair()["refresh"]
    for presented in (token, read(token)["jti"]):
        form = {"grant_type": "refresh_token", "refresh_token": presented, "client_id": made.client_id}
        answer = idp.http()("POST", "/oauth/token", form, {})
        assert (answer.status, answer.json["error"]) == (400, "invalid_grant")
    assert call("refresh/", {"refresh": token}).status_code == 200


def test_an_expired_token_is_said_to_be_expired(switched_on, pair, call, monkeypatch):
    switched_on()
    tokens = pair()
    later = clock.utc_now() + timedelta(days=1, seconds=1)
    monkeypatch.setattr(clock, "utc_now", lambda: later)
    expired = {"detail": "Token is expired", "code": "token_not_valid"}
    assert call("refresh/", {"refresh": tokens["refresh"]}).json == expired
    assert call("verify/", {"token": tokens["access"]}).json == expired


def test_pages_of_the_registered_origins_alone_are_heard(idp, switched_on, ana, call):
    switched_on()
    right = {"username": "ana", "password": PASSWORD}
    answer = call("", right)
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert call("", right, origin=None).status_code == 200
    for origin in ("null", "https://spa.example.evil", "http://spa.example", "https://spa.example:8443", idp.issuer):
        refused = call("", right, origin=origin)
        assert refused.status_code == 403
        assert "Access-Control-Allow-Origin" not in refused.headers


def test_preflights_are_answered_for_the_registered_origins_alone(idp, switched_on):
    switched_on()
    client = idp.app.test_client(use_cookies=False)
    for origin, allowed in ((ORIGIN, "POST"), ("https://evil.example", None)):
        for path in ("", "refresh/", "verify/", "blacklist/"):
            answer = client.options(f"/api/token/{path}", headers={"Origin": origin}, base_url=idp.issuer)
            assert answer.status_code == 204
            assert answer.headers.get("Access-Control-Allow-Methods") == allowed


def test_the_cookie_of_a_session_opens_nothing(idp, switched_on, ana):
    switched_on()
    browser = idp.browser(ana).client
    answer = browser.post("/api/token/", json={"username": "ana", "password": "wrong"}, base_url=idp.issuer)
    assert answer.status_code == 401


def test_switching_the_app_off_ends_it_all(idp, switched_on, pair, call):
    made = switched_on()
    tokens = pair()
    factories.disable_client(idp.app, made.client_id)
    assert call("refresh/", {"refresh": tokens["refresh"]}).status_code == 404


def test_access_tokens_name_their_grant(switched_on, pair):
    switched_on()
    assert grant_id_of(read(pair()["access"])["jti"])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"token_api": {"origins": ["https://spa.example/"]}}, "token_api.origins"),
        ({"token_api": {"origins": ["*"]}}, "token_api.origins"),
        ({"token_api": {"origins": ["http://spa.example"]}}, "token_api.origins"),
        ({"token_api": {"origin": []}}, "token_api.origin"),
        ({"token_api": {"rotate": "yes"}}, "token_api.rotate"),
        ({"token_api": {"refresh_cookie": True}}, "token_api.refresh_cookie"),
        ({"token_api": {}, "skip_consent": False}, "token_api"),
        ({"token_api": {}, "token_endpoint_auth_method": "client_secret_basic"}, "token_api"),
        ({"token_api": {}, "subject_type": "pairwise"}, "token_api"),
    ],
)
def test_what_cannot_be_registered(idp, changes, field):
    with pytest.raises(FieldErrors) as refused:
        idp.client(**CLIENT | changes)
    assert field in refused.value.fields


def test_one_app_alone_can_have_it(idp, switched_on):
    switched_on()
    with pytest.raises(FieldErrors, match="Only one app"):
        switched_on()


def test_L16_a_password_alone_gives_nothing_to_whoever_has_a_second_factor(idp, switched_on, ana, call):
    client = switched_on()
    pair = call("", {"username": "ana", "password": PASSWORD})
    assert pair.status_code == 200
    factories.give_totp(idp.app, ana.id)
    refused = call("", {"username": "ana", "password": PASSWORD})
    assert (refused.status_code, refused.json["code"]) == (401, "mfa_required")
    assert refused.json["url"] == f"{idp.issuer}/login"
    assert call("", {"username": "ana", "password": "wrong"}).json == WRONG
    assert client.client_id not in refused.text


@pytest.mark.parametrize("changes", [{}, {"resources": [], "default_resource": None}])
def test_the_key_of_an_access_token_is_one_that_the_app_has_to_know(idp, ana, call, changes):
    client = idp.client(**CLIENT | changes, token_api={"origins": [ORIGIN]})

    def kid():
        return jwt.get_unverified_header(call("", {"username": "ana", "password": PASSWORD}).json["access"])["kid"]

    usual = kid()
    idp.app.extensions["idp"][Ledger].flush()
    assert (client.client_id, usual) in idp.rows(select(SignedFor.client_id, SignedFor.kid))
    with of(idp.app):
        following = keys_of()["next"]
        with transaction() as session:
            settings = service(Settings)
            canary.begin(session, settings, "RS256", client.client_id, now=clock.utc_now(), by=COMMAND_LINE)
    assert [kid()] == following
