"""Security rows of getting back in without the password (security.md L01, L02, L12, L16 to L18, L22)."""

import re
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import urlencode

import pytest
import time_machine
from sqlalchemy import select

from idp import clock
from idp.accounts import recovery
from idp.accounts.models import Person, SingleUseLink
from idp.audit.models import AuditEvent
from idp.db import db, transaction
from idp.deliveries import mail, store
from idp.deliveries.models import Delivery
from idp.factors import store as factors
from idp.sessions.models import BrowserSession
from idp.vault import Vault
from idp.web.current import service
from idp.web.models import ThrottleCounter
from tests.factories import disable_person, give_totp, make_client, make_person, totp_code
from tests.visitor import PASSWORD, Visitor, forms_of

NEW = "swim tulip radar mint"
CALLBACK = "https://app.example/cb"


@pytest.fixture
def ana(app):
    return make_person(app, "ana", password=PASSWORD)


@pytest.fixture
def visitor(app):
    return Visitor(app)


def asked(visitor, name, path="/recover"):
    return visitor.submit(visitor.form(path), username=name)


def letters(app, template="recovery"):
    """Return the mails that wait, the oldest first."""
    with app.app_context():
        rows = db.session().execute(select(Delivery).where(Delivery.kind == store.MAIL).order_by(Delivery.id)).scalars()
        return [mail.read(service(Vault), row) for row in rows if row.facts["template"] == template]


def token_of(app):
    return letters(app)[-1].link.removeprefix("/recover/")


def chosen(visitor, token, password=NEW):
    return visitor.submit(visitor.form(f"/recover/{token}"), new_password=password)


def forget_counts(app):
    with app.app_context(), transaction() as session:
        session.query(ThrottleCounter).delete()


def the(app, statement):
    with app.app_context():
        return list(db.session().execute(statement).scalars())


def test_L01_asking_looks_the_same_for_every_name(app, ana):
    gone = make_person(app, "gone", password=PASSWORD)
    disable_person(app, gone.id)

    def tried(name):
        visitor = Visitor(app)
        form = visitor.form("/recover")
        with time_machine.travel(clock.utc_now(), tick=False):
            answers = [visitor.submit(form, username=name) for _ in range(2)]
        found = []
        for answer in answers:
            page = answer.text.replace(name, "NAME")
            for one in forms_of(answer.text):
                page = page.replace(one.values["csrf_token"], "TOKEN")
            cookies = sorted(line.partition("=")[0] for line in answer.headers.getlist("Set-Cookie"))
            found.append((answer.status_code, answer.headers.get("Location"), cookies, page))
        return found

    known = tried("ana")
    assert [status for status, *_ in known] == [200, 429]
    assert tried("nobody") == known
    assert tried("gone") == known
    assert tried("ana@people.example") == known
    assert [letter.to for letter in letters(app)] == ["ana@people.example"] * 2
    reasons = the(app, select(AuditEvent.detail).where(AuditEvent.type == "recovery.asked").order_by(AuditEvent.id))
    assert [detail.get("reason", "") for detail in reasons] == ["", "unknown_person", "disabled", ""]
    # Nothing is left of what was for nobody.
    assert the(app, select(SingleUseLink.person_id)) == [ana.id]


def test_L02_asking_takes_the_same_time_for_every_name(app, ana):
    gone = make_person(app, "gone", password=PASSWORD)
    disable_person(app, gone.id)
    taken = {"ana": [], "nobody": [], "gone": []}
    for _ in range(5):
        for name, times in taken.items():
            visitor = Visitor(app, address=f"198.51.{len(times)}.1")
            form = visitor.form("/recover")
            # The work of this thread, and not what else the machine is doing meanwhile.
            began = time.thread_time()
            visitor.submit(form, username=name)
            times.append(time.thread_time() - began)
            forget_counts(app)
    medians = [statistics.median(times) for times in taken.values()]
    assert max(medians) - min(medians) < max(0.015, 0.35 * max(medians))


