"""The first administrator: by a link that works once."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import func, select

from idp import clock
from idp.accounts.models import Person
from idp.audit.models import AuditEvent
from idp.db import db, transaction
from idp.errors import Conflict
from idp.setup import links

GOOD = {
    "name": "Ruth Keeper",
    "username": "ruth",
    "email": "ruth@example.com",
    "password": "correct horse battery staple",
}


@pytest.fixture
def token(app):
    with app.app_context(), transaction() as session:
        return links.make(session, clock.utc_now())


def csrf(page):
    return re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text).group(1)


def send(client, token, **changed):
    page = client.get(f"/setup/{token}")
    assert page.status_code == 200
    return client.post(f"/setup/{token}", data={**GOOD, "csrf_token": csrf(page), **changed})


def admins(app):
    with app.app_context():
        return db.session.execute(select(func.count()).select_from(Person).where(Person.is_admin)).scalar_one()


def test_the_link_makes_the_administrator_and_signs_them_in(app, client, token):
    answer = send(client, token)
    assert (answer.status_code, answer.location) == (303, "/admin/clients")
    assert client.get("/admin/clients").status_code == 200
    with app.app_context():
        types = list(db.session.execute(select(AuditEvent.type)).scalars())
    assert "setup.completed" in types


def test_the_link_works_once(app, client, token):
    send(client, token)
    second = app.test_client().get(f"/setup/{token}")
    assert second.status_code == 404
    assert "has an administrator" in second.text
    assert admins(app) == 1


def test_without_the_link_nobody_gets_in(client):
    page = client.get("/setup")
    assert page.status_code == 403
    assert "idp setup-link" in page.text
    assert "<form" not in page.text.partition("<main")[2]


@pytest.mark.parametrize("guess", ["x", "A" * 43, "..%2f", "0"])
def test_a_guess_is_told_nothing_but_where_the_link_is(client, token, guess):
    assert client.get(f"/setup/{guess}").status_code in {403, 404}


def test_the_link_runs_out_after_an_hour(client, token):
    with time_machine.travel(clock.utc_now() + timedelta(minutes=61), tick=False):
        assert client.get(f"/setup/{token}").status_code == 403


def test_a_new_link_ends_the_old_one(app, client, token):
    with app.app_context(), transaction() as session:
        newer = links.make(session, clock.utc_now())
    assert client.get(f"/setup/{token}").status_code == 403
    assert client.get(f"/setup/{newer}").status_code == 200


def test_no_link_is_made_once_there_is_an_administrator(app, client, token):
    send(client, token)
    with app.app_context(), pytest.raises(Conflict, match="setup is finished"), transaction() as session:
        links.make(session, clock.utc_now())


@pytest.mark.parametrize(
    ("field", "value"), [("username", ""), ("username", "a@b"), ("email", "nonsense"), ("password", "short")]
)
def test_a_mistake_is_named_at_its_field_and_the_link_stays_good(app, client, token, field, value):
    answer = send(client, token, **{field: value})
    assert answer.status_code == 400
    assert f'id="{field}-error"' in answer.text
    assert "aria-invalid" in answer.text
    assert GOOD["password"] not in answer.text
    assert admins(app) == 0
    assert send(client, token).status_code == 303


def test_M13_twenty_at_once_make_one_administrator(app, token):
    browsers = [app.test_client() for _ in range(20)]
    tokens = [csrf(browser.get(f"/setup/{token}")) for browser in browsers]

    def send_as(number):
        mine = {"username": f"ruth{number}", "email": f"ruth{number}@example.com", "csrf_token": tokens[number]}
        return browsers[number].post(f"/setup/{token}", data={**GOOD, **mine}).status_code

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(send_as, range(20)))
    assert answers.count(303) == 1
    assert set(answers) <= {303, 403, 404, 503}
    assert admins(app) == 1


def test_the_token_is_kept_as_a_fingerprint_alone(app, token):
    with app.app_context():
        rows = db.session.execute(select(links.SetupLink.__table__)).all()
    assert len(rows) == 1
    assert token not in str(rows)


def test_M13_two_links_at_once_make_one_administrator(app):
    def run(number):
        with app.app_context(), transaction() as session:
            first = links.make(session, clock.utc_now())
        browser = app.test_client()
        page = browser.get(f"/setup/{first}")
        if page.status_code != 200:
            return page.status_code
        mine = {"username": f"ruth{number}", "email": f"ruth{number}@example.com", "csrf_token": csrf(page)}
        return browser.post(f"/setup/{first}", data={**GOOD, **mine}).status_code

    with ThreadPoolExecutor(6) as pool:
        tries = [pool.submit(run, number) for number in range(6)]
        done = [one.result() for one in tries if one.exception() is None]
    assert done.count(303) <= 1
    assert admins(app) == done.count(303)
