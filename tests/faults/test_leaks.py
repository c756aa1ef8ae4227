"""What a running installation writes down: nothing that lets anybody in (security.md rows N07, N08, C01 to C04)."""

import base64
import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select, text

from bench.scenarios import HEADERS, SECRET, authorize, code_flow, token
from idp.db import db
from idp.keys import store
from idp.keys.models import SigningKey
from idp.vault import Vault
from idp.web.current import service
from tests.faults.conftest import csrf_token, submit
from tests.faults.test_races import redeem
from tests.visitor import PASSWORD

OFFLINE = "openid profile email offline_access"
WRONG = "a-wrong-password-that-was-typed"
NEW = "client_id=bench&response_type=code&scope=openid&redirect_uri=http%3A%2F%2Fapp.localhost%3A9000%2Fcallback"


async def use_everything(idp):
    """Go through every way in; return each value that opens something, by what it is."""
    browser = idp.connection()
    await submit(browser, "/login", username="ana", password=WRONG)
    await submit(browser, "/login", username="ana\r\nINJECTED line", password=WRONG)
    csrf = await csrf_token(browser, "/login")
    signed_in = await browser.request(
        "POST", "/login", form={"csrf_token": csrf, "username": "ana", "password": PASSWORD}
    )
    assert signed_in.status == 303
    code, verifier = await authorize(browser)
    await redeem(browser, code, "x" * 43)
    held = await code_flow(browser, OFFLINE)
    form = {"grant_type": "refresh_token", "refresh_token": held["refresh_token"]}
    successor = (await token(browser, form))["refresh_token"]
    bearer = {"Authorization": f"Bearer {held['access_token']}"}
    assert (await browser.request("GET", "/oauth/userinfo", headers=bearer)).status == 200
    for path in ("/oauth/introspect", "/oauth/revoke"):
        form = {"token": held["access_token"]}
        assert (await browser.request("POST", path, form=form, headers=HEADERS)).status == 200
    wrong = {"client_id": "bench", "client_secret": "wrong-secret-that-was-sent", "grant_type": "client_credentials"}
    assert (await browser.request("POST", "/oauth/token", form=wrong)).status == 401
    waiting = await idp.connection().request(
        "GET", f"/oauth/authorize?{NEW}&state=state-of-an-app&code_challenge={'c' * 43}&code_challenge_method=S256"
    )
    assert waiting.status == 303
    return {
        "wrong password": WRONG,
        "password": PASSWORD,
        "form token": csrf,
        "session cookie": browser.cookies["idp"],
        "browser cookie": browser.cookies["idp-browser"],
        "code": code,
        "verifier": verifier,
        "access token": held["access_token"],
        "ID token": held["id_token"],
        "refresh token": held["refresh_token"],
        "successor": successor,
        "client secret": SECRET,
        "Basic header": HEADERS["Authorization"].removeprefix("Basic "),
        "wrong client secret": "wrong-secret-that-was-sent",
        "interaction": parse_qs(urlsplit(waiting.headers["location"]).query)["interaction"][0],
    }  # fmt: skip


@pytest.fixture
def used(install):
    """A server that logs all it ever would, after everything was used once; and the values that open something."""
    idp = install(IDP_LOG__LEVEL="debug")
    idp.client()
    idp.person("ana")
    link = idp.server.said(r"(http://\S+/setup/\S+)").removeprefix(idp.issuer)
    idp.get(link)
    idp.get(link + "x")
    return idp, idp.run(use_everything(idp)) | {"setup link": link.rpartition("/")[2]}


def without_banner(output):
    """Return the output without the lines that show the setup link to whoever started the server, on purpose."""
    return "\n".join(line for line in output.splitlines() if not line.startswith("  Finish setup"))


def test_N07_the_log_at_its_most_talkative_holds_nothing_that_opens_anything(used):
    idp, needles = used
    output = without_banner(idp.server.output.read_text())
    assert "/oauth/token" in output
    assert "/setup/[hidden]" in output
    assert [name for name, value in needles.items() if value in output] == []
    assert "code=" not in output
    assert "state-of-an-app" not in output
    assert not re.search(r"^\s*INJECTED", output, re.MULTILINE)


def dump(idp):
    """Return all that the database holds, as whoever copies it would get it."""
    if db_file := next(iter(idp.server.data_dir.glob("idp.db")), None):
        return b"".join(path.read_bytes() for path in db_file.parent.glob("*.db*"))
    with idp.app.app_context():
        connection = db.session.connection()
        rows = (
            row
            for table in db.metadata.sorted_tables
            for row in connection.execute(text(f'SELECT CAST("{table.name}" AS text) FROM "{table.name}"'))  # noqa: S608 - names of our own tables
        )
        return "\n".join(row[0] for row in rows).encode()


def private_parts(idp):
    """Return the private numbers of all signing keys, each in base64url."""
    found = {}
    rows = idp.read(select(SigningKey.kid, SigningKey.private_jwk).where(SigningKey.private_jwk.is_not(None)))
    with idp.app.app_context():
        for kid, envelope in rows:
            key = json.loads(service(Vault).decrypt(envelope, place=store.place(kid)))
            found |= {f"private key {kid} {name}": key[name] for name in ("d", "p", "q") if name in key}
    return found


def test_C01_C02_C03_C04_a_copy_of_the_database_opens_nothing(used):
    idp, needles = used
    # Who holds a pending request's identifier needs the browser's cookie, too.
    needles.pop("interaction")
    needles |= private_parts(idp)
    assert len(needles) > 20
    copy = dump(idp)
    assert b"bench" in copy
    assert [name for name, value in needles.items() if value.encode() in copy] == []
    assert [name for name, value in needles.items() if base64.b64encode(value.encode()) in copy] == []
    assert b"PRIVATE KEY" not in copy
    master = (idp.server.data_dir / "master.key").read_bytes().strip()
    assert master not in copy
    assert copy.count(b"$argon2id$v=19$m=19456,t=2,p=1$") >= 1


def test_N08_N10_answers_name_no_software_and_no_file_of_ours_is_served(used):
    idp, _ = used
    for path in ("/", "/login", "/oauth/jwks", "/livez", "/static/nothing", "/nothing"):
        answer = idp.get(path)
        assert answer.headers.get("server", "") == ""
        assert "x-powered-by" not in answer.headers
        assert not re.search(rb"werkzeug|flask|granian|python", answer.body, re.IGNORECASE)
    for path in (
        "/.git/config", "/.env", "/idp.toml", "/data/idp.db", "/idp.db", "/master.key", "/data/master.key", "/console",
        "/debug", "/static/../idp/app.py", "/static/%2e%2e/%2e%2e/setup.cfg", "/static//etc/passwd", "/wsgi.py",
        "/server-status", "/metrics", "/static/", "/templates/login/index.html", "/migrations/env.py",
    ):  # fmt: skip
        assert idp.get(path).status in {400, 404}, path
