"""The token API's refresh token in a cookie: for the app's pages alone, and out of the reach of their scripts."""

from http.cookies import SimpleCookie

import jwt
import pytest
from sqlalchemy import select

from idp.accounts.models import Person
from tests import factories

ORIGIN = "https://spa.example"
PASSWORD = "correct horse battery staple"
REQUIRED = {"refresh": ["This field is required."]}


class Browser:
    """A browser with pages of several sites in it, which all may send what they like to the token API."""

    def __init__(self, idp):
        self.client, self.issuer = idp.app.test_client(), idp.issuer

    def __call__(self, path, body=None, *, origin=ORIGIN, **more):
        headers = {} if origin is None else {"Origin": origin}
        url = f"/api/token/{path}"
        return self.client.post(url, json=body, headers=headers, base_url=self.issuer, **more)

    def sign_in(self, **more):
        return self("", {"username": "ana", "password": PASSWORD}, **more)


def cookie_in(answer):
    (found,) = SimpleCookie(answer.headers["Set-Cookie"]).values()
    return found


def switch_on(idp, **changes):
    idp.person("ana", password=PASSWORD)
    return idp.client(
        token_endpoint_auth_method="none",
        grant_types=[],
        redirect_uris=None,
        scope=None,
        token_api={"origins": [ORIGIN], "refresh_cookie": True, **changes},
    )


@pytest.fixture
def switched_on(idp):
    """Return a function that turns the token API on."""
    return lambda **changes: switch_on(idp, **changes)


@pytest.fixture
def page(idp, switched_on):
    """A browser, and the token API with a cookie."""
    switched_on()
    return Browser(idp)


def test_a_page_gets_the_refresh_token_in_a_cookie_alone(page):
    answer = page.sign_in()
    assert set(answer.json) == {"access"}
    preflight = page.client.options("/api/token/refresh/", headers={"Origin": ORIGIN}, base_url=page.issuer)
    for asked in (answer, preflight):
        assert asked.headers["Access-Control-Allow-Credentials"] == "true"
        assert asked.headers["Access-Control-Allow-Origin"] == ORIGIN
    cookie = cookie_in(answer)
    assert (cookie["path"], cookie["samesite"], cookie["max-age"]) == ("/api/token/", "Strict", "86400")
    assert cookie["httponly"]
    assert not cookie["domain"]
    assert jwt.decode(cookie.value, options={"verify_signature": False})["token_type"] == "refresh"


def test_on_https_it_is_secure_and_says_so_by_its_name(make_app, idp_over):
    idp = idp_over(make_app(issuer="https://login.example"))
    switch_on(idp)
    cookie = cookie_in(Browser(idp).sign_in())
    assert cookie.key == "__Secure-idp-refresh"
    assert cookie["secure"]


def test_each_refresh_puts_the_next_one_into_the_cookie(page):
    first = cookie_in(page.sign_in()).value
    answer = page("refresh/")
    assert (answer.status_code, set(answer.json)) == (200, {"access"})
    second = cookie_in(answer).value
    assert second != first
    assert page("refresh/").status_code == 200
    # Whoever got hold of an old one ends the family, as everywhere.
    assert page("refresh/", {"refresh": first}, origin=None).status_code == 401
    assert page("refresh/").status_code == 401


def test_without_rotation_the_cookie_stays(idp, switched_on):
    switched_on(rotate=False)
    page = Browser(idp)
    page.sign_in()
    for _ in range(2):
        answer = page("refresh/")
        assert (answer.status_code, set(answer.json)) == (200, {"access"})
        assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("origin", ["https://evil.example", "http://spa.example", "https://spa.example:8443", "null"])
def test_a_page_of_another_origin_cannot_use_the_cookie(page, origin):
    page.sign_in()
    for path in ("refresh/", "blacklist/"):
        answer = page(path, origin=origin)
        assert answer.status_code == 403
        assert not {"Set-Cookie", "Access-Control-Allow-Credentials"} & set(answer.headers.keys())
    assert page("refresh/").status_code == 200


def test_without_an_origin_the_cookie_does_not_count(page):
    page.sign_in()
    for path in ("refresh/", "blacklist/"):
        answer = page(path, {}, origin=None)
        assert (answer.status_code, answer.json) == (400, REQUIRED)
        assert "Set-Cookie" not in answer.headers
    assert page("refresh/").status_code == 200


def test_signing_out_ends_the_family_and_takes_the_cookie_back(page):
    token = cookie_in(page.sign_in()).value
    answer = page("blacklist/")
    assert (answer.status_code, answer.json) == (200, {})
    assert (cookie_in(answer).value, cookie_in(answer)["max-age"]) == ("", "0")
    assert page("refresh/", {}).json == REQUIRED
    assert page("refresh/", {"refresh": token}, origin=None).status_code == 401
    # One that is dead already is taken back, too.
    page.client.set_cookie("idp-refresh", token, path="/api/token/", domain="localhost")
    answer = page("blacklist/")
    assert (answer.status_code, cookie_in(answer).value) == (401, "")


def test_an_app_that_is_no_page_gets_both_in_the_body(page):
    answer = page.sign_in(origin=None)
    assert set(answer.json) == {"access", "refresh"}
    assert "Set-Cookie" not in answer.headers
    again = page("refresh/", {"refresh": answer.json["refresh"]}, origin=None)
    assert set(again.json) == {"access", "refresh"}


def test_a_page_that_kept_its_token_itself_moves_to_the_cookie(page):
    token = page.sign_in(origin=None).json["refresh"]
    answer = page("refresh/", {"refresh": token})
    assert set(answer.json) == {"access"}
    assert cookie_in(answer).value


def test_a_disabled_person_and_a_disabled_app_get_nothing_by_the_cookie(idp, switched_on):
    made, page = switched_on(), Browser(idp)
    page.sign_in()
    ((person_id,),) = idp.rows(select(Person.id))
    factories.disable_person(idp.app, person_id)
    assert page("refresh/").status_code == 401
    factories.disable_client(idp.app, made.client_id)
    assert page("refresh/").status_code == 404


def test_it_is_off_unless_the_app_wants_it(idp, switched_on):
    switched_on(refresh_cookie=False)
    page = Browser(idp)
    answer = page.sign_in()
    assert set(answer.json) == {"access", "refresh"}
    assert not {"Set-Cookie", "Access-Control-Allow-Credentials"} & set(answer.headers.keys())
    page.client.set_cookie("idp-refresh", answer.json["refresh"], path="/api/token/", domain="localhost")
    assert page("refresh/", {}).json == REQUIRED
