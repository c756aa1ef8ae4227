"""Flask-AppBuilder: discovery, PKCE, nonce, Basic, userinfo; groups become roles."""

import pytest

from tests.clients.provider import EMAIL, NAME, PYTHON


@pytest.fixture(scope="module")
def app(provider, start, port, tmp_path_factory):
    registered = provider.register("flask_appbuilder", f"http://localhost:{port}")
    database = tmp_path_factory.mktemp("appbuilder") / "app.db"
    start(
        [PYTHON, "-m", "flask", "--app", "app", "run", "--host", "localhost", "--port", str(port)],
        port=port,
        folder="flask_appbuilder",
        environment={**registered.environment, "AUTHLIB_INSECURE_TRANSPORT": "1", "DATABASE": str(database)},
        ready="/login/",
    )
    return registered


def test_a_person_signs_in_and_out(app, visitor):
    page = visitor.sign_in(f"{app.address}/login/doorward")

    assert page.url == f"{app.address}/"
    assert NAME in page.text
    # For administrators alone, as which the group counts here.
    assert "/roles/list/" in page.text
    assert EMAIL in visitor.open(f"{app.address}/users/userinfo/").text

    page = visitor.open(f"{app.address}/logout/")

    assert page.url == f"{app.address}/"
    assert NAME not in page.text
