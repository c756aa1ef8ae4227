"""What a client is told of people: its own names for claims, and the preview for one person."""

import json
from datetime import timedelta
from html import unescape
from html.parser import HTMLParser
from urllib.parse import urlencode

import pytest
from sqlalchemy import select, update

from idp import clock
from idp.audit.models import AuditEvent
from idp.clients import store
from idp.clients.claim_mapping import ClaimMapping
from idp.db import db, transaction
from idp.sessions.models import BrowserSession
from idp.tokens.models import Grant
from tests import factories
from tests.factories import ALL_CLAIMS
from tests.visitor import PASSWORD, Visitor

PATH = "/admin/clients/notes/claims"


@pytest.fixture
def root(app):
    return factories.make_person(app, "root", password=PASSWORD, is_admin=True, name="Root")


@pytest.fixture
def admin(app, root):
    found = Visitor(app)
    factories.sign_in(app, found.client, root)
    return found


@pytest.fixture
def ana(app):
    return factories.make_person(app, "ana", claims=ALL_CLAIMS, in_groups=("staff",))


@pytest.fixture
def notes(app):
    return factories.make_client(
        app, client_id="notes", client_name="Notes", scope="openid profile email address phone groups"
    )


def mapping(app, client_id="notes"):
    with app.app_context():
        return store.read(db.session(), client_id).metadata.claim_mapping


def form(admin):
    return admin.form(PATH, action=PATH)


def filled(*rows):
    return {
        f"row-{number}-{field}": value
        for number, row in enumerate(rows)
        for field, value in zip(("place", "name", "source"), row, strict=True)
    }


class _Blocks(HTMLParser):
    """Collects the listings of a page by their ids."""

    def __init__(self):
        super().__init__(convert_charrefs=False)
        self.found, self._id = {}, None

    def handle_starttag(self, tag, attrs):
        if tag == "pre":
            self._id = dict(attrs)["id"]
            self.found[self._id] = ""

    def handle_endtag(self, tag):
        if tag == "pre":
            self._id = None

    def handle_data(self, data):
        if self._id:
            self.found[self._id] += data

    def handle_entityref(self, name):
        self.handle_data(unescape(f"&{name};"))

    def handle_charref(self, name):
        self.handle_data(unescape(f"&#{name};"))


def previews(admin, path=PATH, **asked):
    page = admin.visit(f"{path}?{urlencode(asked, doseq=True)}")
    assert page.status_code == 200
    blocks = _Blocks()
    blocks.feed(page.text)
    return {name.removesuffix("-claims"): json.loads(text) for name, text in blocks.found.items()}, page.text


# The names


def test_names_are_added_changed_and_removed(app, admin, notes):
    one, two = ("id_token", "external_id", "sub"), ("userinfo", "login", "preferred_username")
    more = admin.submit(form(admin), **filled(one), add="1")
    assert (more.status_code, mapping(app)) == (200, ClaimMapping())
    assert 'name="row-1-name"' in more.text
    assert 'value="external_id"' in more.text
    assert admin.submit(form(admin), **filled(one, two)).status_code == 303
    assert "The claims are saved." in admin.visit(PATH).text
    assert mapping(app) == ClaimMapping(id_token=(one[1:],), userinfo=(two[1:],))
    shown = form(admin).values
    assert [shown[f"row-{number}-name"] for number in range(3)] == ["external_id", "login", ""]
    changed = admin.submit(form(admin), **{"row-0-remove": "1", "row-1-source": "nickname"})
    assert changed.status_code == 303
    assert mapping(app) == ClaimMapping(userinfo=(("login", "nickname"),))
    assert admin.submit(form(admin), **filled(("id_token", "", ""))).status_code == 303
    assert mapping(app) == ClaimMapping()
    assert admin.submit(form(admin)).status_code == 303
    assert "Nothing was changed." in admin.visit(PATH).text


def test_a_change_is_in_the_audit_log_once(app, admin, notes):
    admin.submit(form(admin), **filled(("id_token", "external_id", "sub")))
    admin.submit(form(admin))
    with app.app_context():
        (entry,) = db.session().execute(select(AuditEvent).where(AuditEvent.type == "client.changed")).scalars()
    assert (entry.target_id, entry.actor_name) == ("notes", "Root")
    assert entry.detail["changes"] == [
        {"field": "claim_mapping", "before": "", "after": '{"id_token": {"external_id": "sub"}}'}
    ]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (("id_token", "iss", "email"), "iss belongs to the token itself"),
        (("id_token", "groups", "nickname"), "groups for something that is vouched for"),
        (("id_token", "a b", "email"), "cannot be the name of a claim"),
        (("id_token", "", "email"), "Give it the name"),
        (("id_token", "x", ""), "Choose what x holds."),
        (("id_token", "x", "password_hash"), "is not a standard claim"),
        (("logout_token", "x", "email"), "Choose where it is told."),
        (("access_token", "active", "email"), "active belongs to the token itself"),
    ],
)
def test_a_row_that_cannot_be_is_refused_beside_it_and_kept(app, admin, notes, row, sentence):
    good = ("userinfo", "login", "preferred_username")
    answer = admin.submit(form(admin), **filled(good, row))
    assert answer.status_code == 400
    assert "<title>Error: " in answer.text
    assert sentence in answer.text
    assert 'id="row-1-name-error"' in answer.text
    assert 'value="login"' in answer.text
    assert mapping(app) == ClaimMapping()