def test_links_are_sent_once_a_minute_and_to_nobody_by_the_dozen(app, ana, visitor):
    form = visitor.form("/recover")
    with time_machine.travel(clock.utc_now(), tick=False) as traveller:
        assert visitor.submit(form, username="ana").status_code == 200
        again = visitor.submit(form, username="ANA ")
        assert (again.status_code, again.headers["Retry-After"]) == (429, "60")
        assert "Try again in 60 s." in again.text
        traveller.shift(timedelta(seconds=60))
        assert visitor.submit(form, username="ana").status_code == 200
        # From elsewhere a few more, and then nobody gets one for a while.
        codes = [asked(Visitor(app, address=f"203.0.{n}.1"), "ana").status_code for n in range(8)]
        assert codes == [200] * 3 + [429] * 5
        assert len(letters(app)) == 5
        # One address asks for few names.
        codes = [asked(Visitor(app, address="198.51.100.7"), f"person{n}").status_code for n in range(12)]
        assert codes == [200] * 10 + [429] * 2
        traveller.shift(timedelta(minutes=16))
        assert asked(visitor, "ana").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"X-Forwarded-Host": "evil.example"},
        {"Forwarded": "host=evil.example;proto=https", "X-Forwarded-Proto": "https", "X-Original-Host": "evil.example"},
    ],
)
def test_L12_no_header_says_where_a_link_leads(app, ana, visitor, headers):
    form = visitor.form("/recover")
    answer = visitor.submit(form, username="ana", options={"headers": headers})
    if "Host" in headers:
        assert answer.status_code == 421
        assert letters(app) == []
        return
    assert answer.status_code == 200
    (letter,) = letters(app)
    # The issuer goes before it when the mail is made.
    assert re.fullmatch(r"/recover/[\w-]{43}", letter.link)
    assert "evil" not in str(letter)


def test_L12_a_link_works_once_for_fifteen_minutes_until_the_next_one(app, ana, visitor):
    with time_machine.travel(clock.utc_now(), tick=False) as traveller:
        asked(visitor, "ana")
        first = token_of(app)
        traveller.shift(timedelta(minutes=2))
        asked(visitor, "ana@people.example")
        second = token_of(app)
        assert visitor.visit(f"/recover/{first}").status_code == 410
        # Whoever only looks uses nothing up, and learns nothing but the name.
        assert [Visitor(app).visit(f"/recover/{second}").status_code for _ in range(3)] == [200] * 3
        traveller.shift(timedelta(minutes=14, seconds=59))
        assert visitor.visit(f"/recover/{second}").status_code == 200
        form = visitor.form(f"/recover/{second}")
        traveller.shift(timedelta(seconds=1))
        assert visitor.submit(form, new_password=NEW).status_code == 410


def test_L12_one_click_replaces_a_link_that_came_too_late_and_the_answer_is_the_same_for_all(app, ana, visitor):
    asked(visitor, "ana")
    token = token_of(app)
    with time_machine.travel(clock.utc_now() + timedelta(minutes=16), tick=False):
        answers = []
        for given in (token, "A" * 43):
            late = Visitor(app)
            form = late.form(f"/recover/{given}")
            assert form.action == f"/recover/{given}/again"
            answer = late.submit(form)
            answers.append((answer.status_code, re.sub(r"req_\w+", "", answer.text)))
        assert answers[0] == answers[1]
        assert answers[0][0] == 200
        assert "ana" not in re.sub(r"<[^>]+>", "", answers[0][1]).split()
        # To the owner alone, and once: the new one has ended it.
        assert [one.to for one in letters(app)] == [ana.email] * 2
        assert late.submit(late.form(f"/recover/{token}")).status_code == 200
        assert len(letters(app)) == 2
        newer = next(one.link for one in letters(app) if not one.link.endswith(token))
        assert chosen(Visitor(app), newer.removeprefix("/recover/")).status_code == 303


def test_L12_of_many_who_use_a_link_at_once_one_gets_it(app, ana, visitor):
    asked(visitor, "ana")
    token = token_of(app)
    # What cannot be chosen uses nothing up.
    assert chosen(visitor, token, "short").status_code == 400
    copies = [Visitor(app) for _ in range(4)]
    forms = [copy.form(f"/recover/{token}") for copy in copies]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda copy, form: copy.submit(form, new_password=NEW), copies, forms))
    assert sorted(answer.status_code for answer in answers) == [303, 410, 410, 410]
    assert visitor.visit(f"/recover/{token}").status_code == 410


