"""What a copy of the database tells (security.md row C02)."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from idp.db import db
from tests.protocol import flows


def dump(app):
    """Return everything that is in the database, as text."""
    with app.app_context():
        connection = db.session.connection()
        tables = [str(table.name) for table in db.metadata.sorted_tables]
        return "\n".join(
            str(tuple(row))
            for name in tables
            for row in connection.execute(text(f'SELECT * FROM "{name}"'))  # noqa: S608 - names of our own tables
        )


@pytest.mark.parametrize("what", ["code", "refresh", "successor", "access", "id_token", "session", "secret"])
def test_C02_nothing_that_opens_anything_is_kept_in_clear(idp, browser, what):
    party = idp.offline_party()
    tokens = party.sign_in(browser)
    successor = party.refresh(tokens.refresh).json["refresh_token"]
    party.revoke(tokens.access)
    cookie = next(cookie.value for cookie in browser.client._cookies.values() if cookie.key == "idp")
    value = {
        "code": lambda: party.code(browser),
        "refresh": lambda: tokens.refresh,
        "successor": lambda: successor,
        "access": lambda: tokens.access,
        "id_token": lambda: tokens.id_token,
        "session": lambda: cookie,
        "secret": lambda: party.client_secret,
    }[what]()
    found = dump(idp.app)
    assert party.client_id in found
    assert value not in found
    assert value.removeprefix("idpr_").removeprefix("idps_") not in found


def test_C02_nothing_that_came_by_the_front_channel_is_kept_in_clear(idp, browser):
    party = idp.party(**flows.metadata_for("code id_token token"))
    party.response_type = "code id_token token"
    answer = party.answer(party.start(browser))
    found = dump(idp.app)
    assert party.client_id in found
    for name in ("code", "access_token", "id_token"):
        assert answer[name] not in found
        assert answer[name].rpartition(".")[2] not in found
