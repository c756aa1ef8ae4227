"""The contract of a client's tokens: what they hold, what would change it, and consent before anything does."""

import html
from datetime import timedelta

import pytest
from sqlalchemy import select

from idp.audit.models import AuditEvent
from idp.clients import store
from idp.contracts.notes import Notes
from idp.db import db
from idp.settings import TokenSettings
from idp.web.current import service
from tests import factories
from tests.protocol.conftest import Provider
from tests.relying_party import RelyingParty
from tests.visitor import PASSWORD, Visitor, forms_of

PATH = "/admin/clients/notes/contract"
EDIT = "/admin/clients/notes/edit"
CLAIMS = "/admin/clients/notes/claims"


@pytest.fixture
def root(app):
    return factories.make_person(app, "root", password=PASSWORD, is_admin=True, name="Root")


@pytest.fixture
def admin(app, root):
    return visitor(app, root)


@pytest.fixture
def notes(app):
    return factories.make_client(app, client_id="notes", client_name="Notes")


def visitor(app, person):
    found = Visitor(app)
    factories.sign_in(app, found.client, person)
    return found


def use(app, notes, person):
    """Sign somebody in to the client, and write down what it was given."""
    idp = Provider(app, "http://localhost:8000")
    with app.app_context():
        address = store.read(db.session(), "notes").metadata.redirect_uris[0]
    party = RelyingParty(idp.http(), idp.issuer, "notes", notes.client_secret, address)
    tokens = party.sign_in(idp.browser(person))
    party.userinfo(tokens.access)
    with app.app_context():
        service(Notes).flush()
    return tokens


def metadata(app):
    with app.app_context():
        return store.read(db.session(), "notes").metadata


def asked(answer, path):
    """Return the form of the page that asks, and what its button says when it is pressed."""
    form = next(form for form in forms_of(answer.text) if form.action == path)
    return form, answer.text.split('name="contract_agreed" value="')[1].split('"')[0]


def test_settings_wait_until_somebody_agrees(admin, app, make_app, notes, root):
    assert "Nothing is pinned yet" in admin.visit(PATH).text
    use(app, notes, root)
    page = html.unescape(admin.visit(PATH).text)
    words = ("As agreed.", "ID token", "Access token", "UserInfo answer", "Granted openid profile email", "in 1 of 1")
    for word in (*words, "in every token", "RS256", "as the first tokens were"):
        assert word in page, word
    later = visitor(make_app(tokens=TokenSettings(id=timedelta(minutes=20))), root)
    assert "Tokens differ" in later.visit("/admin/clients").text
    assert "See the difference" in later.visit("/admin/clients/notes").text
    page = later.visit(PATH).text
    assert "Waits for your consent" in page
    assert "<del>Lives: 1 hour</del>" in page
    assert "<ins>Lives: 20 minutes</ins>" in page
    form = later.form(PATH, action=PATH)
    assert later.submit(form, agreed="something else").status_code == 409
    assert later.submit(form).location == PATH
    page = later.visit(PATH).text
    assert "agreed to by Root" in page
    assert "As agreed." in page
    assert "Tokens differ" not in later.visit("/admin/clients").text
    claims = use(later.app, notes, root).id_claims
    assert claims["exp"] - claims["iat"] == 1200


def test_the_form_asks_before_tokens_change(admin, app, notes, root):
    use(app, notes, root)
    assert admin.submit(admin.form(EDIT, action=EDIT), client_name="Our notes").status_code == 303
    form = admin.form(EDIT, action=EDIT)
    question = admin.submit(form, id_token_signed_response_alg="ES256", id_token_profile_claims=None)
    assert question.status_code == 200
    text = html.unescape(question.text)
    assert "Nothing is saved yet" in text
    assert "<del>Signed with: RS256</del>" in text
    assert "<del>email: string, not in all</del>" in text
    kept, agreed = asked(question, EDIT)
    again = admin.submit(kept, contract_back="1")
    assert "Nothing is saved yet" not in again.text
    shown = next(form for form in forms_of(again.text) if form.action == EDIT)
    assert shown.values["id_token_signed_response_alg"] == "ES256"
    # A consent to something else is none.
    assert "Nothing is saved yet" in admin.submit(kept, contract_agreed="x").text
    assert metadata(app).id_token_signed_response_alg == "RS256"
    assert admin.submit(kept, contract_agreed=agreed).status_code == 303
    assert metadata(app).id_token_signed_response_alg == "ES256"
    assert "As agreed." in admin.visit(PATH).text
    with app.app_context():
        types = db.session().execute(select(AuditEvent.type).where(AuditEvent.target_id == "notes")).scalars().all()
    assert types.count("contract.accepted") == 1
    ask_about_names(admin, app)


def ask_about_names(admin, app):
    """Other names for claims are asked about in the same way."""
    form = admin.form(CLAIMS, action=CLAIMS)
    question = admin.submit(form, **{"row-0-place": "id_token", "row-0-name": "uid", "row-0-source": "sub"})
    assert "<ins>uid: string</ins>" in question.text
    kept, agreed = asked(question, CLAIMS)
    assert 'value="uid"' in admin.submit(kept, contract_back="1").text
    assert not metadata(app).claim_mapping.id_token
    assert admin.submit(kept, contract_agreed=agreed).status_code == 303
    assert metadata(app).claim_mapping.id_token == (("uid", "sub"),)
