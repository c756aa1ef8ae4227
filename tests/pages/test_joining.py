"""Invitations and accounts that people make themselves, as people without JavaScript use them (L28, L01)."""

import html
import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from click.testing import CliRunner
from sqlalchemy import event, select, text, update

from idp import clock
from idp.accounts import groups, store
from idp.accounts.models import Person
from idp.audit.models import AuditEvent
from idp.cli import idp
from idp.db import db, transaction
from idp.deliveries import mail
from idp.deliveries import store as deliveries
from idp.deliveries.models import Delivery
from idp.invitations import store as invitations
from idp.invitations.models import Invitation
from idp.settings import SignUpSettings
from idp.vault import Vault
from idp.web.current import service
from tests import passkeys
from tests.authenticator import Authenticator
from tests.factories import make_client, make_person, sign_in, totp_code
from tests.visitor import PASSWORD, Visitor, forms_of

PAGE = "/admin/invitations"
ZOE = {"name": "Zoe Quill", "username": "zoe", "password": PASSWORD}
GRAFANA = "https://grafana.example/"


@pytest.fixture
def admin(app):
    visitor = Visitor(app)
    with app.app_context(), transaction() as session:
        groups.add(session, "Staff", clock.utc_now())
    sign_in(app, visitor.client, make_person(app, "root", name="Ruth Keeper", is_admin=True, password=PASSWORD))
    return visitor


def invite(admin, **fields):
    """Fill the form of a new invitation in; groups and apps by name."""
    form = admin.form(f"{PAGE}/new", action=f"{PAGE}/new")
    with admin.app.app_context():
        found = groups.find_by_name(db.session(), "Staff")
    return admin.submit(form, **{"email": "zoe@people.example", "groups": found.id, **fields})


def letters(app, *, sent=True):
    """Return the mails so far, the oldest first, after the mail server took those that waited."""
    with app.app_context():
        rows = db.session().execute(select(Delivery).order_by(Delivery.id)).scalars().all()
        found = [mail.read(service(Vault), row) for row in rows]
        if sent:
            with transaction() as session:
                session.execute(update(Delivery).values(state=deliveries.SENT))
    return found


def link_of(page):
    """Return the path of the link that an administrator is shown."""
    return re.search(r"/join/[A-Za-z0-9_-]{43}", page.text).group()


def join(visitor, link, **fields):
    return visitor.submit(visitor.form(link, action=link), **ZOE | fields)


def person(app, username="zoe"):
    with app.app_context():
        found = store.find_by_login(db.session(), username)
        return (found, groups.names_of(db.session(), found.id)) if found else (None, ())


def events(app):
    with app.app_context():
        return list(db.session().execute(select(AuditEvent.type).order_by(AuditEvent.row)).scalars())


def count(app, model):
    with app.app_context():
        return len(db.session().execute(select(model)).all())


def test_an_invitation_says_who_invites_and_to_what_and_a_visit_uses_nothing_up(app, admin):
    make_client(app, client_id="grafana", client_name="Grafana", client_uri=GRAFANA)
    assert invite(admin, apps="grafana", message="Welcome!\r\n<b>Zoe</b>").status_code == 303
    (letter,) = letters(app)
    assert (letter.to, letter.facts["inviter"], letter.facts["message"]) == (
        "zoe@people.example",
        "Ruth Keeper",
        "Welcome! <b>Zoe</b>",
    )
    assert (letter.facts["groups"], letter.facts["apps"]) == (["Staff"], ["Grafana"])
    zoe = Visitor(app)
    # A program that scans mail opens links, and uses nothing up.
    assert [Visitor(app).visit(letter.link).status_code for _ in range(3)] == [200] * 3
    page = zoe.visit(letter.link)
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    for words in ("Ruth Keeper has invited you.", "Staff", "Grafana", "Welcome!\n&lt;b&gt;", "zoe@people.example"):
        assert words in page.text


