"""The pages of the client registry, as an administrator without JavaScript uses them."""

import html
import json
import re
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from idp import clock
from idp.audit.models import AuditEvent
from idp.clients import secrets, store
from idp.clients.models import ClientRow
from idp.db import db, transaction
from idp.deliveries import store as deliveries
from idp.keys.models import SigningKey
from idp.sessions.models import BrowserSession
from tests.factories import make_client, make_person, sign_in
from tests.visitor import PASSWORD, Visitor, forms_of

NEW = "/admin/clients/new"
SECRET = re.compile(r"idps_[A-Za-z0-9_-]{49}")


@pytest.fixture
def admin(app):
    person = make_person(app, "root", is_admin=True, password=PASSWORD)
    visitor = Visitor(app)
    sign_in(app, visitor.client, person)
    return visitor


@pytest.fixture
def made(app):
    return make_client(app, client_name="Notes", redirect_uris=["https://notes.example/callback"])


def read(app, client_id):
    with app.app_context():
        return store.read(db.session(), client_id)


def every(app):
    with app.app_context():
        return store.page(db.session()).clients


def make_sign_in_old(app):
    with app.app_context(), transaction() as session:
        session.execute(update(BrowserSession).values(auth_time=clock.utc_now() - timedelta(minutes=6)))


def post_form(visitor, path, index=-1, **changes):
    """Fill in the form at *path*, the last one of the page unless said otherwise."""
    return visitor.submit(visitor.form(path, index), **changes)


def form_with(visitor, path, field):
    page = visitor.visit(path).text
    return next(form for form in forms_of(page) if field in form.values)


def create(visitor, kind, options=None, **fields):
    form = form_with(visitor, f"{NEW}?kind={kind}&preset=generic&address=", "kind")
    # Boxes are sent as a browser sends them: the ticked ones alone.
    values = {"csrf_token": form.values["csrf_token"], "kind": kind, **fields}
    return visitor.open(form.action, "POST", data=values, **(options or {}))


def faults(answer):
    assert answer.status_code == 400
    return set(re.findall(r'id="([^"]+)-error"', answer.text))


def events(app):
    about = select(AuditEvent).where(AuditEvent.type.startswith("client.")).order_by(AuditEvent.row)
    with app.app_context():
        return [(one.type, one.actor_name) for one in db.session().execute(about).scalars()]


def test_an_empty_list_says_what_to_do(admin):
    page = admin.visit("/admin/clients").text

    assert "Register your first client" in page
    assert NEW in page


def test_a_kind_is_chosen_first_and_leads_to_its_form(admin):
    form = form_with(admin, NEW, "kind")

    assert form.action == NEW
    for kind in ("web", "spa", "native", "machine", "jwt"):
        page = admin.visit(f"{NEW}?kind={kind}")
        assert page.status_code == 200
        assert f'value="{kind}"' in page.text
    assert "What are you connecting?" in admin.visit(f"{NEW}?kind=other").text


def test_a_web_app_is_registered_and_its_secret_shown_once(app, admin):
    answer = create(
        admin,
        "web",
        client_name="Notes & more",
        redirect_uris="https://notes.example/callback\r\nhttps://notes.example/second\r\n",
        post_logout_redirect_uris="https://notes.example/bye",
        client_id="notes",
        scope=["openid", "profile", "email", "groups"],
        require_pkce="1",
        id_token_profile_claims="1",
    )

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    (secret,) = set(SECRET.findall(answer.text))
    client = read(app, "notes")
    assert client.name == "Notes & more"
    assert client.metadata.redirect_uris == ("https://notes.example/callback", "https://notes.example/second")
    assert client.metadata.scope == "openid profile email groups"
    assert client.metadata.require_pkce
    assert not client.metadata.skip_consent
    assert secrets.verify(client, secret) is not None
    assert events(app) == [("client.created", "Ana Ruiz")]
    for path in ("/admin/clients", "/admin/clients/notes", "/admin/clients/notes/edit"):
        page = admin.visit(path)
        assert page.status_code == 200
        assert secret not in page.text
        assert "Notes &amp; more" in page.text
    assert secret not in "".join(cookie.value for cookie in admin.client._cookies.values())


