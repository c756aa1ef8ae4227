"""What an app knows about somebody, as they see it themselves (wishes.md B12)."""

import html
import re

import pytest

from idp import clock
from idp.consents import store as consents
from idp.db import transaction
from idp.protocol.claims_request import entry_of
from tests import factories
from tests.visitor import PASSWORD, Visitor

FACT = re.compile(r'<dt class="facts__label">([^<]*)</dt><dd class="facts__value[^"]*">(.*?)</dd>', re.DOTALL)


@pytest.fixture
def ana(app):
    claims = {"birthdate": "1990-04-27", "address": {"locality": "Porto", "country": "PT"}, "zoneinfo": "Europe/Lisbon"}
    return factories.make_person(app, "ana", password=PASSWORD, name="Ana <Ruiz>", claims=claims, in_groups=("Staff",))


@pytest.fixture
def visitor(app, ana):
    found = Visitor(app)
    factories.sign_in(app, found.client, ana)
    return found


def allow(app, person, client, *entries):
    with app.app_context(), transaction() as session:
        consents.remember(session, person.id, client.client_id, list(entries), now=clock.utc_now())


def told(visitor, client):
    page = visitor.visit(f"/account/connected/{client.client_id}")
    assert page.status_code == 200
    return {label: html.unescape(re.sub(r"<[^>]+>", "", value)) for label, value in FACT.findall(page.text)}


def test_B12_every_value_that_an_app_is_told_is_shown_and_nothing_else(app, ana, visitor):
    notes = factories.make_client(app, client_name="Notes", scope="openid profile email groups address")
    allow(app, ana, notes, "openid", "email", "groups")
    assert f'href="/account/connected/{notes.client_id}"' in visitor.visit("/account/connected").text
    assert told(visitor, notes) == {
        "What it knows you by": ana.id,
        "Email address": ana.email,
        "Email address was checked": "Yes",
        "Groups": "Staff",
    }
    allow(app, ana, notes, "openid", "profile", "email", "groups", "address")
    more = told(visitor, notes)
    shown = more["Full name"], more["Date of birth"], more["Postal address"]
    assert shown == ("Ana <Ruiz>", "1990-04-27", "Porto, PT")
    assert more["Last change to your profile"]
    # What a profile says next is what it shows next.
    form = visitor.form("/account", action="/account")
    assert visitor.submit(form, name="Ana Maria Ruiz").status_code == 303
    assert told(visitor, notes)["Full name"] == "Ana Maria Ruiz"


def test_B12_an_apps_own_names_and_single_claims_are_shown_too(app, ana, visitor):
    mapping = {"id_token": {"department": "groups"}}
    wiki = factories.make_client(app, scope="openid email", claim_mapping=mapping)
    allow(app, ana, wiki, "openid", entry_of("birthdate"))
    found = told(visitor, wiki)
    assert found["Date of birth"] == "1990-04-27"
    assert "Email address" not in found


def test_B12_the_redirect_jwt_is_looked_into(app, ana, visitor):
    desk = factories.make_client(
        app,
        redirect_uris=None,
        grant_types=[],
        scope="openid email",
        jwt_sso={"delivery_uri": "https://desk.example/sso", "claims": {"mail": "email"}},
    )
    allow(app, ana, desk, "openid", "email")
    assert told(visitor, desk)["mail"] == ana.email


def test_B12_nobody_looks_into_what_they_have_not_let_in(app, visitor):
    stranger = factories.make_client(app)
    for client_id in (stranger.client_id, "nobody"):
        assert visitor.open(f"/account/connected/{client_id}").status_code == 404
    assert Visitor(app).open(f"/account/connected/{stranger.client_id}").headers["Location"].startswith("/login")
