"""The pages of the signing keys, as an administrator without JavaScript uses them."""

import json
import re
from datetime import timedelta

import pytest
from joserfc.jwk import ECKey, RSAKey
from sqlalchemy import select, update

from idp import clock
from idp.audit.models import AuditEvent
from idp.db import db, transaction
from idp.keys import rotation
from idp.keys.models import SigningKey
from idp.sessions.models import BrowserSession
from idp.settings import KeySettings
from tests.factories import make_client, make_person, sign_in
from tests.keyring import change, header_of, key_set, keys_of, of, token, verify
from tests.visitor import Visitor, forms_of

KEYS = "/admin/keys"
PAGES = (KEYS, f"{KEYS}/rotate", f"{KEYS}/replace", f"{KEYS}/import")


@pytest.fixture
def person(app):
    return make_person(app, "root", is_admin=True)


@pytest.fixture
def admin(app, person):
    visitor = Visitor(app)
    sign_in(app, visitor.client, person)
    return visitor


def form_to(visitor, path, action):
    page = visitor.visit(path)
    assert page.status_code == 200
    return next(form for form in forms_of(page.text) if form.action == action)


def names(app, alg="RS256"):
    with of(app):
        found = {}
        for key in db.session.execute(select(SigningKey).where(SigningKey.alg == alg)).scalars():
            found.setdefault(key.state, []).append(key.name)
        return found


def held(app, alg="RS256"):
    with of(app):
        return keys_of(alg)


def audited(app, kind):
    with of(app):
        return list(db.session.execute(select(AuditEvent).where(AuditEvent.type == kind)).scalars())


def make_sign_in_old(app):
    with of(app), transaction() as session:
        session.execute(update(BrowserSession).values(auth_time=clock.utc_now() - timedelta(minutes=6)))


def test_the_page_shows_what_signs_what_follows_and_why_rotating_is_safe(app, admin):
    page = admin.visit(KEYS).text
    for alg in ("RS256", "ES256"):
        for kids in names(app, alg).values():
            assert kids[0] in page
    for words in ("Signing now", "Next rotation", "Ready to rotate?", "Timeline", "Why it’s safe to rotate", "Policy",
                  "Key leaked?", "Next key is out", "In 90 days", "14 days", "7 days", "5 minutes"):  # fmt: skip
        assert words.lower() in page.lower()
    assert page.count("timeline__signing") >= 4
    assert "timeline__published" in page


def test_rotate_now_promotes_the_next_key_and_publishes_another(app, admin, person):
    before = held(app)
    with of(app):
        old = token()
    answer = admin.submit(form_to(admin, f"{KEYS}/rotate", f"{KEYS}/rotate"), alg="RS256")
    assert (answer.status_code, answer.headers["Location"]) == (303, KEYS)
    after = held(app)
    assert after["active"] == before["next"]
    assert after["retiring"] == before["active"]
    page = admin.visit(KEYS).text
    assert f"{names(app)['active'][0]} signs RS256 now" in page
    assert "Verify only" in page
    with of(app):
        assert header_of(token())["kid"] == after["active"][0]
        assert verify(old)
    (event,) = audited(app, "key.promoted")
    assert event.actor_id == person.id
    assert event.target_id == after["active"][0]


def test_too_early_is_refused_with_the_time_and_overridden_by_the_word(app, admin):
    with of(app):
        rotation.rotate(change(app), "RS256")
    before = held(app)
    assert "Not yet" in admin.visit(KEYS).text
    form = form_to(admin, f"{KEYS}/rotate", f"{KEYS}/rotate")
    for word in ("", "yes", "replace"):
        answer = admin.submit(form, alg="RS256", word=word)
        assert answer.status_code == 409
        assert re.search(r"It is too early: .* until .* UTC", answer.text)
        assert "<title>Error: " in answer.text
        assert held(app) == before
    answer = admin.submit(form, alg="RS256", word=" Rotate ")
    assert answer.status_code == 303
    assert held(app)["active"] == before["next"]


def test_a_leaked_key_is_replaced_once_the_word_is_typed(app, admin):
    make_client(app)
    with of(app):
        old = token()
    before = held(app)
    page = admin.visit(f"{KEYS}/replace").text
    for words in ("Live grants", "Apps", "People", "Sessions here", "Type replace"):
        assert words in page
    form = form_to(admin, f"{KEYS}/replace", f"{KEYS}/replace")
    for word in ("", "rotate", "replace it"):
        answer = admin.submit(form, alg="RS256", word=word)
        assert answer.status_code == 400
        assert held(app) == before
    answer = admin.submit(form, alg="RS256", word="replace")
    assert answer.status_code == 303
    after = held(app)
    assert after["revoked"] == before["active"]
    assert after["active"] == before["next"]
    with of(app):
        with pytest.raises(Exception, match="not valid"):
            verify(old)
        assert after["revoked"][0] not in key_set()
    # The administrator is signed in still.
    assert "is revoked" in admin.visit(KEYS).text


