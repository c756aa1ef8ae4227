"""The one place that verifies what this server signed.

The algorithm comes from our own record of the key, never from the token; then typ, signature, iss, aud and times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn

from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from joserfc.jws import JWSRegistry

from idp import clock
from idp.errors import InvalidToken
from idp.keys import store
from idp.keys.algorithms import ALGORITHMS
from idp.protocol import jws_header

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from idp.keys.ring import KeyRing, RingKey
    from idp.protocol.jws_header import Jws

# `next` is among them because another process may have promoted it a moment ago; nobody else holds its private part.
LIVE: Final = frozenset({store.NEXT, store.ACTIVE, store.RETIRING})
# An old ID token still says at logout who is meant; revoked keys say nothing any more.
HINT: Final = LIVE | {store.RETIRED}

_CLOCK_SKEW = 60
_HMAC: Final = {alg: JWSRegistry.algorithms[alg] for alg in ("HS256", "HS384", "HS512")}


def _refuse(detail: str) -> NoReturn:
    raise InvalidToken("The token is not valid.", detail=detail)


class Verifier:
    """Verifies ID tokens, access tokens and whatever else is signed with the installation's keys."""

    def __init__(self, ring: KeyRing, issuer: str) -> None:
        self._ring = ring
        self._issuer = issuer

    def verify(  # noqa: PLR0913 - one argument a rule; all but the token are named
        self,
        token: str,
        *,
        typ: str,
        audience: str | None,
        now: datetime,
        leeway: int = 0,
        expired_ok: bool = False,
        states: frozenset[str] = LIVE,
    ) -> dict[str, Any]:
        """Return the claims of *token*, of which iss, aud, iat and exp hold what their type says.

        ``audience`` must be the ``aud`` or among it; ``None`` leaves that to the caller. ``leeway`` (seconds, at most
        60) is granted after ``exp``; ``expired_ok`` is for ``id_token_hint`` alone, ``states`` are those of the key.

        Raises:
            InvalidToken: for every fault the same public text; the log's detail says which.

        """
        jws = jws_header.parse(token, algorithms=ALGORITHMS)
        key = self._key(jws.kid, states)
        if jws.alg != key.alg or jws.typ != typ.lower():
            _refuse(f"the header does not fit the key {key.kid} or the kind of token")
        try:
            good = key.model.verify(jws.signing_input, jws.signature, key.parsed.public)
        except (ValueError, JoseError):
            good = False
        if not good:
            _refuse(f"the signature is not by the key {key.kid}")
        # Proven now.
        claims = dict(jws.unverified_claims)
        self._check_parties(claims, audience)
        self._check_times(claims, clock.epoch_seconds(now), min(leeway, _CLOCK_SKEW), expired_ok=expired_ok)
        return claims

    def verify_with_secrets(
        self, jws: Jws, secrets: Sequence[bytes], *, typ: str, audience: str, now: datetime
    ) -> dict[str, Any]:
        """Return the claims of *jws*, which must be signed by one of a client's own *secrets*; it may have expired.

        The caller took ``jws.alg`` from its own record of the client: an HMAC, so that no public key can pass for one.

        Raises:
            InvalidToken: for every fault the same public text; the log's detail says which.

        """
        if jws.typ != typ.lower():
            _refuse("the header does not fit the kind of token")
        model = _HMAC[jws.alg]
        if not any(model.verify(jws.signing_input, jws.signature, OctKey.import_key(secret)) for secret in secrets):
            _refuse("the signature is by no secret of the client")
        claims = dict(jws.unverified_claims)
        self._check_parties(claims, audience)
        self._check_times(claims, clock.epoch_seconds(now), 0, expired_ok=True)
        return claims

    def _key(self, kid: str | None, states: frozenset[str]) -> RingKey:
        if kid is None:
            _refuse("no kid")
        key = self._ring.current().by_kid.get(kid) or self._ring.checked().by_kid.get(kid)
        if key is None or key.state not in states:
            _refuse("the kid is none of ours, or that key verifies nothing any more")
        return key

    def _check_parties(self, claims: dict[str, Any], audience: str | None) -> None:
        if claims.get("iss") != self._issuer:
            _refuse("another issuer")
        aud = claims.get("aud")
        several = [aud] if isinstance(aud, str) else aud
        if not isinstance(several, list) or not several or not all(isinstance(one, str) for one in several):
            _refuse("aud is neither a string nor a list of strings")
        if audience is not None and audience not in several:
            _refuse("another audience")

    def _check_times(self, claims: dict[str, Any], now: int, leeway: int, *, expired_ok: bool) -> None:
        iat, exp = claims.get("iat"), claims.get("exp")
        # bool is an int to Python.
        if type(iat) is not int or type(exp) is not int:
            _refuse("iat or exp is missing or not whole seconds")
        if iat > now + _CLOCK_SKEW:
            _refuse("issued in the future")
        if iat < self._ring.current().not_before:
            _refuse("issued before the not-before of the installation")
        if now >= exp + leeway and not expired_ok:
            _refuse("expired")