def test_an_invitation_by_mail_makes_one_account_and_leads_to_the_app(app, admin):
    make_client(app, client_id="grafana", client_name="Grafana", client_uri=GRAFANA)
    assert invite(admin, apps="grafana").status_code == 303
    (letter,), zoe = letters(app), Visitor(app)
    bad = join(zoe, letter.link, username="a b", password="short")
    assert bad.status_code == 400
    assert all(f'id="{name}-error"' in bad.text for name in ("username", "password"))
    taken = join(zoe, letter.link, username="ROOT")
    assert "Somebody else has this username." in taken.text

    done = join(zoe, letter.link)
    assert (done.status_code, done.location) == (303, GRAFANA)
    assert "Zoe Quill" in zoe.visit("/account").text
    made, of = person(app)
    assert (made.email, made.email_verified, made.is_admin, of) == ("zoe@people.example", True, False, ("Staff",))
    for again in (Visitor(app).visit(letter.link), zoe.visit(letter.link)):
        assert again.status_code == 410
        assert "This link was used" in again.text
    assert {"invitation.made", "person.created", "group.member_added", "invitation.accepted"} <= set(events(app))
    listed = admin.visit(PAGE).text
    assert "Used" in listed
    assert made.id in listed


def test_L28_what_the_form_does_not_ask_for_is_not_looked_at(app, admin):
    invite(admin)
    (letter,) = letters(app, sent=False)
    smuggled = {
        "email": "ceo@people.example",
        "email_verified": "1",
        "is_admin": "1",
        "groups": "Administrators",
        "group_ids": "[]",
        "claims": '{"role":"root"}',
        "id": "usr_root",
        "used_at": "",
    }
    assert join(Visitor(app), letter.link, **smuggled).status_code == 303
    made, of = person(app)
    assert (made.email, made.is_admin, made.claims, of) == ("zoe@people.example", False, {}, ("Staff",))
    # Nothing was sent yet: whoever had the link did not get it from the mailbox.
    assert made.email_verified is False


def test_L28_of_many_at_once_one_gets_the_account(app, admin):
    link = link_of(invite(admin, by_link="1"))
    visitors = [Visitor(app) for _ in range(6)]
    forms = [visitor.form(link, action=link) for visitor in visitors]

    def send(number):
        mine = {"username": f"zoe{number}", "password": f"{PASSWORD} {number}"}
        return visitors[number].submit(forms[number], **mine).status_code

    before = count(app, Person)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(send, range(6)))
    assert answers.count(303) == 1
    assert set(answers) <= {303, 200, 410, 503}
    assert count(app, Person) == before + 1


def test_L28_a_link_that_ran_out_was_revoked_or_was_replaced_makes_nothing(app, admin):
    links = [link_of(invite(admin, email=f"p{number}@people.example", by_link="1")) for number in range(3)]
    forms = [(visitor := Visitor(app), visitor.form(link, action=link)) for link in links]
    with app.app_context():
        ids = list(db.session().execute(select(Invitation.id).order_by(Invitation.id)).scalars())
    assert admin.submit(admin.form(f"{PAGE}/{ids[0]}/revoke", action=f"{PAGE}/{ids[0]}/revoke")).status_code == 303
    again = admin.submit(admin.form(PAGE, action=f"{PAGE}/{ids[1]}/resend"))
    assert again.status_code == 303
    (letter,) = letters(app)
    before = count(app, Person)
    with time_machine.travel(clock.utc_now() + timedelta(days=7, minutes=1), tick=False):
        late = forms[2][0].submit(forms[2][1], **ZOE)
        assert (late.status_code, "has run out" in late.text) == (410, True)
    revoked, replaced = (visitor.submit(form, **ZOE) for visitor, form in forms[:2])
    assert (revoked.status_code, "was withdrawn" in revoked.text) == (410, True)
    assert (replaced.status_code, "know this link" in replaced.text) == (404, True)
    assert count(app, Person) == before
    assert join(Visitor(app), letter.link).status_code == 303
    assert {"invitation.revoked", "invitation.resent"} <= set(events(app))

    # Whoever has the link that was revoked asks for another: once a day, however often they try.
    for _ in range(3):
        asked = forms[0][0].submit(forms[0][0].form(links[0], action=f"{links[0]}/ask"))
        assert "Ruth Keeper is asked" in asked.text
    assert [one.template for one in letters(app)[1:]] == ["invitation_asked"]
    assert letters(app)[1].facts["email"] == "p0@people.example"