@pytest.mark.parametrize(
    ("kind", "fields", "expected"),
    [
        (
            "spa",
            {"redirect_uris": "http://localhost:5173/cb", "scope": ["openid", "offline_access"]},
            {"token_endpoint_auth_method": "none", "grant_types": ("authorization_code", "refresh_token")},
        ),
        (
            "native",
            {"redirect_uris": "com.example.notes:/cb http://127.0.0.1/cb", "scope": ["openid"]},
            {"application_type": "native", "is_public": True, "require_pkce": True},
        ),
        (
            "machine",
            {"scope": "reports.read reports.write", "resources": "https://api.example", "resource_server": "1"},
            {"grant_types": ("client_credentials",), "scope": "reports.read reports.write", "resource_server": True},
        ),
        (
            "web",
            {
                "redirect_uris": "https://a.example/cb",
                "scope": ["openid"],
                "grant_types": "client_credentials",
                "default_max_age": "0",
                "token_endpoint_auth_method": "client_secret_post",
                "client_uri": "https://a.example",
            },
            {
                "grant_types": ("authorization_code", "client_credentials"),
                "default_max_age": 0,
                "require_pkce": False,
                "token_endpoint_auth_method": "client_secret_post",
                "client_uri": "https://a.example",
            },
        ),
    ],
)
def test_each_kind_gets_what_its_form_says(app, admin, kind, fields, expected):
    answer = create(admin, kind, client_name="A", **fields)

    assert answer.status_code == 200
    (client,) = every(app)
    assert {name: getattr(client.metadata, name) for name in expected} == expected
    assert bool(SECRET.findall(answer.text)) == (kind in ("web", "machine"))


def test_a_jwt_redirect_client_with_hs256_sees_its_secret_once(app, admin):
    fields = {
        "jwt_sso.delivery_uri": "https://wiki.example/jwt",
        "jwt_sso.delivery": "fragment",
        "jwt_sso.alg": "HS256",
        "jwt_sso.claims": "external_id = sub\r\nmail = email",
        "jwt_sso.return_to_prefixes": "https://docs.example/",
    }
    answer = create(admin, "jwt", client_name="Wiki", client_id="wiki", scope=["openid", "email"], **fields)

    assert answer.status_code == 200
    client = read(app, "wiki")
    assert client.metadata.grant_types == ()
    assert client.metadata.jwt_sso.field == "jwt"
    assert dict(client.metadata.jwt_sso.claims) == {"external_id": "sub", "mail": "email"}
    shown = re.search(r'id="jwt-secret">([^<]+)<', answer.text)[1]
    page = admin.visit("/admin/clients/wiki").text
    assert "http://localhost:8000/sso/wiki" in page
    assert shown not in page

    replaced = post_form(admin, "/admin/clients/wiki/jwt-secret")
    again = re.search(r'id="jwt-secret">([^<]+)<', replaced.text)[1]
    assert again != shown
    assert events(app)[-1][0] == "client.jwt_secret_replaced"


def test_choosing_an_algorithm_makes_its_keys(app, admin):
    create(
        admin,
        "web",
        client_name="A",
        redirect_uris="https://a.example/cb",
        scope=["openid"],
        id_token_signed_response_alg="EdDSA",
    )

    with app.app_context():
        states = select(SigningKey.state).where(SigningKey.alg == "EdDSA")
        assert sorted(db.session().execute(states).scalars()) == ["active", "next"]


