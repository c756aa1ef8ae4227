"""The second step of a sign-in: asked for after the password, worth nothing before it is done."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import urlencode

import pytest
import time_machine
from sqlalchemy import select

from idp import clock
from idp.accounts import groups
from idp.accounts import store as accounts
from idp.audit.models import AuditEvent
from idp.db import db, transaction
from idp.deliveries import mail
from idp.deliveries.models import Delivery
from idp.factors import store as factors
from idp.factors.models import RecoveryCode, RememberedBrowser, SecondFactor
from idp.login import halfway
from idp.sessions.models import BrowserSession, PendingSignIn
from idp.vault import Vault
from idp.web.current import service
from tests.factories import (
    disable_person,
    give_recovery_codes,
    give_totp,
    make_client,
    make_person,
    totp_code,
)
from tests.visitor import PASSWORD, Visitor, forms_of


@pytest.fixture
def ana(app):
    return make_person(app, "ana", password=PASSWORD)


@pytest.fixture
def seed(app, ana):
    return give_totp(app, ana.id)


@pytest.fixture
def visitor(app):
    return Visitor(app)


@pytest.fixture
def party(app):
    return make_client(app, client_name="Grafana", redirect_uris=["https://app.example/cb"])


def authorize(party, **more):
    parameters = {
        "client_id": party.client_id,
        "redirect_uri": "https://app.example/cb",
        "response_type": "code",
        "scope": "openid",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
        **more,
    }
    return f"/oauth/authorize?{urlencode(parameters)}"


def rows(app, statement):
    with app.app_context():
        return list(db.session().execute(statement).scalars())


def sessions(app):
    return rows(app, select(BrowserSession).where(BrowserSession.ended_at.is_(None)))


def test_a_password_alone_makes_no_session_for_whoever_has_an_authenticator(app, seed, visitor):
    assert visitor.sign_in("ana").headers["Location"] == "/login/verify"
    assert visitor.session_cookie is None
    assert sessions(app) == []

    answer = visitor.verify(totp_code(seed))

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    (session,) = sessions(app)
    assert (session.amr, session.acr) == (["pwd", "otp", "mfa"], "2")
    assert visitor.client.get_cookie("idp-half") is None
    (event,) = rows(app, select(AuditEvent).where(AuditEvent.type == "person.signed_in"))
    assert event.detail["amr"] == ["pwd", "otp", "mfa"]


def test_the_way_leads_to_the_app_in_the_end(app, seed, visitor, party):
    waiting = visitor.open(authorize(party)).headers["Location"]
    assert visitor.sign_in("ana", path=waiting).headers["Location"].startswith("/login/verify?interaction=")
    answer = visitor.verify(totp_code(seed))
    assert visitor.visit(answer.headers["Location"]).headers["Location"].startswith("https://app.example/cb?code=")


def test_L16_a_half_finished_sign_in_is_worth_nothing_anywhere(app, ana, seed, visitor, party):
    waiting = visitor.open(authorize(party)).headers["Location"]
    visitor.sign_in("ana", path=waiting)
    verify = visitor.last.headers["Location"]
    interaction = verify.partition("interaction=")[2]

    # Another request of an app, silent or not; the first one resumed; pages; the proxy's question.
    silent = visitor.open(authorize(party, prompt="none")).headers["Location"]
    assert "error=login_required" in silent
    assert visitor.open(authorize(party)).headers["Location"].startswith("/login?")
    assert visitor.open(f"/oauth/authorize/{interaction}").headers["Location"].startswith("/login?")
    for path in ("/account/security", "/admin/users", "/account/sessions", "/account/password"):
        assert visitor.open(path).headers["Location"].startswith("/login?")
    assert visitor.open("/verify").status_code == 401
    assert visitor.open(f"/login/step-up?interaction={interaction}").headers["Location"].startswith("/login?")
    # Another request in another tab does not get what was proven for this one, and takes nothing from it.
    other = visitor.open(authorize(party, state="other")).headers["Location"].partition("interaction=")[2]
    assert visitor.open(f"/login/verify?interaction={other}").headers["Location"] == f"/login?interaction={other}"

    # The code left out, the request left out, the page for setting one up instead.
    form = forms_of(visitor.open(verify).text)[0]
    assert visitor.submit(form, code=None).status_code == 400
    assert visitor.open("/login/verify").headers["Location"] == "/login"
    for path in ("/login/enrol", "/login/enrol/codes"):
        where = f"{path}?interaction={interaction}"
        assert visitor.open(where).headers["Location"] == verify
        data = {**form.values, "code": totp_code(seed), "saved": "1"}
        assert visitor.open(where, "POST", data=data).headers["Location"] == verify
    assert sessions(app) == []
    assert visitor.submit(form, code=totp_code(seed)).status_code == 303
    assert len(sessions(app)) == 1


def test_L16_nobody_goes_on_in_another_browser_or_without_the_cookie(app, seed, visitor):
    visitor.sign_in("ana")
    cookie = visitor.client.get_cookie("idp-half").value
    thief = Visitor(app)
    thief.client.set_cookie("idp-half", cookie)
    assert thief.open("/login/verify").headers["Location"].startswith("/login")
    visitor.client.delete_cookie("idp-half")
    assert visitor.open("/login/verify").headers["Location"] == "/login"
    assert sessions(app) == []


def test_L14_a_code_is_taken_once(app, seed, visitor):
    code = totp_code(seed)
    visitor.sign_in("ana")
    assert visitor.verify(code).status_code == 303
    again = Visitor(app)
    again.sign_in("ana")
    refused = again.verify(code)
    assert refused.status_code == 400
    assert "used already" in refused.text
    assert again.verify(totp_code(seed, steps=-1)).status_code == 400
    assert again.verify(totp_code(seed, steps=1)).status_code == 303


def test_L14_twelve_wrong_codes_meet_the_limit_of_the_password(app, ana, seed, visitor):
    visitor.sign_in("ana")
    statuses = [visitor.verify("000000").status_code for _ in range(12)]
    assert 429 in statuses
    assert statuses.index(429) <= 6
    # It is one counter: the password is slowed down, too.
    other = Visitor(app)
    assert other.sign_in("ana").status_code == 429
    failed = rows(app, select(AuditEvent).where(AuditEvent.type == "person.sign_in_failed"))
    assert {event.detail["reason"] for event in failed} == {"wrong_code"}


def test_L14_parallel_tries_of_one_code_give_one_session(app, seed):
    visitors = [Visitor(app) for _ in range(4)]
    forms = []
    for one in visitors:
        one.sign_in("ana")
        forms.append(forms_of(one.open("/login/verify").text)[0])
    code = totp_code(seed)
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda pair: pair[0].submit(pair[1], code=code).status_code, zip(visitors, forms, strict=True))
        )
    assert sorted(answers) == [303, 400, 400, 400]
    assert len(sessions(app)) == 1


def test_a_second_try_hints_at_the_clock(seed, visitor):
    visitor.sign_in("ana")
    assert "Set the clock" not in visitor.verify("000000").text
    assert "Set the clock" in visitor.verify("000001").text


@pytest.mark.parametrize("change", ["password", "disabled", "late"])
def test_what_changes_meanwhile_ends_it(app, ana, seed, visitor, change):
    visitor.sign_in("ana")
    form = forms_of(visitor.open("/login/verify").text)[0]
    later = timedelta(minutes=11 if change == "late" else 0)
    if change == "password":
        with app.app_context(), transaction() as session:
            accounts.set_password_hash(session, accounts.find(session, ana.id), "another", clock.utc_now())
    elif change == "disabled":
        disable_person(app, ana.id)
    with time_machine.travel(clock.utc_now() + later, tick=False):
        answer = visitor.submit(form, code=totp_code(seed))
        assert answer.headers["Location"] == "/login?expired=1"
        assert "That took too long" in visitor.open("/login?expired=1").text
    assert sessions(app) == []


def test_a_recovery_code_works_once_in_any_spelling(app, ana, seed, visitor):
    codes = give_recovery_codes(app, ana.id)
    visitor.sign_in("ana")
    assert "Use a recovery code" in visitor.open("/login/verify").text
    assert visitor.verify("0000-0000-0000", by="recovery_code").status_code == 400
    assert visitor.verify(f" {codes[0].upper().replace('-', ' ')} ", by="recovery_code").status_code == 303
    (session,) = sessions(app)
    assert (session.amr, session.acr) == (["pwd", "otp", "mfa"], "2")
    again = Visitor(app)
    again.sign_in("ana")
    assert again.verify(codes[0], by="recovery_code").status_code == 400
    assert len(rows(app, select(RecoveryCode).where(RecoveryCode.used_at.is_(None)))) == 9


def test_whoever_uses_a_recovery_code_is_told_and_led_to_new_ones_in_time(app, ana, seed, visitor):
    codes = give_recovery_codes(app, ana.id)
    for code in codes[:8]:
        fresh = Visitor(app)
        fresh.sign_in("ana")
        assert fresh.verify(code, by="recovery_code").status_code == 303
    with app.app_context():
        found = [mail.read(service(Vault), row) for row in db.session().execute(select(Delivery)).scalars()]
    told = [one for one in found if one.template == "recovery_code_used"]
    assert sorted(one.facts["left"] for one in told) == list(range(2, 10))
    assert {one.to for one in told} == {ana.email}
    page = fresh.visit("/account/security").text
    assert "Only 2 recovery codes left." in page
    assert re.search(r'<a [^>]*href="/account/security/recovery-codes"[^>]*id="health-action"', page)


def test_L16_whoever_knows_a_password_fills_no_mailbox_with_codes(app, ana):
    with app.app_context(), transaction() as session:
        factors.put(session, factors.new(ana.id, factors.EMAIL, clock.utc_now()))

    def ask():
        browser = Visitor(app)
        assert browser.sign_in("ana").headers["Location"] == "/login/verify"
        form = next(form for form in forms_of(browser.visit("/login/verify").text) if "send" in form.action)
        return browser.submit(form), browser.submit(form)

    for _ in range(9):
        # One that was asked for a moment ago is not sent, and counts for nothing.
        assert [answer.status_code for answer in ask()] == [303, 303]
    assert [answer.status_code for answer in ask()] == [303, 429]
    first, _ = ask()
    assert first.status_code == 429
    assert first.headers["Retry-After"] == "300"
    assert "Try again in 5 minutes." in first.text
    with app.app_context():
        sent = [facts["template"] for facts in db.session().execute(select(Delivery.facts)).scalars()]
    assert sent.count("second_factor_code") == 10
    with time_machine.travel(clock.utc_now() + timedelta(minutes=6), tick=False):
        assert ask()[0].status_code == 303


def test_C05_seeds_and_codes_are_not_in_the_database_in_clear(app, ana, seed, visitor):
    codes = give_recovery_codes(app, ana.id)
    visitor.sign_in("ana")
    cookie = visitor.client.get_cookie("idp-half").value
    dump = []
    for model in (SecondFactor, RecoveryCode, PendingSignIn):
        dump += [str(vars(row)) for row in rows(app, select(model))]
    for secret in (seed, cookie, *codes, *(code.replace("-", "") for code in codes)):
        assert secret not in " ".join(dump)


def test_who_must_have_a_second_factor_sets_one_up_on_the_way(app, ana, visitor, make_app):
    party = make_client(
        app, client_name="Payroll", redirect_uris=["https://app.example/cb"], require_second_factor=True
    )
    waiting = visitor.open(authorize(party)).headers["Location"]
    where = visitor.sign_in("ana", path=waiting).headers["Location"]
    assert where.startswith("/login/enrol?interaction=")
    assert sessions(app) == []
    page = visitor.open(where)
    form = forms_of(page.text)[0]
    seed = "".join(page.text.partition('id="authenticator-key">')[2].partition("</code>")[0].split())
    assert visitor.submit(form, code="000000").status_code == 400
    assert visitor.submit(form, code="").status_code == 400
    answer = visitor.submit(form, code=totp_code(seed))
    assert answer.headers["Location"].startswith("/login/enrol/codes?interaction=")
    assert sessions(app) == []
    codes = forms_of(visitor.open(answer.headers["Location"]).text)[0]
    # Who says that they are saved without having seen any gets to see them.
    shown = visitor.submit(codes, saved="1")
    assert shown.text.count("recovery-codes__code") == 10
    done = visitor.submit(codes, saved="1")
    assert visitor.visit(done.headers["Location"]).headers["Location"].startswith("https://app.example/cb?code=")
    (session,) = sessions(app)
    assert (session.amr, session.acr) == (["pwd", "otp", "mfa"], "2")


def test_a_session_that_is_too_weak_for_an_app_is_asked_for_the_second_factor_alone(app, ana, visitor, party):
    assert visitor.sign_in("ana").headers["Location"] == "/"
    (before,) = sessions(app)
    seed = give_totp(app, ana.id)
    strict = make_client(app, redirect_uris=["https://app.example/cb"], require_second_factor=True)
    assert visitor.open(authorize(party)).headers["Location"].startswith("https://app.example/cb?code=")
    assert "error=login_required" in visitor.open(authorize(strict, prompt="none")).headers["Location"]
    visitor.last = visitor.open(visitor.open(authorize(strict)).headers["Location"])
    answer = visitor.verify(totp_code(seed))
    assert visitor.visit(answer.headers["Location"]).headers["Location"].startswith("https://app.example/cb?code=")
    (after,) = sessions(app)
    assert (after.id, after.auth_time) == (before.id, before.auth_time)
    assert (after.amr, after.acr) == (["pwd", "otp", "mfa"], "2")


def test_a_session_from_before_the_policy_is_too_weak_for_the_pages_of_this_site(app, visitor):
    root = make_person(app, "root", password=PASSWORD, is_admin=True, in_groups=("Keepers",))
    visitor.sign_in("root")
    assert [visitor.open(path).status_code for path in ("/admin/clients", "/account", "/verify")] == [200, 200, 200]
    with app.app_context(), transaction() as session:
        groups.find_by_name(session, "Keepers").requires_second_factor = True
    for path in ("/admin/clients", "/account", "/login?rd=/private"):
        assert visitor.open(path).headers["Location"].startswith("/login/step-up?interaction="), path
    assert visitor.open("/verify").status_code == 401
    seed = give_totp(app, root.id)
    visitor.last = visitor.open(visitor.open("/admin/clients").headers["Location"])
    assert visitor.open("/admin/keys").headers["Location"].startswith("/login/step-up?interaction=")
    answer = visitor.verify(totp_code(seed))
    assert visitor.open(answer.headers["Location"]).headers["Location"] == "/admin/clients"
    assert [visitor.open(path).status_code for path in ("/admin/clients", "/account", "/verify")] == [200, 200, 200]
    assert visitor.open("/login?rd=/private").headers["Location"].endswith("/private")


def test_confirming_asks_for_both_proofs(app, ana, seed, visitor):
    visitor.sign_in("ana")
    visitor.verify(totp_code(seed))
    (before,) = sessions(app)
    with time_machine.travel(clock.utc_now() + timedelta(minutes=6), tick=False):
        visitor.last = visitor.submit(visitor.form("/reauth"), password=PASSWORD)
        (meanwhile,) = sessions(app)
        assert meanwhile.auth_time == before.auth_time
        assert visitor.verify(totp_code(seed)).headers["Location"] == "/"
        (after,) = sessions(app)
    assert after.id == before.id
    assert after.auth_time > before.auth_time
    assert (after.amr, after.acr) == (["pwd", "otp", "mfa"], "2")


def test_a_remembered_browser_is_not_asked_until_the_password_changes(app, ana, seed, visitor):
    visitor.sign_in("ana")
    visitor.verify(totp_code(seed), remember="1")
    visitor.client.delete_cookie("idp")
    assert visitor.sign_in("ana").headers["Location"] == "/"
    assert sessions(app)[-1].acr in {"1", "2"}
    assert sorted(session.acr for session in sessions(app)) == ["1", "2"]
    # Another browser is.
    other = Visitor(app)
    assert other.sign_in("ana").headers["Location"] == "/login/verify"
    with app.app_context(), transaction() as session:
        person = accounts.find(session, ana.id)
        accounts.set_password_hash(session, person, person.password_hash, clock.utc_now())
    visitor.client.delete_cookie("idp")
    assert visitor.sign_in("ana").headers["Location"] == "/login/verify"


@pytest.mark.parametrize(
    "path",
    ["/account/security/totp/remove", "/account/security/authenticator", "/account/passkeys/new", "/account/email"],
)
def test_L22_a_remembered_browser_shows_the_second_factor_before_what_matters(app, ana, seed, visitor, path):
    with time_machine.travel(clock.utc_now() - timedelta(minutes=10), tick=False):
        visitor.sign_in("ana")
        visitor.verify(totp_code(seed), remember="1")
        visitor.client.delete_cookie("idp")
    assert visitor.sign_in("ana").headers["Location"] == "/"
    assert visitor.open("/account").status_code == 200
    # The password was given a moment ago, so the second factor is asked for alone.
    answer = visitor.open(path)
    assert answer.headers["Location"].startswith("/reauth?interaction=")
    step = visitor.open(answer.headers["Location"])
    assert step.headers["Location"].startswith("/login/step-up?interaction=")
    visitor.last = visitor.open(step.headers["Location"])
    back = visitor.open(visitor.verify(totp_code(seed)).headers["Location"])
    assert back.headers["Location"] == path
    assert visitor.open(path).status_code == 200
    assert sessions(app)[-1].acr == "2"


def test_L22_a_remembered_browser_is_offered_no_passkey(app, ana, seed, visitor):
    visitor.sign_in("ana")
    visitor.verify(totp_code(seed), remember="1")
    visitor.client.delete_cookie("idp")
    form = visitor.form("/login")
    assert visitor.submit(form, username="ana", password=PASSWORD, passkey_offer="1").headers["Location"] == "/"
    assert visitor.open("/login/passkey/offer").headers["Location"] == "/"


def test_the_cookie_of_a_half_finished_sign_in_is_bound_to_this_host(make_app, visitor):
    app = make_app(issuer="https://id.example")
    with app.test_request_context("/"):
        assert halfway.cookie_name() == "__Host-idp-half"


def test_L13_what_a_remembered_browser_holds_is_good_once_and_a_copy_ends_it_for_both(app, ana, seed, visitor):
    visitor.sign_in("ana")
    visitor.verify(totp_code(seed), remember="1")
    kept = {name: visitor.client.get_cookie(name).value for name in ("idp-browser", "idp-left-out")}
    assert not [row for row in rows(app, select(RememberedBrowser)) if kept["idp-left-out"] in str(row.__dict__)]

    def browser(**cookies):
        found = Visitor(app)
        for name, value in cookies.items():
            found.client.set_cookie(name, value)
        return found

    thief = browser(**kept)
    # Neither of the two cookies signs anybody in, and the first alone leaves out nothing.
    assert thief.open("/account").headers["Location"].startswith("/login")
    assert browser(**{"idp-browser": kept["idp-browser"]}).sign_in("ana").headers["Location"] == "/login/verify"
    with time_machine.travel(clock.utc_now() + timedelta(minutes=5), tick=False):
        # The thief knows the password as well, and comes first.
        assert thief.sign_in("ana").headers["Location"] == "/"
        assert thief.client.get_cookie("idp-left-out").value != kept["idp-left-out"]
    with time_machine.travel(clock.utc_now() + timedelta(minutes=10), tick=False):
        visitor.client.delete_cookie("idp")
        assert visitor.sign_in("ana").headers["Location"] == "/login/verify"
        thief.client.delete_cookie("idp")
        assert thief.sign_in("ana").headers["Location"] == "/login/verify"
    assert rows(app, select(RememberedBrowser)) == []
    (event,) = rows(app, select(AuditEvent).where(AuditEvent.type == "browser.forgotten"))
    assert event.detail == {"browsers": 1, "copied": True}
    assert "remembered_browser_copied" in [facts["template"] for facts in rows(app, select(Delivery.facts))]


def test_L13_two_people_and_two_tabs_share_a_remembered_browser(app, ana, seed, visitor):
    bob = make_person(app, "bob", password=PASSWORD)
    seeds = {"ana": seed, "bob": give_totp(app, bob.id)}
    for name, of in seeds.items():
        visitor.sign_in(name)
        visitor.verify(totp_code(of), remember="1")
        visitor.client.delete_cookie("idp")
    for name in ("ana", "bob", "ana"):
        assert visitor.sign_in(name).headers["Location"] == "/"
        visitor.client.delete_cookie("idp")
    # A second tab sent its form before the first one was answered.
    before = visitor.client.get_cookie("idp-left-out").value
    assert visitor.sign_in("bob").headers["Location"] == "/"
    after = visitor.client.get_cookie("idp-left-out").value
    visitor.client.set_cookie("idp-left-out", before)
    visitor.client.delete_cookie("idp")
    assert visitor.sign_in("bob").headers["Location"] == "/"
    assert visitor.client.get_cookie("idp-left-out").value == before
    visitor.client.set_cookie("idp-left-out", after)
    visitor.client.delete_cookie("idp")
    assert visitor.sign_in("ana").headers["Location"] == "/"
    assert len(rows(app, select(RememberedBrowser))) == 2
