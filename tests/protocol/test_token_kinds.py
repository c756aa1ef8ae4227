"""Every kind of token at everything that takes one: only its own place believes it (RFC 8725 section 3.12).

All are good, for the same app and of the same moment, and those of the server are by the same key: nothing but their
kind speaks against them. Once more with the app's own secret in place of keys.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import jwt
import pytest

from idp import clock, opaque
from idp.clients import store
from idp.db import db
from idp.oidc import signing
from idp.protocol import logout_token
from idp.protocol.logout_token import LogoutToken
from tests.app_keys import ASSERTION_TYPE, assertion_claims, make_key, with_secret
from tests.leaving import follow, logout
from tests.relying_party import answer_of, hidden_fields, now

AFTER = "https://after.example/bye"
NAMES = ("id_token_signed_response_alg", "userinfo_signed_response_alg", "authorization_signed_response_alg")

# Which places believe which kind; everything else is refused.
BELIEVED = {
    "access token": {"userinfo", "introspection", "an API"},
    "app's own access token": {"introspection", "signing statements", "an API"},
    "ID token": {"id_token_hint at a request", "id_token_hint at sign-out", "an app's sign-in"},
    "userinfo": {"an app that asked for userinfo"},
    "authorization response": {"an app that asked for a signed answer"},
    "redirect JWT": {"an app's JWT redirect"},
    "logout token": {"an app's back channel"},
    "statement": {"an app that takes statements"},
    "client assertion": {"client authentication"},
    "request object": {"request"},
}


class App:
    """One app that does everything there is, with what it was given."""

    def __init__(self, idp, *, secret):
        self.idp, self.person = idp, idp.person()
        self.browser = idp.browser(self.person)
        self.key = make_key()
        given: dict[str, Any] = {"token_endpoint_auth_method": "client_secret_jwt" if secret else "private_key_jwt"}
        self.alg = "HS256" if secret else "RS256"
        self.party = idp.party(
            grant_types=["authorization_code", "client_credentials"],
            scope="openid profile email idp:sign",
            jwks=self.key.jwks,
            post_logout_redirect_uris=[AFTER],
            access_token_signed_response_alg="RS256",
            jwt_sso={"delivery_uri": "https://notes.example/jwt"},
            **dict.fromkeys(NAMES, self.alg),
            **given,
        )
        self.signer = with_secret(self.party.client_secret) if secret else self.key
        self.party.credentials = lambda: (list(self.assertion_form(self.assertion()).items()), {})
        self.nonce = opaque.token()
        self.tokens = self._tokens()

    def assertion(self):
        return self.signer.sign(assertion_claims(self.party.client_id, self.idp.issuer))

    @staticmethod
    def assertion_form(assertion):
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}

    def request_object(self):
        given = {**self.party.parameters(prompt="none"), "iss": self.party.client_id, "aud": self.idp.issuer}
        return self.key.sign({**given, "exp": now() + 60, "iat": now(), "jti": opaque.token()})

    def own_token(self, party):
        response = party.token({"grant_type": "client_credentials", "scope": "idp:sign"})
        assert response.status == 200, response.text
        return response.json["access_token"]

    def _tokens(self):
        party = self.party
        answered = party.start(self.browser, response_mode="jwt", nonce=self.nonce)
        back = party.finish(answered).back
        redirected = self.browser("GET", f"/sso/{party.client_id}?nonce={self.nonce}-sso", None, {})
        return {
            "access token": back.access,
            "app's own access token": self.own_token(party),
            "ID token": back.id_token,
            "userinfo": party.userinfo(back.access).text,
            "authorization response": answer_of(answered)["response"],
            "redirect JWT": dict(hidden_fields(redirected.text))["jwt"],
            "logout token": self._logout_token(back.id_claims),
            "statement": self._statement(),
            "client assertion": self.assertion(),
            "request object": self.request_object(),
        }

    def _logout_token(self, claims):
        made = LogoutToken(
            issuer=self.idp.issuer,
            client_id=self.party.client_id,
            subject=claims["sub"],
            sid=claims["sid"],
            jti=opaque.token(16),
        )
        with self.idp.app.app_context():
            client, at = store.read(db.session(), self.party.client_id), clock.utc_now()
            try:
                return signing.sign(client, self.alg, header=logout_token.HEADER, claims=made.claims(at), now=at)
            finally:
                db.session.remove()

    def _statement(self):
        sender = self.idp.party(grant_types=["client_credentials"], redirect_uris=None, scope="idp:sign")
        return self.sign_statement(self.own_token(sender), self.party.client_id).json["token"]

    def sign_statement(self, token, audience):
        body = {"audience": audience, "statement": {"sub": self.person.id, "nonce": self.nonce, "sid": "x"}}
        headers = {"Authorization": f"Bearer {token}"}
        return self.idp.app.test_client().post("/oauth/sign", json=body, headers=headers, base_url=self.idp.issuer)

    # The places on the server.

    def believes_at_userinfo(self, token):
        return self.party.userinfo(token).status == 200

    def believes_at_introspection(self, token):
        return self.party.introspect(token).json["active"]

    def believes_at_signing(self, token):
        return self.sign_statement(token, self.other).status_code == 200

    @property
    def other(self):
        return self.idp.party(grant_types=["client_credentials"], redirect_uris=None).client_id

    def believes_as_hint(self, token):
        return "code" in self.party.answer(self.party.start(self.browser, prompt="none", id_token_hint=token))

    def believes_at_sign_out(self, token):
        asked = logout(self.browser, id_token_hint=token, post_logout_redirect_uri=AFTER)
        answer = follow(self.browser, asked)
        return answer.location == AFTER

    def believes_as_assertion(self, token):
        form = {"grant_type": "client_credentials", **self.assertion_form(token)}
        return self.party.http("POST", "/oauth/token", form, {}).status == 200

    def believes_as_request(self, token):
        query = {"client_id": self.party.client_id, "response_type": "code", "scope": "openid", "request": token}
        answer = self.browser("GET", f"/oauth/authorize?{urlencode(query)}", None, {})
        return answer.status == 302 and "code=" in (answer.location or "")

    # The places at apps and APIs, each by its own rules, with PyJWT.

    def read(self, token, typ, alg, **rules):
        if jwt.get_unverified_header(token).get("typ", "").lower() != typ.lower():
            raise jwt.InvalidTokenError("another typ")
        keys = jwt.PyJWKSet.from_dict(self.idp.http()("GET", "/oauth/jwks", None, {}).json)
        kid = jwt.get_unverified_header(token).get("kid", "")
        key = self.party.client_secret if alg == "HS256" else keys[kid]
        required = {"require": ["iss", "aud", *rules.pop("require", ())]}
        given = {"audience": self.party.client_id, "issuer": self.idp.issuer, **rules}
        return jwt.decode(token, key, [alg], options=required, **given)

    def app_believes(self, token, typ, require, holds=lambda claims: True, alg=None):
        try:
            return bool(holds(self.read(token, typ, alg or self.alg, require=require)))
        except (jwt.PyJWTError, KeyError):
            return False

    def api_believes(self, token):
        try:
            self.read(token, "at+jwt", "RS256", require=["exp", "sub", "client_id"], audience=self.idp.issuer)
        except (jwt.PyJWTError, KeyError):
            return False
        return True


ONCE = ["exp", "iat", "sub", "jti"]
PLACES = {
    "userinfo": App.believes_at_userinfo,
    "introspection": App.believes_at_introspection,
    "signing statements": App.believes_at_signing,
    "id_token_hint at a request": App.believes_as_hint,
    "id_token_hint at sign-out": App.believes_at_sign_out,
    "client authentication": App.believes_as_assertion,
    "request": App.believes_as_request,
    "an API": App.api_believes,
    "an app's sign-in": lambda app, token: app.app_believes(
        token, "JWT", ["exp", "iat", "sub", "nonce"], lambda claims: claims["nonce"] == app.nonce
    ),
    "an app that asked for userinfo": lambda app, token: app.app_believes(
        token, "JWT", ["sub"], lambda claims: claims["sub"] == app.person.id and "exp" not in claims
    ),
    "an app that asked for a signed answer": lambda app, token: app.app_believes(
        token, "JWT", ["exp", "code", "state"]
    ),
    "an app's JWT redirect": lambda app, token: app.app_believes(
        token, "JWT", [*ONCE, "nonce"], lambda claims: claims["nonce"] == f"{app.nonce}-sso", alg="RS256"
    ),
    "an app's back channel": lambda app, token: app.app_believes(
        token,
        "logout+jwt",
        ["exp", "iat", "jti", "events", "sid"],
        lambda claims: logout_token.EVENT in claims["events"] and "nonce" not in claims,
    ),
    "an app that takes statements": lambda app, token: app.app_believes(
        token, "statement+jwt", [*ONCE, "statement"], alg="RS256"
    ),
}


@pytest.fixture(params=["keys", "secret"])
def app_of(idp, request):
    return App(idp, secret=request.param == "secret")


def test_only_its_own_place_believes_a_token(app_of):
    assert set(app_of.tokens) == set(BELIEVED)
    assert set().union(*BELIEVED.values()) == set(PLACES)
    # Last of all what ends the session.
    places = sorted(PLACES.items(), key=lambda place: place[0] == "id_token_hint at sign-out")
    tokens = sorted(app_of.tokens.items(), key=lambda token: token[0] == "ID token")
    found = {kind: set() for kind in BELIEVED}
    for place, believes in places:
        for kind, token in tokens:
            if believes(app_of, token):
                found[kind].add(place)
    assert found == BELIEVED
