"""Routes: what writes commits in one known way; what is not a form of ours says so."""

import pytest
from flask import url_for

from tests.browser import tour

WRITING = {"POST", "PUT", "PATCH", "DELETE"}
# POST by its standard, so that a token stays out of addresses; it changes nothing.
READING = {"developer_jwt.inspect", "oidc_userinfo.show"}


@pytest.fixture
def backend():
    return "sqlite"  # Routes do not depend on the database.


@pytest.fixture
def writing_rules(app):
    return [rule for rule in app.url_map.iter_rules() if rule.methods & WRITING and rule.endpoint not in READING]


def test_every_writing_route_commits_by_transaction(app, writing_rules):
    assert writing_rules
    assert [
        rule.endpoint for rule in writing_rules if not getattr(app.view_functions[rule.endpoint], "writes", False)
    ] == []


def test_no_two_routes_answer_the_same_address(app):
    seen = {}
    for rule in app.url_map.iter_rules():
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            seen.setdefault((str(rule), method), []).append(rule.endpoint)

    assert {address: endpoints for address, endpoints in seen.items() if len(endpoints) > 1} == {}


def test_no_address_is_derived_from_a_request(app):
    with app.test_request_context("/", base_url="http://evil.example"):
        assert url_for("static", filename="css/base.css").startswith("/")


def test_every_menu_entry_leads_to_a_route(app):
    from idp.web import navigation

    with app.test_request_context("/", base_url="http://localhost:8000"):
        for menu in ("account", "admin"):
            assert all(link.href.startswith("/") for link in navigation.links(menu))


def test_every_page_is_a_stop_of_the_tour_on_which_it_is_looked_at(app):
    readable = {rule.rule for rule in app.url_map.iter_rules() if "GET" in rule.methods}
    visited = {stop.rule for stop in (*tour.STOPS, *tour.LATER) if stop.rule != tour.NOWHERE} | {tour.SETUP}

    assert visited & tour.NOT_PAGES.keys() == set()
    assert visited | tour.NOT_PAGES.keys() == readable