def test_a_name_is_there_once_in_each_place(app, admin, notes):
    twice = [("id_token", "x", "email"), ("id_token", "x", "sub")]
    assert "x is there twice" in admin.submit(form(admin), **filled(*twice)).text
    apart = [("id_token", "x", "email"), ("userinfo", "x", "sub")]
    assert admin.submit(form(admin), **filled(*apart)).status_code == 303


def test_more_than_thirty_names_of_one_place_are_refused(app, admin, notes):
    answer = admin.submit(form(admin), **filled(*(("id_token", f"a{number}", "sub") for number in range(31))))
    assert answer.status_code == 400
    assert "Use at most 30 names." in answer.text
    assert mapping(app) == ClaimMapping()


def test_M09_an_old_sign_in_is_asked_for_the_password_and_the_rows_are_kept(app, admin, notes):
    page = form(admin)
    with app.app_context(), transaction() as session:
        session.execute(update(BrowserSession).values(auth_time=clock.utc_now() - timedelta(minutes=6)))
    answer = admin.submit(page, **filled(("id_token", "external_id", "sub")))
    assert (answer.status_code, answer.location.partition("?")[0]) == (303, "/reauth")
    assert mapping(app) == ClaimMapping()
    back = admin.submit(admin.form(answer.location), password=PASSWORD)
    assert back.status_code == 303
    kept = admin.form(back.location, action=PATH)
    assert kept.values["row-0-name"] == "external_id"
    assert mapping(app) == ClaimMapping()
    assert admin.submit(kept).status_code == 303
    assert mapping(app) == ClaimMapping(id_token=(("external_id", "sub"),))


def test_a_kept_form_is_that_of_its_browser_and_its_client(app, root, admin, notes):
    factories.make_client(app, client_id="other")
    page = form(admin)
    with app.app_context(), transaction() as session:
        session.execute(update(BrowserSession).values(auth_time=clock.utc_now() - timedelta(minutes=6)))
    kept = admin.submit(page, **filled(("id_token", "external_id", "sub"))).location.partition("interaction=")[2]
    assert admin.open(f"/admin/clients/other/claims?interaction={kept}").status_code == 404
    elsewhere = Visitor(app)
    factories.sign_in(app, elsewhere.client, root)
    assert elsewhere.open(f"{PATH}?interaction={kept}").status_code == 403


def test_other_settings_stay_as_they_are(app, admin):
    given = {
        "redirect_uris": ["https://notes.example/callback"],
        "id_token_profile_claims": False,
        "contacts": ["ops@notes.example"],
        "jwt_sso": {"delivery_uri": "https://notes.example/jwt", "claims": {"mail": "email"}},
    }
    factories.make_client(app, client_id="notes", **given)
    with app.app_context():
        before = store.read(db.session(), "notes").metadata.as_json()
    admin.submit(form(admin), **filled(("id_token", "external_id", "sub")))
    edit = "/admin/clients/notes/edit"
    assert admin.submit(admin.form(edit, action=edit)).status_code == 303
    with app.app_context():
        after = store.read(db.session(), "notes").metadata.as_json()
    assert after == before | {"claim_mapping": {"id_token": {"external_id": "sub"}}}


# The preview


def test_the_preview_says_what_the_client_is_told(app, admin, notes, ana):
    admin.submit(
        form(admin),
        **filled(
            ("id_token", "external_id", "sub"), ("userinfo", "login", "email"), ("access_token", "roles", "groups")
        ),
    )
    found, page = previews(admin, q="ana")
    assert set(found) == {"id_token", "userinfo", "access_token"}
    assert (found["id_token"]["external_id"], found["id_token"]["sub"]) == (ana.id, ana.id)
    assert found["userinfo"]["login"] == ana.email
    assert found["access_token"]["roles"] == ["staff"]
    assert found["id_token"]["aud"] == "notes"
    assert "Mapped from email. The email address of the account (scope email)." in page
    assert "Their profile, which they can change themselves (scope profile)." in page


def test_every_claim_of_a_preview_has_its_origin(app, admin, ana):
    factories.make_client(
        app,
        client_id="notes",
        scope="openid profile email address phone groups",
        claim_mapping={"id_token": {"nick": "nickname"}},
        jwt_sso={"delivery_uri": "https://notes.example/jwt", "claims": {"mail": "email"}},
        userinfo_signed_response_alg="RS256",
    )
    found, page = previews(admin, q="ana")
    assert set(found) == {"id_token", "userinfo", "access_token", "redirect_jwt"}
    assert found["userinfo"]["aud"] == "notes"
    assert found["redirect_jwt"]["mail"] == ana.email
    for claims in found.values():
        for name in claims:
            assert f'<span class="mono">{name}</span>' in page


