"""Mail that waits, and single-use links: nothing that lets somebody in stands in the database."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from idp import clock, opaque
from idp.accounts import links
from idp.accounts.models import SingleUseLink
from idp.db import db, transaction
from idp.deliveries import mail, store
from idp.deliveries.mail import Mail
from idp.deliveries.models import Delivery
from idp.keys import rewrapping
from idp.vault import Vault
from idp.web.current import service
from tests import factories

HOUR = timedelta(hours=1)


@pytest.fixture
def ana(app):
    return factories.make_person(app, "ana")


def make(person, purpose="recovery", **rest):
    with transaction() as session:
        return links.make(
            session, purpose, person_id=person.id if person else None, now=clock.utc_now(), **{"lifetime": HOUR} | rest
        )


def test_a_mail_waits_encrypted_and_goes_with_its_transaction(app, ana):
    now = clock.utc_now()
    letter = Mail(
        template="password_changed",
        to="ana@people.example",
        person_id=ana.id,
        facts={"name": "Ana", "at": now, "code": "314159"},
        link="/recover/very-secret",
        lifetime=HOUR,
    )
    with app.app_context():
        vault = service(Vault)
        with transaction() as session:
            delivery_id = mail.queue(session, vault, letter, now=now)
        row = db.session.get(Delivery, delivery_id)
        assert (row.kind, row.state, row.person_id, row.expires_at) == (store.MAIL, store.QUEUED, ana.id, now + HOUR)
        assert row.facts == {"template": "password_changed", "to": "ana@people.example"}
        found = mail.read(vault, row)
        assert (found.to, found.link, found.facts) == (letter.to, letter.link, letter.facts)
        whole = str(db.session.execute(text("SELECT * FROM deliveries")).all())
        assert "very-secret" not in whole
        assert "314159" not in whole

        mail.queue(db.session(), vault, letter, now=now)
        db.session.rollback()
        assert len(db.session.execute(select(Delivery.id)).all()) == 1
        row.sealed = None
        assert mail.read(vault, row) is None


def test_a_mail_that_could_never_be_sent_is_refused_where_it_is_written():
    with pytest.raises(ValueError, match="no template"):
        Mail(template="nothing", to="ana@people.example")
    with pytest.raises(ValueError, match="path"):
        Mail(template="password_changed", to="ana@people.example", link="https://evil.example/recover/x")


def test_what_waits_is_encrypted_anew_with_the_next_master_key(make_app, data_dir):
    app, key = make_app(), opaque.token(32)
    with app.app_context(), transaction() as session:
        mail.queue(session, service(Vault), Mail(template="password_changed", to="a@b.example"), now=clock.utc_now())
    turned = make_app(master_key=key, other_master_key=(data_dir / "master.key").read_text().strip())
    with turned.app_context():
        assert rewrapping.rewrap(service(Vault)) > 0
        assert rewrapping.left(service(Vault)) == []
        assert mail.read(service(Vault), db.session.execute(select(Delivery)).scalar_one()).to == "a@b.example"


def test_L12_a_link_works_once_for_one_purpose_and_until_it_runs_out(app, ana):
    with app.app_context():
        token = make(ana, data={"email": "new@people.example"}, made_by="usr_admin")
        assert len(token) == 43
        assert token not in str(db.session.execute(text("SELECT * FROM single_use_links")).all())
        session, now = db.session(), clock.utc_now()
        found = links.find(session, "recovery", token, now)
        assert (found.person_id, found.data, found.made_by) == (ana.id, {"email": "new@people.example"}, "usr_admin")
        assert links.find(session, "recovery", token, now) == found
        assert links.find(session, "verify_email", token, now) is None
        assert links.find(session, "recovery", token, now + HOUR) is None
        for wrong in ("", token[:-1], token + "x" * 5000, "\0", "\udcff"):
            assert links.find(session, "recovery", wrong, now) is None
        with transaction() as writing:
            assert links.consume(writing, "verify_email", token, now) is None
            assert links.consume(writing, "recovery", token, now) == found
            assert links.consume(writing, "recovery", token, now) is None
        assert links.find(db.session(), "recovery", token, now) is None


def test_L12_a_new_link_ends_the_one_before(app, ana):
    other = factories.make_person(app, "bo")
    with app.app_context():
        first, others, elsewhere = make(ana), make(ana, "verify_email"), make(other)
        second = make(ana)
        session, now = db.session(), clock.utc_now()
        assert links.find(session, "recovery", first, now) is None
        assert links.find(session, "recovery", second, now)
        assert links.live(session, ana.id, "recovery", now)
        assert links.find(session, "verify_email", others, now)
        invited, invited_too = make(None, "invitation"), make(None, "invitation")
        assert links.find(db.session(), "invitation", invited, now)
        assert links.find(db.session(), "invitation", invited_too, now)
        with transaction() as writing:
            assert links.drop(writing, ana.id, "recovery") == 1
            assert links.drop(writing, ana.id) == 1
        assert links.find(db.session(), "recovery", second, now) is None
        assert links.find(db.session(), "recovery", elsewhere, now)
        with transaction() as writing:
            assert links.purge(writing, now + timedelta(hours=26)) == 3
        assert db.session.execute(select(SingleUseLink)).all() == []


def test_of_many_who_use_a_link_at_once_one_does(app, ana):
    with app.app_context():
        token = make(ana)
    won = []

    def use():
        with app.app_context(), transaction() as session:
            if links.consume(session, "recovery", token, clock.utc_now()):
                won.append(token)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [token]


def test_of_many_links_made_at_once_one_is_left(app, ana):
    def again():
        with app.app_context():
            make(ana)

    threads = [threading.Thread(target=again) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with app.app_context():
        assert len(db.session.execute(select(SingleUseLink)).all()) == 1
