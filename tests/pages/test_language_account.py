"""What people read of their own account is all in the language of the page."""

import re
from datetime import timedelta

import pytest

from idp import clock
from idp.accounts import store
from idp.accounts.strength import judge
from idp.audit import account_events, events, factor_events, mail_events, passkey_events, recovery_events
from idp.audit.log import Actor, record
from idp.consents import store as consents
from idp.db import transaction
from idp.factors import remembered
from idp.wording import Sentence
from tests import factories, passkeys, pseudo
from tests.pages.test_account import grant, other_session
from tests.visitor import PASSWORD, Visitor

HOST = "198.51.100.24"
# Names of the site, of people, groups, devices and apps, addresses, and what tests wrote.
DATA = (
    *("Doorward", "Notes", "localhost", "app.example", "Ana Ruiz", "ana@people.example", "new@people.example", "ana"),
    *("Root", "Staff", "Laptop", "English", "Deutsch", "Español", "Français", "日本語", "Português (Brasil)"),
)
# Instants, and recovery codes.
MADE = re.compile(r"\d{1,2} [A-Z][a-z]{2} \d{4}, \d\d:\d\d UTC|[a-z\d]{4}-[a-z\d]{4}-[a-z\d]{4}")


@pytest.fixture
def backend():
    return "sqlite"  # Words do not depend on the database.


@pytest.fixture
def ana(app):
    return factories.make_person(app, "ana", password=PASSWORD, name="Ana Ruiz")


@pytest.fixture
def notes(app):
    return factories.make_client(
        app,
        client_name="Notes",
        client_uri="https://app.example/",
        scope="openid profile email",
        default_max_age=93_600,
    )


@pytest.fixture
def visitor(app, ana, monkeypatch):
    found = Visitor(app)
    factories.sign_in(app, found.client, ana)
    pseudo.speak(monkeypatch)
    return found


def left(answer, *data):
    """Return what of a page is in no catalog, but for initials, and what was made here."""
    page = re.sub(r'<span class="(app-tile|avatar)[^>]*>\w+</span>', "", answer.text)
    return pseudo.unspoken(MADE.sub("", page), answer.headers["X-Request-Id"], *DATA, *data)


def all_spoken(visitor, *paths, data=()):
    found = {path: visitor.visit(path) for path in paths}
    assert [path for path, answer in found.items() if answer.status_code != 200] == []
    assert {path: texts for path, answer in found.items() if (texts := left(answer, *data))} == {}


def happen(app, person, *kinds, actor):
    about = {"target_id": person.id, "target_name": "ana"}
    with app.app_context(), transaction() as session:
        for kind, facts in kinds:
            record(session, kind(**{**about, **facts}), now=clock.utc_now(), actor=actor)


def test_profile(app, ana, visitor):
    all_spoken(visitor, "/account", "/account/email", "/account/export", "/account/delete")
    form = visitor.form("/account", action="/account")
    wrong = {"birthdate": "x", "zoneinfo": "europe/lisbon", "locale": "!", "phone_number": "x", "website": "x"}
    answer = visitor.submit(form, **wrong, name="x\ny", picture="x" * 3000, address_country="x" * 400)
    assert answer.status_code == 400
    assert left(answer, "Europe/Lisbon", "europe/lisbon") == []
    for birthdate, zoneinfo in (("1700-01-01", "nowhere"), ("2000-02-30", "Mars/Base")):
        answer = visitor.submit(form, birthdate=birthdate, zoneinfo=zoneinfo)
        assert left(answer, zoneinfo) == []
    assert visitor.submit(form, nickname="Ani").status_code == 303
    all_spoken(visitor, "/account")
    address = visitor.form("/account/email", action="/account/email")
    for email in ("", "x", "x" * 400, "ana@people.example"):
        assert left(visitor.submit(address, email=email), email) == []
    assert visitor.submit(address, email="new@people.example").status_code == 303
    all_spoken(visitor, "/account")
    visitor.submit(visitor.form("/account", action="/account/email/keep"))
    all_spoken(visitor, "/account")
    assert left(visitor.submit(address, email="new@people.example")) == []


