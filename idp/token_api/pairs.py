"""The two tokens: made, read and ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from idp import clock
from idp.contracts import schema
from idp.contracts.notes import Notes
from idp.errors import InvalidToken
from idp.keys.signer import Signer
from idp.keys.verifier import Verifier
from idp.login.methods.password import METHOD
from idp.protocol import access_token, refresh_jwt
from idp.protocol.access_token import AccessToken
from idp.protocol.refresh_jwt import RefreshJwt
from idp.settings import Settings
from idp.token_api.answers import EXPIRED, INVALID, WRONG_TYPE, token_refused
from idp.tokens import access, codes, lifetimes, refresh
from idp.tokens.codes import NewGrant
from idp.web.current import service

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.clients.store import Client
    from idp.settings import TokenSettings
    from idp.tokens.codes import GrantView

ACCESS, REFRESH = "access", "refresh"
_TYPES = {ACCESS: access_token.TYP, REFRESH: refresh_jwt.TYP}


@dataclass(frozen=True, slots=True)
class Presented:
    """A token of the token API that verified and has not run out; whether it was revoked is for the database to say."""

    kind: str
    jti: str
    person_id: str


def limits() -> TokenSettings:
    """Return the lifetimes of what the token API issues."""
    tokens = service(Settings).tokens
    return tokens.model_copy(update={"access": tokens.api_access, "refresh_idle": tokens.api_refresh})


def begin(session: Session, client: Client, person_id: str, now: datetime) -> tuple[GrantView, str]:
    """Keep the grant of a person who has just given the password; return it with its first refresh token."""
    usual = client.metadata.default_resource
    new = NewGrant(
        client_id=client.client_id,
        person_id=person_id,
        session_id="",
        redirect_uri="",
        scope="",
        resources=(usual,) if usual else (),
        nonce=None,
        code_challenge=None,
        auth_time=now,
        amr=METHOD.amr,
        acr=METHOD.acr,
        offline=True,
        has_code=False,
    )
    lasting = lifetimes.of(client, schema.API_TOKEN, limits().access, service(Settings))
    grant = codes.issue(session, new, limits=limits(), access=lasting, now=now).grant
    return grant, refresh.issue(session, grant, limits=limits(), now=now, prefix=refresh.API_PREFIX)


def sign_access(client: Client, grant: GrantView, now: datetime) -> str:
    """Return a signed access token of *grant*; no transaction is open meanwhile."""
    token = access_of(client, grant)
    alg, claims = algorithm(client), token.claims(now)
    service(Notes).note(client.client_id, schema.API_TOKEN, (), claims, now=now, alg=alg, typ=access_token.TYP)
    # An API verifies them whatever their audience is, so it has to know the key.
    return service(Signer).sign(alg, header=access_token.HEADER, claims=claims, now=now, client_id=client.client_id)


def algorithm(client: Client) -> str:
    """Return what access tokens are signed with: RSA whatever they are for, which their readers are set up for."""
    return client.metadata.access_token_signed_response_alg or client.defaults.alg_for_resources


def access_of(client: Client, grant: GrantView) -> AccessToken:
    """Return an access token of *grant*, not signed."""
    usual, settings = client.metadata.default_resource, service(Settings)
    lifetime = lifetimes.of(client, schema.API_TOKEN, limits().access, settings)
    return AccessToken(
        issuer=settings.issuer,
        subject=grant.person_id,
        client_id=client.client_id,
        lifetime=lifetime,
        jti=access.new_jti(grant.id),
        audiences=(usual,) if usual else (),
        auth_time=grant.auth_time,
        acr=grant.acr,
        amr=grant.amr,
        extra={"token_type": ACCESS, "user_id": grant.person_id},
    )


def sign_refresh(client: Client, grant: GrantView, token: str, now: datetime) -> str:
    """Return *token*, a refresh token of *grant*, as the JWT that goes out."""
    until = min(now + limits().refresh_idle, grant.created_at + limits().refresh_max)
    made = RefreshJwt(
        issuer=service(Settings).issuer,
        subject=grant.person_id,
        client_id=client.client_id,
        lifetime=until - now,
        jti=token,
    )
    header, claims = refresh_jwt.HEADER, made.claims(now)
    return service(Signer).sign(client.defaults.alg_for_resources, header=header, claims=claims, now=now)


def read(client: Client, token: str, now: datetime) -> Presented:
    """Return what *token* is, an access or a refresh token that this API issued.

    Raises:
        Refused: it is neither, or has run out.

    """
    for kind in (REFRESH, ACCESS):
        claims = _verified(token, kind, now)
        if claims is not None:
            break
    else:
        raise token_refused(INVALID)
    jti, person_id = claims.get("jti"), claims.get("user_id")
    is_ours = claims.get("client_id") == client.client_id and claims.get("token_type") == kind
    if not is_ours or not isinstance(jti, str) or not isinstance(person_id, str):
        raise token_refused(INVALID, detail="a token that another endpoint issued")
    if claims["exp"] <= clock.epoch_seconds(now):
        raise token_refused(EXPIRED)
    return Presented(kind, jti, person_id)


def read_refresh(client: Client, token: str, now: datetime) -> Presented:
    """Return the refresh token in *token*.

    Raises:
        Refused: it is none of this API's, has run out, or is an access token.

    """
    presented = read(client, token, now)
    if presented.kind != REFRESH:
        raise token_refused(WRONG_TYPE)
    return presented


def _verified(token: str, kind: str, now: datetime) -> dict[str, Any] | None:
    # Of an access token the audience is the API's that it is for, which has changed perhaps; its client is compared.
    audience = service(Settings).issuer if kind == REFRESH else None
    try:
        return service(Verifier).verify(token, typ=_TYPES[kind], audience=audience, now=now, expired_ok=True)
    except InvalidToken:
        return None