@pytest.mark.parametrize(
    ("kind", "fields", "wrong"),
    [
        ("web", {"client_name": ""}, {"client_name"}),
        ("web", {"redirect_uris": ""}, {"redirect_uris"}),
        ("web", {"redirect_uris": "http://notes.example/cb"}, {"redirect_uris"}),
        ("web", {"default_max_age": "soon"}, {"default_max_age"}),
        ("web", {"client_id": "usr_me"}, {"client_id"}),
        ("web", {"scope": ["openid", "sp\\ce"]}, {"scope"}),
        ("web", {"client_uri": "javascript:alert(1)"}, {"client_uri"}),
        ("jwt", {"jwt_sso.delivery_uri": "http://wiki.example/jwt"}, {"jwt_sso.delivery_uri"}),
        ("jwt", {"jwt_sso.delivery_uri": "https://a.example/j", "jwt_sso.claims": "mail"}, {"jwt_sso.claims"}),
        ("machine", {"resources": "not-an-address"}, {"resources"}),
    ],
)
def test_a_fault_stands_next_to_its_field_and_keeps_what_was_typed(app, admin, kind, fields, wrong):
    given = {"client_name": "Typed before", "scope": ["openid"]}
    if kind == "web":
        given["redirect_uris"] = "https://notes.example/cb"

    answer = create(admin, kind, **given | fields)

    assert faults(answer) == wrong
    assert "<title>Error: " in answer.text
    kept = (given | fields)["client_name"]
    assert f'value="{kept}"' in answer.text
    assert every(app) == ()


