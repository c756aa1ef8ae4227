"""The passkeys on the security page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import url_for

from idp.account.way import Held, Way
from idp.db import db
from idp.login.passkey_party import party
from idp.passkeys import ceremonies, providers, store
from idp.sessions.devices import named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from idp.sessions.store import SessionView


def _state(view: SessionView) -> Mapping[str, object]:
    ours = party()
    held = store.of_person(db.session(), view.person_id)
    return {
        "passkeys": [
            (one, providers.kind_of(one), providers.provider_of(one.aaguid), named(one.last_used_on or ""))
            for one in held
        ],
        "can_add": ours is not None,
        # What the browser is told, so that password managers offer what works and nothing else.
        "signal": {
            "rp_id": ours.id if ours else "",
            "user_id": ceremonies.handle_of(view.person_id),
            "name": view.username,
            "display_name": view.display_name,
            "accepted": " ".join(one.credential_id for one in held),
        },
    }


def _held(view: SessionView) -> list[Held]:
    return [
        Held(one.name, "key-round", one.created_at, url_for("account_passkeys.confirm", passkey_id=one.id))
        for one in store.of_person(db.session(), view.person_id)
    ]


WAY = Way(order=10, template="account/security/_passkeys.html", state=_state, is_section=True, held=_held)
