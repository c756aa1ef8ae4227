"""A person's own second factors, and what administrators do about them."""

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from idp import clock
from idp.accounts import groups
from idp.audit.models import AuditEvent
from idp.db import db, transaction
from idp.deliveries.mail import read
from idp.deliveries.models import Delivery
from idp.factors.models import RecoveryCode, RememberedBrowser, SecondFactor
from idp.sessions.models import BrowserSession
from idp.settings import SignInSettings
from idp.tokens.models import Grant
from idp.vault import Vault
from idp.web.current import service
from tests.factories import give_recovery_codes, give_totp, make_client, make_person, totp_code
from tests.visitor import PASSWORD, Visitor, forms_of


@pytest.fixture
def ana(app):
    return make_person(app, "ana", password=PASSWORD)


@pytest.fixture
def visitor(app):
    return Visitor(app)


def rows(app, statement):
    with app.app_context():
        return list(db.session().execute(statement).scalars())


def live(app):
    return rows(app, select(BrowserSession).where(BrowserSession.ended_at.is_(None)))


def mails(app):
    """Return the template and the facts of every mail that waits, but for those of signing in itself."""
    with app.app_context():
        waiting = db.session().execute(select(Delivery).where(Delivery.sealed.is_not(None))).scalars()
        found = [letter for row in waiting if (letter := read(service(Vault), row))]
        return [(letter.template, letter.facts) for letter in found if letter.template != "new_sign_in"]


def set_up(visitor):
    """Set up an authenticator app by the page; return the code that did and the answer."""
    page = visitor.open("/account/security/authenticator").text
    seed = "".join(page.partition('id="authenticator-key">')[2].partition("</code>")[0].split())
    form = next(form for form in forms_of(page) if form.action == "/account/security/authenticator")
    assert visitor.submit(form, code="000000").status_code == 400
    code = totp_code(seed)
    return code, visitor.submit(form, code=code)


def test_L22_setting_one_up_ends_what_was_signed_in_elsewhere(app, ana, visitor):
    other = Visitor(app)
    other.sign_in("ana")
    visitor.sign_in("ana")
    assert "A password alone." in visitor.open("/account/security").text
    code, answer = set_up(visitor)
    assert answer.headers["Location"] == "/account/security/recovery-codes"
    assert other.open("/account/security").status_code == 303
    (session,) = live(app)
    assert (session.amr, session.acr) == (["pwd", "otp", "mfa"], "2")
    assert "no recovery codes" in visitor.open("/account/security").text
    made = visitor.submit(visitor.form("/account/security/recovery-codes"))
    assert made.text.count("recovery-codes__code") == 10
    assert "Good: authenticator app and recovery codes" in visitor.open("/account/security").text
    # The code that confirmed it is used up.
    again = Visitor(app)
    again.sign_in("ana")
    assert again.verify(code).status_code == 400
    assert [template for template, _ in mails(app)] == ["second_factor_changed"] * 2
    assert {event.type for event in rows(app, select(AuditEvent))} >= {"factor.added", "recovery_codes.made"}


def test_L22_taking_one_away_ends_remembered_browsers_and_grants(app, ana, visitor):
    seed = give_totp(app, ana.id)
    visitor.sign_in("ana")
    visitor.verify(totp_code(seed), remember="1")
    party = make_client(app, redirect_uris=["https://app.example/cb"])
    visitor.open(
        f"/oauth/authorize?client_id={party.client_id}&redirect_uri=https://app.example/cb&response_type=code"
        "&scope=openid&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
    )
    assert "This browser" in visitor.open("/account/security").text
    answer = visitor.submit(visitor.form("/account/security/totp/remove"))
    assert answer.headers["Location"] == "/account/security"
    assert rows(app, select(SecondFactor)) == []
    assert rows(app, select(RememberedBrowser)) == []
    assert [grant for grant in rows(app, select(Grant)) if grant.revoked_at is None] == []
    assert len(live(app)) == 1
    assert visitor.open("/account/security/totp/remove").headers["Location"] == "/account/security"


