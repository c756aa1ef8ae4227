"""A relying party as the tests play it: PKCE, state and nonce of its own, tokens verified by joserfc and the key set.

It speaks through a callable, so the same party talks to Flask's test client and to a server over HTTP.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, OctKey
from joserfc.jwt import JWTClaimsRegistry

Pairs = Sequence[tuple[str, str]]
# What the server signs with keys of its own.
ALGORITHMS = [*(f"{family}{bits}" for family in ("RS", "PS", "ES") for bits in (256, 384, 512)), "EdDSA"]


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: Any
    body: bytes

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def location(self):
        return self.headers.get("Location")


# (method, path with query, form or None, headers) -> Answer
Http = Callable[[str, str, Pairs | Mapping[str, str] | None, Mapping[str, str]], Answer]


def through_test_client(client, base_url) -> Http:
    """Return an Http that speaks to Flask's test client, whose cookies make it a browser."""

    def send(method, path, form, headers):
        pairs = list(form.items()) if isinstance(form, Mapping) else form
        body = urlencode(pairs) if pairs is not None else None
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if pairs is not None else {}
        response = client.open(path, method=method, data=body, headers={**kind, **headers}, base_url=base_url)
        return Answer(response.status_code, response.headers, response.get_data())

    return send


@dataclass
class Tokens:
    """A token response, with the verified claims of what is in it."""

    raw: dict[str, Any]
    id_claims: dict[str, Any] | None
    access_claims: dict[str, Any]

    @property
    def access(self):
        return self.raw["access_token"]

    @property
    def refresh(self):
        return self.raw.get("refresh_token")

    @property
    def id_token(self):
        return self.raw.get("id_token")


@dataclass
class Pending:
    """What the party remembers between its request and the answer."""

    state: str | None
    nonce: str | None
    verifier: str | None
    redirect_uri: str
    response_type: str | None


@dataclass
class SignedIn:
    """A whole flow: the authorization response, what its ID token says, and what the token endpoint gave for a code."""

    answer: dict[str, str]
    front: dict[str, Any] | None
    back: Tokens | None

    @property
    def id_claims(self):
        """The claims of an ID token, the first there is."""
        return self.front or self.back.id_claims

    @property
    def id_tokens(self):
        """The claims of every ID token."""
        back = self.back.id_claims if self.back else None
        return [claims for claims in (self.front, back) if claims is not None]

    @property
    def id_token(self):
        return self.answer.get("id_token") or self.back.id_token

    @property
    def access(self):
        """An access token, `None` for a flow that gives none."""
        return self.answer.get("access_token") or (self.back.access if self.back else None)


