"""mod_auth_openidc in Apache: discovery, PKCE, nonce, Basic, userinfo; it revokes its token before it signs out."""

import os
import tempfile
from pathlib import Path
from shutil import which

import pytest

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


@pytest.fixture(scope="module")
def folder():
    """A folder that the user Apache runs as may read."""
    with tempfile.TemporaryDirectory(prefix="doorward-apache-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def app(provider, start, port, folder):
    registered = provider.register("mod_auth_openidc", f"http://localhost:{port}")
    registered.write("mod_auth_openidc", folder)
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


def test_only_members_pass_where_a_group_is_asked_for(app, provider, visitor):
    assert visitor.sign_in(f"{app.address}/protected/").status == 200
    assert visitor.open(f"{app.address}/protected/reports/").status == 401
    provider.server.command("group", "add", "board")
    provider.server.command("group", "add-member", "board", USERNAME)
    visitor.sign_out(visitor.open(logout_address(app)))
    page = visitor.sign_in(f"{app.address}/protected/reports/")
    assert (page.status, page.text) == (200, SIGNED_IN.replace("groups=staff", "groups=board,staff"))


def test_whoever_does_not_allow_it_is_not_let_in(app, provider, visitor):
    provider.add_person("eva", email="eva@people.example", name="Eva")
    page = visitor.click(visitor.open(f"{app.address}/protected/"), "login-submit", username="eva", password=PASSWORD)
    page = visitor.click(page, "consent-deny")
    assert page.url.startswith(f"{app.address}/protected/callback?")
    # 2.4.12 takes an error with `iss` (RFC 9207) for a sign-in that the provider starts, and shows an error of its own.
    assert "user=" not in page.text
    assert visitor.open(f"{app.address}/protected/").has("consent-allow")


def test_two_sign_ins_of_one_person_in_the_same_second(app, provider):
    for _ in range(3):
        visitor = Visitor(provider.issuer)
        assert visitor.sign_in(f"{app.address}/protected/").text.startswith(f"user={USERNAME} ")
        visitor.close()