@pytest.mark.parametrize("guess", ["x", "A" * 43, "%20", "t" * 300, "..%2fjoin", "x%00"])
@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_guess_is_told_nothing(client, guess):
    assert client.get(f"/join/{guess}").status_code in {400, 404}


def test_the_link_is_kept_nowhere_and_logged_nowhere(app, admin, capsys):
    link = link_of(invite(admin, by_link="1", email=""))
    token = link.removeprefix("/join/")
    visitor = Visitor(app)
    visitor.submit(visitor.form(link, action=f"{link}/address"), email="zoe@people.example")
    make_person(app, "ana", password=PASSWORD)
    second = link_of(invite(admin, by_link="1", email="ana@people.example"))
    visitor.submit(visitor.form(second, action=f"{second}/sign-in"))
    with app.app_context():
        for table in ("invitations", "deliveries", "audit_events", "interactions", "throttle_counters"):
            rows = str(db.session().execute(text(f"SELECT * FROM {table}")).all())  # noqa: S608 - names of ours
            assert token not in rows
            assert second.removeprefix("/join/") not in rows
    written = capsys.readouterr().err
    assert "/join/[hidden]" in written
    assert token not in written


def test_L28_a_link_without_an_address_proves_the_address_first_and_is_used_once(app, admin):
    link = link_of(invite(admin, email=""))
    visitor, other = Visitor(app), Visitor(app)
    assert "password" not in visitor.visit(link).text.partition("<main")[2]
    refused = visitor.submit(visitor.form(link, action=f"{link}/address"), email="nonsense")
    assert (refused.status_code, 'id="email-error"' in refused.text) == (400, True)
    # The form of an account is not open before that.
    with app.app_context():
        app.config["WTF_CSRF_ENABLED"] = False
    assert visitor.client.post(link, data=ZOE | {"email": "ceo@people.example"}).status_code == 200
    app.config["WTF_CSRF_ENABLED"] = True
    for who, email in ((visitor, "zoe@people.example"), (other, "yan@people.example")):
        sent = who.submit(who.form(link, action=f"{link}/address"), email=email)
        assert f"We have sent a message to {email}." in sent.text
    mine, theirs = letters(app)
    assert (mine.template, mine.to, theirs.to) == ("sign_up", "zoe@people.example", "yan@people.example")
    waiting = other.form(theirs.link, action=theirs.link)
    assert join(visitor, mine.link).status_code == 303
    made, of = person(app)
    assert (made.email, made.email_verified, of) == ("zoe@people.example", True, ("Staff",))
    late = other.submit(waiting, **ZOE | {"username": "yan"})
    assert (late.status_code, "This link was used" in late.text) == (410, True)
    assert person(app, "yan")[0] is None
    with app.app_context():
        (used,) = invitations.page(db.session()).invitations
        assert used.used_by == made.id


def test_somebody_with_an_account_accepts_for_it_after_signing_in(app, admin):
    make_person(app, "ana", password=PASSWORD)
    invite(admin, email="Ana@People.example")
    (letter,) = letters(app)
    ana = Visitor(app)
    page = ana.visit(letter.link)
    assert "You have an account" in page.text
    signing_in = ana.submit(ana.form(letter.link, action=f"{letter.link}/sign-in"))
    assert letter.link.removeprefix("/join/") not in signing_in.location
    assert 'value="Ana@People.example"' in ana.visit(signing_in.location).text
    back = ana.sign_in("ana", path=signing_in.location)
    assert back.location.startswith("/joining/")
    # Another browser gets nothing by that address.
    assert Visitor(app).visit(back.location).status_code == 403
    done = ana.submit(ana.form(back.location, action=back.location))
    assert (done.status_code, done.location) == (303, "/")
    assert "You are in Staff now." in ana.visit("/").text
    assert person(app, "ana")[1] == ("Staff",)
    assert ana.visit(letter.link).status_code == 410


