"""A key that leaked: an app cannot know whether a token that it signed somebody in by was ours, so all begin anew."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from idp.deliveries import sign_outs
from idp.keys import rotation

if TYPE_CHECKING:
    from idp.keys.rotation import Change, Rotated


def replace(change: Change, alg: str) -> Rotated:
    """Replace the key that signs with *alg* (``rotation.replace``), and tell every app to end its sessions."""
    return rotation.replace(change, alg, also=partial(sign_outs.tell_everybody, now=change.now))


def revoke(change: Change, kid: str) -> Rotated | None:
    """Withdraw the key *kid* (``rotation.revoke``); if it ever signed, tell every app to end its sessions."""
    return rotation.revoke(change, kid, also=partial(sign_outs.tell_everybody, now=change.now))
