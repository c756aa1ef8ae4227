"""Security rows of every request: headers, hosts, sizes, characters, methods (security.md I, L and N)."""

import json
import time
from urllib.parse import unquote_to_bytes

import pytest
from flask import request

from idp.settings import Settings
from tests.factories import make_person
from tests.relying_party import hidden_fields
from tests.visitor import PASSWORD, Visitor


@pytest.fixture
def backend():
    return "sqlite"  # What is refused here never gets to the database.


@pytest.fixture
def visitor(app):
    return Visitor(app)


# Headers


@pytest.mark.parametrize(
    "path", ["/login", "/nothing", "/static/css/base.css", "/oauth/jwks", "/oauth/token", "/setup"]
)
def test_N05_every_answer_is_hardened(visitor, path):
    answer = visitor.open(path)
    headers = answer.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert not headers.get("Server")
    assert "X-Powered-By" not in headers
    if answer.mimetype == "text/html":
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "publickey-credentials-get=(self)" in headers["Permissions-Policy"]


def test_N05_a_page_in_a_popup_keeps_its_opener_on_its_way_alone(idp, person):
    party, browser = idp.party(skip_consent=False), idp.browser()

    def opener(response):
        return response.headers["Cross-Origin-Opener-Policy"]

    begun = party.start(browser, display="popup")
    page = browser("GET", begun.location)
    assert (opener(begun), opener(page)) == ("unsafe-none", "unsafe-none")
    wrong = browser(
        "POST", begun.location, {**dict(hidden_fields(page.text)), "username": "nobody", "password": "wrong"}
    )
    assert opener(wrong) == "unsafe-none"
    idp.sign_in(browser, person)
    asked = browser("GET", f"/oauth/authorize/{begun.location.partition('interaction=')[2]}")
    question = browser("GET", asked.location)
    decided = browser(
        "POST", asked.location, {**dict(hidden_fields(question.text)), "decision": "allow", "scope": "email"}
    )
    answered = browser("GET", decided.location)
    assert "code" in party.answer(answered)
    assert [opener(one) for one in (asked, question, decided, answered)] == ["unsafe-none"] * 4
    assert opener(party.start(browser, display="popup", prompt="none", scope="openid groups")) == "unsafe-none"
    posted = browser("POST", "/oauth/authorize", party.parameters(display="popup"))
    assert opener(posted) == "unsafe-none"

    assert opener(browser("GET", "/account/")) == "same-origin"
    assert opener(party.start(browser, display="popup", redirect_uri="https://evil.example/")) == "same-origin"
    for display in (None, "page", "touch"):
        begun = party.start(idp.browser(), display=display)
        assert opener(begun) == "same-origin"


def test_N05_the_policy_allows_no_script_and_no_frame_of_others(visitor):
    policy = visitor.open("/nothing").headers["Content-Security-Policy"]
    assert policy == (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    )
    # The sign-in form may end at an app on another origin, by redirects that Chromium counts as the form's.
    assert "form-action" not in visitor.open("/login").headers["Content-Security-Policy"]


def test_N06_https_is_asked_for_where_it_is_there(make_app):
    secure = make_app(issuer="https://id.example.com").test_client().get("/login")
    plain = make_app().test_client().get("/login")
    assert secure.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert "Strict-Transport-Security" not in plain.headers


def test_N06_static_files_are_kept_under_names_of_their_content(visitor):
    page = visitor.open("/login").text
    (name,) = {part.split('"')[0] for part in page.split('href="') if part.startswith("/static/css/base.")}
    assert "immutable" in visitor.open(name).headers["Cache-Control"]
    assert "immutable" not in visitor.open("/static/css/base.css").headers["Cache-Control"]
    assert visitor.open("/static/css/../../idp/settings.py").status_code == 404


# Hosts