@dataclass
class RelyingParty:
    """One registered client."""

    http: Http
    issuer: str
    client_id: str
    client_secret: str | None
    redirect_uri: str
    scope: str = "openid profile email"
    auth_method: str = "client_secret_basic"
    response_type: str = "code"
    response_mode: str | None = None
    pending: list[Pending] = field(default_factory=list)
    # What it registered to have signed with its secret; nobody else's word counts for that.
    secret_algorithms: frozenset[str] = frozenset()

    def parameters(self, **changes: str | None) -> dict[str, str]:
        """Return the parameters of a fresh authorization request; a change to None leaves one out."""
        verifier = secrets.token_urlsafe(48)
        given: dict[str, str | None] = {
            "client_id": self.client_id,
            "response_type": self.response_type,
            "response_mode": self.response_mode,
            "redirect_uri": self.redirect_uri,
            "scope": self.scope,
            "state": secrets.token_urlsafe(16),
            "nonce": secrets.token_urlsafe(16),
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
            **changes,
        }
        has_challenge = given["code_challenge"] is not None
        self.pending.append(
            Pending(
                given["state"],
                given["nonce"],
                verifier if has_challenge else None,
                given["redirect_uri"] or self.redirect_uri,
                given["response_type"],
            )
        )
        return {name: value for name, value in given.items() if value is not None}

    def start(self, browser: Http, **changes: str | None) -> Answer:
        """Send *browser* to the authorization endpoint."""
        return browser("GET", f"/oauth/authorize?{urlencode(self.parameters(**changes))}", None, {})

    def answer(self, response: Answer) -> dict[str, str]:
        """Return the parameters of an authorization response, after the checks of RFC 9207, of JARM and of state."""
        given = answer_of(response)
        if "response" in given:
            assert set(given) == {"response"}, given
            given = self.opened(given["response"])
        assert given.get("iss") == self.issuer, given
        assert given.get("state") == self.pending[-1].state, given
        return given

    def opened(self, signed: str) -> dict[str, str]:
        """Return what a signed answer says (JARM section 2.4)."""
        claims = self.claims_of(signed, typ="JWT")
        assert claims.pop("aud") == self.client_id
        assert now() < claims.pop("exp") <= now() + 600
        assert all(isinstance(value, str) for value in claims.values()), claims
        return claims

    def flow(self, browser: Http, **changes: str | None) -> SignedIn:
        """Do a whole flow of the party's response type with a browser that is signed in, and verify everything."""
        return self.finish(self.start(browser, **changes))

    def finish(self, response: Answer) -> SignedIn:
        """Do the rest of a flow from the answer on."""
        pending = self.pending[-1]
        words = set((pending.response_type or "").split())
        given = self.answer(response)
        assert "error" not in given, given
        names = {"token": "access_token"}
        assert {"code", "id_token", "access_token"} & set(given) == {names.get(word, word) for word in words}, given
        if response.location and words & {"token", "id_token"}:
            assert not urlsplit(response.location).query, response.location
        front = self._front(given, pending.nonce) if "id_token" in words else None
        back = None
        if "access_token" in given:
            assert given["token_type"] == "Bearer"
            assert 1 <= int(given["expires_in"]) <= 31536000
        if "code" in words:
            exchanged = self.exchange(given["code"])
            assert exchanged.status == 200, exchanged.text
            back = self.verified(exchanged, nonce=pending.nonce)
        if front and back and back.id_claims:
            for name in ("iss", "sub", "auth_time"):
                assert front[name] == back.id_claims[name]
        return SignedIn(given, front, back)

    def _front(self, given: Mapping[str, str], nonce: str | None) -> dict[str, Any]:
        """Return the claims of an ID token from the authorization endpoint, verified (Core 3.2.2.11, 3.3.2.12)."""
        claims, alg = self.claims_of(given["id_token"], typ="JWT"), header_of(given["id_token"])["alg"]
        _registry(self.issuer, self.client_id).validate(claims)
        assert nonce
        assert claims["nonce"] == nonce
        for name, hashed in (("access_token", "at_hash"), ("code", "c_hash")):
            assert claims.get(hashed) == (at_hash(given[name], alg) if name in given else None), hashed
        return claims

    def code(self, browser: Http, **changes: str | None) -> str:
        """Return a code, from a browser that is signed in."""
        given = self.answer(self.start(browser, **changes))
        assert "code" in given, given
        return given["code"]

    def token(self, form: Mapping[str, str | None] | Pairs, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask the token endpoint, authenticated as registered."""
        pairs = (
            [(name, value) for name, value in form.items() if value is not None]
            if isinstance(form, Mapping)
            else list(form)
        )
        extra, given = self.credentials()
        return self.http("POST", "/oauth/token", [*pairs, *extra], {**given, **(headers or {})})

    def credentials(self) -> tuple[list[tuple[str, str]], dict[str, str]]:
        """Return the form fields and headers that authenticate the client."""
        if self.client_secret is None:
            return [("client_id", self.client_id)], {}
        if self.auth_method == "client_secret_post":
            return [("client_id", self.client_id), ("client_secret", self.client_secret)], {}
        return [], {"Authorization": basic(self.client_id, self.client_secret)}

    def exchange(self, code: str, **changes: str | None) -> Answer:
        """Redeem a code."""
        pending = self.pending[-1]
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": pending.redirect_uri,
            "code_verifier": pending.verifier,
            **changes,
        }
        return self.token(form)

    def sign_in(self, browser: Http, **changes: str | None) -> Tokens:
        """Do the whole code flow with a browser that is signed in, and verify everything."""
        response = self.exchange(self.code(browser, **changes))
        assert response.status == 200, response.text
        return self.verified(response, nonce=self.pending[-1].nonce)

    def refresh(self, token: str, **changes: str | None) -> Answer:
        """Redeem a refresh token."""
        return self.token({"grant_type": "refresh_token", "refresh_token": token, **changes})

    def verified(self, response: Answer, *, nonce: str | None = None) -> Tokens:
        """Verify the tokens of a successful token response as a client of the standard does."""
        raw = response.json
        access = self.claims_of(raw["access_token"], typ="at+jwt")
        id_claims = None
        if "id_token" in raw:
            id_claims = self.claims_of(raw["id_token"], typ="JWT")
            _registry(self.issuer, self.client_id).validate(id_claims)
            assert id_claims.get("nonce") == nonce
            assert id_claims["at_hash"] == at_hash(raw["access_token"], header_of(raw["id_token"])["alg"])
        return Tokens(raw, id_claims, access)

    def claims_of(self, token: str, *, typ: str) -> dict[str, Any]:
        """Return the claims of a token whose signature the published key set verifies, or the party's own secret."""
        header = header_of(token)
        assert header["typ"] == typ, header
        if header["alg"] in self.secret_algorithms:
            assert "kid" not in header
            return dict(jwt.decode(token, OctKey.import_key(self.client_secret), algorithms=[header["alg"]]).claims)
        document = self.http("GET", "/oauth/jwks", None, {}).json
        assert [key["kid"] for key in document["keys"]].count(header["kid"]) == 1
        return dict(jwt.decode(token, KeySet.import_key_set(document), algorithms=ALGORITHMS).claims)

    def userinfo(self, access_token: str) -> Answer:
        """Ask for the person's claims."""
        return self.http("GET", "/oauth/userinfo", None, {"Authorization": f"Bearer {access_token}"})

    def revoke(self, token: str) -> Answer:
        """Give a token back."""
        extra, headers = self.credentials()
        return self.http("POST", "/oauth/revoke", [("token", token), *extra], headers)

    def introspect(self, token: str) -> Answer:
        """Ask about a token."""
        extra, headers = self.credentials()
        return self.http("POST", "/oauth/introspect", [("token", token), *extra], headers)


def _registry(issuer: str, client_id: str) -> JWTClaimsRegistry:
    return JWTClaimsRegistry(
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": client_id},
        exp={"essential": True},
        iat={"essential": True},
        sub={"essential": True},
    )


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a verifier."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def basic(client_id: str, secret: str) -> str:
    """Return a Basic header, neither part form-encoded, as most libraries send it."""
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


def header_of(token: str) -> dict[str, Any]:
    """Return the header of a JWT, unverified."""
    first = token.split(".", 1)[0]
    return json.loads(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))