def test_L12_a_changed_password_ends_every_link(app, ana, visitor):
    asked(visitor, "ana")
    mailed = token_of(app)
    with app.app_context(), transaction() as session:
        from idp.audit.log import SYSTEM

        person = session.get(Person, ana.id)
        handed = recovery.make_by_hand(session, person, removes_factors=False, actor=SYSTEM, now=clock.utc_now())
    # Asking for mail does not end the link that an administrator handed over, nor the other way round.
    assert [visitor.visit(f"/recover/{token}").status_code for token in (mailed, handed)] == [200, 200]
    visitor.sign_in("ana")
    form = visitor.form("/account/password")
    assert visitor.submit(form, current_password=PASSWORD, new_password=NEW).status_code == 303
    assert [visitor.visit(f"/recover/{token}").status_code for token in (mailed, handed)] == [410, 410]


def test_L12_a_disabled_person_has_no_use_for_a_link(app, ana, visitor):
    asked(visitor, "ana")
    token = token_of(app)
    form = visitor.form(f"/recover/{token}")
    disable_person(app, ana.id)
    assert visitor.submit(form, new_password=NEW).status_code == 410
    assert visitor.visit(f"/recover/{token}").status_code == 410


def test_L12_a_link_is_told_to_nobody(app, ana, visitor, capsys):
    asked(visitor, "ana")
    token = token_of(app)
    page = visitor.visit(f"/recover/{token}")
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert chosen(visitor, token).headers["Location"].startswith("/login?")
    said = "".join(capsys.readouterr())
    assert "/recover/[hidden]" in said
    assert token not in said
    assert NEW not in said
    with app.app_context():
        kept = [str(row) for table in db.metadata.sorted_tables for row in db.session().execute(select(table))]
    assert not [row for row in kept if token in row or NEW in row]


def test_L12_a_reset_needs_the_pages_token(app, ana, visitor):
    asked(visitor, "ana")
    form = visitor.form(f"/recover/{token_of(app)}")
    assert visitor.submit(form, csrf_token=None, new_password=NEW).status_code == 400
    evil = {"headers": {"Origin": "https://evil.example"}}
    assert visitor.submit(form, new_password=NEW, options=evil).status_code == 403
    assert Visitor(app).sign_in("ana", NEW).status_code == 400


def test_L17_no_password_is_taken_from_the_address(app, ana, visitor):
    asked(visitor, "ana")
    token = token_of(app)
    form = visitor.form(f"/recover/{token}")
    form.action = f"{form.action}?{urlencode({'new_password': NEW})}"
    assert visitor.submit(form, new_password=None).status_code == 400
    assert visitor.open(f"/recover/{token}?{urlencode({'new_password': NEW})}").status_code == 200
    assert visitor.open("/recover?username=ana").status_code == 200
    assert len(letters(app)) == 1
    assert Visitor(app).sign_in("ana", NEW).status_code == 400


@pytest.mark.parametrize("password", ["x" * 1025, "x" * 60_000])
def test_L18_an_endless_new_password_is_refused(app, ana, visitor, password):
    asked(visitor, "ana")
    answer = chosen(visitor, token_of(app), password)
    assert answer.status_code == 400
    assert "Use at most 1024 characters." in answer.text


def test_L18_every_character_of_a_new_password_counts(app, ana, visitor):
    asked(visitor, "ana")
    long = f" {NEW}{'é' * 200} "
    assert chosen(visitor, token_of(app), long).status_code == 303
    assert Visitor(app).sign_in("ana", long.strip()).status_code == 400
    assert Visitor(app).sign_in("ana", long[:72]).status_code == 400
    assert Visitor(app).sign_in("ana", long).status_code == 303


def test_L22_a_reset_ends_every_session_and_tells_the_person(app, ana, visitor):
    elsewhere = Visitor(app)
    elsewhere.sign_in("ana")
    asked(visitor, "ana")
    chosen(visitor, token_of(app))
    assert the(app, select(BrowserSession.id).where(BrowserSession.ended_at.is_(None))) == []
    assert elsewhere.open("/account").headers["Location"].startswith("/login")
    (told,) = letters(app, "password_changed")
    assert (told.to, told.facts["by_administrator"]) == ("ana@people.example", False)
    assert Visitor(app).sign_in("ana").status_code == 400
    (detail,) = the(app, select(AuditEvent.detail).where(AuditEvent.type == "password.changed"))
    assert detail == {"how": "recovered", "sessions": 1, "grants": 0}