def test_somebody_signed_in_accepts_or_makes_another_account(app, admin):
    make_person(app, "ana", password=PASSWORD)
    ana = Visitor(app)
    ana.sign_in("ana")
    first, second = (link_of(invite(admin, email=email, by_link="1")) for email in ("zoe@people.example", ""))
    page = ana.visit(first)
    assert "Accept as Ana Ruiz?" in html.unescape(page.text)
    assert person(app, "ana")[1] == (), "a visit alone accepts nothing"
    ana.submit(ana.form(second, action=f"{second}/accept"))
    assert person(app, "ana")[1] == ("Staff",)
    assert f'href="{first}?new=1"' in page.text
    done = ana.submit(ana.form(f"{first}?new=1", action=first), **ZOE)
    assert done.status_code == 303
    assert "Zoe Quill" in ana.visit("/account").text
    assert events(app).count("invitation.accepted") == 2


@pytest.mark.parametrize("backend", ["sqlite"])
def test_who_cannot_be_invited_is_named_at_the_field(app, admin):
    for fields, name in (
        ({"email": "nonsense"}, "email"),
        ({"email": ""}, ""),
        ({"message": "x" * 501}, "message"),
        ({"groups": "grp_gone"}, "groups"),
        ({"apps": "app_gone"}, "apps"),
    ):
        answer = invite(admin, **fields)
        if name:
            assert answer.status_code == 400
            assert "Nobody is invited yet" in answer.text
        else:
            assert "Copy the link now." in answer.text
    assert count(app, Invitation) == 1
    assert admin.visit(f"{PAGE}/inv_gone/revoke").status_code == 404
    assert "Nothing matches" in admin.visit(f"{PAGE}?q=nobody").text


# Making an account by oneself


def over(make_app, mode, **rest):
    app = make_app(sign_up=SignUpSettings(mode=mode, **rest))
    return app, Visitor(app)


@pytest.mark.parametrize("backend", ["sqlite"])
def test_where_it_is_closed_the_page_says_how_to_get_in(app):
    visitor = Visitor(app)
    page = visitor.visit("/register")
    assert (page.status_code, "Accounts are by invitation" in page.text) == (403, True)
    assert "Create account" not in visitor.visit("/login").text
    assert "create" not in visitor.visit("/.well-known/openid-configuration").json["prompt_values_supported"]
    app.config["WTF_CSRF_ENABLED"] = False
    assert visitor.client.post("/register", data={"email": "zoe@people.example"}).status_code == 403
    assert count(app, Invitation) == 0
    make_client(app, client_id="app", redirect_uris=["https://app.example/back"])
    asked = "/oauth/authorize?client_id=app&redirect_uri=https://app.example/back&response_type=code&scope=openid"
    refused = visitor.open(f"{asked}&prompt=create&code_challenge={'c' * 43}&code_challenge_method=S256")
    assert "error=invalid_request" in refused.location


def test_L01_an_address_is_answered_the_same_whether_it_has_an_account_or_not(make_app):
    app, visitor = over(make_app, "open", groups=("Guests", "No such group"))
    make_person(app, "ana")
    with app.app_context(), transaction() as session:
        groups.add(session, "Guests", clock.utc_now())
    assert 'href="/register"' in visitor.visit("/login").text
    answers = []
    for email in ("ana@people.example", "new@people.example"):
        answer = visitor.submit(visitor.form("/register", action="/register"), email=email)
        told = [f"{name}: {value}" for name, value in answer.headers if name not in {"X-Request-Id", "Content-Length"}]
        answers.append((answer.status_code, told, answer.text.replace(email, "").replace("req_", "")[:2000]))
    assert answers[0] == answers[1]
    known, unknown = letters(app)
    assert (known.template, known.facts["username"], known.link) == ("sign_up_known", "ana", "/login")
    assert (unknown.template, unknown.to) == ("sign_up", "new@people.example")
    # As many rows for the one as for the other.
    assert (count(app, Invitation), events(app).count("sign_up.asked")) == (2, 2)

    done = join(visitor, unknown.link, email="ana@people.example", is_admin="1")
    assert (done.status_code, done.location) == (303, "/")
    made, of = person(app)
    assert (made.email, made.email_verified, made.is_admin, of) == ("new@people.example", True, False, ("Guests",))
    assert "sign_up.done" in events(app)
    assert Visitor(app).visit(unknown.link).status_code == 410


