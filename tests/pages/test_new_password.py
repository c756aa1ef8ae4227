"""A password that has to be replaced: asked for in the middle of the sign-in, which is worth nothing before."""

from datetime import timedelta
from urllib.parse import urlencode

import pytest
import time_machine
from sqlalchemy import select

from idp import clock
from idp.accounts import store as accounts
from idp.audit.models import AuditEvent
from idp.db import db, transaction
from idp.sessions.models import BrowserSession, PendingSignIn
from tests.factories import give_totp, make_client, make_person, totp_code
from tests.visitor import PASSWORD, Visitor, forms_of

NEW = "swim tulip radar mint"
PAGE = "/login/new-password"


@pytest.fixture
def ana(app):
    return make_person(app, "ana", password=PASSWORD, must_change_password=True)


@pytest.fixture
def visitor(app):
    return Visitor(app)


def rows(app, statement):
    with app.app_context():
        return list(db.session().execute(statement).scalars())


def must_change(app, person):
    with app.app_context():
        return accounts.find(db.session(), person.id).must_change_password


def form_of(visitor, answer):
    page = visitor.visit(answer.headers["Location"])
    assert page.status_code == 200
    return next(form for form in forms_of(page.text) if form.action.startswith(PAGE))


def test_nothing_opens_before_the_new_password_is_set(app, ana, visitor):
    answer = visitor.sign_in("ana")
    assert answer.headers["Location"] == PAGE
    assert visitor.session_cookie is None
    for path in ("/account", "/account/password", "/admin/users"):
        assert visitor.open(path).headers["Location"].startswith("/login?")
    assert visitor.open("/verify").status_code == 401
    assert rows(app, select(BrowserSession)) == []

    assert "given to you, or an administrator asked for a new one" in visitor.visit(PAGE).text
    form = form_of(visitor, answer)
    for wrong, sentence in (("short", "Use at least 10"), (PASSWORD, "another password than"), ("ana", "at least")):
        refused = visitor.submit(form, new_password=wrong)
        assert refused.status_code == 400
        assert sentence in refused.text
        assert "<title>Error: " in refused.text
    assert visitor.session_cookie is None

    done = visitor.submit(form, new_password=NEW)
    assert done.headers["Location"] == "/"
    (session,) = rows(app, select(BrowserSession))
    assert (session.amr, session.acr, session.ended_at) == (["pwd"], "1", None)
    assert not must_change(app, ana)
    (changed,) = rows(app, select(AuditEvent).where(AuditEvent.type == "password.changed"))
    assert (changed.actor_id, changed.detail["how"]) == (ana.id, "required")

    assert Visitor(app).sign_in("ana").status_code == 400
    assert Visitor(app).sign_in("ana", NEW).headers["Location"] == "/"


def test_the_half_finished_sign_in_is_of_no_use_later_or_elsewhere(app, ana, visitor):
    form = form_of(visitor, visitor.sign_in("ana"))
    # In a browser that proved nothing.
    other = Visitor(app)
    assert other.open(PAGE).headers["Location"] == "/login"
    # Twice.
    assert visitor.submit(form, new_password=NEW).status_code == 303
    again = visitor.submit(form, new_password="another fine tulip garden")
    assert again.status_code in {303, 400}
    assert Visitor(app).sign_in("ana", NEW).headers["Location"] == "/"

    with app.app_context(), transaction() as session:
        accounts.require_new_password(session, accounts.find(session, ana.id), clock.utc_now())
    late = Visitor(app)
    form = form_of(late, late.sign_in("ana", NEW))
    with time_machine.travel(clock.utc_now() + timedelta(minutes=11), tick=False):
        assert late.submit(form, new_password="another fine tulip garden").headers["Location"].startswith("/login?")
    assert must_change(app, ana)


def test_L16_the_second_factor_comes_first(app, ana, visitor):
    seed = give_totp(app, ana.id)
    answer = visitor.sign_in("ana")
    assert answer.headers["Location"] == "/login/verify"
    # Jumping to the page behind it leads back.
    assert visitor.open(PAGE).headers["Location"] == "/login/verify"
    token = forms_of(visitor.visit("/login/verify").text)[0].values["csrf_token"]
    jump = visitor.open(PAGE, "POST", data={"csrf_token": token, "new_password": NEW})
    assert jump.headers["Location"] == "/login/verify"
    assert must_change(app, ana)

    answer = visitor.verify(totp_code(seed))
    assert answer.headers["Location"] == PAGE
    assert visitor.session_cookie is None
    visitor.submit(form_of(visitor, answer), new_password=NEW)
    (session,) = rows(app, select(BrowserSession))
    assert (session.amr, session.acr) == (["pwd", "otp", "mfa"], "2")


def test_the_app_that_asked_is_reached_in_the_end(app, ana, visitor):
    party = make_client(app, client_name="Grafana", redirect_uris=["https://app.example/cb"])
    parameters = {
        "client_id": party.client_id,
        "redirect_uri": "https://app.example/cb",
        "response_type": "code",
        "scope": "openid",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    }
    path = f"/oauth/authorize?{urlencode(parameters)}"
    answer = visitor.sign_in("ana", path=path)
    page = visitor.visit(answer.headers["Location"]).text
    assert "app.example" in page
    # A request of the same browser gets nothing from what is half finished.
    silent = visitor.open(f"{path}&prompt=none")
    assert "error=login_required" in silent.headers["Location"]
    done = visitor.submit(form_of(visitor, answer), new_password=NEW)
    assert visitor.visit(done.headers["Location"]).headers["Location"].startswith("https://app.example/cb?code=")
    assert rows(app, select(PendingSignIn.consumed_at))[0] is not None
