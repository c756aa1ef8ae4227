"""Clients that prove themselves by a signed JWT: ``private_key_jwt`` and ``client_secret_jwt`` (RFC 7523)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from flask import request
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

# Importing it registers the algorithms.
from joserfc.jws import JWSRegistry

from idp import clock
from idp.clients import secrets
from idp.clients.metadata import HMAC_ALGORITHMS
from idp.clients.public_keys import CLIENT_SIGNING_ALGORITHMS, FAPI_ALGORITHMS
from idp.clients.secrets import SecretUse
from idp.db import transaction
from idp.errors import InvalidClient, InvalidRequest, InvalidToken
from idp.oidc import secret_limits, signing
from idp.oidc.client_keys import ClientKeys, ClientKeysUnavailable
from idp.protocol import jws_header, jwt_times
from idp.protocol.assertion_claims import AssertionClaims
from idp.settings import Settings
from idp.tokens import assertions
from idp.vault import Vault
from idp.web.current import service

if TYPE_CHECKING:
    from datetime import datetime

    from idp.clients.store import Client
    from idp.protocol.jws_header import Jws
    from idp.protocol.parameters import Parameters

TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SIGNING_ALGORITHMS: Final = (*CLIENT_SIGNING_ALGORITHMS, *HMAC_ALGORITHMS)
_TYPES: Final = frozenset({"", "jwt", "client-authentication+jwt"})
_TOKEN_PATH = "/oauth/token"


@dataclass(frozen=True, slots=True)
class Assertion:
    """An assertion as it came; nothing in it is proven, the client that it names included."""

    client_id: str
    jws: Jws

    @property
    def method(self) -> str:
        """The way to authenticate that it belongs to."""
        return "client_secret_jwt" if self.jws.alg in HMAC_ALGORITHMS else "private_key_jwt"


def read(form: Parameters) -> Assertion:
    """Read the assertion in a request's form; the client may be named by it alone (RFC 7521 section 4.2).

    Raises:
        InvalidClient: there is none, or it is malformed.
        InvalidRequest: ``client_id`` names another client.

    """
    token = form.get("client_assertion")
    if token is None or form.get("client_assertion_type") != TYPE:
        raise InvalidClient(f"Send client_assertion together with client_assertion_type={TYPE}.")
    try:
        jws = jws_header.parse(token, algorithms=SIGNING_ALGORITHMS)
    except InvalidToken as error:
        raise _refusal(f"It is not a signed JWT that can be read: {error.detail}.") from None
    if jws.typ not in _TYPES:
        raise _refusal("Its typ is neither client-authentication+jwt nor JWT.")
    issuer, subject = jws.unverified_claims.get("iss"), jws.unverified_claims.get("sub")
    if not isinstance(issuer, str) or not issuer or issuer != subject:
        raise _refusal("Its iss and sub must both be the client_id.")
    if form.get("client_id") not in (None, issuer):
        raise InvalidRequest("client_id is not the client that client_assertion names.")
    return Assertion(issuer, jws)


def prove(client: Client, assertion: Assertion, now: datetime) -> None:
    """Check that *assertion* was made by *client* for this server, a moment ago, and use it up.

    May fetch the client's keys, and commits by itself: no transaction may be open.

    Raises:
        InvalidClient: anything that is wrong; details only once the signature has proven who is asking.
        TooManyAttempts: too many wrong signatures by a secret.

    """
    fault = _signature_fault(client, assertion, now)
    if fault:
        raise InvalidClient(secret_limits.REFUSED, detail=f"client {client.client_id}: {fault}")
    claims = assertion.jws.unverified_claims
    issuer = service(Settings).issuer
    rules = AssertionClaims(
        issuer,
        frozenset({issuer, f"{issuer}{_TOKEN_PATH}", f"{issuer}{request.path}"}),
        strict=client.metadata.security_profile == "fapi",
    )
    wrong = rules.fault_in(claims, clock.epoch_seconds(now))
    if wrong:
        raise _refusal(wrong)
    # At most five minutes ahead, as was just checked; a second on top for fractions.
    left = claims["exp"] - clock.epoch_seconds(now) + jwt_times.SKEW + 1
    with transaction() as session:
        unused = assertions.use(session, client.client_id, claims["jti"], expires_at=now + timedelta(seconds=left))
    if not unused:
        raise _refusal("Its jti was used before; make a new assertion for each request.")


def _signature_fault(client: Client, assertion: Assertion, now: datetime) -> str | None:
    metadata, jws = client.metadata, assertion.jws
    if assertion.method != metadata.token_endpoint_auth_method:
        return f"an assertion of {assertion.method}, registered for {metadata.token_endpoint_auth_method}"
    if metadata.token_endpoint_auth_signing_alg not in (None, jws.alg):
        return f"signed with {jws.alg}, registered for {metadata.token_endpoint_auth_signing_alg}"
    if metadata.security_profile == "fapi" and jws.alg not in FAPI_ALGORITHMS:
        return f"signed with {jws.alg}, which the fapi profile does not allow"
    if assertion.method == "client_secret_jwt":
        return _secret_fault(client, jws, now)
    try:
        good = service(ClientKeys).verify(client, jws, now)
    except ClientKeysUnavailable as error:
        return str(error)
    return None if good else "no registered key verifies the signature"


def _secret_fault(client: Client, jws: Jws, now: datetime) -> str | None:
    needed = int(jws.alg.removeprefix("HS")) // 8
    for secret_id, secret in secrets.signing_keys(service(Vault), client):
        # RFC 7518 section 3.2; matters for secrets that somebody chose.
        if len(secret) >= needed and _is_signed_with(secret, jws):
            service(SecretUse).note(secret_id, now)
            signing.note_secret(secret_id)
            return None
    secret_limits.note_failure(client.client_id)
    return "no secret verifies the signature"


def _is_signed_with(secret: bytes, jws: Jws) -> bool:
    try:
        return bool(JWSRegistry.algorithms[jws.alg].verify(jws.signing_input, jws.signature, OctKey.import_key(secret)))
    except (ValueError, JoseError):
        return False


def _refusal(sentence: str) -> InvalidClient:
    return InvalidClient(f"client_assertion is not accepted. {sentence}")
