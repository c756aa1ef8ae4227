"""Authorization requests as signed JWTs, by value or by reference (RFC 9101, OpenID Connect Core section 6).

What the object says is the whole request: of the parameters beside it, ``client_id`` alone counts (RFC 9101 section
6.3). Unsigned objects are refused, never ignored and never read (A23); an address is fetched only when it is registered
for the client character by character (A24).
"""

from __future__ import annotations

import json
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NoReturn

from idp import clock
from idp.clients.public_keys import CLIENT_SIGNING_ALGORITHMS, FAPI_ALGORITHMS
from idp.db import end_reading
from idp.diagnosis import reasons
from idp.errors import (
    InvalidRequest,
    InvalidRequestObject,
    InvalidRequestUri,
    InvalidToken,
    RequestNotSupported,
    RequestUriNotSupported,
)
from idp.oidc.client_keys import ClientKeys, ClientKeysUnavailable
from idp.outbound import Outbound, OutboundError
from idp.protocol import jws_header, parameters
from idp.protocol.authorization_request import KNOWN_PARAMETERS
from idp.protocol.jws_header import MAX_TOKEN_LENGTH, Jws
from idp.protocol.parameters import REPEATABLE, Parameters
from idp.protocol.request_claims import RequestClaims
from idp.settings import Settings
from idp.web.current import service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from idp.clients.store import Client

TYPES: Final = frozenset({"", "jwt", "oauth-authz-req+jwt"})
# RFC 9101 names the first, OpenID Connect Core none; the last are what servers of plain files say.
CONTENT_TYPES: Final = frozenset(
    ("application/oauth-authz-req+jwt", "application/jwt", "application/jose", "text/plain", "application/octet-stream")
)
# Of the JWT itself; `sub` is refused where it names the client, and means nothing otherwise.
_ABOUT_THE_OBJECT: Final = frozenset({"iss", "aud", "exp", "nbf", "iat", "jti", "sub"})
# The parameters whose value is JSON.
_STRUCTURED: Final = frozenset({"claims", "registration", "authorization_details"})
_REMEMBERED_FOR: Final = timedelta(minutes=10)
_MOST_REMEMBERED = 200


def resolve(given: Parameters, client: Client, now: datetime) -> Parameters:
    """Return the parameters that the request means: *given* itself where no request object came along.

    May fetch what ``request_uri`` names, so no transaction may be open. What is returned holds neither ``request`` nor
    ``request_uri``: keep it, and the object need not be verified or fetched a second time.

    Raises:
        RequestNotSupported: the object is unsigned, or the client has no keys.
        RequestUriNotSupported: the same for one by reference, or the client registered no ``request_uris``.
        InvalidRequestObject: it does not verify, or says what it must not say.
        InvalidRequestUri: the address is not the client's, or could not be fetched.
        InvalidRequest: both ways at once, one of them repeated, or none where the client must sign its requests.

    """
    for name in ("request", "request_uri"):
        if name in given.refused:
            raise given.refused[name]
    if "request" in given and "request_uri" in given:
        raise InvalidRequest("Send request or request_uri, not both.", reason=reasons.REQUEST_OBJECT)
    if "request" not in given and "request_uri" not in given:
        if client.metadata.require_signed_request_object:
            raise InvalidRequest(
                "This client sends its requests as signed request objects.", reason=reasons.REQUEST_OBJECT_MISSING
            )
        return given
    by_reference = "request_uri" in given
    if not client.metadata.has_keys:
        _not_supported("The client has no registered keys to verify it with.", by_reference=by_reference)
    token = _referenced(given["request_uri"], client, now) if by_reference else given["request"]
    claims = _verified(token, client, now, by_reference=by_reference)
    return _assembled(claims, given, client)