def test_scopes_narrow_the_preview_and_it_says_what_is_missing(app, admin, ana):
    factories.make_client(
        app,
        client_id="notes",
        scope="openid profile email phone",
        claim_mapping={"id_token": {"tel": "phone_number", "mail": "email"}, "access_token": {"where": "address"}},
    )
    found, page = previews(admin, q="ana", scope=["openid", "email", "groups"])
    assert set(found["userinfo"]) == {"sub", "email", "email_verified"}
    assert "tel" not in found["id_token"]
    assert found["id_token"]["mail"] == ana.email
    assert found["access_token"]["scope"] == "openid email"
    assert "Left out: phone_number needs the scope phone." in page
    assert "Without openid" not in page
    without_openid, page = previews(admin, q="ana", scope=["email"])
    assert set(without_openid) == {"access_token"}
    assert "Without openid an app gets an access token alone." in page


def test_a_mapped_claim_without_a_value_is_said_to_be_missing(app, admin):
    factories.make_person(app, "bob", claims={})
    factories.make_client(app, client_id="notes", claim_mapping={"userinfo": {"nick": "nickname"}})
    found, page = previews(admin, q="bob")
    assert "nick" not in found["userinfo"]
    assert "Left out: the person has no nickname." in page


def test_pairwise_clients_see_their_own_subject_everywhere(app, admin, ana):
    factories.make_client(
        app,
        client_id="notes",
        subject_type="pairwise",
        claim_mapping={place: {"external_id": "sub"} for place in ("id_token", "userinfo", "access_token")},
    )
    found, page = previews(admin, q="ana")
    subjects = {claims[name] for claims in found.values() for name in ("sub", "external_id")}
    assert len(subjects) == 1
    assert ana.id not in subjects
    assert ana.id not in json.dumps(found)
    assert "another one for each sector (pairwise)" in page


def test_a_client_that_gets_an_id_token_alone_is_told_all_in_it(app, admin, ana):
    factories.make_client(
        app,
        client_id="notes",
        grant_types=["implicit"],
        response_types=["id_token"],
        id_token_profile_claims=False,
    )
    found, _ = previews(admin, q="ana")
    assert set(found) == {"id_token"}
    assert found["id_token"]["email"] == ana.email


def test_a_person_is_found_by_any_name(app, admin, notes, ana):
    factories.make_person(app, "anabel", name="Ana Bella")
    for words in ("ana", ana.email.upper(), "anabel", "Bella"):
        assert previews(admin, q=words)[0], words
    several, page = previews(admin, q="Ana ")
    assert several["userinfo"]["preferred_username"] == "ana"
    none, page = previews(admin, q="an")
    assert none == {}
    assert "Whom do you mean?" in page
    assert "q=anabel" in page
    assert "Nobody was found." in previews(admin, q="zoe")[1]
    assert previews(admin, q="%_")[0] == {}


def test_nobody_is_told_of_a_disabled_account(app, admin, notes, ana):
    factories.disable_person(app, ana.id)
    found, page = previews(admin, q="ana")
    assert found == {}
    assert "The account is disabled." in page


def test_a_preview_is_no_token_and_leaves_nothing_behind(app, admin, notes, ana):
    found, page = previews(admin, q="ana")
    assert "eyJ" not in page
    with app.app_context():
        assert list(db.session().execute(select(Grant)).scalars()) == []
    assert found["access_token"]["jti"] not in previews(admin, q="ana")[1]


def test_a_machine_is_told_of_nobody(app, admin):
    factories.make_client(
        app, client_id="notes", redirect_uris=None, grant_types=["client_credentials"], scope="", skip_consent=None
    )
    page = admin.visit(PATH).text
    assert "it is told of nobody" in page
    assert "Preview" not in page


def test_a_jwt_redirect_has_its_preview_and_its_names_in_the_settings(app, admin, ana):
    factories.make_client(
        app,
        client_id="notes",
        redirect_uris=None,
        grant_types=[],
        jwt_sso={"delivery_uri": "https://notes.example/jwt", "claims": {"external_id": "sub"}},
    )
    found, page = previews(admin, q="ana")
    assert set(found) == {"redirect_jwt"}
    assert found["redirect_jwt"]["external_id"] == ana.id
    assert "Save claims" not in page


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}"])
def test_M03_values_are_text_in_a_preview(app, admin, notes, name):
    factories.make_person(app, "eve", name=name, claims={"nickname": name})
    found, page = previews(admin, q="eve")
    assert found["userinfo"]["nickname"] == name
    assert "<script>alert" not in page
    assert "<img src=x" not in page


def test_there_is_no_page_for_a_client_that_is_not(admin):
    assert admin.open(PATH).status_code == 404
    assert admin.open("/admin/client-drafts/claims/int_none").status_code == 410
