"""`/verify` as a reverse proxy asks it, and the way to the sign-in page and back to what the proxy protects."""

from datetime import timedelta
from urllib.parse import unquote, urlsplit

import pytest
import time_machine
from sqlalchemy import func, select

from idp import clock
from idp.db import db
from idp.interactions.models import Interaction
from tests.factories import disable_person, make_person
from tests.visitor import PASSWORD, Visitor

PAGE = "http://localhost:8088/reports?month=5&year=2026"


@pytest.fixture
def ana(app):
    return make_person(app, "ana", password=PASSWORD, in_groups=("staff", "Board, old"))


@pytest.fixture
def visitor(app):
    return Visitor(app)


def _interactions(app):
    with app.app_context():
        return db.session().execute(select(func.count()).select_from(Interaction)).scalar_one()


def test_somebody_signed_in_is_named(app, ana, visitor):
    visitor.sign_in("ana")
    answer = visitor.open("/verify")
    assert answer.status_code == 200
    assert answer.headers["Remote-User"] == "ana"
    assert answer.headers["Remote-Email"] == "ana@people.example"
    assert answer.headers["Remote-Name"] == "Ana Ruiz"
    assert answer.headers["Remote-Groups"] == "Board%2C old,staff"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_nobody_gets_a_401_with_nothing_in_it(app, ana, visitor, method):
    answer = visitor.open("/verify", method)
    assert answer.status_code == 401
    assert answer.data == b""
    assert answer.headers["Cache-Control"] == "no-store"
    assert {name for name in answer.headers.keys() if name.startswith("Remote") or name == "Location"} == set()  # noqa: SIM118 - pairs else
    assert "Content-Type" not in answer.headers
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_answer_has_no_body_and_sets_no_cookie(app, ana, visitor, method):
    visitor.sign_in("ana")
    answer = visitor.open("/verify", method)
    assert answer.status_code == 200
    assert answer.data == b""
    assert answer.headers["Remote-User"] == "ana"
    assert "Content-Type" not in answer.headers
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_no_other_method_is_answered(app, visitor, method):
    assert visitor.open("/verify", method).status_code in {400, 405}


def test_only_members_pass_where_a_group_is_named(app, ana, visitor):
    visitor.sign_in("ana")
    assert visitor.open("/verify?group=staff").status_code == 200
    assert visitor.open("/verify?group=STAFF").status_code == 200
    assert visitor.open("/verify?group=admins&group=staff").status_code == 200
    for query in ("group=admins", "group=", "group=staf", "group=Board"):
        answer = visitor.open(f"/verify?{query}")
        assert answer.status_code == 403, query
        assert "Remote-User" not in answer.headers
    assert Visitor(app).open("/verify?group=staff").status_code == 401


@pytest.mark.parametrize(
    ("username", "sent"),
    [("ána", "%C3%A1na"), ("an%C3%A1", "an%25C3%25A1"), ("a<b>;\"c',d", "a<b>;\"c',d"), ("李", "%E6%9D%8E")],
)
def test_I06_names_are_safe_in_headers_and_never_anothers(app, visitor, username, sent):
    make_person(app, username, password=PASSWORD, email="x@people.example", name="Zoë\u2028\U0001f600")
    visitor.sign_in(username)
    answer = visitor.open("/verify")
    assert answer.headers["Remote-User"] == sent
    assert unquote(answer.headers["Remote-User"]) == username
    assert unquote(answer.headers["Remote-Name"]) == "Zoë\u2028\U0001f600"
    assert answer.headers["Remote-Name"].isascii()


def test_nothing_but_a_live_session_counts(app, ana, visitor):
    visitor.sign_in("ana")
    assert Visitor(app).open("/verify", headers={"Remote-User": "ana", "X-Forwarded-User": "ana"}).status_code == 401
    assert Visitor(app).open("/verify", headers={"Cookie": "idp=ana"}).status_code == 401
    disable_person(app, ana.id)
    assert visitor.open("/verify").status_code == 401


def test_signing_out_counts_at_once(app, ana, visitor):
    visitor.sign_in("ana")
    visitor.submit(visitor.form("/logout"))
    assert visitor.open("/verify").status_code == 401


def test_asking_keeps_the_session_in_use(app, ana, visitor):
    begin = clock.utc_now()
    with time_machine.travel(begin, tick=False):
        visitor.sign_in("ana")
    for hours in (7, 14):
        with time_machine.travel(begin + timedelta(hours=hours), tick=False):
            assert visitor.open("/verify").status_code == 200
    with time_machine.travel(begin + timedelta(hours=23), tick=False):
        assert visitor.open("/verify").status_code == 401


