"""The audit log's page."""

import csv
import io
import json
import re

import pytest
from sqlalchemy import select, text, update

from idp import clock
from idp.audit import events, seals
from idp.audit.log import Actor, record
from idp.audit.models import AuditEvent
from idp.db import db, transaction
from idp.sessions.models import BrowserSession
from idp.vault import Secrets
from idp.web.current import service
from tests import factories
from tests.visitor import Visitor


@pytest.fixture
def admin(app):
    found = Visitor(app)
    factories.sign_in(app, found.client, factories.make_person(app, "root", is_admin=True))
    return found


def write(app, *told, actor=Actor("usr_1", "Ana Ruiz", "192.0.2.7", "req_7")):  # noqa: B008 - immutable
    with app.app_context(), transaction() as session:
        return [record(session, event, now=clock.utc_now(), actor=actor) for event in told]


def seal(app):
    with app.app_context(), transaction() as session:
        return seals.seal_batch(session, service(Secrets), clock.utc_now())


def post(admin, path, **fields):
    token = admin.form("/account/password").values["csrf_token"]
    return admin.open(path, "POST", data={"csrf_token": token, **fields})


CHANGED = events.ClientChanged(
    target_id="app_1",
    target_name="Grafana",
    changes=(events.Change("redirect_uris", "https://a.example/ https://b.example/", "https://a.example/"),),
)


def test_entries_are_read_filtered_and_opened(app, admin):
    changed, failed = write(app, CHANGED, events.PersonSignInFailed(reason="unknown_person"))
    page = admin.visit("/admin/audit").text
    assert "Changed an app" in page
    assert "Failed to sign in" in page
    for query in ("kind=apps", "result=done", "q=grafana", "q=app_1"):
        found = admin.visit(f"/admin/audit?{query}").text
        assert ("Changed an app" in found, "Failed to sign in" in found) == (True, False)
    assert "No entry matches" in admin.visit("/admin/audit?q=zzz").text
    opened = admin.visit(f"/admin/audit?kind=apps&event={changed}").text
    assert 'aria-expanded="true"' in opened
    assert "<del>https://b.example/</del>" in opened
    assert "Not yet sealed" in opened
    assert "192.0.2.7" in opened
    seal(app)
    with app.app_context():
        stored = db.session().execute(select(AuditEvent.hash).where(AuditEvent.id == changed)).scalar_one()
    assert stored in admin.visit(f"/admin/audit/entries/{changed}").text
    assert "Changed an app" in admin.visit(f"/admin/audit?event={failed}").text


@pytest.mark.parametrize(
    "query",
    [
        "range=custom&from=2026-01-01T00:00&to=2999-01-01T00:00",
        "range=custom&from=9999-12-31T23:59&to=0001-01-01T00:00",
        "range=custom&from=x&to=",
        "range=x&kind=x&result=x&older=x&newer=-1&event=x&q=%25",
        "older=999999999999999999999999",
        "newer=0",
        "range=all&older=5",
    ],
)
def test_no_address_breaks_the_page(admin, query):
    assert admin.open(f"/admin/audit?{query}").status_code == 200


def test_pages_keep_their_filter(app, admin):
    write(app, *[CHANGED] * 60)
    page = admin.visit("/admin/audit?kind=apps&q=grafana").text
    assert "50 of 60 entries" in page
    older = re.search(r'href="([^"]*)" rel="next"', page)[1]
    found = admin.visit(older.replace("&amp;", "&")).text
    assert "10 of 60 entries" in found
    assert "Newer" in found


def test_the_check_tells_where_the_chain_breaks(app, admin):
    write(app, *[CHANGED] * 3)
    seal(app)
    assert "Not checked yet" in admin.visit("/admin/audit").text
    assert post(admin, "/admin/audit/check").status_code == 303
    assert "Intact to entry" in admin.visit("/admin/audit").text
    with app.app_context(), transaction() as session:
        row = session.execute(text("SELECT max(row) FROM audit_events WHERE type = 'client.changed'")).scalar_one()
        session.execute(text("UPDATE audit_events SET target_name = 'x' WHERE row = :row"), {"row": row})
    post(admin, "/admin/audit/check")
    page = admin.visit("/admin/audit").text
    assert f"Broken at entry {row}" in page
    assert f"Intact to entry {row - 1}" in page


def test_exports_are_streamed_filtered_and_audited(app, admin):
    write(app, CHANGED, events.GroupCreated(target_id="grp_1", target_name="=1+1"))
    answer = post(admin, "/admin/audit/export?kind=accounts&range=all", format="csv")
    assert answer.status_code == 200
    assert "Content-Length" not in answer.headers
    assert answer.headers["Content-Disposition"].startswith("attachment")
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert [line["target_name"] for line in lines if line["type"] == "group.created"] == ["'=1+1"]
    assert not [line for line in lines if line["type"] == "client.changed"]
    answer = post(admin, "/admin/audit/export?range=all", format="jsonl")
    told = [json.loads(line) for line in answer.text.splitlines()]
    assert "client.changed" in {line["type"] for line in told}
    assert [line["detail"]["format"] for line in told if line["type"] == "audit.exported"] == ["csv", "jsonl"]
    assert post(admin, "/admin/audit/export", format="xml").status_code == 404


def test_M09_an_export_asks_for_a_fresh_sign_in(app, admin):
    with app.app_context(), transaction() as session:
        session.execute(update(BrowserSession).values(auth_time=clock.utc_now().replace(year=2020)))
    answer = post(admin, "/admin/audit/export", format="csv")
    assert (answer.status_code, answer.location.partition("?")[0]) == (303, "/reauth")


def test_administration_begins_at_the_apps(admin):
    answer = admin.open("/admin")
    assert (answer.status_code, answer.location) == (303, "/admin/clients")
