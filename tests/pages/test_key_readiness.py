"""The page that says who knows the next key, as an administrator without JavaScript uses it."""

import pytest
from sqlalchemy import select

from idp import clock
from idp.audit.models import AuditEvent
from idp.db import db
from idp.keys import algorithms, readiness, rotation
from idp.keys.ledger import Ledger
from idp.keys.models import Canary, GivenKey
from idp.settings import Settings
from idp.web.current import service
from tests.factories import make_client, make_person, sign_in
from tests.keyring import change, header_of, key_set, keys_of, of, token
from tests.visitor import Visitor, forms_of

KEYS = "/admin/keys"
PAGE = f"{KEYS}/readiness"


@pytest.fixture
def admin(app):
    visitor = Visitor(app)
    sign_in(app, visitor.client, make_person(app, "root", is_admin=True))
    return visitor


@pytest.fixture
def wiki(app):
    """An app that something was signed for, and that never fetched a key."""
    made = make_client(app, client_name="The wiki")
    with of(app):
        service(Ledger).signed(made.client_id, keys_of()["active"][0])
    return made


def form_to(visitor, path, action, **fields):
    page = visitor.visit(path)
    assert page.status_code == 200
    forms = [form for form in forms_of(page.text) if form.action == action]
    return next(form for form in forms if all(form.fields.get(name) == value for name, value in fields.items()))


def assessed(app):
    with of(app):
        service(Ledger).flush()
        return readiness.assess(db.session(), service(Settings), "RS256", clock.utc_now())


def test_who_would_break_is_named_and_the_rotation_refused_until_the_word_is_typed(app, admin, wiki):
    # The first two keys came together; the one that comes next did not.
    with of(app):
        rotation.rotate(change(app), "RS256", force=True)
        service(Ledger).signed(wiki.client_id, keys_of()["active"][0])
    for path in (KEYS, PAGE):
        page = admin.visit(path).text
        assert "The wiki" in page
    assert "Would break" in page
    before = header_of(_token(app))["kid"]
    form = form_to(admin, f"{KEYS}/rotate", f"{KEYS}/rotate")
    answer = admin.submit(form, alg="RS256")
    assert answer.status_code == 409
    assert "These apps are not known to have the next RS256 key: The wiki." in answer.text
    assert header_of(_token(app))["kid"] == before
    assert admin.submit(form, alg="RS256", word="rotate").status_code == 303
    assert header_of(_token(app))["kid"] != before


def test_an_app_that_fetches_at_its_own_address_is_confirmed(app, admin, wiki):
    assert admin.client.get(f"/oauth/jwks/{wiki.client_id}").status_code == 200
    assert f"/oauth/jwks/{wiki.client_id}" in admin.visit(f"/admin/clients/{wiki.client_id}").text
    page = admin.visit(PAGE).text
    assert "Confirmed" in page
    assert "is safe to rotate" in page
    assert admin.submit(form_to(admin, f"{KEYS}/rotate", f"{KEYS}/rotate"), alg="RS256").status_code == 303


def test_a_key_handed_over_by_name_pins_the_app(app, admin, wiki):
    with of(app):
        keys, published = keys_of(), key_set()
    form = form_to(admin, PAGE, f"{PAGE}/give")
    answer = admin.submit(form, client_id=wiki.client_id, kid=keys["active"][0])
    member = {name: published[keys["active"][0]][name] for name in ("kty", "n", "e")}
    assert answer.text == algorithms.public_pem(algorithms.ALGORITHMS["RS256"], member)
    assert [(one.kind, one.ready) for one in assessed(app).readers] == [(readiness.PINNED, False)]
    assert admin.submit(form, client_id=wiki.client_id, kid=keys["next"][0]).status_code == 200
    assert [(one.kind, one.ready) for one in assessed(app).readers] == [(readiness.PINNED, True)]
    with of(app):
        events = list(db.session.execute(select(AuditEvent).where(AuditEvent.type == "key.given")).scalars())
        assert [event.detail["app"] for event in events] == ["The wiki"] * 2
    admin.submit(form_to(admin, PAGE, f"{PAGE}/fetches"), client_id=wiki.client_id)
    with of(app):
        assert db.session.execute(select(GivenKey)).first() is None
    for client_id, kid in (("nobody", keys["next"][0]), (wiki.client_id, "no-such-key")):
        assert admin.submit(form, client_id=client_id, kid=kid).status_code == 404


def test_the_next_key_is_tried_with_one_app_and_taken_back(app, admin, wiki):
    admin.submit(form_to(admin, PAGE, f"{PAGE}/trial"), client_id=wiki.client_id, alg="RS256")
    with of(app):
        keys = keys_of()
    assert header_of(_token(app, wiki.client_id))["kid"] == keys["next"][0]
    assert header_of(_token(app))["kid"] == keys["active"][0]
    assert "Trial" in admin.visit(PAGE).text
    admin.submit(form_to(admin, PAGE, f"{PAGE}/trial/end"))
    assert header_of(_token(app, wiki.client_id))["kid"] == keys["active"][0]
    with of(app):
        (trial,) = db.session.execute(select(Canary)).scalars()
        assert trial.returned_at is not None
        assert not trial.by_itself


def _token(app, client_id=""):
    with of(app):
        return token(reader=client_id)
