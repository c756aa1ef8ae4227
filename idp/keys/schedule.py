"""The rules of ``idp.protocol.key_schedule`` over the rows that are kept and the settings in force."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from idp.keys import store
from idp.protocol import key_schedule, logout_token, response_types, statement
from idp.protocol.key_schedule import KeyFacts, KeyState, Schedule, Transition

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from idp.keys.models import SigningKey
    from idp.settings import Settings, TokenSettings

# Every process serves a new key set within this time (idp.cache), so caches may be filled with the old one until then.
PROPAGATION: Final = timedelta(seconds=1)
# The background process looks every minute; what is this late has been forgotten.
TOLERANCE: Final = timedelta(minutes=15)
# What no setting says: signed statements, answers (JARM) and sign-outs.
_FIXED: Final = (statement.MAX_LIFETIME, response_types.SIGNED_LIFETIME, logout_token.LIFETIME)


def facts(key: SigningKey) -> KeyFacts:
    """Return what the rules read of *key*."""
    return KeyFacts(
        kid=key.kid,
        alg=key.alg,
        state=KeyState(key.state),
        published_at=key.published_at,
        activated_at=key.activated_at,
        retiring_at=key.retiring_at,
    )


def policy(settings: Settings) -> Schedule:
    """Return the policy of *settings*."""
    return Schedule(
        rotate_every=settings.keys.rotate_every,
        publish_ahead=settings.keys.publish_ahead,
        keep=settings.keys.keep,
        jwks_max_age=settings.keys.jwks_max_age + PROPAGATION,
        longest_token_lifetime=_longest(settings.tokens),
    )


def _longest(tokens: TokenSettings) -> timedelta:
    api_refresh = min(tokens.api_refresh, tokens.refresh_max)
    return max(tokens.id, tokens.access, tokens.redirect_jwt, tokens.api_access, api_refresh, *_FIXED)


def published_for(settings: Settings) -> timedelta:
    """Return how long a key stays published after it last signed; what it signed must not live longer."""
    rules = policy(settings)
    return max(rules.keep, rules.longest_token_lifetime)


def followers(keys: Iterable[SigningKey]) -> list[SigningKey]:
    """Return those of *keys* that can be promoted, the one published longest first."""
    return sorted(store.in_state(keys, store.NEXT), key=lambda key: (key.published_at, key.kid))


def may_sign_at(key: SigningKey, keys: Iterable[SigningKey], settings: Settings) -> datetime:
    """Return from when on nobody can hold a key set without *key*; *keys* are all that its algorithm ever had."""
    first = key_schedule.first_published_at([facts(one) for one in keys], key.alg)
    return key_schedule.ready_at(facts(key), first, policy(settings).jwks_max_age)


def rotates_at(active: SigningKey, settings: Settings) -> datetime:
    """Return when *active* is to be followed by the next key."""
    return key_schedule.promotion_at(facts(active), policy(settings))


def removed_at(key: SigningKey, settings: Settings) -> datetime:
    """Return when *key*, which signs no more, leaves the key set."""
    return key_schedule.retirement_at(facts(key), policy(settings))


def due(keys: Iterable[SigningKey], settings: Settings, now: datetime) -> tuple[Transition, ...]:
    """Return what the schedule wants done now."""
    return key_schedule.due([facts(key) for key in keys], policy(settings), now)


def overdue(
    keys: Iterable[SigningKey], settings: Settings, now: datetime, held: Collection[str] = ()
) -> tuple[Transition, ...]:
    """Return what was due so long ago that nobody can be running the schedule.

    It has a reason to wait with the rotation of the algorithms *held* (``rotation.is_held``).
    """
    found = due(keys, settings, now - TOLERANCE)
    return tuple(one for one in found if one.change is not key_schedule.Change.PROMOTE or one.alg not in held)
