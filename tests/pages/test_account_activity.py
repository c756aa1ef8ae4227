"""What happened in an account, where its devices are, and what "this wasn't me" leads to."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from idp import clock
from idp.accounts import store as accounts
from idp.audit import events
from idp.audit.log import Actor, record
from idp.audit.models import AuditEvent
from idp.consents import store as consents
from idp.db import db, transaction
from idp.factors import recovery_codes, remembered
from idp.factors import store as factors
from idp.jobs.sending import send_due
from idp.sessions import store as sessions
from idp.sessions.models import BrowserSession
from idp.settings import SettingsError
from tests import factories, mmdb, passkeys
from tests.mailbox import mailbox
from tests.pages.test_account import NEW, audited, grant, is_live, other_session
from tests.visitor import PASSWORD, Visitor, forms_of

HOST = "198.51.100.24"


@pytest.fixture
def ana(app):
    return factories.make_person(app, "ana", password=PASSWORD)


@pytest.fixture
def visitor(app, ana):
    """A browser in which Ana is signed in."""
    found = Visitor(app)
    factories.sign_in(app, found.client, ana)
    return found


def note(app, event, actor, *, before=timedelta(0)):
    with app.app_context(), transaction() as session:
        return record(session, event, now=clock.utc_now() - before, actor=actor)


def happened(page):
    return [re.sub(r"<.*", "", title) for title in re.findall(r'<h2 class="row__title">(.*?)</h2>', page.text)]


def test_activity_is_ones_own_in_sentences_and_for_90_days(app, ana, visitor):
    bob = factories.make_person(app, "bob")
    notes = factories.make_client(app, client_name="Notes")
    own, admin = Actor(ana.id, "Ana", HOST), Actor(bob.id, "Bob")
    about = {"target_id": ana.id, "target_name": "ana"}
    note(app, events.PersonSignedOut(**about, session_id="ses_old"), own, before=timedelta(days=90, minutes=1))
    note(
        app, events.PersonSignedIn(**about, client_id=notes.client_id, device="Firefox on Linux", new_device=True), own
    )
    note(app, events.PersonSignInFailed(**about, reason="wrong_password"), Actor(address=HOST))
    note(app, events.GroupMemberAdded(**about, group_id="grp_1", group="Staff"), admin)
    note(app, events.ConsentGranted(target_id=notes.client_id, target_name="Notes"), own)
    # Of others, or by the person as somebody who administers: neither is their own.
    note(app, events.PersonSignedIn(target_id=bob.id), Actor(bob.id, "Bob"))
    note(app, events.ConsentGranted(target_id=notes.client_id, target_name="Notes"), Actor(bob.id, "Bob"))
    note(app, events.ClientCreated(target_id=notes.client_id, target_name="Notes"), own)
    page = visitor.visit("/account/activity")
    assert happened(page) == [
        "You gave Notes access to your account",
        "You were added to the group Staff",
        "Somebody tried to sign in as you and did not get in",
        "You signed in to open Notes",
    ]
    for words in ("By Bob", "Firefox on Linux", "New device", HOST, "4 entries"):
        assert words in page.text
    chosen = visitor.visit("/account/activity?kind=consent&kind=nonsense")
    assert happened(chosen) == ["You gave Notes access to your account"]
    assert "Show everything" in chosen.text
    assert "Nothing of this kind" in Visitor.visit(signed_in(app, bob), "/account/activity?kind=accounts").text


def signed_in(app, person):
    found = Visitor(app)
    factories.sign_in(app, found.client, person)
    return found


def test_older_activity_follows_page_by_page(app, ana, visitor):
    own = Actor(ana.id, "Ana")
    with app.app_context(), transaction() as session:
        for number in range(60):
            event = events.PersonChanged(target_id=ana.id, changes=(events.Change(f"field{number}", "", "x"),))
            record(session, event, now=clock.utc_now(), actor=own)
    first = visitor.visit("/account/activity?kind=accounts")
    older = re.search(r'href="(/account/activity\?[^"]*older=\d+)"', first.text).group(1).replace("&amp;", "&")
    assert "kind=accounts" in older
    second = visitor.visit(older)
    assert len(happened(first)) == 50
    assert happened(second) == [f"You changed your profile: field{number}" for number in range(9, -1, -1)]


def test_places_come_from_a_maxmind_file(make_app, tmp_path):
    places = mmdb.write(tmp_path / "places.mmdb", {"198.51.100.0/24": mmdb.place("Lisbon", "Portugal")})
    app = make_app(geoip_db=places)
    ana = factories.make_person(app, "ana")
    visitor = signed_in(app, ana)
    other_session(app, ana.id)
    page = visitor.visit("/account/sessions").text
    assert "Lisbon, Portugal" in page
    assert HOST in page
    assert page.count("Portugal") == 1
    # The mockup's short form: the place alone.
    short = visitor.visit("/account/security").text
    assert "Lisbon, Portugal" in short
    assert HOST not in short


def test_a_file_that_is_none_stops_the_start(make_app, tmp_path):
    (tmp_path / "text.mmdb").write_text("Lisbon")
    with pytest.raises(SettingsError, match=r"IDP_GEOIP_DB: .*text\.mmdb cannot be read as a MaxMind file"):
        make_app(geoip_db=tmp_path / "text.mmdb")


def test_the_security_page_shows_devices_and_the_way_to_lock_down(app, ana, visitor):
    page = visitor.visit("/account/security").text
    assert "This device" in page
    assert "See this session" in page
    for _ in range(3):
        other_session(app, ana.id)
    page = visitor.visit("/account/security").text
    assert "All 4 sessions" in page
    assert page.count("Firefox on Windows</h3>") == 2
    assert 'href="/account/secure"' in page


@pytest.fixture
def broken_into(app, ana):
    """What an account may hold after somebody else was in it: an app, a session, a browser, and a try that failed."""
    notes = factories.make_client(app, client_name="Notes").client_id
    held = grant(app, ana.id, notes)
    other, cookie = other_session(app, ana.id, notes)
    failed = events.PersonSignInFailed(target_id=ana.id, reason="wrong_password")
    event = note(app, failed, Actor(address=HOST), before=timedelta(days=2))
    with app.app_context(), transaction() as session:
        consents.remember(session, ana.id, notes, ["openid"], now=clock.utc_now())
        sessions.remember_device(session, "f" * 64, ana.id, clock.utc_now())
    return {"app": notes, "grant": held, "session": other, "cookie": cookie, "event": event}


def test_L20_a_lock_down_ends_what_is_elsewhere(app, ana, visitor, broken_into):
    event = broken_into["event"]
    assert f'href="/account/secure?event={event}"' in visitor.visit("/account/activity").text
    page = visitor.visit(f"/account/secure?event={event}").text
    for words in ("did not get in", "1 other device is signed out", "1 app loses access", "Forget 1 browser"):
        assert words in page
    answer = visitor.submit(visitor.form(f"/account/secure?event={event}"))
    assert answer.location == "/account/secure/steps"
    assert not is_live(app, broken_into["grant"])
    stale = Visitor(app)
    stale.client.set_cookie(stale.session_cookie_name, broken_into["cookie"], domain="localhost")
    assert stale.open("/account").status_code == 303
    with app.app_context():
        assert db.session().get(BrowserSession, broken_into["session"]).ended_at is not None
        assert not consents.granted(db.session(), ana.id, broken_into["app"])
        assert not sessions.known_device(db.session(), "f" * 64, ana.id)
    (entry,) = audited(app, "account.secured")
    counted = {name: entry.detail[name] for name in ("sessions", "grants", "consents", "devices")}
    assert counted == {"sessions": 1, "grants": 1, "consents": 1, "devices": 1}
    assert entry.detail["event_id"] == event


def test_a_lock_down_leads_through_the_rest_and_says_what_was_done(app, ana, visitor, broken_into):
    event = broken_into["event"]
    visitor.submit(visitor.form(f"/account/secure?event={event}"))
    # Every page leads back until it is finished; a new password comes back by itself.
    assert "You are securing your account" in visitor.visit("/account/password").text
    changing = visitor.form("/account/password")
    changed = visitor.submit(changing, current_password=PASSWORD, new_password=NEW)
    assert changed.location == "/account/secure/steps"
    steps = visitor.visit("/account/secure/steps").text
    assert "Password changed" in steps
    assert ana.email in steps
    done = visitor.submit(visitor.form("/account/secure/steps", action="/account/secure/finish"))
    (entry,) = audited(app, "account.secured")
    assert done.location == f"/account/secure/done/{entry.id}"
    shown = visitor.visit(done.location).text
    for words in ("1 other device was signed out", "Your password is new", "You changed your password"):
        assert words in shown
    assert "You are securing" not in visitor.visit("/account").text
    # Of nobody else, and not without one that goes on.
    bob = signed_in(app, factories.make_person(app, "bob"))
    assert bob.open(done.location).status_code == 404
    assert "did not get in" not in bob.visit(f"/account/secure?event={event}").text
    assert bob.open("/account/secure/steps").location == "/account/secure"
    token = bob.form("/account/secure").values
    assert bob.open("/account/secure/finish", "POST", data=token).location == "/account/security"


def test_a_lock_down_goes_through_every_way_to_sign_in_and_each_can_be_removed(app, ana, visitor):
    factories.give_totp(app, ana.id)
    codes = factories.give_recovery_codes(app, ana.id)
    passkeys.give(app, ana.id, name="Laptop")
    with app.app_context(), transaction() as session:
        person, now = accounts.find(session, ana.id), clock.utc_now()
        factors.put(session, factors.new(ana.id, factors.EMAIL, now))
        lasting = timedelta(days=3)
        remembered.add(
            session, person, "b" * 64, held="", user_agent="Mozilla/5.0 Firefox/140", lifetime=lasting, now=now
        )
    factories.let_sessions_show_both_factors(app, ana)
    visitor.submit(visitor.form("/account/secure"))
    steps = "/account/secure/steps"
    page = visitor.visit(steps).text
    for words in ("Authenticator app", "Codes by email to", "Recovery codes", "Laptop", "No second step in"):
        assert words in page
    (forgetting,) = [form for form in forms_of(page) if "/remembered/" in form.action]
    assert visitor.submit(forgetting).location == steps
    paths = dict.fromkeys(re.findall(r'href="(/account/[^"]+/remove)"', page))
    assert len(paths) == 4
    for path in paths:
        assert visitor.submit(visitor.form(path, action=path)).location == steps
    assert "Nothing but your password" in visitor.visit(steps).text
    with app.app_context():
        assert recovery_codes.left(db.session(), ana.id) == 0
    assert len(codes) == 10


def test_what_was_left_out_stays_and_is_said(app, ana, visitor):
    notes = factories.make_client(app, client_name="Notes")
    held = grant(app, ana.id, notes.client_id)
    form = visitor.form("/account/secure")
    assert visitor.submit(form, apps=None, devices=None).location == "/account/secure/steps"
    assert is_live(app, held)
    done = visitor.submit(visitor.form("/account/secure/steps", action="/account/secure/finish"))
    assert "Your password is the same" in visitor.visit(done.location).text


def test_a_lock_down_wants_a_sign_in_that_is_recent(app, ana, visitor):
    form = visitor.form("/account/secure")
    with app.app_context(), transaction() as session:
        row = session.execute(select(BrowserSession)).scalar_one()
        row.auth_time = clock.utc_now() - timedelta(minutes=6)
    assert visitor.open("/account/secure").location.startswith("/reauth?")
    assert visitor.submit(form).location.startswith("/reauth?")
    with app.app_context():
        assert db.session().execute(select(AuditEvent).where(AuditEvent.type == "account.secured")).first() is None


def test_L23_pages_of_an_account_are_kept_by_no_cache(visitor):
    for path in ("/", "/account", "/account/security", "/account/sessions", "/account/activity", "/account/secure"):
        headers = visitor.visit(path).headers
        assert headers["Cache-Control"] == "no-store"
        assert "Cookie" in headers["Vary"]


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({}, "Every other device was signed out, and apps lost their access."),
        ({"apps": None}, "Every other device was signed out. Apps kept their access."),
    ],
    ids=["with_apps", "without_apps"],
)
def test_L22_a_lock_down_is_told_by_mail_in_text_and_html(make_app, chosen, sentence):
    with mailbox() as box:
        app = make_app(mail={"host": "127.0.0.1", "port": box.port, "tls": "off", "from": "id@example.com"})
        ana = factories.make_person(app, "ana")
        grant(app, ana.id, factories.make_client(app, client_name="Notes").client_id)
        visitor = signed_in(app, ana)
        visitor.submit(visitor.form("/account/secure"), **chosen)
        assert send_due(app) == 1
    assert box.envelopes[0][1] == [ana.email]
    assert box.messages[0]["Subject"] == "Your account was secured"
    for part in (box.text(), box.html()):
        words = " ".join(part.split())
        assert sentence in words
        assert "Somebody who was signed in to your account" in words
        assert "127.0.0.1" in words
        assert "http://localhost:8000/account/security" in words


def test_L22_without_a_mail_server_the_mail_about_a_lock_down_waits_in_the_outbox(app, ana, visitor):
    visitor.submit(visitor.form("/account/secure"))
    root = signed_in(app, factories.make_person(app, "root", is_admin=True))
    listed = root.visit("/admin/outbox?kind=mail").text
    assert "Account locked down" in listed
    waiting = re.search(r'href="(/admin/outbox/mail/[^"]+)"', listed).group(1)
    shown = root.submit(root.form(waiting, action=waiting)).text
    assert ana.email in shown
    assert "Every other device was signed out" in shown
