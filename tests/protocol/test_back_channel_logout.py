"""OpenID Connect Back-Channel Logout 1.0: who is told of the end of a session, what, and how persistently."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import parse_qsl

import pytest
import time_machine
from sqlalchemy import select

from idp import clock
from idp.accounts import store as accounts
from idp.admin import lifecycle
from idp.audit.log import COMMAND_LINE
from idp.audit.models import AuditEvent
from idp.cache import bump
from idp.clients.models import ClientRow
from idp.clock import utc_now
from idp.db import transaction
from idp.deliveries import leaked_keys, sign_outs, store
from idp.deliveries.models import Delivery, SignOut
from idp.jobs.sending import send_due
from idp.keys import rotation
from idp.sessions import store as sessions
from tests.factories import disable_client
from tests.keyring import change, keys_of, of
from tests.leaving import logout, sign_out
from tests.listener import listening, say
from tests.pace import strain
from tests.relying_party import header_of, text_of

AFTER = "https://after.example/bye"
EVENT = "http://schemas.openid.net/event/backchannel-logout"
NO_ANSWER_IN = 3


@pytest.fixture
def idp(idp_over, make_app):
    """A provider that may reach loopback."""
    return idp_over(make_app(outbound={"allow": ("127.0.0.0/8",)}))


@contextmanager
def told(status=200, then=None):
    """Listen as an app does; yield its address and the forms that were posted to it."""
    forms = []

    def answer(handler):
        length = int(handler.headers["Content-Length"])
        assert handler.headers["Content-Type"] == "application/x-www-form-urlencoded"
        forms.append(parse_qsl(handler.rfile.read(length).decode(), strict_parsing=True, keep_blank_values=True))
        if then is not None:
            then()
        say(b"", status() if callable(status) else status)(handler)

    with listening(answer) as (port, _):
        yield f"http://127.0.0.1:{port}/backchannel?of=notes", forms


@pytest.fixture
def listener():
    with told() as (address, forms):
        yield address, forms


def party_at(idp, address, **metadata):
    return idp.party(backchannel_logout_uri=address, post_logout_redirect_uris=[AFTER], **metadata)


def claims_of(party, form):
    [(name, token)] = form
    assert name == "logout_token"
    return party.claims_of(token, typ="logout+jwt")


def deliveries(idp):
    return idp.rows(select(Delivery.state, Delivery.attempts, Delivery.fault, Delivery.due_at))


def test_oidcc_backchannel_rp_initiated_logout_discovery_endpoint_verification(idp):
    found = idp.http()("GET", "/.well-known/openid-configuration", None, {}).json
    assert found["backchannel_logout_supported"] is True
    assert found["backchannel_logout_session_supported"] is True


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA", "PS384", "HS512"])
@pytest.mark.parametrize("subject_type", ["public", "pairwise"])
def test_oidcc_backchannel_rp_initiated_logout(idp, browser, listener, alg, subject_type):
    address, forms = listener
    party = party_at(idp, address, id_token_signed_response_alg=alg, subject_type=subject_type)
    tokens = party.sign_in(browser)
    response = logout(browser, id_token_hint=tokens.id_token, post_logout_redirect_uri=AFTER, state="x")
    # The browser goes on at once; the app is told beside it.
    assert response.location == f"{AFTER}?state=x"
    assert party.answer(party.start(browser, prompt="none"))["error"] == "login_required"
    before = int(time.time())
    assert send_due(idp.app) == 1
    [form] = forms
    claims = claims_of(party, form)
    # A secret has no kid.
    named = {"kid": header_of(tokens.id_token)["kid"]} if alg != "HS512" else {}
    assert header_of(form[0][1]) == {"alg": alg, "typ": "logout+jwt", **named}
    assert claims.keys() == {"iss", "sub", "aud", "iat", "exp", "jti", "sid", "events"}
    assert claims["iss"] == idp.issuer
    assert claims["aud"] == party.client_id
    assert claims["sub"] == tokens.id_claims["sub"]
    assert claims["sid"] == tokens.id_claims["sid"]
    assert claims["events"] == {EVENT: {}}
    assert before <= claims["iat"] <= time.time()
    assert claims["exp"] - claims["iat"] == 120
    assert len(claims["jti"]) >= 22
    assert send_due(idp.app) == 0


def test_every_app_that_the_session_reached_is_told_and_no_other(idp, person, browser):
    with told() as (one, at_one), told() as (two, at_two), told() as (three, at_three):
        first, second, third = (party_at(idp, address) for address in (one, two, three))
        first_sid = first.sign_in(browser).id_claims["sid"]
        second_sid = second.sign_in(browser).id_claims["sid"]
        third.sign_in(idp.browser(person))
        sign_out(browser)
        assert send_due(idp.app) == 2
        assert claims_of(first, at_one[0])["sid"] == first_sid
        assert claims_of(second, at_two[0])["sid"] == second_sid
        assert first_sid != second_sid
        assert at_three == []


def test_a_client_that_is_switched_off_is_told_too(idp, browser, listener):
    address, forms = listener
    party = party_at(idp, address)
    party.sign_in(browser)
    disable_client(idp.app, party.client_id)
    sign_out(browser)
    send_due(idp.app)
    assert len(forms) == 1


def by_administrator(act):
    def end(idp, person, session_id):
        with idp.app.app_context(), transaction() as session:
            act(session, accounts.find(session, person.id), actor=COMMAND_LINE, now=utc_now())

    return end


def by_password(session, person, *, actor, now):
    return lifecycle.set_password(session, person, "hash", must_change=False, actor=actor, now=now)


def by_another_sign_in(idp, person, session_id):
    with idp.app.app_context(), transaction() as session:
        assert sign_outs.end(session, session_id, person.id, utc_now())


@pytest.mark.parametrize(
    "end",
    [
        by_administrator(lifecycle.disable),
        by_administrator(lifecycle.sign_out_everywhere),
        by_administrator(by_password),
        by_another_sign_in,
    ],
)
def test_however_a_session_ends_its_apps_are_told(idp, person, listener, end):
    address, forms = listener
    party, browser = party_at(idp, address), idp.browser()
    session_id = idp.sign_in(browser, person)
    sid = party.sign_in(browser).id_claims["sid"]
    end(idp, person, session_id)
    send_due(idp.app)
    assert [claims_of(party, form)["sid"] for form in forms] == [sid]


def test_signing_in_anew_as_the_same_person_tells_nobody(idp, person, browser, listener):
    address, forms = listener
    party = party_at(idp, address)
    sid = party.sign_in(browser).id_claims["sid"]
    with idp.app.app_context(), transaction() as session:
        live = sessions.live(session, person.id, utc_now())
        renewed = sessions.renew(
            session, live[0].id, amr=["pwd"], acr="1", settings=idp.settings, now=utc_now() + timedelta(seconds=1)
        )
    assert renewed
    assert send_due(idp.app) == 0
    assert forms == []
    assert sid


def test_a_leaked_key_has_every_app_sign_everybody_out_while_they_stay_signed_in_here(idp, person, browser, listener):
    address, forms = listener
    party, silent, ended = party_at(idp, address), idp.party(), idp.browser(person)
    tokens = party.sign_in(browser)
    silent.sign_in(browser)
    party.sign_in(ended)
    sign_out(ended)
    assert send_due(idp.app) == 1
    with of(idp.app):
        rotation.rotate(change(idp.app), "RS256", force=True)
        assert send_due(idp.app) == 0
        leaked_keys.replace(change(idp.app), "RS256")
        assert send_due(idp.app) == 1
        assert claims_of(party, forms[1])["sid"] == tokens.id_claims["sid"]
        assert header_of(forms[1][0][1])["kid"] == keys_of()["active"][0]
        # One that signed until lately may have leaked as well; one that never signed cannot have been forged with.
        leaked_keys.revoke(change(idp.app), keys_of()["retiring"][0])
        leaked_keys.revoke(change(idp.app), keys_of()["next"][0])
        assert send_due(idp.app) == 1
    assert "code" in party.answer(party.start(browser, prompt="none"))


def test_nothing_is_sent_for_a_transaction_that_is_rolled_back(idp, person, browser, listener):
    address, _ = listener
    party_at(idp, address).sign_in(browser)
    with pytest.raises(RuntimeError), idp.app.app_context(), transaction() as session:  # noqa: PT012
        sign_outs.end_all(session, person.id, utc_now())
        raise RuntimeError
    assert send_due(idp.app) == 0
    assert deliveries(idp) == []


def test_the_rows_hold_no_token(idp, person, browser, listener):
    address, forms = listener
    party = party_at(idp, address)
    tokens = party.sign_in(browser)
    sign_out(browser)
    send_due(idp.app)
    kept = str([vars(row) for kind in (Delivery, SignOut) for (row,) in idp.rows(select(kind))])
    assert party.client_id in kept
    [[(_, token)]] = forms
    for part in (token, tokens.id_claims["sid"]):
        assert part not in kept


# Trying again


def travel(seconds):
    return time_machine.travel(utc_now() + timedelta(seconds=seconds), tick=False)


def test_an_app_that_does_not_answer_well_is_told_again(idp, browser):
    answers = iter([500, 404, 204])
    with told(lambda: next(answers)) as (address, forms):
        party = party_at(idp, address)
        party.sign_in(browser)
        sign_out(browser)
        began = utc_now()
        for seconds, state, due_in in ((0, store.QUEUED, 10), (11, store.QUEUED, 41), (42, store.SENT, None)):
            with time_machine.travel(began + timedelta(seconds=seconds), tick=False):
                assert send_due(idp.app) == 1
                assert send_due(idp.app) == 0
                [row] = deliveries(idp)
                assert row.state == state
                assert due_in is None or row.due_at == clock.utc_now() + timedelta(seconds=due_in - seconds)
        ids = {claims_of(party, form)["jti"] for form in forms}
    assert len(ids) == 3, "each attempt has a token of its own"


def test_after_the_last_retry_it_has_failed_and_is_in_the_log(idp, person, browser):
    assert sum(store.RETRIES, timedelta()) > timedelta(hours=31)
    with told(500) as (address, forms):
        party = party_at(idp, address)
        party.sign_in(browser)
        sign_out(browser)
        began, waited = utc_now(), timedelta()
        for wait in (timedelta(), *store.RETRIES, timedelta(days=5)):
            waited += wait
            with time_machine.travel(began + waited + timedelta(seconds=1), tick=False):
                send_due(idp.app)
    assert len(forms) == len(store.RETRIES) + 1
    [row] = deliveries(idp)
    assert (row.state, row.attempts, row.due_at) == (store.FAILED, 8, None)
    assert row.fault == "It answered with status 500."
    [entry] = idp.rows(select(AuditEvent).where(AuditEvent.type == "delivery.failed"))
    assert entry[0].target_id == party.client_id
    assert entry[0].detail["attempts"] == 8


def test_an_app_that_refuses_the_token_is_sent_another(idp, browser):
    with told(400) as (address, forms):
        party_at(idp, address).sign_in(browser)
        sign_out(browser)
        send_due(idp.app)
        assert deliveries(idp)[0].fault == "It refused the logout token (status 400)."
        # By then it may have learned of the key: the token is made anew.
        with travel(11):
            assert send_due(idp.app) == 1
    assert len({form[0][1] for form in forms}) == 2
    assert deliveries(idp)[0].state == store.QUEUED


def test_an_app_that_has_no_address_any_more_is_not_told(idp, browser, listener):
    address, forms = listener
    party = party_at(idp, address)
    party.sign_in(browser)
    sign_out(browser)
    with idp.app.app_context(), transaction() as session:
        row = session.get(ClientRow, party.client_id)
        row.metadata_json = {name: value for name, value in row.metadata_json.items() if "backchannel" not in name}
        bump(session)
    send_due(idp.app)
    assert forms == []
    assert deliveries(idp)[0].state == store.FAILED


def test_of_two_senders_one_sends(idp, browser):
    begun = threading.Event()

    def slowly():
        begun.set()
        time.sleep(0.3)

    with told(then=slowly) as (address, forms):
        party_at(idp, address).sign_in(browser)
        sign_out(browser)
        with ThreadPoolExecutor(8) as pool:
            attempts = list(pool.map(lambda _: send_due(idp.app), range(8)))
    assert sum(attempts) == 1
    assert len(forms) == 1


def test_what_a_sender_left_behind_is_sent_by_the_next(idp, browser, listener):
    address, forms = listener
    party_at(idp, address).sign_in(browser)
    sign_out(browser)
    with idp.app.app_context(), transaction() as session:
        claimed = store.claim(session, utc_now(), [store.LOGOUT_TOKEN])
        assert claimed is not None
    assert send_due(idp.app) == 0
    with travel(61):
        assert send_due(idp.app) == 1
        with idp.app.app_context(), transaction() as session:
            # The first sender was only slow: it has nothing to say any more.
            assert not store.succeed(session, claimed, utc_now())
    assert len(forms) == 1


def test_an_app_that_hangs_holds_up_nobody_else(idp, person):
    release = threading.Event()
    with told(then=lambda: release.wait(10)) as (stuck, at_stuck), told() as (quick, at_quick):
        hanging, lively = party_at(idp, stuck), party_at(idp, quick)
        for _ in range(3):
            browser = idp.browser(person)
            hanging.sign_in(browser)
            lively.sign_in(browser)
            sign_out(browser)
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(send_due, idp.app)
            while not at_stuck:
                time.sleep(0.01)
            began = time.monotonic()
            second = pool.submit(send_due, idp.app)
            second.result(timeout=NO_ANSWER_IN)
            assert time.monotonic() - began < NO_ANSWER_IN
            assert len(at_quick) == 3
            release.set()
            assert first.result(timeout=20) >= 3


def test_a_queue_that_is_away_keeps_nobody_from_signing_out(idp_over, make_app, listener):
    address, forms = listener
    idp = idp_over(make_app(outbound={"allow": ("127.0.0.0/8",)}, redis_url="redis://127.0.0.1:1/0"))
    browser = idp.browser(idp.person())
    party_at(idp, address).sign_in(browser)
    assert "You are signed out" in text_of(sign_out(browser).text)
    assert [row.state for row in deliveries(idp)] == [store.QUEUED]
    assert send_due(idp.app) == 1
    assert len(forms) == 1


# Where it may go (O07)


@pytest.mark.parametrize(
    "address",
    [
        "https://127.0.0.1:1/",
        "http://127.0.0.1:1/",
        "https://10.0.0.1/",
        "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://localhost/",
    ],
)
def test_O07_a_private_address_is_never_reached_unless_it_is_allowed(idp_over, make_app, address):
    idp = idp_over(make_app())
    browser = idp.browser(idp.person())
    party_at(idp, address).sign_in(browser)
    assert "You are signed out" in text_of(sign_out(browser).text)
    send_due(idp.app)
    [row] = deliveries(idp)
    assert row.state == store.FAILED
    assert "IDP_OUTBOUND__ALLOW" in row.fault or "https" in row.fault


def test_O07_no_redirect_is_followed(idp, browser):
    with told() as (other, at_other):

        def redirect(handler):
            handler.rfile.read(int(handler.headers["Content-Length"]))
            say(b"", 307, Location=other)(handler)

        with listening(redirect) as (port, asked):
            party_at(idp, f"http://127.0.0.1:{port}/").sign_in(browser)
            sign_out(browser)
            send_due(idp.app)
        assert len(asked) == 1
        assert at_other == []
    assert deliveries(idp)[0].fault == "It answered with status 307."


def test_O07_one_that_never_answers_is_left_after_seconds(idp, browser):
    release = threading.Event()
    try:
        with told(then=lambda: release.wait(20)) as (address, _):
            party_at(idp, address).sign_in(browser)
            sign_out(browser)
            began = time.monotonic()
            send_due(idp.app)
            # Far from the twenty seconds that it would have taken its time for.
            assert time.monotonic() - began < 6 * strain()
            release.set()
    finally:
        release.set()
    assert deliveries(idp)[0].fault == "It did not answer in time."


def test_O07_a_logout_token_is_no_other_token(idp, browser, listener):
    address, forms = listener
    party = party_at(idp, address)
    party.sign_in(browser)
    sign_out(browser)
    send_due(idp.app)
    [[(_, token)]] = forms
    assert party.userinfo(token).status == 401
    assert party.introspect(token).json == {"active": False}
    again = idp.browser(idp.person())
    party.sign_in(again)
    page = logout(again, id_token_hint=token, post_logout_redirect_uri=AFTER)
    assert AFTER not in (page.location or "")


def test_the_receipt_follows_the_deliveries(idp, browser):
    answers = iter([500, 200])
    with told(lambda: next(answers)) as (address, _):
        party = party_at(idp, address, client_name="Wiki")
        tokens = party.sign_in(browser)
        response = logout(browser, id_token_hint=tokens.id_token)
        page = browser("GET", response.location)
        assert "Telling it now" in text_of(page.text)
        assert page.headers["Refresh"] == f"2; url={response.location}?look=1"
        send_due(idp.app)
        page = browser("GET", f"{response.location}?look=1")
        assert "Trying again" in text_of(page.text)
        assert page.headers["Refresh"] == f"5; url={response.location}?look=2"
        assert "Refresh" not in browser("GET", f"{response.location}?look=12").headers
        with travel(11):
            send_due(idp.app)
            page = browser("GET", f"{response.location}?look=3")
    assert "Signed out" in text_of(page.text)
    assert "It has been told." in " ".join(text_of(page.text).split())
    assert "Refresh" not in page.headers


def test_finished_deliveries_and_receipts_are_purged(idp, browser, listener):
    address, _ = listener
    party_at(idp, address).sign_in(browser)
    sign_out(browser)
    with idp.app.app_context(), transaction() as session:
        assert sign_outs.purge(session, utc_now() + timedelta(days=2)) == 0, "still to be sent"
    send_due(idp.app)
    with idp.app.app_context(), transaction() as session:
        assert sign_outs.purge(session, utc_now() + timedelta(days=2)) == 1
        assert store.purge(session, utc_now() + timedelta(days=29)) == 0
        assert store.purge(session, utc_now() + timedelta(days=31)) == 1
