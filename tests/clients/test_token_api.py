"""The token API beside the released simplejwt in a Django project of its own, and the page and API of the example."""

import json
import os
import subprocess

import httpx
import jwt
import pytest

from bench.server import free_port
from tests.clients.provider import FOLDER, PASSWORD, PYTHON, ROOT, USERNAME
from tests.relying_party import forged

API = "https://api.example.com"
PATHS = ("", "refresh/", "verify/", "blacklist/")


class Side:
    """One of the two servers that are compared."""

    def __init__(self, address):
        self.address = address

    def post(self, path, **body):
        return httpx.post(f"{self.address}/api/token/{path}", **body)

    def pair(self):
        return self.post("", json={"username": USERNAME, "password": PASSWORD}).json()


@pytest.fixture(scope="module")
def released(start, tmp_path_factory):
    """The package itself."""
    port, folder = free_port(), FOLDER / "simplejwt"
    environment = {
        "DJANGO_SETTINGS_MODULE": "settings",
        "PYTHONPATH": ".",
        "PASSWORD": PASSWORD,
        "SECRET_KEY": "sixty-four bytes are more than enough for the tokens of a test!!",
        "DATABASE": str(tmp_path_factory.mktemp("simplejwt") / "db.sqlite3"),
    }
    given = {**environment, "PATH": os.environ["PATH"]}
    for words in (["-m", "django", "migrate", "--verbosity=0"], ["add_people.py"]):
        subprocess.run([PYTHON, "-B", *words], cwd=folder, env=given, check=True)
    command = [PYTHON, "-m", "django", "runserver", "--noreload", f"localhost:{port}"]
    start(command, port=port, folder=folder, environment=environment, ready="/api/token/")
    return Side(f"http://localhost:{port}")


@pytest.fixture(scope="module")
def app(provider, start):
    """The example, for which the token API is turned on; returns its address."""
    port = free_port()
    provider.server.command(
        *("client", "add", "--name", "Example", "--public", "--skip-consent"),
        *("--resource", API, "--token-api-origin", f"http://localhost:{port}"),
    )
    environment = {"API_ISSUER": provider.issuer, "API_AUDIENCE": API, "API_PORT": str(port)}
    start([PYTHON, "api.py"], port=port, folder=ROOT / "examples" / "token_api", environment=environment, ready="/")
    return f"http://localhost:{port}"


@pytest.fixture(scope="module")
def ours(provider, app):
    return Side(provider.issuer)


def shape(answer):
    """What of an answer must be the same: tokens aside, which nobody could make alike."""
    body = answer.json()
    body = {
        name: "token" if name in {"access", "refresh"} and isinstance(body[name], str) else body[name] for name in body
    }
    challenge = answer.headers.get("WWW-Authenticate")
    return answer.status_code, body, challenge, answer.headers["Content-Type"]


REQUESTS = [
    ("", {"json": {"username": USERNAME, "password": PASSWORD}}),
    ("", {"data": {"username": USERNAME, "password": PASSWORD}}),
    ("", {"json": {"username": USERNAME, "password": "wrong"}}),
    ("", {"json": {"username": "nobody", "password": PASSWORD}}),
    ("", {"json": {"username": "gone", "password": PASSWORD}}),
    ("", {"data": {"username": USERNAME}}),
    ("", {"json": []}),
    ("", {"json": "text"}),
    ("", {"content": b'{"username": }', "headers": {"Content-Type": "application/json"}}),
    ("", {"json": {"username": USERNAME, "password": PASSWORD, "more": {"a": [1]}}}),
    *((path, {"json": {}}) for path in PATHS),
    *((path, {"json": dict.fromkeys(("username", "password", "refresh", "token"), "")}) for path in PATHS),
    *((path, {"json": dict.fromkeys(("username", "password", "refresh", "token"))}) for path in PATHS),
    *((path, {"json": dict.fromkeys(("username", "password", "refresh", "token"), True)}) for path in PATHS),
    *((path, {"json": {"refresh": "a.b.c", "token": "nonsense"}}) for path in PATHS[1:]),
]


@pytest.mark.parametrize(("path", "body"), REQUESTS)
def test_the_same_request_gets_the_same_answer(released, ours, path, body):
    assert shape(ours.post(path, **body)) == shape(released.post(path, **body))


@pytest.mark.parametrize("path", PATHS)
def test_another_method_and_another_form_are_refused_alike(released, ours, path):
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answers = [httpx.request(method, f"{side.address}/api/token/{path}") for side in (ours, released)]
        assert shape(answers[0]) == shape(answers[1])
        assert {*answers[0].headers["Allow"].split(", ")} == {*answers[1].headers["Allow"].split(", ")}
    for content, kind in ((b"x", "text/plain"), (b"null", "application/json"), (b"\xff", "application/json")):
        body = {"content": content, "headers": {"Content-Type": kind}}
        assert shape(ours.post(path, **body)) == shape(released.post(path, **body))


