"""pgAdmin 4: discovery, PKCE, nonce, Basic; ID token only; signs out by hint and address alone."""

import re

import pytest

from tests.clients.provider import EMAIL, FOLDER, PGADMIN_PYTHON, USERNAME

# Where it keeps what it writes: here, not below /var.
DATA = """
DATA_DIR = {folder!r}
LOG_FILE = {folder!r} + "/pgadmin4.log"
SQLITE_PATH = {folder!r} + "/pgadmin4.db"
SESSION_DB_PATH = {folder!r} + "/sessions"
STORAGE_DIR = {folder!r} + "/storage"
AZURE_CREDENTIAL_CACHE_DIR = {folder!r} + "/azure"
KERBEROS_CCACHE_DIR = {folder!r} + "/krbccache"
DEFAULT_SERVER = "localhost"
DEFAULT_SERVER_PORT = {port}
SERVER_MODE = True
UPGRADE_CHECK_ENABLED = False
"""


@pytest.fixture(scope="module")
def pgadmin(provider, start, port, tmp_path_factory):
    registered = provider.register("pgadmin", f"http://localhost:{port}")
    folder = tmp_path_factory.mktemp("pgadmin")
    settings = (FOLDER / "pgadmin" / "config_local.py").read_text() + DATA.format(folder=str(folder), port=port)
    (folder / "config_local.py").write_text(settings)
    start(
        [PGADMIN_PYTHON.parent / "pgadmin4"],
        port=port,
        folder=folder,
        environment={
            **registered.environment,
            "AUTHLIB_INSECURE_TRANSPORT": "1",
            "PGADMIN_SETUP_EMAIL": "root@people.example",
            "PGADMIN_SETUP_PASSWORD": "correct horse battery staple",
            "PYTHONPATH": str(folder),
        },
        ready="/misc/ping",
    )
    return registered


def sign_in_page(pgadmin, visitor):
    """Press the one button of pgAdmin's own page, which a script draws."""
    page = visitor.open(f"{pgadmin.address}/login")
    token = re.search(r'"csrfToken": "([^"]+)"', page.text).group(1)
    return visitor.post(
        f"{pgadmin.address}/authenticate/login",
        {"csrf_token": token, "oauth2_button": "doorward"},
        headers={"Referer": page.url, "Origin": pgadmin.address},
    )


def test_a_person_signs_in_and_out(pgadmin, visitor):
    page = visitor.answer(sign_in_page(pgadmin, visitor))

    assert (page.status, page.url) == (200, f"{pgadmin.address}/browser/")
    person = visitor.open(f"{pgadmin.address}/user_management/current_user.js").text
    assert f"'name': '{USERNAME}'" in person
    assert f"'email': '{EMAIL}'" in person
    assert visitor.visits("/oauth/authorize?")[0].query.keys() >= {"nonce", "code_challenge"}

    page = visitor.sign_out(visitor.open(f"{pgadmin.address}/oauth2/logout"))

    assert visitor.visits(f"{pgadmin.issuer}/logout?")[0].query.keys() == {"post_logout_redirect_uri", "id_token_hint"}
    assert page.url.startswith(f"{pgadmin.address}/login")
    assert sign_in_page(pgadmin, visitor).has("login-submit")
