"""Every value of the discovery document is used once: what is advertised works.

The tests are made from the document itself, with everything on that a setting can switch on. A name without a check
here fails, so nothing is advertised untested.
"""

from __future__ import annotations

import json
from urllib.parse import quote, urlencode

import pytest
from joserfc.jwk import ECKey, RSAKey
from sqlalchemy import update

from idp import clock
from idp.branding import store as branding
from idp.branding.links import Links
from idp.db import transaction
from idp.oidc import documents
from idp.sessions.models import BrowserSession
from idp.settings import RegistrationSettings, Settings
from idp.sign_up_settings import SignUpSettings
from tests.app_keys import ASSERTION_TYPE, assertion_claims, decrypted, make_key, with_secret
from tests.certificates import DN, Holder
from tests.factories import ALL_CLAIMS
from tests.protocol import flows
from tests.registering import CALLBACK, Registrar
from tests.relying_party import answer_of, header_of, now, place_of

LINKS = Links("https://example.com/privacy", "https://example.com/terms")
CERTIFICATE_HEADER = "X-Client-Cert"
EVERYTHING = {
    "registration": RegistrationSettings(mode="open"),
    "sign_up": SignUpSettings(mode="open"),
    "client_certificate_header": CERTIFICATE_HEADER,
    "trusted_proxies": ("127.0.0.1/32",),
}
DOCUMENT = json.loads(documents.discovery_bytes(Settings(**EVERYTHING), LINKS).body)
MACHINE = {"grant_types": ["client_credentials"], "redirect_uris": None, "scope": "", "skip_consent": None}
_RSA = RSAKey.generate_key(2048)

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")


@pytest.fixture
def backend():
    return "sqlite"  # What is advertised does not depend on the database; the rest of this folder runs on both.


@pytest.fixture
def app(make_app):
    return make_app(**EVERYTHING)


@pytest.fixture
def person(idp):
    return idp.person(claims=ALL_CLAIMS, in_groups=("Staff",))


CHECKS = {}


def check(*names):
    """Note that the function below uses one value of each of these names."""

    def note(function):
        CHECKS.update(dict.fromkeys(names, function))
        return function

    return note


def values():
    for name, found in DOCUMENT.items():
        if isinstance(found, list):
            yield from ((name, value) for value in found)
        else:
            yield name, found


def _id(value):
    return str(value).replace(" ", "+")


@pytest.mark.parametrize(("name", "value"), list(values()), ids=_id)
def test_every_value_works(idp, browser, name, value):
    CHECKS[name](idp, browser, value)


def test_every_check_is_of_something_that_is_advertised():
    assert set(CHECKS) == set(DOCUMENT)


@check("op_policy_uri", "op_tos_uri")
def _links(idp, _browser, value):
    def told():
        found = idp.http()("GET", "/.well-known/openid-configuration", None, {}).json
        return {found.get("op_policy_uri"), found.get("op_tos_uri")}

    assert told() == {None}
    with idp.app.app_context(), transaction() as session:
        branding.write(session, LINKS._asdict(), clock.utc_now())
    assert told() == set(LINKS)
    assert value in told()


@check("issuer")
def _issuer(idp, browser, value):
    assert value == idp.issuer
    assert idp.party().flow(browser).id_claims["iss"] == value