@pytest.mark.parametrize("field", ["redirect_uris", "post_logout_redirect_uris"])
@pytest.mark.parametrize("address", ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x"])
def test_A06_O01_script_addresses_cannot_be_typed_in(app, admin, field, address):
    given = {"redirect_uris": "https://a.example/cb"} | {field: address}

    assert faults(create(admin, "web", client_name="A", scope=["openid"], **given)) == {field}
    assert f'href="{address}"' not in admin.visit("/admin/clients").text
    assert every(app) == ()


def test_M03_a_name_is_text_wherever_it_is_shown(admin):
    name = "{{ 7*7 }}<script>alert(1)</script>${7*7}"
    made = create(admin, "web", client_name=name, client_id="x", redirect_uris="https://a.example/cb", scope=["openid"])

    assert html.escape(name, quote=False) in made.text.replace("&#34;", '"')
    for path in ("", "/x", "/x/edit", "/x/delete", "/x/disable"):
        page = admin.visit(f"/admin/clients{path}").text
        assert "<script>alert" not in page
        assert "{{ 7*7 }}" in page


def test_M05_a_form_without_its_token_or_from_elsewhere_is_refused(app, admin, made):
    path = f"/admin/clients/{made.client_id}/disable"
    form = admin.form(path, -1)

    assert admin.submit(form, csrf_token=None).status_code == 400
    assert admin.submit(form, csrf_token="made up").status_code == 400
    elsewhere = {"headers": {"Origin": "https://evil.example"}}
    assert admin.submit(form, options=elsewhere).status_code == 403
    assert not read(app, made.client_id).disabled


def test_M06_a_form_sets_only_the_fields_of_its_kind(app, admin):
    answer = create(
        admin,
        "spa",
        client_name="A",
        redirect_uris="https://a.example/cb",
        scope=["openid"],
        token_endpoint_auth_method="client_secret_basic",
        grant_types="client_credentials",
        resource_server="1",
        client_secret="x" * 40,
        disabled_at="",
        is_admin="1",
        **{"jwt_sso.delivery_uri": "https://evil.example/"},
    )

    assert answer.status_code == 200
    (client,) = every(app)
    assert client.metadata.is_public
    assert client.metadata.grant_types == ("authorization_code",)
    assert not client.metadata.resource_server
    assert client.metadata.jwt_sso is None
    assert client.secrets == ()


@pytest.mark.parametrize("path", ["", "/new", "/{id}", "/{id}/edit", "/{id}/delete", "/{id}/disable"])
def test_M01_the_registry_is_for_administrators(app, made, path):
    path = f"/admin/clients{path}".format(id=made.client_id)
    stranger, person = Visitor(app), Visitor(app)
    sign_in(app, person.client, make_person(app))

    assert stranger.open(path).status_code == 303
    assert "/login" in stranger.open(path).headers["Location"]
    assert person.open(path).status_code == 403
    assert made.name not in person.open(path).text


def test_settings_are_edited_and_what_has_no_field_stays(app, admin):
    made = make_client(
        app,
        client_name="Notes",
        redirect_uris=["https://notes.example/cb"],
        software_id="notes-1",
        resources=["https://api.example"],
        grant_types=["authorization_code", "refresh_token"],
        scope="openid offline_access custom",
    )
    form = form_with(admin, f"/admin/clients/{made.client_id}/edit", "client_name")

    answer = admin.submit(
        form, client_name="Notebook", redirect_uris="https://notes.example/cb", resources="https://api.example"
    )

    assert answer.status_code == 303
    metadata = read(app, made.client_id).metadata
    assert metadata.client_name == "Notebook"
    assert metadata.software_id == "notes-1"
    assert metadata.resources == ("https://api.example",)
    assert "The changes are saved." in admin.visit(f"/admin/clients/{made.client_id}").text


def test_a_client_of_the_jwt_redirect_alone_is_edited_as_one_though_it_has_no_secret(app, admin):
    made = make_client(
        app,
        redirect_uris=[],
        grant_types=[],
        token_endpoint_auth_method="none",
        jwt_sso={"delivery_uri": "https://wiki.example/sso"},
    )
    form = admin.form(f"/admin/clients/{made.client_id}/edit", action=f"/admin/clients/{made.client_id}/edit")
    assert form.values["jwt_sso.delivery_uri"] == "https://wiki.example/sso"
    assert admin.submit(form, client_name="Handbook").status_code == 303


def test_the_form_shows_what_is_stored(app, admin):
    made = make_client(
        app,
        client_name="Notes",
        redirect_uris=["https://notes.example/a", "https://notes.example/b"],
        scope="openid groups custom",
        skip_consent=True,
        default_max_age=60,
    )

    page = admin.visit(f"/admin/clients/{made.client_id}/edit").text

    assert "https://notes.example/a\nhttps://notes.example/b</textarea>" in page
    assert re.search(r'value="groups" checked', page)
    assert not re.search(r'value="email" checked', page)
    assert re.search(r'id="scope-others"[^>]* value="custom"', page)
    assert re.search(r'name="skip_consent" value="1" checked', page)
    assert re.search(r'name="default_max_age"[^>]* value="60"', page)


def test_a_form_that_took_longer_than_five_minutes_comes_back_filled_in(app, admin):
    form = form_with(admin, f"{NEW}?kind=web", "kind")
    make_sign_in_old(app)
    values = {
        "csrf_token": form.values["csrf_token"],
        "kind": "web",
        "client_name": "Long text",
        "client_id": "long",
        "redirect_uris": "https://a.example/cb",
        "scope": ["openid", "phone"],
    }

    answer = admin.open(form.action, "POST", data=values)

    assert "/reauth" in answer.headers["Location"]
    assert every(app) == ()
    confirmed = post_form(admin, answer.headers["Location"], password=PASSWORD)
    page = admin.visit(confirmed.headers["Location"]).text
    assert 'value="Long text"' in page
    assert re.search(r'value="phone" checked', page)
    again = next(one for one in forms_of(page) if one.values.get("kind") == "web")
    saved = admin.open(again.action, "POST", data=values | {"csrf_token": again.values["csrf_token"]})
    assert saved.status_code == 200
    assert [client.client_id for client in every(app)] == ["long"]


def test_editing_asks_for_a_fresh_sign_in_and_keeps_what_was_typed(app, admin, made):
    path = f"/admin/clients/{made.client_id}/edit"
    form = form_with(admin, path, "client_name")
    make_sign_in_old(app)

    answer = admin.submit(form, client_name="Renamed", redirect_uris="https://notes.example/callback")

    assert "/reauth" in answer.headers["Location"]
    assert read(app, made.client_id).name == "Notes"
    confirmed = post_form(admin, answer.headers["Location"], password=PASSWORD)
    back = admin.visit(confirmed.headers["Location"])
    assert 'value="Renamed"' in back.text
    again = next(one for one in forms_of(back.text) if "client_name" in one.values)
    assert admin.submit(again, redirect_uris="https://notes.example/callback").status_code == 303
    assert read(app, made.client_id).name == "Renamed"


@pytest.mark.parametrize("action", ["disable", "delete", "edit"])
def test_what_matters_asks_for_a_sign_in_within_five_minutes(app, admin, made, action):
    make_sign_in_old(app)

    answer = admin.open(f"/admin/clients/{made.client_id}/{action}")

    assert answer.status_code == 303
    assert "/reauth" in answer.headers["Location"]


def test_a_client_is_disabled_and_enabled(app, admin, made):
    path = f"/admin/clients/{made.client_id}"
    answer = post_form(admin, f"{path}/disable")

    assert answer.status_code == 303
    assert read(app, made.client_id).disabled
    page = admin.visit(path).text
    assert "Switched off." in page
    enable = next(form for form in forms_of(page) if form.action.endswith("/enable"))
    admin.submit(enable)
    assert not read(app, made.client_id).disabled
    assert [kind for kind, _ in events(app)] == ["client.disabled", "client.enabled"]


def test_deleting_shows_numbers_and_wants_the_name(app, admin, made):
    path = f"/admin/clients/{made.client_id}/delete"

    assert "lose access" in admin.visit(path).text
    assert faults(post_form(admin, path, client_name="notes")) == {"client_name"}
    assert read(app, made.client_id) is not None
    assert post_form(admin, path, client_name="Notes").status_code == 303
    assert read(app, made.client_id) is None
    assert admin.visit(f"/admin/clients/{made.client_id}").status_code == 404


def test_secrets_are_added_and_removed_and_their_use_is_shown(app, admin, made):
    path = f"/admin/clients/{made.client_id}"
    add = next(form for form in forms_of(admin.visit(path).text) if form.action.endswith("/secrets"))

    shown = admin.submit(add)

    (second,) = set(SECRET.findall(shown.text))
    assert shown.headers["Cache-Control"] == "no-store"
    page = admin.visit(path).text
    assert page.count("<dd>Never</dd>") == 2
    assert second not in page
    assert not any(form.action.endswith("/secrets") for form in forms_of(page))
    # A stale form cannot make a third.
    assert admin.submit(add).status_code == 303
    assert "Two secrets are live already" in admin.visit(path).text

    removal = re.findall(rf'href="({path}/secrets/[^"]+/remove)"', page)
    assert len(removal) == 2
    assert "only secret" not in admin.visit(removal[0]).text
    assert post_form(admin, removal[0]).status_code == 303
    assert admin.visit(removal[0]).status_code == 404
    assert "only secret" in admin.visit(removal[1]).text
    assert [kind for kind, _ in events(app)] == ["client.secret_added", "client.secret_removed"]


def test_how_well_an_app_is_told_of_sign_outs_is_shown(app, admin):
    notes = make_client(app, backchannel_logout_uri="https://notes.example/out")
    path = f"/admin/clients/{notes.client_id}"
    assert "there was none in 30 days" in admin.visit(path).text
    states = [*[deliveries.SENT] * 199, deliveries.FAILED, deliveries.QUEUED]
    with app.app_context(), transaction() as session:
        for number, state in enumerate([*states, deliveries.FAILED]):
            at = clock.utc_now() - timedelta(days=31 if number == len(states) else 1)
            row = deliveries.add(session, deliveries.LOGOUT_TOKEN, now=at, facts={}, client_id=notes.client_id)
            row.state = state
    page = admin.visit(path).text
    assert "of the last 30 days: 199 arrived, 1 did not, 1 wait" in page
    # Never more than it was.
    assert "99 %" in page


def test_M02_a_secret_is_reached_through_its_own_client_alone(app, admin, made):
    other = make_client(app, client_name="Other")
    with app.app_context():
        secret_id = secrets.live(db.session(), other.client_id)[0].id
    path = f"/admin/clients/{made.client_id}/secrets/{secret_id}/remove"

    assert admin.visit(path).status_code == 404
    token = admin.form(f"/admin/clients/{made.client_id}/disable", -1).values["csrf_token"]
    assert admin.open(path, "POST", data={"csrf_token": token}).status_code == 404
    with app.app_context():
        assert len(secrets.live(db.session(), other.client_id)) == 1


def test_the_list_pages_and_searches(app, admin):
    now = clock.utc_now()
    with app.app_context(), transaction() as session:
        for number in range(60):
            name = f"App {number:02}"
            session.add(
                ClientRow(
                    client_id=f"c{number}",
                    client_name=name,
                    name_key=name.casefold(),
                    metadata_json={"client_name": name},
                    created_at=now,
                    updated_at=now,
                )
            )
    page = admin.visit("/admin/clients").text
    seen = []
    while True:
        seen += re.findall(r"<b>(App \d\d)</b>", page)
        following = re.search(r'href="([^"]+)" rel="next"', page)
        if following is None:
            break
        page = admin.visit(html.unescape(following[1])).text
    assert seen == [f"App {number:02}" for number in range(60)]
    assert "60 clients" in page
    assert re.search(r'rel="prev"', page)

    found = admin.visit("/admin/clients?q=APP+07").text
    assert re.findall(r"<b>(App \d\d)</b>", found) == ["App 07"]
    assert "No client matches" in admin.visit("/admin/clients?q=nothing").text


def test_the_addresses_to_copy_are_served(app, admin, made):
    page = admin.visit(f"/admin/clients/{made.client_id}").text
    addresses = re.findall(r'id="endpoint-\d+">http://localhost:8000([^<]*)<', page)

    assert "/.well-known/openid-configuration" in addresses
    adapter = app.url_map.bind("localhost")
    for path in filter(None, addresses):
        assert any(adapter.test(path, method) for method in ("GET", "POST")), path


KEY = {"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
       "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0", "kid": "notes-1"}  # fmt: skip


def test_every_field_of_a_web_app_is_set_by_the_form_and_comes_back_in_it(app, admin):
    given = {
        "client_name": "Notes",
        "redirect_uris": "https://notes.example/callback",
        "scope": ["openid", "offline_access"],
        "response_types": ["code", "code id_token token"],
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
        "security_profile": "fapi",
        "iat_backdate": "5",
        "default_acr_values": "1",
        "backchannel_logout_uri": "https://notes.example/signed-out",
        "backchannel_logout_session_required": "1",
        "frontchannel_logout_uri": "https://notes.example/frame",
        "frontchannel_logout_session_required": "1",
        "jwks": json.dumps({"keys": [KEY]}),
        "request_object_signing_alg": "ES256",
        "require_signed_request_object": "1",
        "request_uris": "https://notes.example/request.jwt#1\r\nhttps://notes.example/other.jwt",
        "userinfo_signed_response_alg": "ES256",
        "authorization_signed_response_alg": "EdDSA",
        "id_token_encrypted_response_alg": "ECDH-ES",
        "id_token_encrypted_response_enc": "A256GCM",
        "userinfo_encrypted_response_alg": "ECDH-ES+A128KW",
        "subject_type": "pairwise",
        "client_id": "notes",
    }

    assert create(admin, "web", **given).status_code == 200

    metadata = read(app, "notes").metadata
    assert metadata.grant_types == ("authorization_code", "implicit", "refresh_token")
    assert metadata.jwks == {"keys": [KEY]}
    form = form_with(admin, "/admin/clients/notes/edit", "client_name")
    shown = {name: form.values[name] for name in given.keys() - {"client_id", "jwks", "scope", "request_uris"}}
    assert shown == {name: given[name] for name in shown}
    assert form.values["request_uris"].split() == given["request_uris"].split()
    assert json.loads(form.values["jwks"]) == {"keys": [KEY]}
    assert admin.submit(form).status_code == 303
    assert read(app, "notes").metadata == metadata
    page = html.unescape(admin.visit("/admin/clients/notes").text)
    assert "A JWT signed with its private key" in page
    assert "https://notes.example/signed-out" in page
    assert "notes-1" in page
    assert re.search(r"dated back</dt><dd[^>]*>5<", page)
    form = form_with(admin, "/admin/clients/notes/edit", "iat_backdate")
    assert admin.submit(form, iat_backdate="").status_code == 303
    assert read(app, "notes").metadata.iat_backdate == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("jwks", "{}"),
        ("jwks", '{"keys": [], "keys": []}'),
        ("jwks", "[" * 100),
        ("jwks", "-----BEGIN PUBLIC KEY-----"),
        ("jwks_uri", "http://notes.example/keys"),
        ("request_uris", "ftp://notes.example/r"),
        ("frontchannel_logout_uri", "https://elsewhere.example/frame"),
        ("id_token_encrypted_response_alg", "RSA1_5"),
        ("response_types", "token"),
        ("security_profile", "none"),
        ("iat_backdate", "61"),
        ("iat_backdate", "a few"),
        ("subject_type", "random"),
    ],
)
def test_a_field_that_cannot_be_saved_says_so_in_its_opened_part(admin, field, value):
    answer = create(admin, "web", client_name="Notes", redirect_uris="https://notes.example/callback", **{field: value})

    assert field in faults(answer)
    assert re.search(r'<details class="card more" id="part-[a-z-]+" open>', answer.text)


