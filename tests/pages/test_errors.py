"""Explained errors: who sees what, and what is kept of them."""

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from sqlalchemy import select, update

from idp import clock
from idp.audit.models import Refusal
from idp.db import db, transaction
from idp.interactions.models import Interaction
from tests.factories import disable_client, make_client, make_person, sign_in
from tests.visitor import Visitor

REGISTERED = "https://app.example/login/callback"
SENT = f"{REGISTERED}/"


@pytest.fixture
def party(app):
    return make_client(app, client_name="Grafana", redirect_uris=[REGISTERED], client_uri="https://app.example/home")


def refused(visitor, party, **more):
    parameters = {"client_id": party.client_id, "redirect_uri": SENT, "response_type": "code", "scope": "openid"}
    return visitor.open(f"/oauth/authorize?{urlencode(parameters | more)}")


def kept(app):
    with app.app_context():
        return list(db.session().execute(select(Refusal)).scalars())


def test_a_stranger_sees_what_was_sent_and_the_rule_and_no_registered_value(app, party):
    answer = refused(Visitor(app), party)
    assert answer.status_code == 400
    assert "Grafana asked us to send you somewhere we do not recognise" in answer.text
    assert SENT in answer.text
    assert answer.headers["X-Request-Id"] in answer.text
    assert "Closest registered value" not in answer.text
    assert f">{REGISTERED}<" not in answer.text


def test_somebody_signed_in_sees_no_more_than_a_stranger(app, party):
    visitor = Visitor(app)
    sign_in(app, visitor.client, make_person(app))
    assert "Closest registered value" not in refused(visitor, party).text


def test_an_administrator_sees_the_closest_registered_value_and_what_differs(app, party):
    visitor = Visitor(app)
    sign_in(app, visitor.client, make_person(app, is_admin=True))
    page = refused(visitor, party).text
    assert "Closest registered value" in page
    assert f"{REGISTERED}<" in page
    assert '<mark class="address__mark">/</mark>' in page


def test_the_way_on_is_the_apps_registered_home_never_what_was_sent(app, party):
    page = refused(Visitor(app), party, redirect_uri="https://evil.example/cb").text
    assert 'href="https://app.example/home"' in page
    assert 'href="https://evil.example' not in page


def test_what_was_sent_is_shown_as_text(app, party):
    page = refused(Visitor(app), party, redirect_uri='https://app.example/"><script>alert(1)</script>').text
    assert "<script>alert" not in page


def test_the_reason_is_kept_under_the_request_id_with_allowed_facts_alone(app, party):
    answer = refused(Visitor(app), party, state="a-private-state", nonce="a-private-nonce")
    (refusal,) = kept(app)
    assert refusal.request_id == answer.headers["X-Request-Id"]
    assert (refusal.reason, refusal.client_id) == ("redirect_uri_mismatch", party.client_id)
    assert refusal.facts["redirect_uri"] == SENT
    assert "a-private" not in str(refusal.facts)


def test_a_disabled_app_is_named_and_not_led_to(app, party):
    disable_client(app, party.client_id)
    answer = refused(Visitor(app), party, redirect_uri=REGISTERED)
    assert answer.status_code == 403
    assert "app.example/home" not in answer.text
    assert [refusal.reason for refusal in kept(app)] == ["disabled_client"]


def test_a_sign_in_that_ran_out_is_kept_too(app, party):
    visitor = Visitor(app)
    where = refused(
        visitor, party, redirect_uri=REGISTERED, code_challenge="a" * 43, code_challenge_method="S256"
    ).headers["Location"]
    with app.app_context(), transaction() as session:
        session.execute(update(Interaction).values(expires_at=clock.utc_now() - timedelta(seconds=1)))
    answer = visitor.open(where)
    assert answer.status_code == 410
    assert "Go to Grafana" in answer.text
    assert [refusal.reason for refusal in kept(app)] == ["interaction_expired"]


def test_a_form_of_an_older_session_leads_to_its_page_again(app):
    visitor = Visitor(app)
    form = visitor.form("/login")
    answer = visitor.submit(form, csrf_token="old")
    assert answer.status_code == 400
    assert "This page is out of date" in answer.text
    assert 'href="/login"' in answer.text


def test_administrators_pages_are_not_for_everybody(app):
    visitor = Visitor(app)
    assert visitor.open("/admin/clients").headers["Location"].startswith("/login?interaction=")
    sign_in(app, visitor.client, make_person(app))
    answer = visitor.open("/admin/clients")
    assert answer.status_code == 403
    assert "Your account has no access to this" in answer.text
    sign_in(app, visitor.client, make_person(app, is_admin=True))
    assert visitor.open("/admin/clients").status_code == 200
