"""Passkeys as an authenticator speaks them, honest or not (rows L15 and L22; Web Authentication sections 7.1, 7.2)."""

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from idp import clock
from idp.audit.models import AuditEvent
from idp.db import db, transaction
from idp.deliveries.models import Delivery
from idp.passkeys.models import PasskeyChallenge
from idp.sessions.models import BrowserSession
from tests import factories, passkeys
from tests.authenticator import BE, BS, UP, UV, Authenticator, b64
from tests.visitor import PASSWORD, Visitor


@pytest.fixture
def ana(app):
    return factories.make_person(app, "ana", password=PASSWORD)


@pytest.fixture
def device(app, ana):
    """Ana's authenticator, with a passkey of hers."""
    return passkeys.give(app, ana.id)


@pytest.fixture
def visitor(app):
    return Visitor(app)


def is_signed_in(visitor):
    return visitor.open("/account").status_code == 200


def reasons(app):
    with app.app_context():
        found = db.session().execute(select(AuditEvent).where(AuditEvent.type == "person.sign_in_failed")).scalars()
        return [event.detail["reason"] for event in found]


def refused(app, visitor, answer, reason=None, status=400):
    """Check that nobody was signed in, that the page says so next to the button, and why in the audit log."""
    assert answer.status_code == status
    assert "We couldn’t sign you in" in answer.text
    assert "data-passkey-error>" in answer.text, "the words stand next to the button"
    assert not is_signed_in(visitor)
    if reason:
        assert reasons(app)[-1] == reason
    return True


def test_a_passkey_signs_in_and_the_session_tells_how(app, ana, device, visitor):
    answer = passkeys.sign_in(visitor, device)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert is_signed_in(visitor)
    synced = passkeys.give(app, ana.id, Authenticator(flags=UP | UV | BE | BS))
    assert passkeys.sign_in(Visitor(app), synced).status_code == 303
    with app.app_context():
        rows = db.session().execute(select(BrowserSession).order_by(BrowserSession.created_at)).scalars().all()
        assert [(row.amr, row.acr) for row in rows] == [
            (["hwk", "user", "mfa"], "phr"),
            (["swk", "user", "mfa"], "phr"),
        ]
    first, second = passkeys.of(app, ana.id)
    assert (first.sign_count, first.last_used_at is not None) == (1, True)
    assert (second.backup_eligible, second.backed_up) == (True, True)


def test_a_passkey_leads_to_the_app_that_asked(app, ana, device, visitor):
    party = factories.make_client(app, redirect_uris=["https://app.example/cb"])
    path = (
        f"/oauth/authorize?client_id={party.client_id}&redirect_uri=https://app.example/cb&response_type=code"
        "&scope=openid&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
    )
    answer = passkeys.sign_in(visitor, device, path)
    assert answer.headers["Location"].startswith("/oauth/authorize/")
    assert visitor.visit(answer.headers["Location"]).headers["Location"].startswith("https://app.example/cb?code=")


def test_L15_an_answer_from_another_origin_is_refused(app, device, visitor):
    for origin in ("https://localhost:8000", "http://localhost", "http://localhost:8000.evil.example"):
        assert refused(app, visitor, passkeys.sign_in(visitor, device, origin=origin), "wrong_passkey")


def test_L15_an_answer_for_another_rp_id_is_refused(app, device, visitor):
    assert refused(app, visitor, passkeys.sign_in(visitor, device, rp_id="evil.example"), "wrong_passkey")