def test_response_types_that_nobody_ticked_are_code(app, admin):
    assert create(admin, "spa", client_name="Notes", redirect_uris="https://notes.example/cb").status_code == 200

    (client,) = every(app)
    assert client.metadata.response_types == ("code",)


def test_an_implicit_app_is_still_one_that_people_sign_in_to(app, admin):
    made = make_client(app, redirect_uris=["https://notes.example/cb"], grant_types=["implicit"])

    assert "Web app with a server" in admin.visit(f"/admin/clients/{made.client_id}").text
    form = form_with(admin, f"/admin/clients/{made.client_id}/edit", "client_name")
    assert form.values["response_types"] == "id_token"
    assert admin.submit(form).status_code == 303
    assert read(app, made.client_id).metadata.grant_types == ("implicit",)


def test_a_service_may_prove_itself_by_a_certificate(app, admin):
    answer = create(
        admin,
        "machine",
        client_name="Nightly",
        token_endpoint_auth_method="tls_client_auth",
        tls_client_auth_subject_dn="CN=nightly,O=Example",
    )

    assert answer.status_code == 200
    (client,) = every(app)
    assert client.metadata.tls_client_auth_subject_dn == "CN=nightly,O=Example"
    assert SECRET.search(answer.text) is None


def test_certificates_are_offered_where_a_proxy_hands_them_on(make_app, admin):
    assert "tls_client_auth" not in admin.visit(f"{NEW}?kind=web").text

    app = make_app(client_certificate_header="Client-Cert", trusted_proxies=("127.0.0.1/32",))
    visitor = Visitor(app)
    sign_in(app, visitor.client, make_person(app, "other", is_admin=True))
    page = visitor.visit(f"{NEW}?kind=web").text
    assert 'value="tls_client_auth"' in page
    assert 'name="tls_client_auth_subject_dn"' in page


def test_an_app_with_a_certificate_keeps_its_names_when_it_is_edited(app, admin):
    made = make_client(
        app,
        redirect_uris=["https://notes.example/cb"],
        token_endpoint_auth_method="tls_client_auth",
        tls_client_auth_san_dns="notes.example",
    )
    form = form_with(admin, f"/admin/clients/{made.client_id}/edit", "client_name")
    assert form.values["tls_client_auth_san_dns"] == "notes.example"
    assert admin.submit(form).status_code == 303
    assert read(app, made.client_id).metadata.tls_client_auth_san_dns == "notes.example"