# Signing in for a page that the proxy protects


@pytest.mark.parametrize("address", [PAGE, "https://localhost/", "http://localhost:8000/grafana/?a=b&c"])
def test_a_sign_in_leads_back_to_the_whole_address(app, ana, visitor, address):
    form = visitor.form(f"/login?rd={address}")
    answer = visitor.submit(form, username="ana", password=PASSWORD)
    answer = visitor.open(answer.headers["Location"])
    assert answer.status_code == 303
    assert answer.headers["Location"] == address


def test_a_wrong_password_does_not_lose_the_way_back(app, ana, visitor):
    form = visitor.form(f"/login?rd={PAGE}")
    wrong = visitor.submit(form, username="ana", password="no")
    assert wrong.status_code == 400
    answer = visitor.submit(form, username="ana", password=PASSWORD)
    assert visitor.open(answer.headers["Location"]).headers["Location"] == PAGE


def test_the_page_says_where_it_leads(app, ana, visitor):
    assert "Next stop: <b>localhost</b>" in visitor.visit(f"/login?rd={PAGE}").text


def test_whoever_is_signed_in_goes_back_at_once(app, ana, visitor):
    visitor.sign_in("ana")
    answer = visitor.open(f"/login?rd={PAGE}")
    assert answer.status_code == 303
    assert answer.headers["Location"] == PAGE
    assert _interactions(app) == 0


def test_a_path_leads_to_this_very_host(app, ana, visitor):
    visitor.sign_in("ana")
    assert visitor.open("/login?rd=/a?b=1&c=2").headers["Location"] == "http://localhost:8000/a?b=1&c=2"


@pytest.mark.parametrize("mode", ["cors", "no-cors", "same-origin", "websocket"])
def test_a_script_of_an_open_page_learns_that_the_session_is_over(app, ana, visitor, mode):
    answer = visitor.open(f"/login?rd={PAGE}", headers={"Sec-Fetch-Mode": mode})
    assert answer.status_code == 401
    assert _interactions(app) == 0
    assert visitor.open(f"/login?rd={PAGE}", headers={"Sec-Fetch-Mode": "navigate"}).status_code == 303


HOSTILE = [
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "https://evil.example",
    "https://evil.example/http://localhost:8000/",
    "http://localhost:8000@evil.example",
    "http://localhost:8000%40evil.example",
    "http://localhost\\@evil.example",
    "http://localhost.evil.example/",
    "http://evil.example#localhost/",
    "http://127.0.0.1:8000/",
    "%2F%2Fevil.example",
    "https%3A%2F%2Fevil.example%2F",
    "javascript:alert(1)",
    "data:text/html,evil.example",
    "%20//evil.example",
    "evil.example",
    "/%0d%0aLocation:https://evil.example",
    "/%09/evil.example",
]


@pytest.mark.parametrize("signed_in", [False, True])
def test_L10_no_other_host_is_led_to(app, ana, visitor, signed_in):
    if signed_in:
        visitor.sign_in("ana")
    for payload in HOSTILE:
        answer = visitor.open(f"/login?rd={payload}")
        assert answer.status_code == 400, payload
        assert "Location" not in answer.headers
        assert "evil.example" not in answer.text
    assert _interactions(app) == 0


def test_L10_a_kept_address_is_checked_again(app, ana, visitor):
    form = visitor.form(f"/login?rd={PAGE}")
    with app.app_context():
        db.session().execute(Interaction.__table__.update().values(parameters={"address": "https://evil.example/"}))
        db.session().commit()
    answer = visitor.submit(form, username="ana", password=PASSWORD)
    answer = visitor.open(answer.headers["Location"])
    assert answer.status_code == 400
    assert "Location" not in answer.headers


def test_L10_the_way_back_belongs_to_one_browser(app, ana, visitor):
    where = visitor.open(f"/login?rd={PAGE}").headers["Location"]
    other = Visitor(app)
    other.sign_in("ana")
    resumed = urlsplit(where).query.removeprefix("interaction=")
    assert other.open(f"/login/continue/{resumed}").status_code == 403


def test_https_issuers_lead_back_by_https_alone(make_app):
    app = make_app(issuer="https://id.example")
    make_person(app, "ana", password=PASSWORD)
    visitor = Visitor(app)
    assert visitor.open("/login?rd=https://id.example:8443/a").status_code == 303
    assert visitor.open("/login?rd=http://id.example/a").status_code == 400
