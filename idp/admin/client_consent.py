"""Asking before the tokens of an app change: what they hold, what they would hold, and whether that is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import Response, make_response, render_template, request

from idp import clock
from idp.clients import store
from idp.contracts import pins
from idp.contracts.frames import Frames
from idp.contracts.pins import Changing
from idp.db import db
from idp.login.actor import actor
from idp.vault import Vault
from idp.web.current import service

if TYPE_CHECKING:
    from idp.clients.metadata import ClientMetadata
    from idp.clients.store import Client

# Beside the fields of the form itself, in the page that asks.
AGREED: Final = "contract_agreed"
BACK: Final = "contract_back"
_NOT_KEPT: Final = frozenset({"csrf_token", AGREED, BACK})


def question(client: Client, wanted: ClientMetadata) -> Response | None:
    """Return the page that asks whether *wanted* may change the tokens; ``None`` when it does not, or was agreed to."""
    differences = pins.altered(db.session(), service(Frames), store.with_metadata(client, wanted))
    agreed = pins.fingerprint(differences)
    if not differences or request.form.get(AGREED) == agreed:
        return None
    page = render_template(
        "admin/clients/contract_consent.html",
        client=client,
        action=request.full_path if request.query_string else request.path,
        differences=differences,
        kept=[(name, value) for name, value in request.form.items(multi=True) if name not in _NOT_KEPT],
        agreed=agreed,
    )
    return make_response(page)


def goes_back() -> bool:
    """Tell whether the form is wanted again, instead of what it would change."""
    return BACK in request.form


def changing() -> Changing:
    """Return what a change needs that an administrator makes now."""
    return Changing(service(Vault), service(Frames), actor(), clock.utc_now())
