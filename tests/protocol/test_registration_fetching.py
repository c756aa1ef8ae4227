"""What this server fetches from the addresses that an app registered by itself (security.md row R02)."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from idp.jobs.sending import send_due
from idp.settings import OutboundSettings
from tests.app_keys import ASSERTION_TYPE, assertion_claims, make_key
from tests.leaving import sign_out
from tests.listener import listening, say
from tests.relying_party import answer_of

BY_THIS_SERVER = ("jwks_uri", "sector_identifier_uri", "logo_uri", "backchannel_logout_uri", "request_uris")
BY_THE_BROWSER = ("frontchannel_logout_uri", "policy_uri", "tos_uri", "initiate_login_uri")


@pytest.mark.parametrize("name", BY_THIS_SERVER + BY_THE_BROWSER)
def test_R02_no_address_of_this_machine_is_ever_asked(registrar, idp_over, name):
    with listening(say(b"[]")) as (port, asked):
        use_everything(registrar, idp_over(registrar.app), name, port)
    assert asked == []


@pytest.mark.parametrize("name", BY_THIS_SERVER)
def test_R02_where_it_may_the_same_way_leads_to_every_address_that_this_server_asks(registrar_for, idp_over, name):
    registrar = registrar_for(outbound=OutboundSettings(allow=("127.0.0.0/8",)))
    with listening(say(b"[]")) as (port, asked):
        use_everything(registrar, idp_over(registrar.app), name, port)
    assert set(asked) == {"/x"}


def use_everything(registrar, idp, name, port):
    """Register an app with an address on this machine, and do whatever makes this server fetch something."""
    address, key = f"http://127.0.0.1:{port}/x", make_key("ES256")
    given = {
        "redirect_uris": [f"http://127.0.0.1:{port}/callback"],
        name: [address] if name == "request_uris" else address,
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
        **({} if name == "jwks_uri" else {"jwks": key.jwks}),
    }
    answer = registrar.register(**given)
    assert answer.status == (400 if name == "sector_identifier_uri" else 201)
    if answer.status == 201:
        _sign_in_and_out(registrar, idp, answer.json, address, key)


def _sign_in_and_out(registrar, idp, made, address, key):
    """Sign in, ask by request_uri, authenticate by a key, sign out, and send what is to be sent then."""
    browser = idp.browser(idp.person())
    asked = {"client_id": made["client_id"], "redirect_uri": made["redirect_uris"][0], "scope": "openid"}
    begun = browser("GET", f"/oauth/authorize?{urlencode({**asked, 'response_type': 'code'})}")
    question = browser("GET", begun.location)
    allowed = browser("POST", begun.location, {**idp.form_of(question), "decision": "allow"})
    code = answer_of(browser("GET", allowed.location))["code"]
    browser("GET", f"/oauth/authorize?{urlencode({**asked, 'response_type': 'code', 'request_uri': address})}")
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": asked["redirect_uri"],
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": key.sign(assertion_claims(made["client_id"], registrar.issuer)),
    }
    registrar.http()("POST", "/oauth/token", form, {})
    sign_out(browser)
    assert send_due(idp.app) == ("backchannel_logout_uri" in made)
