"""The switch of the token API on the form of an app."""

import pytest

from idp.clients.token_api import TokenApi
from tests.pages.test_admin_clients import admin, create, every, faults, post_form  # noqa: F401 - admin is a fixture

ON = {"client_name": "Ours", "skip_consent": "on", "token_api": "on", "token_api.origins": "https://spa.example"}
COOKIE = {"token_api.refresh_cookie": "on"}


@pytest.fixture
def backend():
    return "sqlite"  # A form does not depend on the database.


def test_it_is_turned_on_without_any_redirect_uri_and_off_again(app, admin):  # noqa: F811 - the fixture
    create(admin, "spa", **ON, **COOKIE)
    (client,) = every(app)
    assert client.metadata.token_api == TokenApi(origins=("https://spa.example",), rotate=False, refresh_cookie=True)
    assert (client.metadata.grant_types, client.metadata.response_types) == ((), ())
    path = f"/admin/clients/{client.client_id}/edit"
    page = admin.visit(path).text
    assert "https://spa.example" in page
    # Saved as it is, it stays as it is.
    post_form(admin, path)
    assert every(app)[0].metadata.token_api == client.metadata.token_api


def test_a_fault_stands_at_its_field(app, admin):  # noqa: F811 - the fixture
    answer = create(admin, "spa", **ON | {"token_api.origins": "https://spa.example/path"})
    assert "token_api.origins" in str(faults(answer))
    answer = create(admin, "spa", **ON | COOKIE | {"token_api.origins": ""})
    assert "token_api.refresh_cookie" in str(faults(answer))
    answer = create(admin, "spa", **{name: value for name, value in ON.items() if name != "skip_consent"})
    assert "token_api" in str(faults(answer))
    assert every(app) == ()