def test_leaving(visitor):
    assert visitor.submit(visitor.form("/account/delete", action="/account/delete")).status_code == 303
    all_spoken(visitor, "/account/delete", "/account")
    assert visitor.submit(visitor.form("/account/delete", action="/account/delete/keep")).status_code == 303
    all_spoken(visitor, "/account/delete")


@pytest.mark.parametrize("policy", ["self", "off"])
def test_deleting_oneself(make_app, policy, monkeypatch):
    app = make_app(account_deletion=policy)
    found = Visitor(app)
    factories.sign_in(app, found.client, factories.make_person(app, "ana", password=PASSWORD))
    pseudo.speak(monkeypatch)
    all_spoken(found, "/account/delete", "/account")
    if policy == "self":
        form = found.form("/account/delete", action="/account/delete")
        assert left(found.submit(form, username="bob"), "bob") == []
        assert left(found.submit(form, username="ana")) == []


def test_apps(app, ana, notes, visitor):
    all_spoken(visitor, "/account/connected", "/account/sessions")
    form = visitor.form("/", action=f"/account/apps/{notes.client_id}/pin")
    all_spoken(visitor, "/", "/?q=nothing", data=("nothing",))
    visitor.submit(form)
    all_spoken(visitor, "/", "/?q=not", data=("not",))
    session_id, _ = other_session(app, ana.id, notes.client_id)
    other_session(app, ana.id)
    grant(app, ana.id, notes.client_id, session_id)
    with app.app_context(), transaction() as session:
        consents.remember(session, ana.id, notes.client_id, ["openid", "profile"], now=clock.utc_now())
    where = f"/account/connected/{notes.client_id}"
    all_spoken(visitor, "/account/connected", where, f"{where}/remove", "/account/sessions", data=(ana.id,))
    visitor.submit(visitor.form(f"{where}/remove", action=f"{where}/remove"))
    all_spoken(visitor, "/account/connected")
    visitor.submit(visitor.form("/account/sessions", action=f"/account/sessions/{session_id}/end"))
    all_spoken(visitor, "/account/sessions")
    visitor.submit(visitor.form("/account/sessions", action="/account/sessions/end-others"))
    all_spoken(visitor, "/account/sessions", "/account/security")


def test_ways_to_sign_in(app, ana, visitor):
    security = "/account/security"
    all_spoken(visitor, security, "/account/passkeys/new", f"{security}/recovery-codes", "/account/password")
    all_spoken(visitor, f"{security}/authenticator")
    form = visitor.form(f"{security}/authenticator", action=f"{security}/authenticator")
    for code in ("", "000000"):
        assert left(visitor.submit(form, code=code)) == []
    passkeys.give(app, ana.id)
    all_spoken(visitor, security)
    factories.give_totp(app, ana.id)
    all_spoken(visitor, security)
    visitor.submit(visitor.form(security, action=f"{security}/email-code"))
    all_spoken(visitor, security)
    factories.let_sessions_show_both_factors(app, ana)
    made = visitor.submit(visitor.form(f"{security}/recovery-codes", action=f"{security}/recovery-codes"))
    assert left(made) == []
    with app.app_context(), transaction() as session:
        person = store.find(session, ana.id)
        remembered.add(
            session, person, "b" * 64, held="", user_agent="", lifetime=timedelta(days=3), now=clock.utc_now()
        )
    all_spoken(visitor, security, *(f"{security}/{kind}/remove" for kind in ("totp", "email", "recovery_codes")))
    visitor.submit(visitor.form(f"{security}/totp/remove", action=f"{security}/totp/remove"))
    all_spoken(visitor, security)


def test_a_passkey(app, ana, visitor):
    security = "/account/security"
    passkeys.give(app, ana.id)
    passkey = passkeys.of(app, ana.id)[0]
    own = f"/account/passkeys/{passkey.id}"
    all_spoken(visitor, f"{own}/rename", f"{own}/remove")
    for name in ("", "x" * 101):
        assert left(visitor.submit(visitor.form(f"{own}/rename", action=f"{own}/rename"), name=name), name) == []
    visitor.submit(visitor.form(f"{own}/rename", action=f"{own}/rename"), name="Staff")
    all_spoken(visitor, security)
    visitor.submit(visitor.form(f"{own}/remove", action=f"{own}/remove"))
    all_spoken(visitor, security)