def test_a_life_of_tokens_goes_the_same_way(released, ours):
    def steps(side):
        first = side.pair()
        yield side.post("verify/", json={"token": first["access"]})
        yield side.post("verify/", json={"token": first["refresh"]})
        for path in ("refresh/", "blacklist/"):
            yield side.post(path, json={"refresh": first["access"]})
        rotated = side.post("refresh/", json={"refresh": first["refresh"]})
        yield rotated
        last = rotated.json()["refresh"]
        for path in ("blacklist/", "blacklist/", "refresh/"):
            yield side.post(path, json={"refresh": last})
        yield side.post("verify/", json={"token": last})
        for token in forged(last):
            yield side.post("refresh/", json={"refresh": token})

    def told(side):
        return [shape(answer) for answer in steps(side)]

    assert told(ours)[:9] == told(released)[:9]
    assert all(status == 401 for status, *_ in told(ours)[9:])


def test_the_tokens_say_what_those_of_the_package_say(released, ours):
    theirs, made = released.pair(), ours.pair()
    for kind, lifetime in (("access", 300), ("refresh", 86400)):
        their, our = (jwt.decode(pair[kind], options={"verify_signature": False}) for pair in (theirs, made))
        assert their.keys() <= our.keys()
        assert {name: type(our[name]) for name in their} == {name: type(value) for name, value in their.items()}
        assert our["token_type"] == their["token_type"] == kind
        assert our["exp"] - our["iat"] == their["exp"] - their["iat"] == lifetime


def test_the_unmodified_api_takes_the_access_token_and_nothing_else(app, ours):
    def ask(token):
        return httpx.get(f"{app}/me", headers={"Authorization": f"Bearer {token}"})

    pair = ours.pair()
    person = jwt.decode(pair["access"], options={"verify_signature": False})["user_id"]
    answer = ask(pair["access"])
    assert (answer.status_code, answer.json()) == (200, {"id": person})
    assert httpx.get(f"{app}/me").status_code == 401
    for token in (pair["refresh"], *forged(pair["access"])):
        refused = ask(token)
        assert (refused.status_code, refused.json()["code"]) == (401, "token_not_valid")


def test_a_page_signs_in_calls_refreshes_and_signs_out(app, browsers, page):
    page.goto(app)
    page.fill("#username", USERNAME)
    page.fill("#password", "wrong")
    page.click("text=Sign in")
    page.wait_for_function("document.getElementById('message').textContent.startsWith('No active account')")
    browsers.expect_refusals()
    page.fill("#password", PASSWORD)
    page.click("button:has-text('Sign in')")
    page.wait_for_selector("#signed-in:not([hidden])")
    person = page.inner_text("#person")
    assert person.startswith("usr_")
    for button in ("Refresh", "Refresh", "Ask the API again"):
        with page.expect_response(lambda answer: answer.status == 200):
            page.click(f"button:text-is('{button}')")
    assert page.inner_text("#person") == person
    with page.expect_response("**/api/token/blacklist/") as gone:
        page.click("#sign-out")
    assert gone.value.status == 200
    page.wait_for_selector("#sign-in:not([hidden])")


# A request as a page of the app makes it: what it can read of the answer, and of its cookies.
CALL = """async ([address, body]) => {
    const sent = body && {headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)};
    const answer = await fetch(address, {method: "POST", credentials: "include", ...sent});
    return [answer.status, Object.keys(await answer.json()), document.cookie];
}"""


def test_a_browser_keeps_the_refresh_token_where_no_script_finds_it(app, provider, browsers, page):
    (found,) = [client for client in provider.server.command("client", "list") if client["client_name"] == "Example"]
    kept = json.dumps({"origins": [app], "refresh_cookie": True})
    provider.server.command("client", "edit", found["client_id"], "--set", f"token_api={kept}")
    page.goto(app)

    def call(path, **body):
        return page.evaluate(CALL, [f"{provider.issuer}/api/token/{path}", body or None])

    assert call("", username=USERNAME, password=PASSWORD) == [200, ["access"], ""]
    assert call("refresh/") == [200, ["access"], ""]
    assert call("refresh/") == [200, ["access"], ""]
    assert call("blacklist/") == [200, [], ""]
    assert call("refresh/") == [400, ["refresh"], ""]
    browsers.expect_refusals()