@pytest.mark.parametrize("path", ["/login", "/admin", "/.well-known/openid-configuration", "/oauth/token"])
@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-Host": "evil.example"},
        {"X-Forwarded-Proto": "https", "X-Forwarded-Port": "444"},
        {"X-Forwarded-Prefix": "/evil"},
        {"Forwarded": "host=evil.example;proto=https"},
        {"X-Original-URL": "/evil.example"},
        {"X-Rewrite-URL": "/evil.example"},
        {"X-Host": "evil.example"},
        {"X-Forwarded-Server": "evil.example"},
    ],
)
def test_N01_no_header_changes_where_addresses_lead(visitor, path, headers):
    answer = visitor.open(path, headers=headers)
    assert "evil" not in answer.text
    assert "evil" not in answer.headers.get("Location", "")
    assert answer.status_code < 500


@pytest.mark.parametrize("path", ["/login", "/admin", "/oauth/jwks", "/static-not"])
@pytest.mark.parametrize(
    "host", ["evil.example", "localhost", "localhost:8001", "127.0.0.1:8000", "localhost:8000.evil.example"]
)
def test_N03_another_host_is_told_where_to_go(app, path, host):
    answer = app.test_client().get(path, environ_overrides={"HTTP_HOST": host}, headers={"Accept": "text/html"})
    assert answer.status_code == 421
    if path == "/login":
        assert 'href="http://localhost:8000"' in answer.text
        assert "evil.example" not in answer.text


def test_N15_the_issuer_is_the_one_that_is_set(make_app):
    app = make_app(issuer="https://id.example.com")
    for path in ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"):
        document = app.test_client().get(path).json
        assert document["issuer"] == "https://id.example.com"
        assert document["token_endpoint"].startswith("https://id.example.com/")


# Methods


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("HEAD", "/login", 405),
        ("OPTIONS", "/login", 405),
        ("PUT", "/login", 405),
        ("DELETE", "/login", 405),
        ("PATCH", "/login", 405),
        ("TRACE", "/login", 501),
        ("CONNECT", "/login", 501),
        ("HEAD", "/oauth/authorize", 405),
        ("GET", "/oauth/token", 405),
        ("PUT", "/oauth/token", 405),
        ("POST", "/oauth/jwks", 405),
    ],
)
def test_I09_only_the_methods_that_are_written_down(visitor, method, path, status):
    answer = visitor.open(path, method)
    assert answer.status_code == status
    if status == 405:
        assert "HEAD" not in answer.headers["Allow"].split(", ")


@pytest.mark.parametrize("override", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_L27_a_method_is_never_overridden(app, visitor, override):
    make_person(app, "ana", password=PASSWORD)
    form = visitor.form("/login")
    answer = visitor.open("/login", headers={override: "POST"}, query_string={**form.values, "username": "ana"})
    assert answer.status_code == 200
    answer = visitor.open("/login", "POST", headers={override: "GET"}, data={"_method": "GET"})
    assert answer.status_code == 400
    assert visitor.session_cookie is None


@pytest.mark.parametrize("path", ["/login/", "//login", "/LOGIN", "/oauth//token", "/./login"])
def test_I09_every_page_has_one_address_and_no_redirect_to_it(visitor, path):
    answer = visitor.open("/", environ_overrides={"PATH_INFO": path})
    assert answer.status_code in {404, 405}


@pytest.mark.parametrize(
    "content_type",
    [
        *("application/json", "text/plain", "text/xml", "application/xml", "application/octet-stream"),
        *("application/x-www-form-urlencoded; charset=utf-16", "multipart/mixed; boundary=x", "image/png"),
        "application/x-www-form-urlencoded; charset=iso-8859-1",
    ],
)
@pytest.mark.parametrize("path", ["/login", "/oauth/token"])
def test_I10_a_body_is_a_form_in_utf_8(visitor, path, content_type):
    answer = visitor.open(path, "POST", data=b'{"username": "ana"}', content_type=content_type)
    assert answer.status_code == 415


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data; boundary=x"])
def test_L26_no_content_type_gets_around_the_token(app, visitor, content_type):
    make_person(app, "ana", password=PASSWORD)
    body = json.dumps({"username": "ana", "password": PASSWORD}).encode()
    answer = visitor.open("/login", "POST", data=body, content_type=content_type)
    assert answer.status_code in {400, 415}
    assert visitor.session_cookie is None


# Sizes


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"query_string": "a=" + "b" * 65536}, 414),
        ({"headers": {"X-Large": "a" * 65536}}, 431),
        ({"headers": {"Cookie": "a=" + "b" * 65536}}, 431),
        ({"headers": {"Cookie": "; ".join(f"c{n}=v" for n in range(9000))}}, 431),
    ],
)
def test_I01_what_is_too_large_is_refused_at_once(app, options, status):
    began = time.perf_counter()
    assert app.test_client(use_cookies=False).get("/login", **options).status_code == status
    assert time.perf_counter() - began < 4


