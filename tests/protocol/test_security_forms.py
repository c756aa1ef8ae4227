"""Every form of every page is protected, by its route (security.md L07, M05)."""

import re

import pytest

from idp.web.csrf import csrf
from tests.factories import make_person, sign_in
from tests.visitor import Visitor

# Called by apps, not by our pages: they authenticate or confirm in another way (L07).
CALLED_BY_MACHINES = {
    *("/oauth/authorize", "/oauth/token", "/oauth/revoke", "/oauth/introspect", "/oauth/userinfo", "/logout"),
    *("/api/token/", "/api/token/refresh/", "/api/token/verify/", "/api/token/blacklist/"),
    *("/oauth/register", "/oauth/register/<client_id>", "/oauth/sign"),
}
# Asks for the token itself, and only while somebody is signed in.
PROTECTS_ITSELF = {"/logout/confirm"}


@pytest.fixture
def backend():
    return "sqlite"  # Nothing that is refused here gets to the database.


@pytest.fixture
def administrator(app):
    visitor = Visitor(app)
    sign_in(app, visitor.client, make_person(app, is_admin=True))
    return visitor


def forms(app):
    """Return the address of every route that a form of ours is sent to."""
    addresses = {
        re.sub(r"<[^>]+>", "x" * 43, re.sub(r"<any\(([^,)]+)[^>]*>", r"\1", str(rule)))
        for rule in app.url_map.iter_rules()
        if rule.methods & {"POST", "PUT", "DELETE"} and str(rule) not in CALLED_BY_MACHINES
    }
    return sorted(addresses)


def test_L07_no_form_is_taken_without_a_token(app, administrator):
    assert len(forms(app)) > 5
    assert {
        path: administrator.open(path, "POST", data={"a": "b"}).status_code for path in forms(app)
    } == dict.fromkeys(forms(app), 400)


def test_L07_only_what_machines_call_goes_without_a_token(app, administrator):
    administrator.open("/login")
    exempt = set()
    for rule in app.url_map.iter_rules():
        if rule.methods & {"POST", "PUT", "DELETE"}:
            view = app.view_functions[rule.endpoint]
            name = f"{view.__module__}.{view.__name__}"
            blueprint = app.blueprints.get(rule.endpoint.rpartition(".")[0])
            if name in csrf._exempt_views or blueprint in csrf._exempt_blueprints:
                exempt.add(str(rule))
    assert exempt == CALLED_BY_MACHINES | PROTECTS_ITSELF


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_M05_an_administrators_form_that_another_site_sent_is_refused(app, administrator, headers, status):
    token = administrator.form("/login?account=other")
    paths = [path for path in forms(app) if path.startswith("/admin/")]
    assert paths
    for path in paths:
        data = {"csrf_token": token.values["csrf_token"]}
        assert administrator.open(path, "POST", data=data, headers=headers).status_code == status


def test_M05_an_administrators_form_needs_the_token_of_this_browser(app, administrator):
    foreign = Visitor(app).form("/login").values["csrf_token"]
    for path in [path for path in forms(app) if path.startswith("/admin/")]:
        assert administrator.open(path, "POST", data={"csrf_token": foreign}).status_code == 400
