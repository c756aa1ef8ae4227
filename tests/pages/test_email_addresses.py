"""Email addresses: verified by a link in a mail, changed only when the new one was, and the old one is told."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from idp import clock
from idp.accounts.models import Person
from idp.audit.models import AuditEvent
from idp.db import db
from idp.interactions.models import Interaction
from idp.jobs.sending import send_due
from tests import factories
from tests.mailbox import mailbox
from tests.visitor import PASSWORD, Visitor

OTHER_HOST = {"headers": {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}}


@pytest.fixture
def box():
    with mailbox() as found:
        yield found


@pytest.fixture
def app(make_app, box):
    return make_app(mail={"host": "127.0.0.1", "port": box.port, "tls": "off", "from": "id@example.com"})


def visitor_of(app, person):
    visitor = Visitor(app)
    factories.sign_in(app, visitor.client, person)
    return visitor


def address_of(app, person):
    with app.app_context():
        found = db.session.get(Person, person.id)
        return found.email, found.email_verified


def path_in(box, number=-1):
    link = box.link(number)
    assert link.startswith("http://localhost:8000/email/")
    return link.removeprefix("http://localhost:8000")


def test_L12_an_address_is_verified_by_a_link_that_only_a_button_uses_up(app, box, capfd):
    person = factories.make_person(app, "ana", email_verified=False)
    ana = visitor_of(app, person)
    page = ana.visit("/account").text
    assert "Not verified" in page
    form = ana.form("/account", action="/account/email/verify")
    assert "We sent a link" in ana.visit(ana.submit(form, options=OTHER_HOST).headers["Location"]).text
    # Once a minute at most.
    assert "Try again in" in ana.visit(ana.submit(form).headers["Location"]).text
    assert send_due(app) == 1
    assert "evil.example" not in box.messages[0].as_string()
    path, anybody = path_in(box), Visitor(app)
    for _ in range(3):
        opened = anybody.visit(path)
        assert opened.status_code == 200
        assert opened.headers["Referrer-Policy"] == "no-referrer"
    assert address_of(app, person) == (person.email, False)
    confirm = anybody.form(path, action=path)
    assert "is verified" in anybody.submit(confirm).text
    assert address_of(app, person) == (person.email, True)
    assert anybody.submit(confirm).status_code == 404
    assert anybody.visit(path).status_code == 404
    logged = capfd.readouterr()
    assert path.removeprefix("/email/") not in logged.err + logged.out
    with app.app_context():
        types = {entry.type for entry in db.session.execute(select(AuditEvent)).scalars()}
    assert {"email.link_sent", "email.verified", "person.changed"} <= types


def test_an_address_changes_when_its_person_opens_the_link_and_the_old_one_is_told(app, box):
    person = factories.make_person(app, "ana")
    ana, stranger = visitor_of(app, person), Visitor(app)
    form = ana.form("/account/email", action="/account/email")
    for wrong, sentence in (("nothing", "email address"), (person.email.upper(), "your address already")):
        answer = ana.submit(form, email=wrong)
        assert (answer.status_code, sentence in answer.text) == (400, True), wrong
    sent = ana.submit(form, email="new@people.example", options=OTHER_HOST)
    assert "new@people.example" in ana.visit(sent.headers["Location"]).text
    assert address_of(app, person) == (person.email, True)
    send_due(app)
    assert box.envelopes == [("id@example.com", ["new@people.example"])]
    path = path_in(box)
    # Whoever reads a mistyped address is not given the account.
    assert "Sign in first" in stranger.visit(path).text
    assert stranger.open(path, "POST", data={}).status_code in {303, 400, 403}
    assert address_of(app, person) == (person.email, True)
    assert "Change address" in ana.visit(path).text
    assert ana.submit(ana.form(path, action=path)).status_code == 303
    assert address_of(app, person) == ("new@people.example", True)
    send_due(app)
    assert box.envelopes[-1][1] == [person.email]
    assert box.messages[-1]["Subject"] == "Your email address was changed"
    assert "New address: new@people.example" in box.text()
    assert ana.visit(path).status_code == 404


@pytest.mark.parametrize("who", ["nobody", "somebody else"])
def test_whoever_opens_a_link_for_another_account_signs_in_to_that_one_and_comes_back(app, box, who, capfd):
    person = factories.make_person(app, "ana", password=PASSWORD)
    ana = visitor_of(app, person)
    ana.submit(ana.form("/account/email", action="/account/email"), email="new@people.example")
    send_due(app)
    path = path_in(box)
    token = path.removeprefix("/email/")
    visitor = Visitor(app) if who == "nobody" else visitor_of(app, factories.make_person(app, "bo"))
    answer = visitor.submit(visitor.form(path, action=f"{path}/sign-in"))
    assert (answer.status_code, answer.location.partition("?")[0]) == (303, "/login")
    assert token not in answer.location
    with app.app_context():
        waiting = [one.parameters for one in db.session.execute(select(Interaction)).scalars()]
    assert token not in str(waiting)
    form = visitor.form(answer.location)
    assert form.values["username"] == "ana"
    back = visitor.submit(form, password=PASSWORD)
    assert back.location.startswith("/email/resume/")
    assert visitor.open(back.location).location == path
    assert "Change address" in visitor.visit(path).text
    assert visitor.submit(visitor.form(path, action=path)).status_code == 303
    assert address_of(app, person) == ("new@people.example", True)
    logged = capfd.readouterr()
    assert token not in logged.err + logged.out


def test_L12_a_link_that_waits_for_a_sign_in_is_that_of_one_browser(app, box):
    ana = visitor_of(app, factories.make_person(app, "ana"))
    ana.submit(ana.form("/account/email", action="/account/email"), email="new@people.example")
    send_due(app)
    path, opened = path_in(box), Visitor(app)
    where = opened.submit(opened.form(path, action=f"{path}/sign-in")).location.partition("interaction=")[2]
    interaction = where.partition("&")[0]
    assert opened.open(f"/email/resume/{interaction}").location == path
    assert Visitor(app).open(f"/email/resume/{interaction}").status_code == 403
    # What waits for a page of another kind leads to none.
    other = opened.open("/account").location.partition("interaction=")[2]
    assert opened.open(f"/email/resume/{other}").status_code == 410
    # A link that is spent meanwhile begins nothing.
    form = opened.form(path, action=f"{path}/sign-in")
    ana.submit(ana.form(path, action=path))
    assert opened.submit(form).status_code == 404


def test_a_link_that_no_longer_works_offers_a_new_one_to_whoever_can_have_it(app, box):
    person = factories.make_person(app, "ana", email_verified=False)
    ana = visitor_of(app, person)
    gone = f"/email/{'x' * 43}"
    assert 'href="/account"' in Visitor(app).visit(gone).text
    asked = ana.submit(ana.form(gone, action="/account/email/verify"))
    assert "We sent a link" in ana.visit(asked.location).text
    send_due(app)
    path = path_in(box)
    ana.submit(ana.form(path, action=path))
    spent = ana.visit(path).text
    # Their address is verified by now: a change is asked for on the profile.
    assert "Send me a new link" not in spent
    assert 'href="/account"' in spent
    assert 'href="/account/email"' in ana.visit("/account").text


def test_L28_an_address_of_somebody_else_looks_free_and_its_owner_is_told(app, box):
    person, other = factories.make_person(app, "ana"), factories.make_person(app, "bo")
    ana = visitor_of(app, person)
    form = ana.form("/account/email", action="/account/email")
    answer = ana.submit(form, email=other.email)
    assert "We sent a link" in ana.visit(answer.headers["Location"]).text
    send_due(app)
    assert box.envelopes[0][1] == [other.email]
    assert box.messages[0]["Subject"] == "Somebody wanted to use your email address"
    # A change that waits can be dropped, and then its link is of no use.
    with time_machine.travel(clock.utc_now() + timedelta(minutes=2), tick=False):
        ana.submit(form, email="new@people.example")
        send_due(app)
        ana.submit(ana.form("/account", action="/account/email/keep"))
        assert ana.visit(path_in(box)).status_code == 404
    with time_machine.travel(clock.utc_now() + timedelta(minutes=6), tick=False):
        assert "/reauth" in ana.open("/account/email").headers["Location"]


def test_L28_nothing_on_any_page_tells_a_free_address_from_a_taken_one(app, box):
    taken = factories.make_person(app, "somebody", email="taken@people.example")
    pages = []
    for name, address in (("ana", "spare@people.example"), ("bob", taken.email)):
        person = factories.make_person(app, name)
        asking = visitor_of(app, person)
        asking.submit(asking.form("/account/email", action="/account/email"), email=address)
        shown = asking.visit("/account").text + asking.visit("/account/activity").text
        exported = asking.submit(asking.form("/account/export", action="/account/export")).json
        links = [(one["purpose"], one["consumed_at"]) for one in exported["single_use_links"]]
        pages.append((shown.count(address), "Keep the present address" in shown, links))
        # Nobody holds the link.
        sent = [message.as_string() for message in box.messages] if send_due(app) else []
        assert ("/email/" in sent[-1]) == (address != taken.email)
    assert pages[0] == pages[1]
    assert pages[0][1]


def test_an_administrator_changes_an_address_and_it_counts_as_unverified(app, box):
    person = factories.make_person(app, "ana")
    root = visitor_of(app, factories.make_person(app, "root", is_admin=True))
    page = f"/admin/users/{person.id}"
    saved = root.submit(root.form(page, action=page), email="new@people.example")
    assert "counts as not verified" in root.visit(saved.headers["Location"]).text
    assert address_of(app, person) == ("new@people.example", False)
    send_due(app)
    assert box.envelopes[-1][1] == [person.email]
    assert "An administrator changed the email address" in box.text()
    assert "Device:" not in box.text()
    root.submit(root.form(page, action=f"{page}/verify-email"))
    send_due(app)
    assert box.envelopes[-1][1] == ["new@people.example"]
    stale = path_in(box)
    # Said otherwise: the tick is new.
    root.submit(root.form(page, action=page), email_verified="y")
    assert address_of(app, person) == ("new@people.example", True)
    root.submit(root.form(page, action=page), email="third@people.example")
    # What was sent to the address before is of no use for the next one.
    assert Visitor(app).visit(stale).status_code == 404
