"""Who gets into administration: M01, M05, M11."""

import pytest

from tests import factories
from tests.visitor import PASSWORD, Visitor

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def admin_addresses(app):
    """Return the address of every page of administration, its placeholders filled in."""
    with app.test_request_context():
        return sorted(
            {
                rule.rule.replace("<", "").replace(">", "").replace("path:", "")
                for rule in app.url_map.iter_rules()
                if rule.endpoint.partition(".")[0].startswith("admin_")
            }
        )


@pytest.fixture
def person(app):
    return factories.make_person(app, "ana", password=PASSWORD)


def test_M01_nobody_but_administrators_gets_in_by_any_method(app, person):
    signed_in = Visitor(app)
    factories.sign_in(app, signed_in.client, person)
    token = signed_in.form("/account/password").values["csrf_token"]
    addresses = admin_addresses(app)
    assert len(addresses) > 20
    for address in addresses:
        for method in METHODS:
            answer = signed_in.open(address, method, data={"csrf_token": token} if method == "POST" else None)
            assert answer.status_code in {403, 404, 405, 501}, (method, address)
            answer = Visitor(app).open(address, method)
            # A stranger is led to the sign-in, or refused for want of a form's token.
            assert answer.status_code in {303, 400, 403, 404, 405, 501}, (method, address)
            assert answer.status_code != 303 or answer.location.startswith("/login"), (method, address)


@pytest.mark.parametrize(
    "path",
    [
        "//admin/users",
        "/admin//users",
        "/./admin/users",
        "/account/../admin/users",
        "/%61dmin/users",
        "/admin/users/",
        "/ADMIN/users",
        "/admin/users;x=1",
        "/admin%2fusers",
    ],
)
def test_M01_no_spelling_of_the_path_gets_in(app, person, path):
    visitor = Visitor(app)
    factories.sign_in(app, visitor.client, person)
    answer = visitor.client.get(f"http://localhost:8000{path}")
    assert answer.status_code in {303, 308, 400, 403, 404}
    assert "Add a person" not in answer.text


@pytest.mark.parametrize("override", ["X-HTTP-Method-Override", "X-Original-URL", "X-Rewrite-URL"])
def test_M01_no_header_changes_the_method_or_the_path(app, person, override):
    visitor = Visitor(app)
    factories.sign_in(app, visitor.client, person)
    value = "POST" if "Method" in override else "/admin/users"
    answer = visitor.open("/account", headers={override: value})
    assert "Everybody who can sign in here." not in answer.text


def test_M01_a_bearer_token_opens_no_page(app):
    answer = Visitor(app).open("/admin/users", headers={"Authorization": "Bearer x"})
    assert (answer.status_code, answer.location) == (303, answer.location)
    assert answer.location.startswith("/login")


@pytest.mark.parametrize(
    ("token", "origin"),
    [
        (None, None),
        ("x", None),
        ("foreign", None),
        ("own", "https://evil.example"),
    ],
)
def test_M05_a_form_from_elsewhere_changes_nothing(app, token, origin):
    visitor, stranger = Visitor(app), Visitor(app)
    factories.sign_in(app, visitor.client, factories.make_person(app, "root", is_admin=True))
    factories.sign_in(app, stranger.client, factories.make_person(app, "eve", is_admin=True))
    tokens = {
        "own": visitor.form("/account/password").values["csrf_token"],
        "foreign": stranger.form("/account/password").values["csrf_token"],
    }
    data = {"name": "Staff"} | ({"csrf_token": tokens.get(token, token)} if token else {})
    answer = visitor.open("/admin/groups", "POST", data=data, headers={"Origin": origin} if origin else {})
    assert answer.status_code in {400, 403}
    assert "No groups yet" in visitor.visit("/admin/groups").text


def test_M11_no_get_changes_anything(app):
    admin = Visitor(app)
    factories.sign_in(app, admin.client, factories.make_person(app, "root", is_admin=True))
    bob = factories.make_person(app, "bob", password=PASSWORD)
    for page in ("disable", "enable", "sign-out", "rights", "password", "groups"):
        answer = admin.open(f"/admin/users/{bob.id}/{page}?administrator=yes&password=anything+long&csrf_token=x")
        assert answer.status_code in {200, 405}
    admin.open("/admin/groups?name=Staff")
    admin.open("/admin/audit/check")
    assert "No groups yet" in admin.visit("/admin/groups").text
    page = admin.visit(f"/admin/users/{bob.id}").text
    assert "Make administrator" in page
    assert "Disable…" in page
    assert Visitor(app).sign_in("bob").status_code == 303