@pytest.mark.parametrize("backend", ["sqlite"])
def test_only_the_domains_that_are_named_and_not_without_end(make_app):
    app, visitor = over(make_app, "domains", domains="Example.com, example.org")
    for email in ("zoe@example.net", "zoe@sub.example.com", "zoe@example.com.evil.example", "zoe"):
        answer = visitor.submit(visitor.form("/register", action="/register"), email=email)
        assert (answer.status_code, 'id="email-error"' in answer.text) == (400, True)
    assert count(app, Invitation) == 0
    statuses = [
        visitor.submit(visitor.form("/register", action="/register"), email=email).status_code
        for email in ("zoe@EXAMPLE.com", "ZOE@example.com", "zoe@example.com", "zoe@example.com", "zoe@example.com")
    ]
    assert (statuses[0], statuses[-1]) == (200, 400)
    assert len(letters(app)) == statuses.count(200)
    # Closed meanwhile: what was mailed before makes no account any more.
    link = letters(app)[0].link if letters(app)[0] else ""
    closed = Visitor(make_app())
    assert closed.visit(link).status_code == 410


def test_prompt_create_makes_the_account_and_comes_back_to_the_app(make_app):
    app, visitor = over(make_app, "open")
    assert "create" in visitor.visit("/.well-known/openid-configuration").json["prompt_values_supported"]
    make_client(app, client_id="app", client_name="Grafana", redirect_uris=["https://app.example/back"])
    sign_in(app, visitor.client, make_person(app, "ana"))
    asked = "/oauth/authorize?client_id=app&redirect_uri=https://app.example/back&response_type=code&scope=openid"
    asked += f"&prompt=create&state=abc&code_challenge={'c' * 43}&code_challenge_method=S256"
    start = visitor.open(asked)
    assert start.location.startswith("/register?interaction=")
    assert "Then you go on to Grafana." in visitor.visit(start.location).text
    visitor.submit(visitor.form(start.location, action=start.location), email="zoe@people.example")
    (letter,) = letters(app)
    elsewhere = Visitor(app)
    assert elsewhere.visit(letter.link).status_code == 200
    done = join(visitor, letter.link)
    assert done.location.startswith("/oauth/authorize/")
    back = visitor.open(done.location)
    assert back.location.startswith("https://app.example/back?code=")
    assert "state=abc" in back.location

    # Whoever opens the mail in another browser gets the account all the same.
    again = visitor.open(asked)
    visitor.submit(visitor.form(again.location, action=again.location), email="yan@people.example")
    assert join(elsewhere, letters(app)[-1].link, username="yan").location == "/"


@pytest.mark.parametrize("backend", ["sqlite"])
def test_the_commands_invite_list_and_revoke(app, settings, data_dir, monkeypatch):
    monkeypatch.setenv("IDP_DATA_DIR", str(data_dir))
    monkeypatch.setenv("IDP_DATABASE_URL", settings.database_url)
    make_person(app, "ruth", name="Ruth Keeper")
    with app.app_context(), transaction() as session:
        groups.add(session, "Staff", clock.utc_now())

    def run(*words):
        return CliRunner().invoke(idp, ["invite", *words, "--json"], catch_exceptions=True)

    made = json.loads(run("add", "zoe@people.example", "--group", "Staff", "--from", "ruth").output)
    assert (made["groups"], made["inviter"], "link" in made) == (["Staff"], "Ruth Keeper", False)
    shown = json.loads(run("add", "--message", "Hello", "--lifetime", "2h").output)
    assert shown["link"].startswith("http://localhost:8000/join/")
    assert json.loads(run("resend", shown["id"]).output)["link"] != shown["link"]
    assert json.loads(run("revoke", made["id"]).output)["state"] == "revoked"
    assert "used or revoked before" in str(run("revoke", made["id"]).exception)
    assert "No group" in str(run("add", "--group", "Nobody").exception)
    assert run("add", "--lifetime", "soon").exit_code == 2
    assert [one["state"] for one in json.loads(run("list").output)] == ["open", "revoked"]