class FetchedObjects:
    """Request objects that were fetched a moment ago; only those whose address says by a fragment which they are."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound
        self._kept: dict[tuple[str, str], tuple[str, datetime]] = {}
        self._lock = threading.Lock()

    def get(self, client_id: str, address: str, now: datetime) -> str:
        """Return what *address*, which is registered for the client, answers.

        Raises:
            OutboundError: it cannot be reached, or answers something else than a request object.

        """
        kept = self._kept.get((client_id, address))
        if kept is not None and now < kept[1]:
            return kept[0]
        fetched = self._outbound.fetch(address, accept=", ".join(CONTENT_TYPES), limit=MAX_TOKEN_LENGTH)
        if fetched.content_type and fetched.content_type not in CONTENT_TYPES:
            raise OutboundError("It is not served as application/oauth-authz-req+jwt or application/jwt.")
        try:
            text = fetched.body.decode("ascii").strip()
        except UnicodeDecodeError:
            raise OutboundError("It does not answer with a JWT.") from None
        if "#" in address:
            with self._lock:
                if len(self._kept) >= _MOST_REMEMBERED:
                    self._kept.pop(next(iter(self._kept)))
                self._kept[client_id, address] = text, now + _REMEMBERED_FOR
        return text


def _referenced(address: str, client: Client, now: datetime) -> str:
    if not client.metadata.request_uris:
        _not_supported("The client has no registered request_uris.", by_reference=True)
    if address not in client.metadata.request_uris:
        raise InvalidRequestUri(
            "This request_uri is not registered for the client; it is compared character by character.",
            reason=reasons.REQUEST_URI,
        )
    end_reading()
    try:
        return service(FetchedObjects).get(client.client_id, address, now)
    except OutboundError as error:
        raise InvalidRequestUri(f"The request_uri could not be fetched. {error}", reason=reasons.REQUEST_URI) from None


def _verified(token: str, client: Client, now: datetime, *, by_reference: bool) -> dict[str, Any]:
    if jws_header.is_unsigned(token):
        _not_supported("It is not signed.", by_reference=by_reference)
    jws = _parsed(token, client)
    try:
        good = service(ClientKeys).verify(client, jws, now)
    except ClientKeysUnavailable as error:
        _invalid(str(error))
    if not good:
        _invalid("No registered key of the client verifies its signature.")
    # Proven now.
    claims = dict(jws.unverified_claims)
    checks = RequestClaims(
        client.client_id, service(Settings).issuer, strict=client.metadata.security_profile == "fapi"
    )
    fault = checks.fault_in(claims, clock.epoch_seconds(now))
    if fault:
        _invalid(fault)
    return claims


def _parsed(token: str, client: Client) -> Jws:
    registered = client.metadata.request_object_signing_alg
    try:
        jws = jws_header.parse(token, algorithms=CLIENT_SIGNING_ALGORITHMS)
    except InvalidToken as error:
        _invalid(f"It is not a signed JWT that can be read: {error.detail}.")
    if registered is not None and jws.alg != registered:
        _invalid(f"It is signed with {jws.alg}, and the client is registered for {registered}.")
    if client.metadata.security_profile == "fapi" and jws.alg not in FAPI_ALGORITHMS:
        _invalid(f"It is signed with {jws.alg}, which the fapi profile does not allow.")
    if jws.typ not in TYPES:
        _invalid("Its typ is neither oauth-authz-req+jwt nor JWT.")
    return jws


def _assembled(claims: dict[str, Any], given: Parameters, client: Client) -> Parameters:
    for name in ("request", "request_uri"):
        if name in claims:
            _invalid(f"It holds {name}; a request object holds no other.")
    outer, inner = given.get("response_type"), claims.get("response_type")
    if outer is not None and inner is not None and sorted(str(inner).split()) != sorted(outer.split()):
        _invalid("Its response_type is not the one beside it.")
    pairs = [("client_id", client.client_id)]
    for name, value in claims.items():
        if name not in _ABOUT_THE_OBJECT and name != "client_id":
            pairs += ((name, text) for text in _texts(name, value))
    return parameters.read(pairs)


def _texts(name: str, value: object) -> Iterator[str]:
    """Return a claim as the values of a parameter; JSON's null is a parameter left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, bool):
        yield str(value).lower()
    elif isinstance(value, int | float):
        yield str(value)
    elif name in REPEATABLE and isinstance(value, list) and all(isinstance(one, str) for one in value):
        yield from value
    elif name in _STRUCTURED and isinstance(value, dict | list):
        yield json.dumps(value)
    elif value is not None and name in KNOWN_PARAMETERS:
        # Whatever is unknown is ignored, as beside an object.
        _invalid(f"Its {name} has a value of the wrong type.")


def _invalid(sentence: str) -> NoReturn:
    raise InvalidRequestObject(f"The request object is not accepted. {sentence}", reason=reasons.REQUEST_OBJECT)


def _not_supported(sentence: str, *, by_reference: bool) -> NoReturn:
    if by_reference:
        raise RequestUriNotSupported(
            f"This request_uri is not accepted. {sentence}", reason=reasons.REQUEST_URI_NOT_SUPPORTED
        )
    raise RequestNotSupported(f"This request object is not accepted. {sentence}", reason=reasons.REQUEST_NOT_SUPPORTED)
