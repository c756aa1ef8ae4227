"""Every kind of token that this server hands out is recognised by the inspector, and good the moment it is issued."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from idp import clock
from idp.db import db
from idp.developer import inspection
from idp.keys.signer import Signer
from idp.protocol import logout_token
from idp.protocol.jwt_claim_checks import Expected
from idp.protocol.logout_token import LogoutToken
from idp.web.current import service
from tests.relying_party import answer_of


@pytest.fixture
def looked_into(idp):
    """Return a function that inspects a token as the page does."""

    def inspect(token, **expected):
        with idp.app.app_context():
            try:
                return inspection.inspect(
                    db.session(), token, Expected(**expected), issuer=idp.issuer, now=clock.utc_now()
                )
            finally:
                db.session.remove()

    return inspect


def kind_of(report):
    assert report.is_good, report.verdict
    return report.kind.code


def test_tokens_of_the_code_flow(idp, browser, looked_into):
    party = idp.party()
    tokens = party.sign_in(browser)
    assert kind_of(looked_into(tokens.id_token, audience=party.client_id)) == "id_token"
    report = looked_into(tokens.access, audience=idp.issuer, typ="at+jwt")
    assert kind_of(report) == "access_token"
    assert {check.code for check in report.checks} >= {"revoked", "audience", "typ"}
    assert not looked_into(tokens.access, audience=party.client_id).is_good
    party.revoke(tokens.access)
    assert "It was revoked" in {check.title for check in looked_into(tokens.access).checks}


def test_a_token_whose_person_or_grant_is_gone_is_revoked(idp, browser, person, looked_into):
    party = idp.party()
    tokens = party.sign_in(browser)
    assert looked_into(tokens.access).is_good
    idp.revoke_client_of_person(person.id, party.client_id)
    assert not looked_into(tokens.access).is_good
    # What an app keeps of the sign-in is still signed, and still says who signed in.
    assert looked_into(tokens.id_token).is_good


def test_a_token_of_a_client_for_itself(idp, looked_into):
    party = idp.party(grant_types=["client_credentials"], redirect_uris=None, scope=None)
    token = party.token({"grant_type": "client_credentials"}).json["access_token"]
    report = looked_into(token)
    assert kind_of(report) == "access_token"
    assert "no person signed in" in next(line.note for line in report.claims if line.name == "sub")


def test_signed_userinfo(idp, browser, looked_into):
    party = idp.party(userinfo_signed_response_alg="RS256")
    assert kind_of(looked_into(party.userinfo(party.sign_in(browser).access).body.decode())) == "userinfo"


@pytest.mark.parametrize("changes", [{}, {"scope": "openid nonsense", "prompt": "none consent"}])
def test_signed_authorization_responses(idp, browser, looked_into, changes):
    given = answer_of(idp.party().start(browser, response_mode="jwt", **changes))
    assert kind_of(looked_into(given["response"])) == "authorization_response"


def test_the_whole_address_that_the_browser_was_sent_to(idp, browser, looked_into):
    response = idp.party().start(browser, response_mode="query.jwt")
    report = looked_into(response.location)
    assert kind_of(report) == "authorization_response"
    assert "parameter response" in report.notes[0]


def test_logout_tokens(idp, looked_into):
    now = clock.utc_now()
    said = LogoutToken(issuer=idp.issuer, subject="usr_1", client_id="app", jti="j", sid="s")
    with idp.app.app_context():
        token = service(Signer).sign("RS256", header=logout_token.HEADER, claims=said.claims(now), now=now)
    assert kind_of(looked_into(token, audience="app")) == "logout_token"


def test_the_jwt_of_the_jwt_redirect(idp, browser, looked_into):
    jwt_sso = {"delivery_uri": "https://wiki.example/sso", "delivery": "query"}
    made = idp.client(redirect_uris=None, grant_types=[], jwt_sso=jwt_sso)
    sent_to = browser("GET", f"/sso/{made.client_id}?nonce=n").location
    token = parse_qs(urlsplit(sent_to).query)["jwt"][0]
    report = looked_into(token, audience=made.client_id)
    assert kind_of(report) == "redirect_jwt"
    ends = next(line.instant for line in report.claims if line.name == "exp")
    assert ends - clock.utc_now() <= timedelta(minutes=2)
    assert kind_of(looked_into(sent_to)) == "redirect_jwt"
