"""Every algorithm, both ways, against three libraries: PyJWT, joserfc and jose verify what is signed here, and sign."""

from __future__ import annotations

import json
import subprocess

import jwt as pyjwt
import pytest
from joserfc import jwt as joserfc_jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey
from joserfc.jwt import JWTClaimsRegistry

from idp.clients.metadata import ANSWER_ALGORITHMS, HMAC_ALGORITHMS, SIGNING_ALGORITHMS
from idp.keys.algorithms import ALGORITHMS
from idp.settings import Settings
from tests.app_keys import ASSERTION_TYPE, assertion_claims, make_key
from tests.clients.provider import FOLDER, NODE
from tests.protocol.conftest import Provider
from tests.relying_party import answer_of, header_of

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")


@pytest.fixture
def backend():
    return "sqlite"  # Signing does not touch the database.


@pytest.fixture
def idp(app):
    return Provider(app, app.extensions["idp"][Settings].issuer)


class PyJwt:
    def __init__(self, alg, secret, jwks, issuer):
        self.alg, self.secret, self.issuer, self.jwks = alg, secret, issuer, jwks

    def verify(self, tasks):
        return {name: self._read(**task) for name, task in tasks.items()}

    def _read(self, token, typ, audience):
        try:
            keys = pyjwt.PyJWKSet.from_dict(self.jwks)
            key = self.secret if self.alg in HMAC_ALGORITHMS else keys[header_of(token)["kid"]]
            return {"claims": pyjwt.decode(token, key, [self.alg], audience=audience, issuer=self.issuer)}
        except (pyjwt.PyJWTError, KeyError) as error:
            return {"refused": str(error)}

    def sign(self, jwk, claims, header):
        key = pyjwt.PyJWK(jwk, self.alg).key if jwk else self.secret
        return pyjwt.encode(claims, key, self.alg, headers=header)


class JoseRfc:
    def __init__(self, alg, secret, jwks, issuer):
        self.alg, self.secret, self.issuer, self.jwks = alg, secret, issuer, jwks

    def verify(self, tasks):
        return {name: self._read(**task) for name, task in tasks.items()}

    def _read(self, token, typ, audience):
        key = OctKey.import_key(self.secret) if self.alg in HMAC_ALGORITHMS else KeySet.import_key_set(self.jwks)
        try:
            claims = joserfc_jwt.decode(token, key, algorithms=[self.alg]).claims
            exact = {"iss": {"essential": True, "value": self.issuer}, "aud": {"essential": True, "value": audience}}
            JWTClaimsRegistry(**exact).validate(claims)
        except (JoseError, ValueError) as error:
            return {"refused": str(error)}
        return {"claims": claims}

    def sign(self, jwk, claims, header):
        key = joserfc_key(jwk) if jwk else OctKey.import_key(self.secret)
        return joserfc_jwt.encode({"alg": self.alg, **header}, claims, key, algorithms=[self.alg])


def joserfc_key(jwk):
    return KeySet.import_key_set({"keys": [jwk]}).keys[0]


