"""mod_auth_openidc in Apache: discovery, PKCE, nonce, Basic, userinfo; it revokes its token before it signs out."""

import os
import subprocess
import tempfile
import time
from pathlib import Path
from shutil import which

import pytest

from bench.server import free_port
from tests.clients.provider import EMAIL, NAME, PASSWORD, USERNAME
from tests.clients.visitor import Visitor

MODULES = ("mpm_event", "authn_core", "authz_core", "authz_user", "auth_openidc", "dir", "env", "include", "mime")
MAIN = """
ServerRoot {folder}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {folder}/apache.pid
ErrorLog /dev/stderr
LogLevel warn
Mutex posixsem
{user}
{modules}
TypesConfig /dev/null
AddType text/html .html
AddOutputFilter INCLUDES .html
DocumentRoot {folder}/pages
DirectoryIndex index.html
<Directory {folder}/pages>
    Options +Includes
</Directory>
Include {folder}/site.conf
"""
PAGE = (
    'user=<!--#echo var="REMOTE_USER" --> email=<!--#echo var="OIDC_CLAIM_email" --> '
    'name=<!--#echo var="OIDC_CLAIM_name" --> groups=<!--#echo var="OIDC_CLAIM_groups" -->'
)
SIGNED_IN = f"user={USERNAME} email={EMAIL} name={NAME} groups=staff"


KEY = """
OIDCPrivateKeyFiles {folder}/key.pem
OIDCPublicKeyFiles {folder}/cert.pem
OIDCProviderTokenEndpointAuth private_key_jwt
OIDCResponseMode form_post
"""


@pytest.fixture(scope="module")
def folder():
    """A folder that the user Apache runs as may read."""
    with tempfile.TemporaryDirectory(prefix="doorward-apache-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def app(provider, start, port, folder):
    registered = provider.register("mod_auth_openidc", f"http://localhost:{port}")
    return serve(start, folder, registered)


@pytest.fixture(scope="module")
def app_with_key(provider, start, folder):
    """The same with a key in place of the secret, and its answers by form_post."""
    address = f"http://localhost:{free_port()}"
    keys = f"{address}/protected/callback?jwks=rsa"
    method = {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": keys}
    registered = provider.register("mod_auth_openidc", address, **method)
    make = f"openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=app -keyout {folder}/key.pem -out {folder}/cert.pem"
    subprocess.run(make.split(), check=True, capture_output=True)
    (folder / "key.pem").chmod(0o644)
    folder = folder / "with-key"
    folder.mkdir()
    return serve(start, folder, registered, KEY.format(folder=folder.parent))


def serve(start, folder, registered, in_place_of_secret=""):
    port = registered.port
    registered.write("mod_auth_openidc", folder)
    if in_place_of_secret:
        text = (folder / "site.conf").read_text()
        assert "OIDCClientSecret \n" in text
        (folder / "site.conf").write_text(text.replace("OIDCClientSecret \n", in_place_of_secret))
    for place, text in {"protected": PAGE, "protected/reports": PAGE, "": "outside"}.items():
        (folder / "pages" / place).mkdir(parents=True, exist_ok=True)
        (folder / "pages" / place / "index.html").write_text(text)
    library = "/usr/lib/apache2/modules"
    modules = "\n".join(f"LoadModule {name}_module {library}/mod_{name}.so" for name in MODULES)
    user = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
    (folder / "apache.conf").write_text(MAIN.format(folder=folder, port=port, user=user, modules=modules))
    apache = which("apache2", path=f"{os.defpath}:/usr/sbin")
    command = [apache, "-f", folder / "apache.conf", "-DFOREGROUND"]
    start(command, port=port, folder=folder, environment={})
    return registered


def logout_address(app):
    return f"{app.address}/protected/callback?logout=http%3A%2F%2Flocalhost%3A{app.port}%2F"


def test_a_person_signs_in_and_out(app, visitor):
    page = visitor.sign_in(f"{app.address}/protected/")

    assert (page.status, page.url) == (200, f"{app.address}/protected/"), page.text
    assert page.text == SIGNED_IN
    asked = visitor.visits("/oauth/authorize?")[0].query
    assert {"state", "nonce", "code_challenge"} <= asked.keys()

    page = visitor.sign_out(visitor.open(logout_address(app)))

    # It sends hint and address, and neither client_id nor state.
    assert visitor.visits("/logout?")[0].query.keys() == {"id_token_hint", "post_logout_redirect_uri"}
    assert (page.status, page.url, page.text) == (200, f"{app.address}/", "outside")
    assert visitor.open(f"{app.address}/protected/").has("login-submit")


def test_a_sign_out_at_the_provider_ends_this_session_alone_by_the_back_channel(app, provider, visitor):
    other = Visitor(provider.issuer)
    try:
        assert other.sign_in(f"{app.address}/protected/").text == SIGNED_IN
        assert visitor.sign_in(f"{app.address}/protected/").text == SIGNED_IN

        visitor.sign_out(visitor.open(f"{app.issuer}/logout"))

        deadline = time.monotonic() + 60
        while not visitor.open(f"{app.address}/protected/").has("login-submit"):
            assert time.monotonic() < deadline, "no logout token has ended the session"
            time.sleep(0.1)
        assert other.open(f"{app.address}/protected/").text == SIGNED_IN
        assert other.history[-1].url == f"{app.address}/protected/"
    finally:
        other.close()


def test_only_members_pass_where_a_group_is_asked_for(app, provider, visitor):
    assert visitor.sign_in(f"{app.address}/protected/").status == 200
    assert visitor.open(f"{app.address}/protected/reports/").status == 401
    provider.server.command("group", "add", "board")
    provider.server.command("group", "add-member", "board", USERNAME)
    visitor.sign_out(visitor.open(logout_address(app)))
    page = visitor.sign_in(f"{app.address}/protected/reports/")
    assert (page.status, page.text) == (200, SIGNED_IN.replace("groups=staff", "groups=board,staff"))


def test_whoever_does_not_allow_it_is_not_let_in(app, provider, visitor):
    provider.add_person("olga", email="olga@people.example", name="Olga")
    page = visitor.click(visitor.open(f"{app.address}/protected/"), "login-submit", username="olga", password=PASSWORD)
    page = visitor.click(page, "consent-deny")
    assert page.url.startswith(f"{app.address}/protected/callback?")
    # 2.4.12 takes an error with `iss` (RFC 9207) for a sign-in that the provider starts, and shows an error of its own.
    assert "user=" not in page.text
    assert visitor.open(f"{app.address}/protected/").has("consent-allow")


def test_a_key_takes_the_place_of_a_secret_and_the_answer_comes_by_form_post(app_with_key, visitor):
    app = app_with_key
    page = visitor.sign_in(f"{app.address}/protected/")
    assert (page.status, page.url) == (200, f"{app.address}/protected/"), page.text
    assert page.text.startswith(f"user={USERNAME} ")
    assert [visit.method for visit in visitor.visits(f"{app.address}/protected/callback")] == ["POST"]
    assert visitor.sign_out(visitor.open(logout_address(app))).text == "outside"


def test_two_sign_ins_of_one_person_in_the_same_second(app, provider):
    for _ in range(3):
        visitor = Visitor(provider.issuer)
        assert visitor.sign_in(f"{app.address}/protected/").text.startswith(f"user={USERNAME} ")
        visitor.close()
