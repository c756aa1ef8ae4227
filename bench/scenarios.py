"""What is measured: each scenario prepares itself once a connection, then does one operation again and again."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

from bench.http import Connection
from bench.server import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bench.server import Server

REDIRECT_URI = "http://app.localhost:9000/callback"
SECRET = "bench-secret-bench-secret-bench-secret"
RESOURCE = "https://api.example.com"
HEADERS = {"Authorization": "Basic " + base64.b64encode(f"bench:{SECRET}".encode()).decode()}
CLIENT = {
    "client_id": "bench",
    "client_secret": SECRET,
    "client_name": "Bench",
    "redirect_uris": [REDIRECT_URI],
    "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
    "scope": "openid profile email offline_access",
    "skip_consent": True,
    "resources": [RESOURCE],
}


class Failed(Exception):
    """An operation did not answer as it should."""


class PutOff(Exception):
    """The server said 503 with Retry-After: as many passwords are being hashed as it allows itself."""


def set_up(server: Server) -> None:
    """Add the person and the client that all scenarios use."""
    server.command("user", "add", "bench", "--email", "bench@example.com", "--password-stdin", given=PASSWORD)
    server.command("client", "add", "--metadata", "-", given=json.dumps(CLIENT))


def expect(condition: object, what: str) -> None:
    """Fail the operation unless *condition* holds."""
    if not condition:
        raise Failed(what)


async def sign_in(connection: Connection) -> None:
    """Sign in through the form, as a browser would."""
    connection.cookies = {name: value for name, value in connection.cookies.items() if name != "idp"}
    page = await connection.request("GET", "/login")
    found = re.search(rb'name="csrf_token"[^>]*value="([^"]+)"', page.body)
    expect(page.status == 200 and found, f"sign-in page {page.status}")
    form = {"csrf_token": found.group(1).decode(), "username": "bench", "password": PASSWORD}
    answer = await connection.request("POST", "/login", form=form)
    if answer.status == 503 and "retry-after" in answer.headers:
        raise PutOff
    expect(answer.status == 303, f"sign-in {answer.status}")


async def surely_sign_in(connection: Connection) -> None:
    """Sign in, however busy the server is with the others that prepare themselves."""
    for _ in range(100):
        try:
            await sign_in(connection)
        except PutOff:
            await asyncio.sleep(0.1)
        else:
            return
    raise Failed("never came to sign in")


async def authorize(connection: Connection, scope: str = "openid profile email", **extra: str) -> tuple[str, str]:
    """Get a code with the session that is there; return code and verifier."""
    verifier = secrets.token_urlsafe(32)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    query = {
        "client_id": "bench",
        "redirect_uri": REDIRECT_URI,
        "response_type": "code",
        "scope": scope,
        "state": "s" * 22,
        "nonce": "n" * 22,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **extra,
    }
    answer = await connection.request("GET", f"/oauth/authorize?{urlencode(query)}")
    location = answer.headers.get("location", "")
    code = parse_qs(urlsplit(location).query).get("code")
    expect(code, f"authorize {answer.status} {location[:60]}")
    return code[0], verifier


async def token(connection: Connection, form: dict[str, str]) -> dict:
    """Call the token endpoint."""
    answer = await connection.request("POST", "/oauth/token", form=form, headers=HEADERS)
    expect(answer.status == 200, f"token {answer.status} {answer.body[:120]!r}")
    return json.loads(answer.body)


async def code_flow(connection: Connection, scope: str = "openid profile email") -> dict:
    """Do a whole code flow with PKCE."""
    code, verifier = await authorize(connection, scope)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI, "code_verifier": verifier}
    return await token(connection, form)


async def nothing(connection: Connection) -> dict:
    """Prepare nothing."""
    return {}


async def signed_in(connection: Connection) -> dict:
    """Prepare a signed-in browser."""
    await surely_sign_in(connection)
    return {}


async def with_tokens(connection: Connection) -> dict:
    """Prepare a signed-in browser that holds tokens."""
    await surely_sign_in(connection)
    return dict(await code_flow(connection, "openid profile email offline_access"))


async def discovery(connection: Connection, held: dict) -> None:
    """Read the discovery document."""
    answer = await connection.request("GET", "/.well-known/openid-configuration")
    expect(answer.status == 200, str(answer.status))


async def jwks(connection: Connection, held: dict) -> None:
    """Read the key set."""
    answer = await connection.request("GET", "/oauth/jwks")
    expect(answer.status == 200, str(answer.status))


async def client_credentials_es256(connection: Connection, held: dict) -> None:
    """Get an access token for the issuer alone (ES256)."""
    await token(connection, {"grant_type": "client_credentials"})


async def client_credentials_rs256(connection: Connection, held: dict) -> None:
    """Get an access token for a resource server (RS256)."""
    await token(connection, {"grant_type": "client_credentials", "resource": RESOURCE})


async def authorize_only(connection: Connection, held: dict) -> None:
    """Get a code."""
    await authorize(connection)


async def code_flow_only(connection: Connection, held: dict) -> None:
    """Get a code and redeem it."""
    await code_flow(connection)


async def refresh(connection: Connection, held: dict) -> None:
    """Rotate the refresh token."""
    form = {"grant_type": "refresh_token", "refresh_token": held["refresh_token"]}
    held["refresh_token"] = (await token(connection, form))["refresh_token"]


async def userinfo(connection: Connection, held: dict) -> None:
    """Ask who the access token is about."""
    headers = {"Authorization": f"Bearer {held['access_token']}"}
    answer = await connection.request("GET", "/oauth/userinfo", headers=headers)
    expect(answer.status == 200, f"userinfo {answer.status}")


async def introspect(connection: Connection, held: dict) -> None:
    """Ask whether the access token is alive."""
    form = {"token": held["access_token"]}
    answer = await connection.request("POST", "/oauth/introspect", form=form, headers=HEADERS)
    expect(answer.status == 200 and b'"active":true' in answer.body.replace(b" ", b""), f"introspect {answer.status}")


async def sign_in_page(connection: Connection, held: dict) -> None:
    """Read the sign-in page."""
    answer = await connection.request("GET", "/login")
    expect(answer.status == 200, str(answer.status))


async def password_sign_in(connection: Connection, held: dict) -> None:
    """Sign in with the password: page, form, Argon2id."""
    await sign_in(connection)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of the table; ``target`` is the CPU budget of the first version in milliseconds.

    ``most`` is the highest concurrency that makes sense: a server process lets four sign-ins wait while it hashes one,
    and puts the others off, which is a measurement of something else.
    """

    name: str
    prepare: Callable[[Connection], Awaitable[dict]]
    operate: Callable[[Connection, dict], Awaitable[None]]
    target: float
    most: int = 1000


SCENARIOS = (
    Scenario("discovery", nothing, discovery, 0.10),
    Scenario("JWKS", nothing, jwks, 0.10),
    Scenario("client_credentials ES256", nothing, client_credentials_es256, 0.6),
    Scenario("client_credentials RS256", nothing, client_credentials_rs256, 1.0),
    Scenario("authorize with a session", signed_in, authorize_only, 1.6),
    Scenario("code flow (PKCE)", signed_in, code_flow_only, 4.0),
    Scenario("refresh with rotation", with_tokens, refresh, 2.4),
    Scenario("userinfo", with_tokens, userinfo, 0.7),
    Scenario("introspection", with_tokens, introspect, 0.7),
    Scenario("sign-in page", nothing, sign_in_page, 1.5),
    Scenario("password sign-in", nothing, password_sign_in, 36, most=4),
)
