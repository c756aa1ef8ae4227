"""Signed statements: one client says something to another, and the server vouches for who said it."""

from __future__ import annotations

import json

import jwt
import pytest
from sqlalchemy import select

from idp import clock
from idp.audit.log import COMMAND_LINE
from idp.audit.models import AuditEvent
from idp.clients import administration
from idp.db import db, transaction
from idp.developer import inspection
from idp.errors import InvalidToken
from idp.keys.verifier import Verifier
from idp.oidc.endpoints.sign import RULE
from idp.protocol.jwt_claim_checks import Expected
from idp.vault import Vault
from idp.web.current import service
from tests.relying_party import forged, header_of, now

CONTENT = {
    "order": 4711,
    "lines": [{"article": "Über­see", "pieces": 3}],
    "sub": "usr_somebody",
    "iss": "https://evil.example",
}
MACHINE = {"grant_types": ["client_credentials"], "redirect_uris": None}


@pytest.fixture
def shop(idp):
    """A client that may have statements signed."""
    return idp.party(scope="idp:sign", **MACHINE)


@pytest.fixture
def billing(idp):
    """The client that they are for."""
    return idp.party(scope=None, **MACHINE)


def own_token(party, **form):
    response = party.token({"grant_type": "client_credentials", "scope": "idp:sign", **form})
    assert response.status == 200, response.text
    return response.json["access_token"]


@pytest.fixture
def ask(idp):
    """Return a function that asks for a statement as the holder of a token."""
    client = idp.app.test_client(use_cookies=False)

    def send(token, body, content_type="application/json", path="/oauth/sign"):
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        data = body if isinstance(body, str | bytes) else json.dumps(body)
        return client.post(path, data=data, content_type=content_type, headers=headers, base_url=idp.issuer)

    return send


@pytest.fixture
def signed(shop, billing, ask):
    """Return a function that has a statement signed for the other client."""

    def make(content=None, **changes):
        response = ask(own_token(shop), {"audience": billing.client_id, "statement": content or CONTENT, **changes})
        assert response.status_code == 200, response.text
        assert response.headers["Cache-Control"] == "no-store"
        return response.json

    return make


def read(idp, token, audience):
    """Verify as the receiving app does: PyJWT, the key set, and nothing else of this server."""
    keys = jwt.PyJWKSet.from_dict(idp.http()("GET", "/oauth/jwks", None, {}).json)
    if jwt.get_unverified_header(token)["typ"] != "statement+jwt":
        raise jwt.InvalidTokenError("typ")
    required = {"require": ["iss", "sub", "aud", "exp", "iat", "jti"]}
    key = keys[jwt.get_unverified_header(token)["kid"]]
    return jwt.decode(token, key, algorithms=["RS256"], audience=audience, issuer=idp.issuer, options=required)


def test_the_other_app_verifies_who_said_what(idp, shop, billing, signed):
    answer = signed()
    assert answer["expires_in"] == 300
    claims = read(idp, answer["token"], billing.client_id)
    assert claims.keys() == {"iss", "sub", "aud", "iat", "exp", "jti", "statement"}
    assert claims["statement"] == CONTENT
    assert (claims["sub"], claims["aud"], claims["iss"]) == (shop.client_id, billing.client_id, idp.issuer)
    assert claims["exp"] - claims["iat"] == 300
    assert abs(claims["iat"] - now()) <= 2
    assert len(claims["jti"]) >= 22
    assert read(idp, signed()["token"], billing.client_id)["jti"] != claims["jti"]


def test_tampering_and_another_audience_are_caught(idp, shop, billing, signed):
    token = signed()["token"]
    with pytest.raises(jwt.InvalidAudienceError):
        read(idp, token, shop.client_id)
    for altered in forged(token):
        with pytest.raises((jwt.PyJWTError, KeyError)):
            read(idp, altered, billing.client_id)


@pytest.mark.parametrize("alg", ["PS384", "ES512"])
def test_it_is_signed_with_the_algorithm_of_the_senders_tokens(idp, billing, ask, alg):
    shop = idp.party(scope="idp:sign", access_token_signed_response_alg=alg, **MACHINE)
    token = ask(own_token(shop), {"audience": billing.client_id, "statement": {}}).json["token"]
    assert header_of(token)["alg"] == alg
    assert billing.claims_of(token, typ="statement+jwt")["statement"] == {}


