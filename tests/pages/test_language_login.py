"""What people read on the way in, and when something goes wrong, is all in the language of the page."""

import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
import time_machine

from idp import clock
from idp.diagnosis import reasons
from idp.login.factor import factors as all_factors
from idp.wording import Sentence
from tests import factories, passkeys, pseudo
from tests.visitor import PASSWORD, Visitor, forms_of

CALLBACK = "https://app.example/cb"
# What stands on every page: names of the site, of people and apps, addresses.
DATA = (
    "Doorward",
    "Grafana",
    "localhost",
    "app.example",
    "Ana Ruiz",
    "ana@people.example",
    "a…@people.example",
    "ana",
    "nobody",
    "xxxx-xxxx-xxxx",
)


@pytest.fixture
def backend():
    return "sqlite"  # Words do not depend on the database.


@pytest.fixture
def ana(app):
    return factories.make_person(app, "ana", password=PASSWORD)


@pytest.fixture
def party(app):
    uris = {"policy_uri": "https://app.example/privacy", "tos_uri": "https://app.example/terms"}
    return factories.make_client(app, client_name="Grafana", redirect_uris=[CALLBACK], **uris)


@pytest.fixture
def visitor(app, monkeypatch):
    found = Visitor(app)
    pseudo.speak(monkeypatch)
    return found


def asked(party, **more):
    given = {"client_id": party.client_id, "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid"}
    challenge = {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256"}
    return f"/oauth/authorize?{urlencode({**given, **challenge, **more})}"


def left(answer, *data):
    """Return what of a page is in no catalog, but for initials and what is said to developers."""
    page = re.sub(r'<(p|div) [^>]*lang="en">.*?</section>', "", answer.text, flags=re.DOTALL)
    page = re.sub(r'<span class="(app-tile|avatar)[^>]*>\w+</span>', "", page)
    return pseudo.unspoken(page, answer.headers["X-Request-Id"], *DATA, *data)


def test_signing_in_is_said_in_the_language_of_the_page(app, ana, party, visitor):
    assert left(visitor.visit("/login")) == []
    where = asked(party)
    assert left(visitor.visit(where)) == []
    form = visitor.form(where)
    assert left(visitor.submit(form, username="", password="")) == []
    for _ in range(6):
        answer = visitor.submit(form, username="ana", password="wrong password")
        assert left(answer) == []
        form = next(one for one in forms_of(answer.text) if "password" in one.values)
    assert answer.status_code == 429
    factories.sign_in(app, visitor.client, ana)
    for path in (asked(party, prompt="login"), "/login?again=1", asked(party, prompt="select_account")):
        assert left(visitor.visit(path)) == [], path
    passkeys.give(app, ana.id)
    with time_machine.travel(clock.utc_now() + timedelta(hours=1)):
        assert left(visitor.visit("/reauth")) == []
        assert left(visitor.submit(visitor.form("/reauth"), password="")) == []
        assert left(visitor.submit(visitor.form("/reauth"), password="wrong password")) == []


def test_the_second_step_is_said_in_the_language_of_the_page(app, ana, party, visitor):
    factories.give_totp(app, ana.id)
    factories.give_recovery_codes(app, ana.id)
    passkeys.give(app, ana.id)
    visitor.sign_in("ana", path=asked(party))
    where = visitor.last.headers["Location"]
    for way in ("totp", "recovery_code", "passkey"):
        page = f"{where}&by={way}"
        assert left(visitor.visit(page)) == [], way
        form = next(form for form in forms_of(visitor.visit(page).text) if form.action.startswith("/login/verify"))
        for code in ("", "000000", "000000"):
            assert left(visitor.submit(form, code=code, credential="{}")) == [], way


def test_setting_up_what_an_app_insists_on_is_said_in_the_language_of_the_page(app, ana, party, visitor):
    visitor.sign_in("ana", path=asked(party, claims='{"id_token":{"acr":{"essential":true,"values":["phr"]}}}'))
    assert left(visitor.visit(visitor.last.headers["Location"])) == []
    other = Visitor(app)
    strict = factories.make_client(app, client_name="Grafana", redirect_uris=[CALLBACK], require_second_factor=True)
    other.sign_in("ana", path=asked(strict))
    where = other.last.headers["Location"]
    page = other.visit(where)
    own = re.findall(r"[A-Z2-7]{4}(?: [A-Z2-7]{4})+", page.text)
    assert left(page, *own) == []
    form = next(form for form in forms_of(page.text) if "enrolment" in form.values)
    assert left(other.submit(form, code="1"), *own) == []
    seed = own[0].replace(" ", "")
    answer = other.submit(form, code=factories.totp_code(seed))
    codes = answer.headers["Location"]
    assert left(other.visit(codes)) == []
    made = other.submit(other.form(codes))
    assert left(made, *re.findall(r'recovery-codes__code">([^<]+)<', made.text)) == []


def test_finding_back_is_said_in_the_language_of_the_page(ana, visitor):
    form = visitor.form("/recover")
    assert left(visitor.visit("/recover")) == []
    assert left(visitor.submit(form, username="")) == []
    for _ in range(4):
        answer = visitor.submit(form, username="ana")
        assert left(answer) == []
    gone = f"/recover/{'x' * 43}"
    assert left(visitor.visit(gone)) == []
    for _ in range(4):
        assert left(visitor.submit(visitor.form(gone))) == []
    assert left(visitor.visit(f"/email/{'x' * 43}")) == []


def test_what_goes_wrong_is_said_in_the_language_of_the_page(app, ana, party, visitor):
    for path in (
        "/no-such-page",
        "/oauth/authorize?client_id=unknown",
        asked(party, redirect_uri="https://app.example/other"),
        "/login?interaction=int_gone",
    ):
        assert left(visitor.visit(path)) == [], path
    form = visitor.form("/login")
    assert left(visitor.submit(form, csrf_token="stale")) == []
    assert left(visitor.open("/login/verify", "DELETE", headers={"Accept": "text/html"})) == []
    factories.disable_client(app, party.client_id)
    assert left(visitor.visit(asked(party))) == []
    factories.disable_person(app, ana.id)
    assert left(visitor.submit(form, username="ana", password=PASSWORD)) == []


def test_scripts_say_nothing_of_their_own(visitor):
    form = visitor.form("/login")
    body = {"csrf_token": form.values["csrf_token"], "password": "qwertyuiop"}
    sentence = visitor.open("/password/strength", "POST", data=body).json["sentence"]
    assert sentence.startswith("⟦")
    assert sentence.endswith("⟧")


def test_every_reason_and_every_factor_has_sentences(app):
    for reason in reasons.ALL:
        assert isinstance(reason.title, Sentence), reason.code
        assert isinstance(reason.public, Sentence), reason.code
        named = reason.title_for("Wiki")
        assert isinstance(named, Sentence), reason.code
        # An app that is spoken of is spoken of by its name.
        assert "this app" not in named.lower(), reason.code
    with app.app_context():
        for factor in all_factors():
            assert isinstance(factor.question, Sentence), factor.name
            assert isinstance(factor.choice, Sentence), factor.name