def test_the_request_goes_on_after_a_reset(app, ana, visitor):
    party = make_client(app, client_name="Grafana", redirect_uris=[CALLBACK])
    request = {
        "client_id": party.client_id,
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "openid",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    }
    page = visitor.visit(f"/oauth/authorize?{urlencode(request)}")
    (link,) = re.findall(r'href="(/recover\?interaction=[\w-]+)"', page.text)
    asked(visitor, "ana", link)
    (letter,) = letters(app)
    assert letter.facts["app"] == "Grafana"
    token = token_of(app)
    where = chosen(visitor, token).headers["Location"]
    assert "interaction=" in where
    page = visitor.visit(where)
    assert "Your password is changed" in page.text
    answer = visitor.submit(forms_of(page.text)[0], username="ana", password=NEW)
    answer = visitor.visit(answer.headers["Location"])
    assert answer.headers["Location"].startswith(f"{CALLBACK}?code=")


def test_a_link_that_is_opened_in_another_browser_leads_to_the_sign_in_page(app, ana, visitor):
    make_person(app, "eve", password=PASSWORD)
    party = make_client(app, redirect_uris=[CALLBACK])
    request = {"client_id": party.client_id, "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid"}
    request |= {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256"}
    page = visitor.visit(f"/oauth/authorize?{urlencode(request)}")
    (link,) = re.findall(r'href="(/recover\?interaction=[\w-]+)"', page.text)
    asked(visitor, "ana", link)
    other = Visitor(app)
    # Somebody else is signed in there; their session is none of this.
    other.sign_in("eve")
    where = chosen(other, token_of(app)).headers["Location"]
    assert "interaction=" not in where
    page = other.open(where)
    assert page.status_code == 200
    assert "Your password is changed" in page.text
    assert other.submit(forms_of(page.text)[0], username="ana", password=NEW).status_code == 303


def test_the_page_says_whether_mail_is_sent(make_app, app, visitor):
    assert "Mail isn’t set up here" in visitor.visit("/recover").text
    assert "An administrator finds it in the Outbox" in asked(visitor, "nobody").text
    sends = Visitor(make_app(mail={"host": "mail.example", "from": "id@example.com"}))
    assert "Mail isn’t set up" not in sends.visit("/recover").text
    assert "we’ve sent it a link that works for 15 minutes" in asked(sends, "somebody").text


def test_after_three_failures_the_page_suggests_a_way_out(app, ana, visitor):
    page = visitor.visit("/login").text
    assert 'href="/recover"' in page
    answers = []
    for _ in range(3):
        answer = visitor.submit(forms_of(page)[0], username="ana", password="wrong")
        page = answer.text
        answers.append("Choose a new password" in page)
    assert answers == [False, False, True]


def take_codes_by_email(app, person):
    with app.app_context(), transaction() as session:
        factors.put(session, factors.new(person.id, factors.EMAIL, clock.utc_now()))


def test_L16_the_mailbox_that_replaced_a_password_is_not_the_second_factor_as_well(app, ana, visitor):
    seed = give_totp(app, ana.id)
    take_codes_by_email(app, ana)
    asked(visitor, "ana")
    chosen(visitor, token_of(app))
    thief = Visitor(app)
    assert thief.sign_in("ana", NEW).headers["Location"] == "/login/verify"
    page = thief.open("/login/verify?by=email_code")
    assert "authenticator app" in page.text
    assert "Have a code sent by email" not in page.text
    token = forms_of(page.text)[0].values["csrf_token"]
    assert thief.open("/login/verify/send", "POST", data={"csrf_token": token}).headers["Location"] == "/login"
    assert letters(app, "second_factor_code") == []
    # Whoever has the phone is the one who has the account.
    visitor.sign_in("ana", NEW)
    assert visitor.verify(totp_code(seed)).headers["Location"] == "/"
    again = Visitor(app)
    again.sign_in("ana", NEW)
    assert "Have a code sent by email" in again.open("/login/verify").text


def test_L16_whoever_has_codes_by_email_alone_is_not_locked_out_by_a_new_password(app, ana, visitor):
    take_codes_by_email(app, ana)
    asked(visitor, "ana")
    chosen(visitor, token_of(app))
    assert visitor.sign_in("ana", NEW).headers["Location"] == "/login/verify"
    assert "Send the code" in visitor.open("/login/verify").text