def test_passwords(app, ana, visitor):
    form = visitor.form("/account/password", action="/account/password")
    for new, current in (("short", ""), ("correct horse battery stapler", "wrong"), (PASSWORD, PASSWORD)):
        answer = visitor.submit(form, new_password=new, current_password=current)
        assert answer.status_code == 400
        assert left(answer) == []
    visitor.submit(form, new_password="violet anchor seventeen plums", current_password=PASSWORD)
    all_spoken(visitor, "/account/password")
    for weak in ("a", "x" * 1100, "ana@people.example", "1234567890", "qwertyuiopasd", "aaaaaaaaaaaaa", "abcdefghijkl"):
        assert isinstance(judge(weak, names=("ana@people.example",)).sentence, Sentence), weak


def test_activity_and_securing(app, ana, notes, visitor):
    all_spoken(visitor, "/account/activity?kind=consent")
    own, root = Actor(ana.id, "Ana Ruiz", HOST), Actor("usr_root", "Root", HOST)
    app_facts = {"client_id": notes.client_id}
    changes = {"changes": tuple(events.Change(field, "", "x") for field in ("name", "zoneinfo", "given_name"))}
    kinds = (
        (events.PersonSignedIn, {**app_facts, "device": "Firefox on Linux", "new_device": True}),
        (events.PersonSignedIn, {"device": "Unknown browser"}),
        *((events.PersonSignInFailed, {"reason": reason}) for reason in ("wrong_password_at_change", "disabled", "x")),
        (events.PersonConfirmed, {}),
        (events.PersonSignedOut, app_facts),
        (events.PersonSignedOut, {}),
        (events.SessionEnded, {}),
        (events.SessionsEnded, {}),
        (events.ThrottleHit, {}),
        (events.PersonCreated, {}),
        (events.PersonChanged, changes),
        (events.PersonDisabled, {}),
        (events.PersonEnabled, {}),
        *((kind, {"group": "Staff"}) for kind in (events.GroupMemberAdded, events.GroupMemberRemoved)),
        (account_events.AccountExported, {}),
        (account_events.AccountDeletionAsked, {}),
        (account_events.AccountDeletionDropped, {}),
        (recovery_events.PasswordChanged, {}),
        (recovery_events.PasswordChangeRequired, {}),
        (recovery_events.RecoveryAsked, {}),
        (recovery_events.RecoveryLinkMade, {}),
        *((kind, {}) for kind in (passkey_events.PasskeyAdded, passkey_events.PasskeyRenamed)),
        (passkey_events.PasskeyRemoved, {}),
        *((kind, {}) for kind in (factor_events.FactorAdded, factor_events.FactorRemoved)),
        *((kind, {}) for kind in (factor_events.RecoveryCodesMade, factor_events.BrowserRemembered)),
        (factor_events.BrowserForgotten, {}),
        *((kind, {}) for kind in (mail_events.EmailLinkSent, mail_events.EmailVerified, mail_events.MailFailed)),
        *(
            (kind, {"target_id": notes.client_id, "target_name": "Notes"})
            for kind in (events.ConsentGranted, events.ConsentDenied, events.ConsentRemoved)
        ),
    )
    happen(app, ana, *kinds[: len(kinds) // 2], actor=own)
    happen(app, ana, *kinds[len(kinds) // 2 :], actor=own)
    all_spoken(visitor, "/account/activity")
    happen(app, ana, *kinds, actor=root)
    all_spoken(visitor, "/account/activity")
    other_session(app, ana.id, notes.client_id)
    grant(app, ana.id, notes.client_id)
    passkeys.give(app, ana.id)
    all_spoken(visitor, "/account/secure")
    visitor.submit(visitor.form("/account/secure", action="/account/secure"))
    all_spoken(visitor, "/account/secure/steps", "/account/security")
    done = visitor.submit(visitor.form("/account/secure/steps", action="/account/secure/finish"))
    all_spoken(visitor, done.headers["Location"])
