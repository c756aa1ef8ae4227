"""Trying the next key with one app: what shows that the app knows it, and what takes the key back."""

import json
import time
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import update

from idp import clock
from idp.audit.log import COMMAND_LINE
from idp.db import db, transaction
from idp.keys import canary, readiness
from idp.keys.ledger import Ledger
from idp.keys.models import SigningKey
from idp.settings import Settings
from idp.web.current import service
from tests.factories import make_client, make_person, sign_in
from tests.keyring import header_of, keys_of, of
from tests.visitor import Visitor, forms_of

HERE = "http://localhost:8000"
PASSWORD = "correct horse battery staple"
API = "https://api.example"
MACHINE = {"grant_types": ["client_credentials"], "redirect_uris": None, "resources": [API], "scope": None}
WIKI = {"grant_types": [], "redirect_uris": None, "jwt_sso": {"delivery_uri": "https://wiki.example/sso"}}
PAGES = {
    "token_endpoint_auth_method": "none",
    "grant_types": [],
    "response_types": [],
    "redirect_uris": [],
    "scope": "",
    "skip_consent": True,
    "resources": [API],
    "default_resource": API,
    "token_api": {"origins": []},
}


class Trial:
    """One app, the next key, and a clock that goes where it is sent."""

    def __init__(self, app, travel, **metadata):
        self.app, self.travel = app, travel
        self.client_id = make_client(app, **metadata).client_id
        with of(app):
            (self.active,), (self.next,) = keys_of()["active"], keys_of()["next"]
            with transaction() as session:
                # So that there was a key set without the next key; whoever holds it does not know that key.
                earlier = {"published_at": clock.utc_now() - timedelta(days=1)}
                session.execute(update(SigningKey).where(SigningKey.kid == self.active).values(**earlier))
        self.signed(self.active)
        self.later(minutes=10)

    def later(self, **length):
        self.app.extensions["idp"][Ledger].flush()
        self.travel.shift(timedelta(**length))

    def signed(self, kid=None):
        self.app.extensions["idp"][Ledger].signed(self.client_id, kid or self.next)

    def begin(self):
        with of(self.app), transaction() as session:
            canary.begin(session, service(Settings), "RS256", self.client_id, now=clock.utc_now(), by=COMMAND_LINE)

    def end(self, *, by_itself=False):
        with of(self.app), transaction() as session:
            assert canary.end(session, self.client_id, now=clock.utc_now(), by_itself=by_itself) == [self.next]

    def reader(self):
        self.app.extensions["idp"][Ledger].flush()
        with of(self.app):
            (found,) = readiness.assess(db.session(), service(Settings), "RS256", clock.utc_now()).readers
            return found


@pytest.fixture
def trial_of(app):
    with time_machine.travel(time.time(), tick=False) as travel:
        yield lambda **metadata: Trial(app, travel, **metadata)


def test_five_minutes_of_a_trial_without_a_return_show_that_the_app_knows_the_key(trial_of):
    trial = trial_of()
    assert not trial.reader().ready
    trial.begin()
    trial.later(minutes=20)
    # Nobody signed in meanwhile, so nothing was shown.
    assert not trial.reader().ready
    trial.signed()
    trial.later(minutes=4)
    assert not trial.reader().ready
    trial.later(minutes=1)
    assert trial.reader().ready


@pytest.mark.parametrize("by_itself", [True, False])
def test_a_trial_that_was_ended_shows_nothing_in_the_next_one(trial_of, by_itself):
    trial = trial_of()
    trial.begin()
    trial.signed()
    trial.later(minutes=1)
    trial.end(by_itself=by_itself)
    trial.later(hours=1)
    trial.begin()
    assert not trial.reader().ready
    trial.later(minutes=10)
    assert not trial.reader().ready
    # The first of it is no proof, however old the trial is.
    trial.signed()
    assert not trial.reader().ready
    trial.later(minutes=5)
    assert trial.reader().ready


def test_an_app_whose_trial_went_back_by_itself_is_known_by_no_download_until_a_trial_lasted(trial_of):
    trial = trial_of()
    trial.app.test_client().get(f"/oauth/jwks/{trial.client_id}", base_url=HERE)
    assert trial.reader().kind == readiness.CONFIRMED
    assert trial.reader().ready
    trial.begin()
    trial.signed()
    trial.end(by_itself=True)
    assert not trial.reader().ready
    trial.later(hours=1)
    trial.begin()
    assert not trial.reader().ready
    trial.end()
    assert not trial.reader().ready
    trial.begin()
    trial.signed()
    trial.later(minutes=5)
    assert trial.reader().ready


def test_an_app_without_people_shows_nothing_in_a_trial(trial_of):
    trial = trial_of(**MACHINE)
    trial.begin()
    trial.signed()
    trial.later(hours=1)
    trial.signed()
    assert not trial.reader().ready
    assert "Nobody signs in to it who would have to start over" in trial.reader().why


def test_sign_ins_from_before_the_trial_do_not_end_it(idp):
    party, browser = idp.party(), idp.browser(idp.person())
    for _ in range(3):
        party.sign_in(browser)
    with of(idp.app), transaction() as session:
        (next_,) = keys_of()["next"]
        canary.begin(session, service(Settings), "RS256", party.client_id, now=clock.utc_now(), by=COMMAND_LINE)
    # The last of these is the one that ends it.
    assert [header_of(party.sign_in(browser).id_token)["kid"] == next_ for _ in range(4)] == [True, True, True, False]


def test_a_trial_with_the_jwt_redirect_goes_back_by_itself(trial_of):
    trial = trial_of(**WIKI)
    visitor = Visitor(trial.app)
    sign_in(trial.app, visitor.client, make_person(trial.app, "ana"))

    def kid():
        (form,) = [one for one in forms_of(visitor.visit(f"/sso/{trial.client_id}").text) if "://" in one.action]
        return header_of(dict(form.values)["jwt"])["kid"]

    trial.begin()
    assert [kid() for _ in range(6)] == [trial.next] * 4 + [trial.active] * 2
    assert trial.reader().why == "Its people started over again and again when it was tried."


def test_a_trial_with_the_token_api_goes_back_by_itself(trial_of):
    trial = trial_of(**PAGES)
    make_person(trial.app, "ana", password=PASSWORD)

    def kid():
        answer = trial.app.test_client(use_cookies=False).post(
            "/api/token/",
            data=json.dumps({"username": "ana", "password": PASSWORD}),
            content_type="application/json",
            base_url=HERE,
        )
        assert answer.status_code == 200, answer.text
        return header_of(answer.json["access"])["kid"]

    trial.begin()
    kids = [kid() for _ in range(4)]
    assert kids[:3] == [trial.next] * 3
    assert kid() == trial.active
    assert trial.reader().why == "Its people started over again and again when it was tried."