@check(
    *("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "end_session_endpoint"),
    *("revocation_endpoint", "introspection_endpoint", "check_session_iframe"),
)
def _address(idp, browser, value):
    assert value.startswith(f"{idp.issuer}/")
    party = idp.party()
    code, pending = party.code(browser), party.pending[-1]
    form, headers = _proof(party, "client_secret_basic", None)
    exchange = {"grant_type": "authorization_code", "code": code, "redirect_uri": pending.redirect_uri}
    token = party.flow(browser).access
    uses = {
        "authorization_endpoint": ("GET", f"?{urlencode(party.parameters())}", None, {}, 302),
        "token_endpoint": ("POST", "", {**exchange, "code_verifier": pending.verifier}, headers, 200),
        "userinfo_endpoint": ("GET", "", None, {"Authorization": f"Bearer {token}"}, 200),
        "jwks_uri": ("GET", "", None, {}, 200),
        "end_session_endpoint": ("GET", f"?client_id={party.client_id}", None, {}, 303),
        "revocation_endpoint": ("POST", "", {"token": token, **form}, headers, 200),
        "introspection_endpoint": ("POST", "", {"token": token, **form}, headers, 200),
        "check_session_iframe": ("GET", "", None, {}, 200),
    }
    method, query, form, headers, status = uses[next(name for name in uses if DOCUMENT[name] == value)]
    assert browser(method, f"{value}{query}", form, headers).status == status


@check("registration_endpoint")
def _registration(idp, browser, value):
    registrar = Registrar(idp.app)
    made = registrar.send("POST", value, {"redirect_uris": [CALLBACK]})
    assert made.status == 201
    told = registrar.send("GET", made.json["registration_client_uri"], token=made.json["registration_access_token"])
    assert told.json["client_id"] == made.json["client_id"]


@check("scopes_supported")
def _scope(idp, browser, value):
    grants = ["authorization_code", "refresh_token"]
    party = idp.party(scope=f"openid {value}", grant_types=grants)
    done = party.flow(browser, scope=f"openid {value}", prompt="consent")
    assert value in done.back.access_claims["scope"].split()


@check("response_types_supported")
def _response_type(idp, browser, value):
    party = idp.party(**flows.metadata_for(value))
    party.response_type = value
    assert party.flow(browser).id_claims


@check("response_modes_supported")
def _response_mode(idp, browser, value):
    response_type = "code" if value.startswith("query") else "code id_token token"
    party = idp.party(**flows.metadata_for(response_type))
    party.response_type, party.response_mode = response_type, value
    response = party.start(browser)
    place = value.removesuffix(".jwt")
    assert place_of(response) == (place if place != "jwt" else "fragment")
    assert ("response" in answer_of(response)) == value.endswith("jwt")
    assert party.finish(response).id_claims


@check("prompt_values_supported")
def _prompt(idp, browser, value):
    party = idp.party(skip_consent=False)
    response = party.start(browser, prompt=value)
    pages = {"login": "/login", "consent": "/consent", "select_account": "/select", "create": "/register"}
    if value == "none":
        assert party.answer(response)["error"] == "consent_required"
    else:
        assert response.location.startswith(f"{pages[value]}?interaction=")


@check("display_values_supported")
def _display(idp, browser, value):
    assert idp.party().flow(browser, display=value).id_claims


@check("ui_locales_supported")
def _ui_locales(idp, browser, value):
    response = idp.party().start(browser, prompt="login", ui_locales=f"x-unknown {value}")
    assert f'<html lang="{value}"' in browser("GET", response.location, None, {}).text


@check("acr_values_supported")
def _acr(idp, browser, value):
    wanted = json.dumps({"id_token": {"acr": {"essential": True, "value": value}}})
    with idp.app.app_context(), transaction() as session:
        session.execute(update(BrowserSession).values(acr=value))
    assert idp.party().flow(browser, claims=wanted).id_claims["acr"] == value


@check("subject_types_supported")
def _subject_type(idp, browser, value):
    plain = idp.party().flow(browser).id_claims["sub"]
    party = idp.party(subject_type=value)
    done = party.flow(browser)
    assert (done.id_claims["sub"] == plain) == (value == "public")
    assert done.back.access_claims["sub"] == done.id_claims["sub"] == party.userinfo(done.access).json["sub"]


@check("claim_types_supported")
def _claim_type(idp, browser, value):
    assert value == "normal"
    party = idp.party()
    assert not {"_claim_names", "_claim_sources"} & set(party.userinfo(party.flow(browser).access).json)


@check("claims_supported")
def _claim(idp, browser, value):
    party = idp.party(scope="openid profile email address phone groups", id_token_profile_claims=False)
    wanted = json.dumps({"id_token": {value: {"essential": True}}})
    assert value in party.flow(browser, scope="openid", claims=wanted).id_claims


@check("claims_parameter_supported")
def _claims_parameter(idp, browser, value):
    assert value is True
    party = idp.party()
    done = party.flow(browser, scope="openid", claims='{"userinfo":{"name":null}}')
    assert party.userinfo(done.access).json["name"] == "Ana Ruiz"


@check("request_parameter_supported")
def _request(idp, browser, value):
    assert value is True
    key = make_key()
    assert _by_object(idp, browser, key, jwks=key.jwks).id_claims


@check("request_object_signing_alg_values_supported")
def _request_alg(idp, browser, value):
    key = make_key(value)
    assert _by_object(idp, browser, key, jwks=key.jwks, request_object_signing_alg=value).id_claims


def _by_object(idp, browser, key, **metadata):
    party = idp.party(**metadata)
    inside = {**party.parameters(), "iss": party.client_id, "aud": party.issuer, "exp": now() + 60, "nbf": now()}
    pair = {"client_id": party.client_id, "request": key.sign(inside, typ="oauth-authz-req+jwt")}
    return party.finish(browser("GET", f"/oauth/authorize?{urlencode(pair)}"))


@check("request_uri_parameter_supported", "require_request_uri_registration")
def _request_uri(idp, browser, value):
    # What is fetched is tested in test_request_objects.py; here, that it is never ignored.
    assert value is True
    party = idp.party(jwks=make_key().jwks, request_uris=["https://app.example/request.jwt"])
    given = party.answer(party.start(browser, request_uri="https://app.example/other.jwt"))
    assert given["error"] == "invalid_request_uri"


@check("code_challenge_methods_supported")
def _challenge(idp, browser, value):
    assert idp.public_party().flow(browser, code_challenge_method=value).back.access


@check("authorization_response_iss_parameter_supported")
def _iss(idp, browser, value):
    assert value is True
    party = idp.party()
    assert answer_of(party.start(browser))["iss"] == idp.issuer
    assert answer_of(party.start(browser, scope="nothing"))["iss"] == idp.issuer


@check("grant_types_supported")
def _grant_type(idp, browser, value):
    if value == "implicit":
        _response_type(idp, browser, "id_token token")
        return
    party = idp.party(**MACHINE) if value == "client_credentials" else idp.offline_party()
    form = {"grant_type": value, "scope": None}
    if value == "authorization_code":
        assert party.exchange(party.code(browser)).status == 200
        return
    if value == "refresh_token":
        form["refresh_token"] = party.flow(browser, prompt="consent").back.refresh
    assert party.token(form).status == 200


@check(
    "token_endpoint_auth_methods_supported",
    "revocation_endpoint_auth_methods_supported",
    "introspection_endpoint_auth_methods_supported",
)
def _auth_method(idp, browser, value):
    key = Holder() if "tls" in value else make_key()
    named = {
        "private_key_jwt": {"jwks": key.jwks},
        "tls_client_auth": {"tls_client_auth_subject_dn": DN},
        "self_signed_tls_client_auth": {"jwks": key.jwks},
    }
    party = idp.party(token_endpoint_auth_method=value, **named.get(value, {}))
    form, headers = _proof(party, value, key)
    code = party.code(browser)
    pending = party.pending[-1]
    exchange = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": pending.redirect_uri,
        "code_verifier": pending.verifier,
    }
    response = party.http("POST", "/oauth/token", {**exchange, **form}, headers)
    assert response.status == 200, response.text
    token = response.json["access_token"]
    if value != "none":
        form, headers = _proof(party, value, key)
        assert party.http("POST", "/oauth/introspect", {"token": token, **form}, headers).json["active"] is True
    form, headers = _proof(party, value, key)
    assert party.http("POST", "/oauth/revoke", {"token": token, **form}, headers).status == 200