class Jose:
    def __init__(self, alg, secret, jwks, issuer):
        self.known = {"alg": alg, "secret": secret, "jwks": jwks, "issuer": issuer}

    def verify(self, tasks):
        return self._do(verify=tasks)

    def sign(self, jwk, claims, header):
        return self._do(sign={"jwk": jwk, "claims": claims, "header": header})["signed"]

    def _do(self, **task):
        words = [NODE, "jose_tasks.js"]
        given = json.dumps({**self.known, **task})
        done = subprocess.run(words, cwd=FOLDER, input=given, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


LIBRARIES = (PyJwt, JoseRfc, Jose)


def test_what_apps_may_choose_is_what_there_are_keys_for():
    assert set(SIGNING_ALGORITHMS) == set(ALGORITHMS)
    assert set(ANSWER_ALGORITHMS) == {*ALGORITHMS, *HMAC_ALGORITHMS}


def issued(idp, alg):
    """Return a party that has everything signed with *alg*, and one token of each kind, with its typ and audience."""
    named = dict.fromkeys(
        ("id_token_signed_response_alg", "userinfo_signed_response_alg", "authorization_signed_response_alg"), alg
    )
    if alg in ALGORITHMS:
        named["access_token_signed_response_alg"] = alg
    party = idp.party(**named)
    response = party.start(idp.browser(idp.person()), response_mode="jwt")
    back = party.finish(response).back
    tokens = {
        "answer": (answer_of(response)["response"], "JWT", party.client_id),
        "id token": (back.id_token, "JWT", party.client_id),
        "userinfo": (party.userinfo(back.access).text, "JWT", party.client_id),
    }
    if alg in ALGORITHMS:
        tokens["access token"] = (back.access, "at+jwt", idp.issuer)
    return party, {name: dict(zip(("token", "typ", "audience"), one, strict=True)) for name, one in tokens.items()}


def altered(task):
    """Return *task* with one letter of the claims, of the signature, and with another audience."""
    head, body, signature = task["token"].split(".")
    flipped = [part[:7] + ("A" if part[7] != "A" else "B") + part[8:] for part in (body, signature)]
    return {
        "other claims": {**task, "token": f"{head}.{flipped[0]}.{signature}"},
        "other signature": {**task, "token": f"{head}.{body}.{flipped[1]}"},
        "no signature": {**task, "token": f"{head}.{body}."},
        "other audience": {**task, "audience": "app_other"},
    }


@pytest.mark.parametrize("alg", ANSWER_ALGORITHMS)
def test_what_is_signed_here_is_verified_everywhere(idp, alg):
    party, tokens = issued(idp, alg)
    jwks = idp.http()("GET", "/oauth/jwks", None, {}).json
    bad = {f"{name}, {what}": task for name in tokens for what, task in altered(tokens[name]).items()}
    assert {header_of(task["token"])["alg"] for task in tokens.values()} == {alg}
    for library in LIBRARIES:
        reader = library(alg, party.client_secret, jwks, idp.issuer)
        found = reader.verify({**tokens, **bad})
        for name in tokens:
            assert found[name].get("claims", {}).get("iss") == idp.issuer, (library, name, found[name])
        for name in bad:
            assert "refused" in found[name], (library, name)
        # Nor by whoever expects another algorithm: of the other kind of key, or of the same.
        for other in {"RS256", "PS256", "HS256", "ES256", f"{alg[:2]}384"} - {alg}:
            strict = library(other, party.client_secret, jwks, idp.issuer).verify({"id": tokens["id token"]})
            assert "refused" in strict["id"], (library, other)
            if library is Jose:
                # A process each time; one other algorithm is enough.
                break


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("alg", ANSWER_ALGORITHMS)
def test_what_is_signed_elsewhere_is_verified_here(idp, alg, library):
    key = None if alg in HMAC_ALGORITHMS else make_key(alg)
    method = "private_key_jwt" if key else "client_secret_jwt"
    named = {"jwks": key.jwks} if key else {}
    party = idp.party(
        token_endpoint_auth_method=method,
        token_endpoint_auth_signing_alg=alg,
        grant_types=["client_credentials"],
        redirect_uris=None,
        scope=None,
        **named,
    )
    signer = library(alg, party.client_secret, {"keys": []}, "")
    private = {**key.key.as_dict(private=True), "kid": key.kid} if key else None
    header = {"kid": key.kid} if key else {}

    def ask(**changes):
        claims = assertion_claims(party.client_id, idp.issuer, **changes)
        assertion = signer.sign(private, claims, header)
        form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
        return party.http("POST", "/oauth/token", {"grant_type": "client_credentials", **form}, {})

    assert ask().status == 200
    assert ask(aud="https://elsewhere.example").status == 401
