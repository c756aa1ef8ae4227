"""Every kind of token at everything that takes one: only its own place believes it (RFC 8725 section 3.12).

All are good, for the same app and of the same moment, and those of the server are by the same key: nothing but their
kind speaks against them. Once more with the app's own secret in place of keys, and for an app without a secret, which
signs people in by the token API, too: where an app has a secret, the token API is another one's.
"""

from __future__ import annotations

from urllib.parse import urlencode

import jwt
import pytest
from sqlalchemy import func, select

from idp import clock, opaque
from idp.audit.models import AuditEvent
from idp.clients import store
from idp.db import db
from idp.oidc import signing
from idp.protocol import logout_token
from idp.protocol.logout_token import LogoutToken
from tests.app_keys import ASSERTION_TYPE, assertion_claims, make_key, with_secret
from tests.leaving import follow, logout
from tests.relying_party import answer_of, hidden_fields, now

AFTER = "https://after.example/bye"
PASSWORD = "correct horse battery staple"
NAMES = ("id_token_signed_response_alg", "userinfo_signed_response_alg", "authorization_signed_response_alg")

# Which places believe which kind; everything else is refused.
BELIEVED = {
    "access token": {"userinfo", "introspection", "revocation", "an API"},
    "app's own access token": {"introspection", "revocation", "signing statements", "an API"},
    "token API's access token": {
        "introspection",
        "revocation",
        "token API's verify",
        "an API",
        "an API that takes the token API's",
    },
    "token API's refresh token": {"token API's verify", "token API's refresh", "token API's blacklist"},
    "ID token": {"id_token_hint at a request", "id_token_hint at sign-out", "an app's sign-in"},
    "userinfo": {"an app that asked for userinfo"},
    "authorization response": {"an app that asked for a signed answer"},
    "redirect JWT": {"an app's JWT redirect"},
    "logout token": {"an app's back channel"},
    "statement": {"an app that takes statements"},
    "client assertion": {"client authentication"},
    "request object": {"request"},
}
# What is believed in the end: each of these ends what it is shown, so that every kind is made anew for it.
ENDING = ("token API's blacklist", "revocation", "id_token_hint at sign-out")

API = {"token_endpoint_auth_method": "none", "grant_types": [], "token_api": {"rotate": False}}