def _proof(party, method, key, alg="HS256"):
    """Return the form fields and headers by which a client proves who it is."""
    if method in {"client_secret_basic", "client_secret_post", "none"}:
        party.auth_method = method
        pairs, headers = party.credentials()
        return dict(pairs), headers
    if "tls" in method:
        return {"client_id": party.client_id}, {CERTIFICATE_HEADER: quote(key.pem)}
    signer = key if method == "private_key_jwt" else with_secret(party.client_secret, alg)
    token = signer.sign(assertion_claims(party.client_id, party.issuer), typ="JWT")
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": token}, {}


@check(
    "token_endpoint_auth_signing_alg_values_supported",
    "revocation_endpoint_auth_signing_alg_values_supported",
    "introspection_endpoint_auth_signing_alg_values_supported",
)
def _auth_alg(idp, browser, value):
    symmetric = value.startswith("HS")
    method = "client_secret_jwt" if symmetric else "private_key_jwt"
    key = None if symmetric else make_key(value)
    named = {} if symmetric else {"jwks": key.jwks}
    party = idp.party(token_endpoint_auth_method=method, token_endpoint_auth_signing_alg=value, **named, **MACHINE)
    form, _ = _proof(party, method, key, value)
    response = party.http("POST", "/oauth/token", {"grant_type": "client_credentials", **form}, {})
    assert response.status == 200, response.text
    token = response.json["access_token"]
    for path in ("/oauth/introspect", "/oauth/revoke"):
        form, _ = _proof(party, method, key, value)
        assert party.http("POST", path, {"token": token, **form}, {}).status == 200