def at_hash(token: str, alg: str) -> str:
    """Return the at_hash of an access token (OpenID Connect Core section 3.1.3.6)."""
    digest = hashlib.new("sha512" if alg == "EdDSA" else f"sha{alg[2:]}", token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def answer_of(response: Answer) -> dict[str, str]:
    """Return the parameters of an authorization response, wherever its mode puts them; none twice."""
    if response.status == 200:
        return dict(hidden_fields(response.text))
    assert response.status in {302, 303}, (response.status, response.text)
    parts = urlsplit(response.location)
    pairs = parse_qsl(parts.fragment or parts.query, keep_blank_values=True)
    assert len(dict(pairs)) == len(pairs), pairs
    return dict(pairs)


def place_of(response: Answer) -> str:
    """Return where the parameters of an authorization response stand: query, fragment or form_post."""
    if response.status == 200:
        return "form_post"
    parts = urlsplit(response.location)
    assert not (parts.query and parts.fragment), response.location
    return "fragment" if parts.fragment else "query"


def hidden_fields(html: str) -> list[tuple[str, str]]:
    """Return the hidden inputs of a page, as a browser would post them."""
    reader = _Inputs()
    reader.feed(html)
    return reader.found


def now() -> int:
    """Return the present second."""
    return int(time.time())


def forged(token: str) -> list[str]:
    """Return nine tokens that resemble *token* and were not issued."""
    header, payload, signature = token.split(".")

    def encoded(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    original = header_of(token)
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    other_subject = encoded({**claims, "sub": "usr_somebody"})
    flipped = ("B" if signature[10] != "B" else "C").join((signature[:10], signature[11:]))
    symmetric = encoded({**original, "alg": "HS256"})
    mac = hmac.new(b"", f"{symmetric}.{payload}".encode(), "sha256").digest()
    return [
        f"{encoded({**original, 'alg': 'none'})}.{payload}.",
        f"{encoded({**original, 'alg': 'None'})}.{other_subject}.",
        f"{header}.{other_subject}.{signature}",
        f"{header}.{payload}.{flipped}",
        f"{header}.{payload}.",
        f"{header}.{payload}",
        f"{symmetric}.{payload}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}",
        f"{encoded({**original, 'kid': '../../etc/passwd'})}.{payload}.{signature}",
        f"{encoded({**original, 'jwk': {'kty': 'oct', 'k': ''}, 'kid': None})}.{payload}.{signature}",
    ]


class _Inputs(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, str]] = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "input" and given.get("type") == "hidden":
            self.found.append((given["name"], given.get("value") or ""))


def text_of(html: str) -> str:
    """Return a page's text, roughly: tags dropped, entities resolved."""
    pieces = html.split("<")
    return unescape(" ".join(piece.partition(">")[2] for piece in pieces))