def test_a_lifetime_of_up_to_ten_minutes(idp, signed, billing):
    for seconds in (1, 600):
        answer = signed(expires_in=seconds)
        claims = billing.claims_of(answer["token"], typ="statement+jwt")
        assert claims["exp"] - claims["iat"] == answer["expires_in"] == seconds


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"expires_in": 601}, "expires_in"),
        ({"expires_in": 0}, "expires_in"),
        ({"expires_in": True}, "expires_in"),
        ({"expires_in": "60"}, "expires_in"),
        ({"statement": None}, "statement"),
        ({"statement": "text"}, "statement"),
        ({"statement": ["a"]}, "statement"),
        ({"statement": {"long": "ü" * 8192}}, "16384 bytes"),
        ({"audience": None}, "audience"),
        ({"audience": ["a", "b"]}, "audience"),
        ({"audience": "app_nobody"}, "audience"),
        ({"iss": "https://evil.example"}, "nothing can be sent"),
        ({"claims": {"sub": "usr_1"}}, "nothing can be sent"),
    ],
)
def test_what_cannot_be_signed_is_refused_with_a_sentence(shop, billing, ask, change, named):
    response = ask(own_token(shop), {"audience": billing.client_id, "statement": {}, **change})
    assert response.status_code == 400
    assert response.json["error"] in {"invalid_request", "invalid_target"}
    assert named in response.json["error_description"]


@pytest.mark.parametrize(
    "body", ["", "[]", "{", '{"statement":{},"statement":{}}', b"\xff", '{"audience":NaN}', "[" * 5000]
)
def test_a_body_that_is_no_json_object_is_refused(shop, ask, body):
    assert ask(own_token(shop), body).status_code == 400


def test_only_json_in_the_body_counts(shop, billing, ask):
    token, body = own_token(shop), {"audience": billing.client_id, "statement": {}}
    assert ask(token, f"audience={billing.client_id}", "application/x-www-form-urlencoded").status_code == 400
    assert ask(token, body, "text/plain").status_code == 415
    assert ask(token, body, path="/oauth/sign?audience=x").status_code == 400
    assert ask(None, {**body, "access_token": token}).status_code == 401


def test_the_statement_is_for_another_app_that_is_switched_on(idp, shop, billing, ask):
    body = {"audience": shop.client_id, "statement": {}}
    assert ask(own_token(shop), body).json["error"] == "invalid_target"
    with idp.app.app_context(), transaction() as session:
        administration.disable(session, billing.client_id, actor=COMMAND_LINE, now=clock.utc_now())
    assert ask(own_token(shop), {**body, "audience": billing.client_id}).json["error"] == "invalid_target"


def test_who_may_not(idp, shop, billing, ask, browser):
    body = {"audience": billing.client_id, "statement": {}}
    assert ask(None, body).status_code == 401
    assert ask("nonsense", body).status_code == 401
    # Without the scope; the client could have it.
    assert ask(own_token(shop, scope=None), body).json["error"] == "insufficient_scope"
    # For a person, whatever scope the token has.
    both = idp.party(scope="openid idp:sign")
    tokens = both.sign_in(browser)
    assert "idp:sign" in tokens.access_claims["scope"]
    assert ask(tokens.access, body).status_code == 403
    assert ask(tokens.id_token, body).status_code == 401
    # For an API, not for the server.
    elsewhere = idp.party(scope="idp:sign", resources=["https://api.example"], **MACHINE)
    assert ask(own_token(elsewhere, resource="https://api.example"), body).status_code == 401
    # Given back.
    token = own_token(shop)
    assert ask(token, body).status_code == 200
    shop.revoke(token)
    assert ask(token, body).status_code == 401
    # The scope was taken from the client meanwhile.
    token = own_token(shop)
    with idp.app.app_context(), transaction() as session:
        plain = administration.store.read(session, shop.client_id).metadata
        changed = type(plain)(**{name: getattr(plain, name) for name in plain.__slots__} | {"scope": ""})
        administration.change(session, service(Vault), shop.client_id, changed, actor=COMMAND_LINE, now=clock.utc_now())
    assert ask(token, body).status_code == 403


def test_it_is_audited_without_its_content(idp, shop, billing, signed):
    claims = billing.claims_of(signed({"secret": "needle-in-the-statement"})["token"], typ="statement+jwt")
    [row] = idp.rows(select(AuditEvent).where(AuditEvent.type == "statement.signed"))
    event = row[0]
    assert (event.actor_id, event.target_id) == (shop.client_id, billing.client_id)
    assert claims["jti"] in json.dumps(event.detail)
    assert "needle" not in json.dumps(event.detail)


def test_a_client_that_asks_too_often_waits(idp, shop, billing, ask):
    token = own_token(shop)
    answers = [ask(token, {"audience": billing.client_id, "statement": {}}).status_code for _ in range(RULE.free + 2)]
    assert answers[: RULE.free - 1] == [200] * (RULE.free - 1)
    assert answers[-1] == 429


def test_the_inspector_knows_it(idp, signed, billing):
    token = signed()["token"]
    with idp.app.app_context():
        report = inspection.inspect(
            db.session(), token, Expected(audience=billing.client_id), issuer=idp.issuer, now=clock.utc_now()
        )
        db.session.remove()
        assert report.is_good, report.verdict
        assert report.kind.code == "statement"
        for typ in ("JWT", "at+jwt", "logout+jwt"):
            with pytest.raises(InvalidToken):
                service(Verifier).verify(token, typ=typ, audience=billing.client_id, now=clock.utc_now())