def test_the_blast_radius_counts_what_lives(app, admin, person):
    page = admin.visit(f"{KEYS}/replace").text
    shown = dict(re.findall(r'stat__label">([^<]+)</h2>\s*<div class="stat__value"><span>(\d+)</span>', page))
    assert shown == {"Apps": "0", "People": "0", "Live grants": "0", "Sessions here": "1", "Apps told": "0"}


def test_single_keys_are_revoked(app, admin):
    next_kid = held(app)["next"][0]
    form = form_to(admin, KEYS, f"{KEYS}/{next_kid}/revoke")
    assert admin.submit(form).status_code == 303
    assert held(app)["revoked"] == [next_kid]
    assert len(held(app)["next"]) == 1
    # Twice is told, not done.
    assert "revoked already" in admin.visit(admin.submit(form).headers["Location"]).text
    # The one that signs is replaced on its own page, after the word.
    active = held(app)["active"][0]
    page = admin.visit(KEYS).text
    assert f"{KEYS}/{active}/revoke" not in page
    assert f"{KEYS}/replace?alg=RS256" in page
    answer = admin.open(f"{KEYS}/{active}/revoke", "POST", data=form.values)
    assert answer.headers["Location"] == f"{KEYS}/replace?alg=RS256"
    assert held(app)["active"] == [active]
    assert admin.open(f"{KEYS}/{'x' * 43}/revoke", "POST", data=form.values).status_code == 404


def test_a_missing_next_key_is_amber_and_can_be_created(app, admin):
    with of(app), transaction() as session:
        session.execute(update(SigningKey).where(SigningKey.state == "next").values(state="revoked"))
    page = admin.visit(KEYS).text
    assert "There is no next key for RS256." in page
    assert "Not yet" in page
    assert "There is no next key" in admin.visit(f"{KEYS}/rotate").text
    form = next(form for form in forms_of(page) if form.values.get("alg") == "RS256")
    assert admin.submit(form).status_code == 303
    assert len(held(app)["next"]) == 1
    assert "There is no next key for RS256." not in admin.visit(KEYS).text


def test_a_late_rotation_is_red_with_the_reason(app, admin):
    assert "Rotation is late" not in admin.visit(KEYS).text
    with of(app), transaction() as session:
        long_ago = clock.utc_now() - timedelta(days=91)
        session.execute(update(SigningKey).values(published_at=long_ago))
        session.execute(update(SigningKey).where(SigningKey.state == "active").values(activated_at=long_ago))
    page = admin.visit(KEYS).text
    assert "Rotation is late" in page
    assert "the next RS256 key should be signing" in page


def test_a_private_key_is_imported_to_follow_and_never_shown(app, admin):
    key = RSAKey.generate_key(2048)
    pem = key.as_pem(private=True).decode()
    form = form_to(admin, f"{KEYS}/import", f"{KEYS}/import")
    answer = admin.submit(form, alg="RS256", key=pem)
    assert answer.status_code == 303
    assert key.thumbprint() in held(app)["next"]
    secret = key.as_dict(private=True)["d"]
    for path in (KEYS, f"{KEYS}/{key.thumbprint()}", "/admin/audit"):
        page = admin.visit(path)
        assert page.status_code == 200
        assert secret not in page.text
        assert "PRIVATE KEY" not in page.text
    with of(app):
        assert key.thumbprint() in key_set()
        assert {event.detail["state"] for event in audited(app, "key.imported")} == {"next"}
    # A second time, or refused, what was pasted does not come back.
    for alg, text in (("RS256", pem), ("ES256", pem), ("RS256", pem.replace("A", "B", 5))):
        answer = admin.submit(form, alg=alg, key=text)
        assert answer.status_code in {400, 409}
        assert "PRIVATE KEY" not in answer.text


def test_a_public_key_is_imported_to_verify_only(app, admin):
    key = ECKey.generate_key("P-256")
    form = form_to(admin, f"{KEYS}/import", f"{KEYS}/import")
    assert admin.submit(form, alg="ES256", key=json.dumps(key.as_dict(private=False))).status_code == 303
    assert key.thumbprint() in held(app, "ES256")["retiring"]
    assert "verifies only" in admin.visit(KEYS).text
    with of(app):
        assert key_set()[key.thumbprint()]["x"] == key.as_dict()["x"]
    assert "this key verifies only" in admin.visit(f"{KEYS}/{key.thumbprint()}").text