def test_L15_the_rp_id_and_the_origin_follow_from_the_issuer_alone(app, device, visitor):
    form = passkeys.form_of(visitor.visit("/login").text, "/login/passkey")
    headers = {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    data = {"csrf_token": form.values["csrf_token"]}
    options = visitor.open("/login/passkey/options", "POST", data=data, headers=headers).json
    assert options["rpId"] == "localhost"
    assert options["userVerification"] == "required"
    assert options["allowCredentials"] == []


def test_L15_a_challenge_is_good_once_in_its_browser_for_its_purpose_and_for_five_minutes(app, ana, device, visitor):
    form = passkeys.form_of(visitor.visit("/login").text, "/login/passkey")
    options = passkeys.asked(visitor, form)
    stolen = Visitor(app)
    theirs = passkeys.form_of(stolen.visit("/login").text, "/login/passkey")
    assert refused(app, stolen, stolen.submit(theirs, credential=device.get(options)))
    # The try elsewhere did not end it; its own browser does, once.
    answer = device.get(options)
    assert visitor.submit(form, credential=answer).status_code == 303
    again = Visitor(app)
    again.client.set_cookie("idp-browser", visitor.client.get_cookie("idp-browser").value)
    form = passkeys.form_of(again.visit("/login").text, "/login/passkey")
    assert refused(app, again, again.submit(form, credential=answer))
    assert refused(app, again, again.submit(form, credential=device.get(options)))
    # One made up by whoever sends it.
    assert refused(app, again, again.submit(form, credential=device.get({"challenge": b64(b"mine" * 8)})))
    options = passkeys.asked(again, form)
    with time_machine.travel(clock.utc_now() + timedelta(minutes=5, seconds=1), tick=False):
        assert refused(app, again, again.submit(form, credential=device.get(options)))
    # One to confirm with is none to sign in with.
    confirming = passkeys.form_of(visitor.visit("/account/passkeys/new").text, "/account/passkeys/new")
    made = passkeys.asked(visitor, confirming)
    visitor.open("/logout/confirm", "POST", data=visitor.form("/logout").values)
    form = passkeys.form_of(visitor.visit("/login").text, "/login/passkey")
    assert refused(app, visitor, visitor.submit(form, credential=device.get(made)))


def test_L15_no_user_verification_is_refused_alone_and_proves_possession_where_allowed(make_app, app, ana, visitor):
    device = passkeys.give(app, ana.id, Authenticator(flags=UP))
    answer = passkeys.sign_in(visitor, device)
    assert refused(app, visitor, answer, "passkey_not_verified")
    assert "Your device didn’t check that it’s you" in answer.text
    lenient = make_app(passkeys={"user_verification": "preferred"})
    other = Visitor(lenient)
    assert passkeys.sign_in(other, device).status_code == 303
    with app.app_context():
        row = db.session().execute(select(BrowserSession)).scalars().one()
        assert (row.amr, row.acr) == (["hwk", "user"], "1")


def test_L15_without_a_touch_it_is_refused(app, device, visitor):
    assert refused(app, visitor, passkeys.sign_in(visitor, device, flags=UV), "wrong_passkey")


def test_L15_a_counter_that_goes_back_or_stands_still_is_refused(app, ana, device, visitor):
    assert passkeys.sign_in(visitor, device).status_code == 303
    assert passkeys.sign_in(Visitor(app), device).status_code == 303
    for count in (0, 1):
        device.count = count
        other = Visitor(app)
        assert refused(app, other, passkeys.sign_in(other, device), "passkey_counter")
    assert passkeys.of(app, ana.id)[0].sign_count == 2
    # One that never counts is as good as any: those of password managers do not.
    silent = passkeys.give(app, ana.id, Authenticator(counts=False))
    assert passkeys.sign_in(Visitor(app), silent).status_code == 303
    assert passkeys.sign_in(Visitor(app), silent).status_code == 303


def test_L15_a_credential_speaks_for_its_owner_alone(app, ana, device, visitor):
    eve = factories.make_person(app, "eve", password=PASSWORD)
    hers = passkeys.give(app, eve.id)
    # Named as somebody else, or as nobody.
    handle = b64(ana.id.encode())
    assert refused(app, visitor, passkeys.sign_in(visitor, hers, user_handle=handle), "wrong_passkey")
    assert refused(app, visitor, passkeys.sign_in(visitor, hers, user_handle=None), "wrong_passkey")
    # Her id with another key.
    forged = Authenticator(credential_id=device.credential_id, user_handle=handle)
    assert refused(app, visitor, passkeys.sign_in(visitor, forged), "wrong_passkey")
    # In Ana's session, nothing is confirmed with Eve's passkey.
    factories.sign_in(app, visitor.client, ana)
    answer = passkeys.confirm_anyhow(visitor, hers)
    assert (answer.status_code, "belongs to another account" in answer.text) == (400, True)
    # And no credential is added twice, whoever asks.
    answer = passkeys.add(visitor, hers)
    assert (answer.status_code, "already in use here" in answer.text) == (400, True)


def test_L15_what_was_not_signed_is_refused(app, device, visitor):
    for changes in ({"tampered": True}, {"type": "webauthn.create"}):
        assert refused(app, visitor, passkeys.sign_in(visitor, device, **changes), "wrong_passkey")


def test_what_is_no_answer_at_all_is_refused(app, visitor):
    form = passkeys.form_of(visitor.visit("/login").text, "/login/passkey")
    for text in (
        "",
        "{}",
        "[]",
        "null",
        "{",
        '{"id":1,"response":{}}',
        '{"response":{"clientDataJSON":"é"}}',
        "x" * 40_000,
    ):
        assert refused(app, visitor, visitor.submit(form, credential=text))


def test_an_unknown_passkey_is_told_to_its_browser_and_nothing_else_is(app, ana, visitor):
    device = Authenticator(user_handle=b64(ana.id.encode()))
    answer = passkeys.sign_in(visitor, device)
    assert refused(app, visitor, answer, "unknown_passkey")
    assert f'data-unknown="{b64(device.credential_id)}"' in answer.text
    assert "data-unknown" not in visitor.visit("/login").text


def test_a_disabled_person_is_refused(app, ana, device, visitor):
    factories.disable_person(app, ana.id)
    answer = passkeys.sign_in(visitor, device)
    assert answer.status_code == 403
    assert not is_signed_in(visitor)
    assert reasons(app) == ["disabled"]


def test_failures_count_against_the_address(app, visitor):
    device = Authenticator(user_handle="eA")
    codes = [passkeys.sign_in(visitor, device).status_code for _ in range(31)]
    assert codes[:29] == [400] * 29
    assert codes[-1] == 429


def test_only_a_known_account_narrows_what_is_asked_for(app, ana, device, visitor):
    names = [one.credential_id for one in passkeys.of(app, ana.id)]

    def allowed(browser, path):
        form = passkeys.form_of(browser.visit(path).text, "/login/passkey")
        return [one["id"] for one in passkeys.asked(browser, form)["allowCredentials"]]

    assert allowed(visitor, f"/login?account={ana.id}") == []
    passkeys.sign_in(visitor, device)
    visitor.open("/logout/confirm", "POST", data=visitor.form("/logout").values)
    assert allowed(visitor, f"/login?account={ana.id}") == names
    assert allowed(visitor, "/login?account=other") == []
    assert allowed(visitor, "/login") == []
    assert allowed(Visitor(app), f"/login?account={ana.id}") == []
    # Named by the request, an answer need not name her again.
    answer = passkeys.sign_in(visitor, device, f"/login?account={ana.id}", user_handle=None)
    assert answer.status_code == 303


def test_confirming_with_a_passkey(app, ana, device, visitor):
    factories.sign_in(app, visitor.client, ana)
    with time_machine.travel(clock.utc_now() + timedelta(minutes=6), tick=False):
        answer = visitor.open("/account/passkeys/new")
        assert answer.headers["Location"].startswith("/reauth")
        done = passkeys.confirm(visitor, device, answer.headers["Location"])
        assert done.headers["Location"].startswith("/login/continue/")
        assert visitor.visit(done.headers["Location"]).status_code == 200
        assert "Add a passkey" in visitor.visit("/account/passkeys/new").text


def test_a_passkey_as_the_second_step_where_two_factors_are_asked_for(make_app, app, ana):
    device = passkeys.give(app, ana.id, Authenticator(flags=UP))
    visitor = Visitor(app)
    assert visitor.sign_in("ana").headers["Location"] == "/", "having one demands nothing"
    strict = make_app(sign_in={"second_factor": "required"})
    visitor = Visitor(strict)
    assert visitor.sign_in("ana").headers["Location"] == "/login/verify"
    form = passkeys.form_of(visitor.visit("/login/verify").text, "/login/verify")
    path = "/login/verify/passkey/options"
    options = visitor.open(path, "POST", data={"csrf_token": form.values["csrf_token"]}).json
    assert [one["id"] for one in options["allowCredentials"]] == [b64(device.credential_id)]
    assert options["userVerification"] == "preferred"
    for wrong in ("", device.get(options, origin="https://evil.example"), device.get(options)):
        # The challenge ended with the first answer that named it.
        answer = visitor.submit(form, credential=wrong)
        assert (answer.status_code, "We couldn’t confirm it" in answer.text) == (400, True)
        assert not is_signed_in(visitor)
    options = visitor.open(path, "POST", data={"csrf_token": form.values["csrf_token"]}).json
    hers = passkeys.give(app, factories.make_person(app, "eve").id)
    assert visitor.submit(form, credential=hers.get(options)).status_code == 400
    options = visitor.open(path, "POST", data={"csrf_token": form.values["csrf_token"]}).json
    assert visitor.submit(form, credential=device.get(options)).headers["Location"] == "/"
    assert is_signed_in(visitor)
    with app.app_context():
        rows = db.session().execute(select(BrowserSession).order_by(BrowserSession.created_at)).scalars().all()
        assert [(row.amr, row.acr) for row in rows] == [(["pwd"], "1"), (["pwd", "hwk", "user", "mfa"], "phr")]
    # Alone and verified, it is two factors by itself.
    assert passkeys.sign_in(Visitor(strict), device, flags=UP | UV).headers["Location"] == "/"


@pytest.mark.parametrize("amr", [["user"], ["hwk", "user"]], ids=["made on the way", "touched"])
def test_L15_possession_does_not_become_two_factors_by_being_shown_twice(app, ana, device, visitor, amr):
    cookie = factories.sign_in(app, visitor.client, ana)
    with app.app_context(), transaction() as session:
        session.get(BrowserSession, cookie).amr = amr
    visitor.last = visitor.open("/login/step-up")
    form = passkeys.form_of(visitor.visit("/login/verify").text, "/login/verify")
    path, token = "/login/verify/passkey/options", {"csrf_token": form.values["csrf_token"]}
    options = visitor.open(path, "POST", data=token).json
    assert options["userVerification"] == "required"
    answer = visitor.submit(form, credential=device.get(options, flags=UP))
    assert answer.status_code == 400
    assert "Your device didn’t check that it’s you" in answer.text
    answer = visitor.submit(form, credential=device.get(visitor.open(path, "POST", data=token).json))
    assert answer.headers["Location"] == "/"
    with app.app_context():
        (row,) = db.session().execute(select(BrowserSession)).scalars()
        assert (row.amr, row.acr) == (list(dict.fromkeys([*amr, "hwk", "user", "mfa"])), "phr")


def test_L22_adding_and_removing_end_the_other_sessions(app, ana, visitor):
    def others():
        made = [app.test_client() for _ in range(2)]
        for browser in made:
            factories.sign_in(app, browser, ana)
        return made

    factories.sign_in(app, visitor.client, ana)
    elsewhere, device = others(), Authenticator()
    assert "Signs out 2 other devices" in visitor.visit("/account/passkeys/new").text
    assert passkeys.add(visitor, device).status_code == 303
    assert [browser.get("/account").status_code for browser in elsewhere] == [303, 303]
    assert is_signed_in(visitor)
    elsewhere = others()
    (passkey,) = passkeys.of(app, ana.id)
    path = f"/account/passkeys/{passkey.id}/remove"
    assert visitor.submit(visitor.form(path, action=path)).status_code == 303
    assert [browser.get("/account").status_code for browser in elsewhere] == [303, 303]
    assert is_signed_in(visitor)
    assert passkeys.of(app, ana.id) == []
    with app.app_context():
        kinds = select(AuditEvent).where(AuditEvent.type.startswith("passkey.")).order_by(AuditEvent.id)
        found = db.session().execute(kinds).scalars().all()
        assert [(event.type, event.detail["sessions"]) for event in found] == [
            ("passkey.added", 2),
            ("passkey.removed", 2),
        ]
        waiting = db.session().execute(select(Delivery.facts)).scalars().all()
        assert sorted((facts["template"], facts["to"]) for facts in waiting) == [
            ("passkey_added", ana.email),
            ("passkey_removed", ana.email),
        ]


def test_registration_checks_what_it_must(app, ana, visitor):
    factories.sign_in(app, visitor.client, ana)
    for changes in ({"origin": "https://evil.example"}, {"rp_id": "evil.example"}, {"flags": UP}, {"flags": UV}):
        answer = passkeys.add(visitor, Authenticator(), **changes)
        assert (answer.status_code, "We couldn’t check this passkey" in answer.text) == (400, True), changes
    form = passkeys.form_of(visitor.visit("/account/passkeys/new").text, "/account/passkeys/new")
    options = passkeys.asked(visitor, form)
    assert options["user"] == {"id": b64(ana.id.encode()), "name": "ana", "displayName": "Ana Ruiz"}
    assert options["rp"] == {"id": "localhost", "name": "Doorward"}
    device = Authenticator()
    assert visitor.submit(form, credential=device.create(options)).status_code == 303
    replayed = visitor.submit(form, credential=Authenticator().create(options))
    assert (replayed.status_code, "That took too long" in replayed.text) == (400, True)
    # A challenge belongs to the session it was made in.
    form = passkeys.form_of(visitor.visit("/account/passkeys/new").text, "/account/passkeys/new")
    options = passkeys.asked(visitor, form)
    assert [one["id"] for one in options["excludeCredentials"]] == [b64(device.credential_id)]
    factories.sign_in(app, visitor.client, factories.make_person(app, "eve"))
    form = passkeys.form_of(visitor.visit("/account/passkeys/new").text, "/account/passkeys/new")
    assert visitor.submit(form, credential=Authenticator().create(options)).status_code == 400
    # Nobody asked for this one: it is taken only where the request said so.
    quiet = passkeys.asked(visitor, form, quiet="1")
    assert visitor.submit(form, credential=Authenticator().create(quiet, flags=UP)).status_code == 400


def test_challenges_are_kept_as_fingerprints_few_and_not_for_long(app, visitor):
    form = passkeys.form_of(visitor.visit("/login").text, "/login/passkey")
    made = [passkeys.asked(visitor, form)["challenge"] for _ in range(22)]
    with app.app_context():
        kept = db.session().execute(select(PasskeyChallenge.fingerprint)).scalars().all()
        assert len(kept) == 20
        assert not set(made) & set(kept)


def test_what_others_look_up(make_app):
    app = make_app(passkeys={"related_origins": ("https://id.example.org",)})
    visitor = Visitor(app)
    answer = visitor.open("/.well-known/passkey-endpoints")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert answer.json == {
        "enroll": "http://localhost:8000/account/passkeys/new",
        "manage": "http://localhost:8000/account/security#passkeys",
    }
    assert visitor.open("/.well-known/webauthn").json == {"origins": ["https://id.example.org"]}


@pytest.mark.parametrize("backend", ["sqlite"])
def test_an_installation_without_a_name_has_no_passkeys(make_app):
    visitor = Visitor(make_app(issuer="http://127.0.0.1:8000"))
    assert visitor.open("/.well-known/passkey-endpoints").status_code == 404
    assert visitor.open("/.well-known/webauthn").status_code == 404
    assert "passkey" not in visitor.visit("/login").text