class App:
    """One app that does everything there is, with what it was given."""

    def __init__(self, idp, kind):
        self.idp, self.person = idp, idp.person(password=PASSWORD)
        self.browser = idp.browser(self.person)
        self.key = make_key()
        self.alg = "HS256" if kind == "secret" else "RS256"
        self.is_public = kind == "public"
        self.party = idp.party(
            scope="openid profile email idp:sign" if not self.is_public else "openid profile email",
            jwks=self.key.jwks,
            post_logout_redirect_uris=[AFTER],
            access_token_signed_response_alg="RS256",
            jwt_sso={"delivery_uri": "https://notes.example/jwt"},
            **dict.fromkeys(NAMES, self.alg),
            **self._proving(kind),
        )
        self.signer = with_secret(self.party.client_secret) if kind == "secret" else self.key
        machine = {"grant_types": ["client_credentials"], "redirect_uris": None}
        self.machine = idp.party(
            scope="idp:sign", resource_server=True, access_token_signed_response_alg="RS256", **machine
        )
        self.other = idp.party(**machine).client_id
        if self.is_public:
            self.api = self.party
        else:
            self.party.credentials = lambda: (list(self.assertion_form(self.assertion()).items()), {})
            self.api = idp.party(redirect_uris=None, scope=None, **API)
        self.nonce = opaque.token()
        self.tokens = self.made()

    @staticmethod
    def _proving(kind):
        if kind == "public":
            return {**API, "grant_types": ["authorization_code"]}
        method = "client_secret_jwt" if kind == "secret" else "private_key_jwt"
        return {"grant_types": ["authorization_code", "client_credentials"], "token_endpoint_auth_method": method}

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

    def ask_api(self, path, **given):
        return self.idp.app.test_client(use_cookies=False).post(
            f"/api/token/{path}", json=given, base_url=self.idp.issuer
        )

    def made(self):
        """Return one token of each kind."""
        party = self.party
        pair = self.ask_api("", username=self.person.username, password=PASSWORD).json
        answered = party.start(self.browser, response_mode="jwt", nonce=self.nonce)
        back = party.finish(answered).back
        redirected = self.browser("GET", f"/sso/{party.client_id}?nonce={self.nonce}", None, {})
        return {
            "access token": back.access,
            "app's own access token": self.own_token(self.machine if self.is_public else party),
            "token API's access token": pair["access"],
            "token API's refresh token": pair["refresh"],
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
        return self.sign_statement(self.own_token(self.machine), self.party.client_id).json["token"]

    def sign_statement(self, token, audience):
        body = {"audience": audience, "statement": {"sub": self.person.id, "nonce": self.nonce, "sid": "x"}}
        headers = {"Authorization": f"Bearer {token}"}
        return self.idp.app.test_client().post("/oauth/sign", json=body, headers=headers, base_url=self.idp.issuer)

    # The places on the server.

    def believes_at_userinfo(self, token):
        return self.party.userinfo(token).status == 200

    def believes_at_introspection(self, token):
        return self.machine.introspect(token).json["active"]

    def believes_at_revocation(self, token):
        """Try as everybody whose the token may be; what was ended is written down."""
        ended = select(func.count()).where(AuditEvent.type == "token.revoked")
        before = self.idp.rows(ended)
        for party in (self.party, self.api, self.machine):
            assert party.revoke(token).status == 200
        return self.idp.rows(ended) != before

    def believes_at_verify(self, token):
        return self.ask_api("verify/", token=token).status_code == 200

    def believes_at_refresh(self, token):
        return self.ask_api("refresh/", refresh=token).status_code == 200

    def believes_at_blacklist(self, token):
        return self.ask_api("blacklist/", refresh=token).status_code == 200

    def believes_at_signing(self, token):
        return self.sign_statement(token, self.other).status_code == 200

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

    def simplejwt_believes(self, token):
        """Read as the package does: it knows no typ, and wants its own claims in place of that."""
        try:
            typ = jwt.get_unverified_header(token).get("typ", "")
            claims = self.read(token, typ, "RS256", require=["exp", "jti", "user_id"], audience=self.idp.issuer)
        except (jwt.PyJWTError, KeyError):
            return False
        return claims.get("token_type") == "access"


ONCE = ["exp", "iat", "sub", "jti"]
PLACES = {
    "userinfo": App.believes_at_userinfo,
    "introspection": App.believes_at_introspection,
    "signing statements": App.believes_at_signing,
    "token API's verify": App.believes_at_verify,
    "token API's refresh": App.believes_at_refresh,
    "token API's blacklist": App.believes_at_blacklist,
    "revocation": App.believes_at_revocation,
    "id_token_hint at a request": App.believes_as_hint,
    "id_token_hint at sign-out": App.believes_at_sign_out,
    "client authentication": App.believes_as_assertion,
    "request": App.believes_as_request,
    "an API": App.api_believes,
    "an API that takes the token API's": App.simplejwt_believes,
    # By their names alone: both carry the nonce that the app sent, as it may be the same one.
    "an app's sign-in": lambda app, token: app.app_believes(
        token, "JWT", ["exp", "iat", "sub", "nonce", "sid"], lambda claims: claims["nonce"] == app.nonce
    ),
    "an app that asked for userinfo": lambda app, token: app.app_believes(
        token, "JWT", ["sub"], lambda claims: claims["sub"] == app.person.id and "exp" not in claims
    ),
    "an app that asked for a signed answer": lambda app, token: app.app_believes(
        token, "JWT", ["exp", "code", "state"]
    ),
    "an app's JWT redirect": lambda app, token: app.app_believes(
        token, "JWT", [*ONCE, "nonce"], lambda claims: claims["nonce"] == app.nonce, alg="RS256"
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


@pytest.fixture(params=["keys", "secret", "public"])
def app_of(idp, request):
    return App(idp, request.param)


def test_only_its_own_place_believes_a_token(app_of):
    assert set(app_of.tokens) == set(BELIEVED)
    assert set().union(*BELIEVED.values()) == set(PLACES)
    found = {kind: set() for kind in BELIEVED}
    for place in [*sorted(PLACES.keys() - set(ENDING)), *ENDING]:
        # Whatever ends a session or a family comes last, and first with what it does not believe.
        tokens = app_of.made() if place in ENDING else app_of.tokens
        for kind in sorted(tokens, key=lambda kind: place in BELIEVED[kind]):
            if PLACES[place](app_of, tokens[kind]):
                found[kind].add(place)
    # Nothing proves an app that has nothing to prove itself with.
    nobody = {"client assertion": set()} if app_of.is_public else {}
    assert found == BELIEVED | nobody
