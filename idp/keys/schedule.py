"""When keys are published, sign, and leave the key set: the rules of a key's life over the rows that are kept."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from idp.keys import store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from idp.keys.models import SigningKey
    from idp.settings import Settings

# Every process serves the new key set within this time (idp.cache).
PROPAGATION: Final = timedelta(seconds=1)
# A scheduled rotation that is this late is a fault: the background process looks every minute.
TOLERANCE: Final = timedelta(minutes=15)


def followers(keys: Iterable[SigningKey]) -> list[SigningKey]:
    """Return those of *keys* that can be promoted, the one published longest first."""
    return sorted(store.in_state(keys, store.NEXT), key=lambda key: (key.published_at, key.kid))


def may_sign_at(key: SigningKey, first_published_at: datetime, settings: Settings) -> datetime:
    """Return from when on nobody can hold a key set without *key*.

    That is one JWKS max-age after it was published, or at once for a key of the very first set.
    """
    if key.published_at <= first_published_at:
        return key.published_at
    return key.published_at + PROPAGATION + settings.keys.jwks_max_age


def rotates_at(active: SigningKey, settings: Settings) -> datetime:
    """Return when *active* is to be followed by the next key."""
    return (active.activated_at or active.published_at) + settings.keys.rotate_every


def is_due(keys: list[SigningKey], settings: Settings, now: datetime) -> bool:
    """Tell whether the schedule wants the next key of one algorithm to sign now.

    A scheduled rotation also waits until the next key was out for as long as it should be published ahead.
    """
    active = next(iter(store.in_state(keys, store.ACTIVE)), None)
    following = next(iter(followers(keys)), None)
    if following is None:
        return False
    if active is None:
        return True
    ahead = min(settings.keys.publish_ahead, settings.keys.rotate_every)
    return now >= rotates_at(active, settings) and now >= following.published_at + ahead


def is_late(keys: list[SigningKey], settings: Settings, now: datetime) -> bool:
    """Tell whether a rotation of one algorithm is overdue although its next key is ready: nobody runs the schedule."""
    return is_due(keys, settings, now - TOLERANCE)


def removed_at(key: SigningKey, settings: Settings) -> datetime:
    """Return when *key*, which signs no more, leaves the key set: not while a token that it signed can be alive."""
    stopped_at = key.retiring_at or key.published_at
    longest = max(settings.tokens.id, settings.tokens.access, settings.tokens.redirect_jwt)
    return stopped_at + max(settings.keys.keep, longest)