def test_L02_an_address_that_has_an_account_takes_as_many_statements_as_one_that_has_not(make_app):
    app, visitor = over(make_app, "open")
    make_person(app, "ana")
    said = {}
    with app.app_context():
        engine = db.engine

    for email in ("warm@people.example", "ana@people.example", "new@people.example"):
        form = visitor.form("/register", action="/register")
        statements = said[email] = []

        def note(_connection, _cursor, statement, *_rest, statements=statements):
            statements.append(statement.partition(" VALUES")[0])

        event.listen(engine, "before_cursor_execute", note)
        assert visitor.submit(form, email=email).status_code == 200
        event.remove(engine, "before_cursor_execute", note)
    assert said["ana@people.example"] == said["new@people.example"]


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_group_that_requires_a_second_factor_asks_whoever_joins_it_for_one(app, admin):
    with app.app_context(), transaction() as session:
        groups.find_by_name(session, "Staff").requires_second_factor = True
    link, zoe = link_of(invite(admin, by_link="1")), Visitor(app)
    done = join(zoe, link)
    assert done.status_code == 303
    assert done.location.startswith("/login/")
    # Nobody is signed in by the password alone.
    assert zoe.open("/account").location.startswith("/login")
    assert person(app)[1] == ("Staff",)


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_second_factor_that_is_asked_for_on_the_way_ends_at_the_app_of_the_invitation(app, admin):
    with app.app_context(), transaction() as session:
        groups.find_by_name(session, "Staff").requires_second_factor = True
    make_client(app, client_id="grafana", client_name="Grafana", client_uri=GRAFANA)
    invite(admin, apps="grafana")
    (letter,), zoe = letters(app), Visitor(app)
    page = zoe.visit(join(zoe, letter.link).location)
    seed = re.search(r"secret=([A-Z2-7]+)", page.text).group(1)
    done = zoe.submit(forms_of(page.text)[0], code=totp_code(seed))
    codes = zoe.submit(zoe.form(done.location))
    saved = next(form for form in forms_of(codes.text) if "saved" in codes.text)
    done = zoe.submit(saved, saved="1")
    assert zoe.open(done.location).location == GRAFANA
    assert zoe.open("/account").status_code == 200


def passkey_join(visitor, link, device, **changes):
    """Fill the form in as static/js/passkey_join.js does; *changes* are those of ``Authenticator.create``."""
    form = visitor.form(link, action=link)
    names = {"name": ZOE["name"], "username": ZOE["username"]}
    asked = visitor.open(f"{link}/passkey", "POST", data={"csrf_token": form.values["csrf_token"], **names}).json
    made = device.create(asked["publicKey"], **changes)
    return visitor.submit(form, **names, way="passkey", account=asked["account"], credential=made)


def test_an_account_that_begins_with_a_passkey_is_whole(app, admin):
    invite(admin)
    (letter,), zoe, device = letters(app), Visitor(app), Authenticator()
    assert passkey_join(zoe, letter.link, device).location == "/"
    found, _ = person(app)
    assert found.password_hash is None
    assert found.email_verified
    assert "passkey.added" in events(app)
    assert zoe.open("/account").status_code == 200

    again = Visitor(app)
    assert passkeys.sign_in(again, device).location == "/"
    page = again.visit("/account/security").text
    assert "single passkey" in page
    assert "Not set: your passkeys" in page
    row = re.search(r"/account/passkeys/psk_\w+/remove", page).group()
    assert "only way to sign in" in again.visit(row).text
    # A password comes without an old one.
    form = again.form("/account/password", action="/account/password")
    assert "current_password" not in form.values
    assert again.submit(form, new_password=PASSWORD).status_code == 303
    assert Visitor(app).sign_in("zoe").status_code == 303