@check("id_token_signing_alg_values_supported")
def _id_token_alg(idp, browser, value):
    done = idp.party(id_token_signed_response_alg=value).flow(browser)
    assert header_of(done.id_token)["alg"] == value


@check("authorization_signing_alg_values_supported")
def _answer_alg(idp, browser, value):
    party = idp.party(authorization_signed_response_alg=value)
    response = party.start(browser, response_mode="jwt")
    assert header_of(answer_of(response)["response"])["alg"] == value
    assert party.finish(response).id_claims


@check("userinfo_signing_alg_values_supported")
def _userinfo_alg(idp, browser, value):
    party = idp.party(userinfo_signed_response_alg=value)
    response = party.userinfo(party.flow(browser).access)
    assert response.headers["Content-Type"] == "application/jwt"
    assert header_of(response.text)["alg"] == value
    claims = party.claims_of(response.text, typ=header_of(response.text)["typ"])
    assert (claims["iss"], claims["aud"]) == (idp.issuer, party.client_id)


def _recipient(alg):
    key = _RSA if alg.startswith("RSA") else ECKey.generate_key("P-256")
    return key, {"keys": [{**key.as_dict(private=False), "use": "enc", "kid": "e1", "alg": alg}]}


def _id_token_sealed(idp, browser, alg, enc):
    key, jwks = _recipient(alg)
    party = idp.party(id_token_encrypted_response_alg=alg, id_token_encrypted_response_enc=enc, jwks=jwks)
    response = party.exchange(party.code(browser))
    assert response.status == 200, response.text
    header, inner = decrypted(response.json["id_token"], key)
    assert (header["alg"], header["enc"]) == (alg, enc)
    assert party.claims_of(inner.decode(), typ="JWT")["aud"] == party.client_id


def _userinfo_sealed(idp, browser, alg, enc):
    key, jwks = _recipient(alg)
    party = idp.party(userinfo_encrypted_response_alg=alg, userinfo_encrypted_response_enc=enc, jwks=jwks)
    response = party.userinfo(party.flow(browser).access)
    assert response.headers["Content-Type"] == "application/jwt"
    header, _ = decrypted(response.text, key)
    assert (header["alg"], header["enc"]) == (alg, enc)


@check("id_token_encryption_alg_values_supported")
def _id_token_key_alg(idp, browser, value):
    _id_token_sealed(idp, browser, value, "A128CBC-HS256")


@check("id_token_encryption_enc_values_supported")
def _id_token_enc(idp, browser, value):
    _id_token_sealed(idp, browser, "RSA-OAEP-256", value)


@check("userinfo_encryption_alg_values_supported")
def _userinfo_key_alg(idp, browser, value):
    _userinfo_sealed(idp, browser, value, "A128CBC-HS256")


@check("userinfo_encryption_enc_values_supported")
def _userinfo_enc(idp, browser, value):
    _userinfo_sealed(idp, browser, "RSA-OAEP-256", value)


@check("backchannel_logout_supported", "backchannel_logout_session_supported")
def _back_channel(idp, browser, value):
    # What is sent is tested with those who send it; here, that sessions have the name it goes by.
    assert value is True
    party = idp.party(backchannel_logout_uri="https://app.example/back", backchannel_logout_session_required=True)
    assert party.flow(browser).id_claims["sid"]


@check("frontchannel_logout_supported", "frontchannel_logout_session_supported")
def _front_channel(idp, browser, value):
    assert value is True
    party = idp.party(
        redirect_uris=["https://app.example/cb"],
        frontchannel_logout_uri="https://app.example/front",
        frontchannel_logout_session_required=True,
    )
    done = party.flow(browser)
    page = browser("GET", f"/logout?id_token_hint={done.id_token}")
    while page.location:
        page = browser("GET", page.location)
    assert f"sid={done.id_claims['sid']}" in page.text
