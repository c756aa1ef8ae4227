"""A request that needs a recent sign-in, answered so late that the sign-in made for it is not recent any more."""

from __future__ import annotations

import time
from urllib.parse import urlencode

import pytest
import time_machine

from tests.visitor import PASSWORD, Visitor, forms_of


@pytest.fixture
def visitor(idp):
    idp.person("ana", password=PASSWORD)
    return Visitor(idp.app)


def decide_later(visitor, start, *, seconds):
    """Sign in for the request at *start*, let the consent page lie, and allow it then; return where that leads."""
    waiting = visitor.open(start).headers["Location"].partition("interaction=")[2]
    asked = visitor.sign_in("ana", path=f"/login?interaction={waiting}").headers["Location"]
    form = consent_form(visitor.visit(asked))
    with time_machine.travel(time.time() + seconds, tick=False):
        page = visitor.visit(visitor.submit(form, decision="allow").headers["Location"])
        # The same person, asked for the password once more; what they allow counts from then on.
        assert (page.status_code, page.request.path) == (200, "/login")
        again = next(form for form in forms_of(page.text) if "username" in form.values)
        page = visitor.visit(visitor.submit(again, password=PASSWORD).headers["Location"])
        return visitor.visit(visitor.submit(consent_form(page), decision="allow").headers["Location"])


def consent_form(page):
    return next(form for form in forms_of(page.text) if "consent" in form.action)


def test_a_late_consent_asks_for_the_password_again_and_goes_on(idp, visitor):
    party = idp.party(skip_consent=False)
    page = decide_later(visitor, f"/oauth/authorize?{urlencode(party.parameters(max_age='60'))}", seconds=600)
    assert page.headers["Location"].startswith(f"{party.redirect_uri}?code=")


def test_a_late_consent_to_a_jwt_redirect_does_the_same(idp, visitor):
    made = idp.client(
        redirect_uris=[],
        grant_types=[],
        skip_consent=False,
        default_max_age=60,
        jwt_sso={"delivery_uri": "https://wiki.example/sso"},
    )
    page = decide_later(visitor, f"/sso/{made.client_id}", seconds=600)
    assert 'action="https://wiki.example/sso"' in page.text