@pytest.mark.parametrize("path", ["/login", "/oauth/token", "/oauth/authorize"])
@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_I02_a_body_of_twelve_megabytes_is_refused_at_once(visitor, path, content_type):
    began = time.perf_counter()
    answer = visitor.open(path, "POST", data=b"a=" + b"b" * 12_000_000, content_type=content_type)
    assert answer.status_code == 413
    assert time.perf_counter() - began < 4


@pytest.mark.parametrize("length", ["-1", "1e3", "NaN", "9" * 30, "9223372036854775808", "0x10"])
def test_I13_a_length_that_is_no_number_is_refused(visitor, length):
    answer = visitor.open("/login", "POST", environ_overrides={"CONTENT_LENGTH": length})
    assert answer.status_code in {411, 413}


def test_I12_two_lengths_are_refused(visitor):
    answer = visitor.open("/login", "POST", data={"a": "b"}, environ_overrides={"HTTP_TRANSFER_ENCODING": "chunked"})
    assert answer.status_code == 400


@pytest.mark.parametrize("parts", [201, 5000])
def test_I08_a_flood_of_form_parts_is_refused(visitor, parts):
    body = (
        "".join(f'--x\r\nContent-Disposition: form-data; name="f{n}"\r\n\r\n\r\n' for n in range(parts)) + "--x--\r\n"
    )
    began = time.perf_counter()
    answer = visitor.open("/login", "POST", data=body.encode(), content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 413
    assert time.perf_counter() - began < 3


# Characters

BROKEN = [
    "%00",
    "%ff",
    "%c0%af",
    "%ed%a0%80",
    "%f8%88%80%80%80",
    "%0a",
    "%0d%0aSet-Cookie:%20a=b",
    "%1b[2J",
    "%7f",
    "%c2%85",
    "%80",
]


@pytest.mark.parametrize("text", BROKEN)
@pytest.mark.parametrize("place", ["path", "query", "form"])
def test_I03_text_that_is_none_is_refused_in_front_of_all_views(visitor, place, text):
    if place == "path":
        raw = unquote_to_bytes(f"/login/continue/{text}").decode("latin-1")
        answer = visitor.open("/", environ_overrides={"PATH_INFO": raw})
    elif place == "query":
        answer = visitor.open(f"/login?interaction={text}")
    else:
        body, kind = f"username={text}", "application/x-www-form-urlencoded"
        if text.startswith(("%0a", "%0d")):
            return _line_breaks_are_for_text_areas(visitor, body, kind)
        answer = visitor.open("/login", "POST", data=body, content_type=kind)
    assert answer.status_code == 400
    return None


def _line_breaks_are_for_text_areas(visitor, body, kind):
    # Refused for want of a token, like any other form, and no header is made of it.
    answer = visitor.open("/login", "POST", data=body, content_type=kind)
    assert answer.status_code == 400
    assert not any(line.startswith("a=") for line in answer.headers.getlist("Set-Cookie"))


@pytest.mark.parametrize("raw", [b"a=\xff", b"a=\x01", b"a=b\x7f", b"\xc0\xaf=1"])
def test_I03_cookies_are_clean_text(app, raw):
    browser = app.test_client(use_cookies=False)
    answer = browser.get("/login", environ_overrides={"HTTP_COOKIE": raw.decode("latin-1")})
    assert answer.status_code == 400


@pytest.mark.parametrize("text", ["\U0001f600", "\u00e4\u00f6", "\u4e2d\u6587", "\ufdd0", "\U0010ffff", "Zoe\u0301"])
def test_I14_text_of_any_language_is_taken(app, visitor, text):
    make_person(app, "ana", password=PASSWORD)
    answer = visitor.sign_in(text, "wrong")
    assert answer.status_code == 400
    assert "don’t match" in answer.text


def test_I15_long_values_take_no_time(app, visitor):
    for name in ("a" * 20_000, "@" * 20_000, "a@" * 10_000, "." * 20_000):
        began = time.perf_counter()
        assert visitor.open("/login", query_string={"interaction": name[:15_000]}).status_code == 410
        assert Visitor(app).sign_in(name, "wrong").status_code == 400
        assert time.perf_counter() - began < 3


# What is told


def test_N07_no_secret_gets_into_the_log(app, visitor, capsys):
    make_person(app, "ana", password=PASSWORD)
    visitor.sign_in("ana", "a-guess-that-failed")
    visitor.sign_in("ana")
    visitor.open("/setup/a-setup-token-0123456789")
    visitor.open("/login?code=a-code-0123456789&state=a-state-012345")
    visitor.open("/login", headers={"X-Request-Id": "chosen-by-the-client", "User-Agent": "tests"})
    log = capsys.readouterr().err
    assert '"path": "/login"' in log
    needles = (PASSWORD, "a-guess-that-failed", visitor.session_cookie, "a-setup-token", "a-code-", "a-state-")
    assert [needle for needle in (*needles, "chosen-by-the-client") if needle in log] == []
    for line in log.splitlines():
        assert json.loads(line)["request_id"].startswith("req_")


def test_N07_a_value_under_a_secret_name_is_hidden_and_breaks_no_line(app, capsys):
    import structlog

    structlog.get_logger("test").warning(
        "forged\nline", code="a-code", password="pass-word", nested={"refresh_token": "idpr_x", "name": "a\r\nb"}
    )
    (line,) = capsys.readouterr().err.splitlines()
    assert not any(secret in line for secret in ("a-code", "pass-word", "idpr_x", "\\n", "\\r"))


def test_N08_a_fault_tells_the_request_id_and_nothing_else(app, visitor, capsys):
    @app.get("/fails")
    def fails():
        kept_in_a_variable = request.headers["X-Kept"]
        message = "inner words" if kept_in_a_variable else ""
        raise RuntimeError(message)

    app.testing = False
    app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = visitor.open("/fails", headers={"X-Kept": "do-not-tell"})
    assert answer.status_code == 500
    assert "inner words" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["X-Request-Id"] in answer.text
    log = capsys.readouterr().err
    assert "inner words" in log
    assert "do-not-tell" not in log


@pytest.mark.parametrize(
    "path",
    [
        *("/.git/config", "/.env", "/idp.db", "/data/idp.db", "/master.key", "/debug", "/console", "/actuator"),
        *("/metrics", "/server-status", "/phpinfo.php", "/wp-login.php", "/static/../setup.cfg", "/backup.sql"),
        *("/swagger.json", "/graphql", "/static/__init__.py", "/api/openapi.json"),
    ],
)
def test_N10_there_is_nothing_to_find(visitor, path):
    assert visitor.client.open(path, base_url="http://localhost:8000").status_code == 404


def test_N11_the_sign_in_page_loads_nothing_from_elsewhere(app, visitor):
    page = visitor.open("/login").text
    issuer = app.extensions["idp"][Settings].issuer
    for attribute in ('src="', 'href="', 'action="'):
        for part in page.split(attribute)[1:]:
            assert part.startswith(("/", "#", issuer))


def test_machines_are_answered_in_json_people_by_pages(visitor):
    machine = visitor.open("/oauth/token", "POST", data={"grant_type": "x"})
    assert machine.mimetype == "application/json"
    assert "error" in machine.json
    assert visitor.open("/nothing", headers={"Accept": "application/json"}).mimetype == "application/json"
    assert visitor.open("/nothing", headers={"Accept": "text/html"}).mimetype == "text/html"