def test_the_last_one_stays_where_one_is_required(make_app):
    app = make_app(sign_in=SignInSettings(second_factor="required"))
    ana, visitor = make_person(app, "ana", password=PASSWORD), Visitor(app)
    seed = give_totp(app, ana.id)
    visitor.sign_in("ana")
    visitor.verify(totp_code(seed))
    page = visitor.open("/account/security/totp/remove").text
    assert "everybody must have one" in page
    token = forms_of(page)[0].values["csrf_token"]
    visitor.open("/account/security/totp/remove", "POST", data={"csrf_token": token})
    assert len(rows(app, select(SecondFactor))) == 1


def test_a_remembered_browser_is_forgotten(app, ana, visitor):
    seed = give_totp(app, ana.id)
    visitor.sign_in("ana")
    visitor.verify(totp_code(seed), remember="1")
    (row,) = rows(app, select(RememberedBrowser))
    form = visitor.form("/account/security", action=f"/account/security/remembered/{row.id}/forget")
    assert visitor.submit(form).status_code == 303
    visitor.client.delete_cookie("idp")
    assert visitor.sign_in("ana").headers["Location"] == "/login/verify"


def test_a_code_by_mail_works_once_and_only_where_it_was_asked_for(app, ana, visitor):
    visitor.sign_in("ana")
    assert visitor.submit(visitor.form("/account/security", action="/account/security/email-code")).status_code == 303
    first, second = Visitor(app), Visitor(app)
    codes = []
    for one in (first, second):
        assert one.sign_in("ana").headers["Location"] == "/login/verify"
        page = one.open("/login/verify").text
        assert "a…@people.example" in page
        send = next(form for form in forms_of(page) if form.action == "/login/verify/send")
        assert one.submit(send).status_code == 303
        # Sent again at once: nothing goes out.
        one.submit(send)
        codes.append([facts["code"] for template, facts in mails(app) if template == "second_factor_code"][-1])
    assert len([1 for template, _ in mails(app) if template == "second_factor_code"]) == 2
    if codes[0] != codes[1]:
        assert first.verify(codes[1], by="email_code").status_code == 400
    assert first.verify(codes[0], by="email_code").status_code == 303
    assert len(live(app)) == 2
    with time_machine.travel(clock.utc_now() + timedelta(minutes=9), tick=False):
        assert second.verify(codes[1], by="email_code").status_code == 303


def test_no_code_goes_to_an_address_that_is_not_verified(app, visitor):
    make_person(app, "bob", password=PASSWORD, email_verified=False)
    visitor.sign_in("bob")
    page = visitor.open("/account/security").text
    assert "Verify your email address first" in page
    token = forms_of(page)[0].values["csrf_token"]
    visitor.open("/account/security/email-code", "POST", data={"csrf_token": token})
    assert rows(app, select(SecondFactor)) == []


def test_administrators_require_one_of_a_group_and_take_lost_ones_away(app, ana):
    make_person(app, "root", password=PASSWORD, is_admin=True)
    make_person(app, "eve", password=PASSWORD, in_groups=("Staff",))
    admin = Visitor(app)
    admin.sign_in("root")
    with app.app_context(), transaction() as session:
        group_id = groups.find_by_name(session, "Staff").id
    page = f"/admin/groups/{group_id}"
    form = admin.form(page, action=f"{page}/second-factor")
    assert admin.submit(form, required="1").status_code == 303
    eve = Visitor(app)
    assert eve.sign_in("eve").headers["Location"] == "/login/enrol"

    give_totp(app, ana.id)
    give_recovery_codes(app, ana.id)
    person = f"/admin/users/{ana.id}"
    assert "Authenticator app" in admin.open(person).text
    assert (
        admin.submit(admin.form(f"{person}/second-factors", action=f"{person}/second-factors/remove")).status_code
        == 303
    )
    assert rows(app, select(SecondFactor)) == []
    assert rows(app, select(RecoveryCode)) == []
    assert [facts["by_themselves"] for _, facts in mails(app)] == [False]
    types = {event.type for event in rows(app, select(AuditEvent))}
    assert {"factor.removed", "group.second_factor_changed"} <= types
    assert Visitor(app).sign_in("ana").headers["Location"] == "/"
