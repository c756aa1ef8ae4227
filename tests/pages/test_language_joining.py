"""Every sentence that somebody meets on the way to an account can be translated."""

import pytest
import time_machine
from sqlalchemy import select

from idp import clock
from idp.accounts import groups
from idp.audit.log import SYSTEM
from idp.db import db, transaction
from idp.deliveries import mail
from idp.deliveries.mail import LIFETIME
from idp.deliveries.models import Delivery
from idp.invitations import inviting, store
from idp.invitations.store import New
from idp.settings import SignUpSettings
from idp.vault import Vault
from idp.web.current import service
from tests import factories, pseudo
from tests.visitor import PASSWORD, Visitor

DATA = ("Doorward", "localhost:8000", "Ruth Keeper", "Ana Ruiz", "Welcome!", "Staff", "Crew", "Notes")
DATA += ("zoe@people.example", "ana@people.example", "people.example, office.example", "people.example")
# The letters on tiles.
DATA += ("AR", "N", "req_")
EMAIL = "zoe@people.example"


@pytest.fixture
def backend():
    return "sqlite"


@pytest.fixture(autouse=True)
def _brackets(monkeypatch):
    pseudo.speak(monkeypatch)


def assert_spoken(answer, *data):
    assert pseudo.unspoken(answer.text, *DATA, *data) == []
    return answer


def link(app, email, *, inviter=None, rich=True):
    """Return the path of a new invitation: with everything that one can say, or with nothing."""
    with app.app_context(), transaction() as session:
        found = groups.find_by_name(session, "Staff") or groups.add(session, "Staff", clock.utc_now())
        given = {"message": "Welcome!", "group_ids": (found.id,), "client_ids": ("notes",)} if rich else {}
        who = {"inviter_id": inviter.id, "inviter_name": "Ruth Keeper"} if inviter else {}
        new = New(email=email, **given, **who)
        terms = {"by_mail": False, "lifetime": LIFETIME, "actor": SYSTEM, "now": clock.utc_now()}
        return inviting.invite(session, service(Vault), new, **terms).path


@pytest.fixture
def app(make_app):
    app = make_app()
    factories.make_client(app, client_id="notes", client_name="Notes", redirect_uris=["https://notes.example/back"])
    return app


@pytest.fixture
def ruth(app):
    return factories.make_person(app, "ruth", name="Ruth Keeper", is_admin=True)


def test_an_invitation(app, ruth):
    for path in (link(app, EMAIL, inviter=ruth), link(app, EMAIL, rich=False)):
        visitor = Visitor(app)
        assert_spoken(visitor.open(path))
        form = visitor.form(path, action=path)
        for given in ({}, {"username": "a b", "password": "short"}, {"username": "ruth", "password": PASSWORD}):
            answer = visitor.submit(form, **given)
            assert answer.status_code == 400
            assert_spoken(answer)
        offer = visitor.open(f"{path}/passkey", "POST", data=form.values | {"username": "ruth"})
        assert offer.status_code == 409
        assert all(one.startswith("⟦") for one in offer.json["error"].values())
    assert visitor.submit(form, username="zoe", password=PASSWORD).status_code == 303
    assert_spoken(Visitor(app).open(path))
    assert_spoken(Visitor(app).open("/join/nonsense"))


def test_an_invitation_that_asks_for_an_address(app, ruth):
    for path in (link(app, "", inviter=ruth), link(app, "", rich=False)):
        visitor = Visitor(app)
        assert_spoken(visitor.open(path))
        form = visitor.form(path, action=f"{path}/address")
        assert_spoken(visitor.submit(form, email="no address"))
        for number in range(4):
            last = assert_spoken(visitor.submit(form, email=f"zoe{number // 4}@people.example"), "zoe0@people.example")
    assert "⟦This was tried too often." in last.text


def test_an_invitation_of_somebody_who_has_an_account(app, ruth):
    ana = factories.make_person(app, "ana", name="Ana Ruiz", password=PASSWORD)
    for inviter in (ruth, None):
        path = link(app, ana.email, inviter=inviter)
        visitor = Visitor(app)
        assert_spoken(visitor.open(path))
        factories.sign_in(app, visitor.client, ana)
        assert_spoken(visitor.open(path))
    done = visitor.submit(visitor.form(path, action=f"{path}/accept"))
    assert "⟦You are in Staff now.⟧" in visitor.visit(done.location).text


def test_an_invitation_that_came_to_its_end(app, ruth):
    path, other = link(app, EMAIL, inviter=ruth), link(app, EMAIL, rich=False)
    with time_machine.travel(clock.utc_now() + LIFETIME, tick=False):
        visitor = Visitor(app)
        assert_spoken(visitor.open(other))
        assert_spoken(visitor.open(path))
        assert_spoken(visitor.submit(visitor.form(path, action=f"{path}/ask")))
    with app.app_context(), transaction() as session:
        row = store.find(session, path.rpartition("/")[2])
        store.revoke(session, row.id, clock.utc_now())
    assert_spoken(Visitor(app).open(path))


@pytest.mark.parametrize("domains", [(), ("people.example",), ("people.example", "office.example")])
def test_signing_up(make_app, domains):
    app = make_app(sign_up=SignUpSettings(mode="domains" if domains else "open", domains=domains))
    visitor = Visitor(app)
    assert_spoken(visitor.open("/register"))
    form = visitor.form("/register", action="/register")
    assert_spoken(visitor.submit(form, email="zoe@elsewhere" if not domains else "zoe@elsewhere.example"))
    assert_spoken(visitor.submit(form, email=EMAIL))
    with app.app_context():
        (waiting,) = db.session().execute(select(Delivery)).scalars()
        path = mail.read(service(Vault), waiting).link
    assert_spoken(visitor.open(path))
    with time_machine.travel(clock.utc_now() + LIFETIME, tick=False):
        late = Visitor(app)
        again = late.form(path, action=f"{path}/again")
        assert_spoken(late.open(path))
        assert_spoken(late.submit(again))
    factories.make_person(app, "zoe", email=EMAIL)
    assert_spoken(visitor.open(path))


def test_where_nobody_signs_up(app):
    assert_spoken(Visitor(app).open("/register"))