def test_public_keys_are_exported_and_audited(app, admin):
    kid = held(app)["active"][0]
    answer = admin.submit(form_to(admin, KEYS, f"{KEYS}/export"), kid=None)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="jwks.json"'
    with of(app):
        assert json.loads(answer.data) == {"keys": list(key_set().values())}
    answer = admin.submit(form_to(admin, f"{KEYS}/{kid}", f"{KEYS}/export"))
    assert answer.text.startswith("-----BEGIN PUBLIC KEY-----")
    assert RSAKey.import_key(answer.text).thumbprint() == kid
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{names(app)["active"][0]}.pem"'
    assert len(audited(app, "key.exported")) == 2
    answer = admin.submit(form_to(admin, f"{KEYS}/{kid}", f"{KEYS}/export"), kid="x" * 43)
    assert answer.status_code == 404


def test_M07_no_page_holds_a_private_key(app, admin):
    with of(app):
        rotation.rotate(change(app), "RS256")
        kids = [kid for alg in ("RS256", "ES256") for kids in keys_of(alg).values() for kid in kids]
        envelopes = list(db.session.execute(select(SigningKey.private_jwk)).scalars())
    for path in (*PAGES, *(f"{KEYS}/{kid}" for kid in kids), "/oauth/jwks", "/.well-known/jwks.json"):
        page = admin.visit(path)
        assert page.status_code == 200
        assert "PRIVATE KEY" not in page.text
        assert '"d"' not in page.text.replace("&#34;", '"')
        assert not any(envelope in page.text for envelope in envelopes)


def test_M09_everything_that_changes_keys_asks_for_a_recent_sign_in(app, admin):
    before = held(app)
    kid = before["next"][0]
    form = form_to(admin, f"{KEYS}/rotate", f"{KEYS}/rotate")
    make_sign_in_old(app)
    for path in (f"{KEYS}/rotate", f"{KEYS}/replace", f"{KEYS}/import"):
        assert admin.open(path).headers["Location"].startswith("/reauth")
    for path in ("rotate", "replace", "import", "next", f"{kid}/revoke"):
        values = {**form.values, "alg": "RS256", "word": "replace", "key": "x"}
        answer = admin.open(f"{KEYS}/{path}", "POST", data=values)
        assert answer.status_code == 303
        assert answer.headers["Location"].startswith("/reauth")
    assert held(app) == before
    assert admin.open(KEYS).status_code == 200


def test_changes_need_the_form_of_an_administrator(app, admin):
    before = held(app)
    for path in ("rotate", "replace", "import", "next", "export", f"{before['next'][0]}/revoke"):
        assert admin.open(f"{KEYS}/{path}", "POST", data={"alg": "RS256", "word": "replace"}).status_code == 400
    other = Visitor(app)
    sign_in(app, other.client, make_person(app))
    for path in PAGES:
        assert other.open(path).status_code in {403, 404}
        assert Visitor(app).open(path).headers["Location"].startswith("/login")
    assert held(app) == before


def test_odd_input_is_refused_plainly(app, admin):
    rotate = form_to(admin, f"{KEYS}/rotate", f"{KEYS}/rotate")
    replace = form_to(admin, f"{KEYS}/replace", f"{KEYS}/replace")
    for alg in ("", "none", "HS256", "RS256\0", "x" * 1000, "ü"):
        assert admin.submit(rotate, alg=alg).status_code == 400
        assert admin.submit(replace, alg=alg, word="replace").status_code == 400
    # Nothing signs with it, so there is nothing to rotate.
    assert admin.submit(rotate, alg="PS256").headers["Location"] == KEYS
    assert admin.visit(f"{KEYS}/{'y' * 43}").status_code == 404
    assert admin.visit(f"{KEYS}/{'y' * 42}").status_code == 404
    assert held(app)["active"]


def test_the_page_holds_with_every_policy(make_app):
    for keys in (
        KeySettings(rotate_every=timedelta(seconds=2), jwks_max_age=timedelta(seconds=1), keep=timedelta(seconds=1)),
        KeySettings(rotate_every=timedelta(days=3650), publish_ahead=timedelta(days=1)),
        KeySettings(rotate_every=timedelta(days=20), keep=timedelta(days=90)),
    ):
        app = make_app(keys=keys)
        visitor = Visitor(app)
        sign_in(app, visitor.client, make_person(app, is_admin=True))
        with of(app):
            rotation.rotate(change(app, after=timedelta(seconds=5)), "RS256", force=True)
        page = visitor.visit(KEYS)
        assert page.status_code == 200
        positions = [float(found) for found in re.findall(r'(?:x|width|x1)="([0-9.]+)%"', page.text)]
        assert positions
        assert all(0 <= position <= 100 for position in positions)