def test_whoever_lost_the_only_passkey_gets_back_in_by_mail(app, admin):
    invite(admin)
    (letter,), zoe = letters(app), Visitor(app)
    passkey_join(zoe, letter.link, Authenticator())
    lost = Visitor(app)
    lost.submit(lost.form("/recover"), username="zoe")
    link = next(one.link for one in letters(app) if one.template == "recovery")
    assert lost.submit(lost.form(link, action=link), new_password=PASSWORD).status_code == 303
    assert Visitor(app).sign_in("zoe").status_code == 303


def test_L28_a_passkey_that_was_not_asked_for_here_makes_no_account(app, admin):
    invite(admin)
    (letter,), zoe = letters(app), Visitor(app)
    form = zoe.form(letter.link, action=letter.link)
    names = {"name": "", "username": "zoe"}
    token = {"csrf_token": form.values["csrf_token"]}
    asked = zoe.open(f"{letter.link}/passkey", "POST", data=token | names).json
    made = Authenticator().create(asked["publicKey"])
    sent = {**names, "way": "passkey", "credential": made}
    for account in ("usr_0123456789", "", "\0"):
        answer = zoe.submit(form, **sent, account=account)
        assert answer.status_code == 400
    elsewhere = Authenticator().create(asked["publicKey"], origin="https://evil.example")
    assert zoe.submit(form, **{**sent, "credential": elsewhere}, account=asked["account"]).status_code == 400
    # The challenge ended with that.
    assert zoe.submit(form, **sent, account=asked["account"]).status_code == 400
    assert zoe.submit(form, **{**sent, "credential": ""}, account=asked["account"]).status_code == 400
    assert person(app)[0] is None
    # A name that cannot be had is told before anything is made.
    answer = zoe.open(f"{letter.link}/passkey", "POST", data=token | {"name": "", "username": "root"})
    assert (answer.status_code, answer.json) == (409, {"error": {"username": "Somebody else has this username."}})
    assert "Somebody else has this username." in zoe.submit(form, username="root", way="passkey").text
    assert zoe.open("/join/nothing/passkey", "POST", data=token | names).status_code == 409


def test_an_app_that_asks_for_two_factors_gets_them_from_a_passkey_that_was_just_made(app, admin):
    with app.app_context(), transaction() as session:
        groups.find_by_name(session, "Staff").requires_second_factor = True
    invite(admin)
    (letter,), zoe, device = letters(app), Visitor(app), Authenticator()
    where = passkey_join(zoe, letter.link, device).location
    assert where.startswith("/login/verify")
    page = zoe.visit(where)
    form = next(form for form in forms_of(page.text) if "credential" in form.values)
    asked = zoe.open("/login/verify/passkey/options", "POST", data={"csrf_token": form.values["csrf_token"]}).json
    assert zoe.submit(form, credential=device.get(asked)).location == "/"
    assert zoe.open("/account").status_code == 200


def test_who_signed_up_and_came_too_late_gets_a_new_link_with_one_click(make_app):
    app, visitor = over(make_app, "open")
    visitor.submit(visitor.form("/register", action="/register"), email="new@people.example")
    (letter,) = letters(app)
    with time_machine.travel(clock.utc_now() + timedelta(days=2), tick=False):
        late = Visitor(app)
        again = late.form(letter.link, action=f"{letter.link}/again")
        assert late.submit(again).status_code == 200
        newer = letters(app)[-1]
        assert newer.link != letter.link
        assert (newer.to, newer.template) == ("new@people.example", "sign_up")
        assert join(late, newer.link).location == "/"
        # The answer is the same for an address that has an account by now; its owner is told of that.
        assert Visitor(app).open(f"{newer.link}/again", "POST").status_code == 400
        assert late.submit(late.form(letter.link, action=f"{letter.link}/again")).status_code == 200
        assert sorted(one.template for one in letters(app)) == ["sign_up", "sign_up", "sign_up_known"]
        assert f"{newer.link}/again" not in late.visit(newer.link).text
