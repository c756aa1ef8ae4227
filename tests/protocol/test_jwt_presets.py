"""Every preset of the JWT redirect, received and checked as the app's own documentation says, with PyJWT alone."""

import base64
import hashlib
import hmac
import html
import json
import re
import time
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from idp import clock, registry
from idp.audit.log import COMMAND_LINE
from idp.clients import administration, jwt_redirect, registration, store
from idp.clients.presets import Presets, Simulator
from idp.db import db, transaction
from idp.errors import Conflict, FieldErrors
from idp.keys import readiness
from idp.keys.ledger import Ledger
from idp.keys.store import ensure_algorithm
from idp.settings import Settings
from idp.vault import Vault
from idp.web.current import service
from tests.factories import ALL_CLAIMS, make_person, sign_in
from tests.visitor import PASSWORD, Visitor, forms_of

ISSUER = "http://localhost:8000"
NAME = "Ana Ruiz"
ADDRESSES = {
    "generic": "https://intranet.example/sso",
    "zendesk": "https://acme.zendesk.com/agent/home",
    "freshworks": "https://acme.freshworks.com/sp/OIDC/123/implicit",
    "metabase": "https://metabase.example",
    "grafana": "https://grafana.example/",
    "discourse": "https://forum.example",
}


@pytest.fixture
def ana(app):
    return make_person(app, "ana", password=PASSWORD, in_groups=("staff", "writers"), claims=ALL_CLAIMS)


@pytest.fixture
def visitor(app, ana):
    made = Visitor(app)
    sign_in(app, made.client, ana)
    return made


def connect(app, preset, **jwt_sso):
    """Register the app at its address, as the form does; return what was made."""
    with app.app_context():
        given = service(Presets).find(preset).metadata(ADDRESSES[preset])
        given |= {"client_id": preset, "client_name": preset.title(), "skip_consent": True}
        given["jwt_sso"] |= jwt_sso
        wanted = registration.read(given)
        for alg in wanted.metadata.signing_algorithms:
            ensure_algorithm(db.session(), service(Vault), alg, clock.utc_now())
        with transaction() as session:
            return administration.register(session, service(Vault), wanted, actor=COMMAND_LINE, now=clock.utc_now())


def simulated(app, client_id, person):
    with app.app_context():
        client = store.read(db.session(), client_id)
        return service(Simulator).of(db.session(), client, person.id, clock.utc_now())


def results(simulation):
    return {check.title: check.result for check in simulation.checks if check.result != "ok"}


def posted(answer):
    (form,) = [one for one in forms_of(answer.text) if "://" in one.action]
    return form.action, form.values


def sent_by_get(answer):
    assert answer.status_code == 303, answer.text
    address, _, query = answer.headers["Location"].partition("?")
    return address, dict(parse_qsl(query, strict_parsing=True))


def published(app, token):
    kid = jwt.get_unverified_header(token)["kid"]
    keys = json.loads(app.test_client().get("/oauth/jwks").data)["keys"]
    return next(jwt.PyJWK(one) for one in keys if one["kid"] == kid)


def test_the_names_that_metadata_may_hold_are_those_of_the_presets(app):
    modules = list(registry.modules_in("idp.jwt_sso.presets"))
    assert {module.__name__.rpartition(".")[2] for module in modules} == set(jwt_redirect.PRESETS)
    assert all(module.PRESET.name == module.__name__.rpartition(".")[2] for module in modules)
    assert set(ADDRESSES) == set(jwt_redirect.PRESETS)
    with app.app_context():
        assert next(one.name for one in service(Presets)) == "generic"


@pytest.mark.parametrize("preset", sorted(ADDRESSES))
def test_what_a_preset_fills_in_passes_the_rules_of_its_app(app, ana, preset):
    connect(app, preset)
    simulation = simulated(app, preset, ana)
    assert results(simulation) == {}
    assert simulation.is_accepted
    assert len(simulation.checks) >= 5


@pytest.mark.parametrize(
    ("preset", "changed", "title"),
    [
        ("zendesk", {"alg": "RS256"}, "It is signed with HS256 and the shared secret"),
        ("zendesk", {"field": "token"}, "It comes as “jwt” in a form that is posted"),
        ("zendesk", {"delivery_uri": "https://acme.zendesk.com/sso"}, "It goes to /access/jwt"),
        ("freshworks", {"alg": "ES256"}, "It is signed with RS256 by a published key"),
        ("freshworks", {"delivery": "form_post"}, "It comes as “id_token” in the address (GET)"),
        ("metabase", {"alg": "HS512"}, "It is signed with HS256 and the shared secret"),
        ("metabase", {"delivery": "form_post"}, "It comes as “jwt” in the address (GET)"),
        ("grafana", {"field": "jwt"}, "It comes as “auth_token” in the address (GET)"),
        ("discourse", {"delivery_uri": "https://forum.example/login"}, "It goes to /session/sso_login"),
    ],
)
def test_what_an_app_would_refuse_fails_in_its_simulator(app, ana, preset, changed, title):
    connect(app, preset, **changed)
    simulation = simulated(app, preset, ana)
    assert results(simulation)[title] == "bad"
    assert not simulation.is_accepted


def test_an_address_that_was_not_verified_is_pointed_out(app):
    bo = make_person(app, "bo", email_verified=False)
    for preset, result in (("zendesk", "bad"), ("metabase", "bad"), ("grafana", "bad"), ("freshworks", "bad")):
        connect(app, preset)
        assert results(simulated(app, preset, bo))["The email address is verified"] == result, preset
    connect(app, "discourse")
    assert results(simulated(app, "discourse", bo))["The email address is verified"] == "warn"


@pytest.mark.parametrize("preset", ["zendesk", "freshworks", "metabase", "grafana"])
def test_nobody_takes_over_an_account_by_an_address_that_was_not_verified(app, preset):
    visitor = Visitor(app)
    sign_in(app, visitor.client, make_person(app, "bo", email_verified=False))
    connect(app, preset)
    answer = visitor.open(f"/sso/{preset}")
    assert answer.status_code == 403
    assert "Location" not in answer.headers
    assert "eyJ" not in answer.text
    assert "verified" in answer.text


def test_an_app_that_was_told_otherwise_gets_addresses_that_were_not_verified(app):
    bo = make_person(app, "bo", email_verified=False)
    visitor = Visitor(app)
    sign_in(app, visitor.client, bo)
    made = connect(app, "zendesk", require_verified_email=False)
    assert results(simulated(app, "zendesk", bo))["The email address is verified"] == "warn"
    token = posted(visitor.open("/sso/zendesk"))[1]["jwt"]
    assert jwt.decode(token, made.jwt_secret, ["HS256"], audience="zendesk")["email_verified"] is False


def test_zendesk(app, visitor, ana):
    """Zendesk: POST /access/jwt, HS256, typ and alg in the header, iat within three minutes, jti, email, name."""
    made = connect(app, "zendesk")

    action, fields = posted(visitor.open("/sso/zendesk?return_to=https%3A%2F%2Facme.zendesk.com%2Ftickets%2F1"))

    assert action == "https://acme.zendesk.com/access/jwt"
    assert fields["return_to"] == "https://acme.zendesk.com/tickets/1"
    assert jwt.get_unverified_header(fields["jwt"]) == {"alg": "HS256", "typ": "JWT"}
    claims = jwt.decode(fields["jwt"], made.jwt_secret, ["HS256"], options={"verify_aud": False, "require": ["iat"]})
    assert abs(time.time() - claims["iat"]) < 180
    assert claims["jti"]
    assert (claims["email"], claims["name"], claims["external_id"]) == (ana.email, NAME, ana.id)


def test_freshworks(app, visitor, ana):
    """Freshworks: redirect_uri?state=&id_token=, RS256 by the PEM that was uploaded, the nonce that it sent."""
    connect(app, "freshworks")
    sent = {
        "client_id": "freshworks",
        "redirect_uri": ADDRESSES["freshworks"],
        "state": "st-1",
        "nonce": "no-1",
        "response_type": "id_token",
        "grant_type": "implicit",
        "scope": "openid email profile",
    }

    address, fields = sent_by_get(visitor.open(f"/sso/freshworks?{urlencode(sent)}"))

    assert address == ADDRESSES["freshworks"]
    assert fields["state"] == "st-1"
    pem = published(app, fields["id_token"]).key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    claims = jwt.decode(fields["id_token"], pem, ["RS256"], audience="freshworks", issuer=ISSUER)
    assert claims["nonce"] == "no-1"
    assert claims["sub"] == ana.id
    assert (claims["email"], claims["given_name"], claims["family_name"]) == (
        ana.email,
        ALL_CLAIMS["given_name"],
        ALL_CLAIMS["family_name"],
    )
    elsewhere = visitor.open(f"/sso/freshworks?{urlencode(sent | {'redirect_uri': 'https://evil.example/'})}")
    assert elsewhere.status_code == 400
    assert "id_token" not in elsewhere.text


def test_metabase(app, visitor, ana):
    """Metabase: GET /auth/sso?jwt=&return_to=, HS256 with 64 hexadecimal characters, names, groups, iat and exp."""
    made = connect(app, "metabase")
    assert re.fullmatch("[0-9a-f]{64}", made.jwt_secret)

    address, fields = sent_by_get(visitor.open("/sso/metabase?return_to=%2Fquestion%2F1-superb"))

    assert address == "https://metabase.example/auth/sso"
    assert fields["return_to"] == "/question/1-superb"
    claims = jwt.decode(fields["jwt"], made.jwt_secret, ["HS256"], options={"verify_aud": False})
    assert abs(time.time() - claims["iat"]) < 180
    assert claims["email"] == ana.email
    assert (claims["first_name"], claims["last_name"]) == (ALL_CLAIMS["given_name"], ALL_CLAIMS["family_name"])
    assert set(claims["groups"]) == {"staff", "writers"}


def test_grafana(app, visitor, ana):
    """Grafana auth.jwt with url_login: auth_token in the address, the key set by kid, expect_claims iss and aud."""
    connect(app, "grafana")

    address, fields = sent_by_get(visitor.open("/sso/grafana"))

    assert address == "https://grafana.example/"
    key = published(app, fields["auth_token"])
    claims = jwt.decode(fields["auth_token"], key, ["RS256"], audience="grafana", issuer=ISSUER)
    assert (claims["sub"], claims["preferred_username"], claims["email"]) == (ana.id, "ana", ana.email)


def question(secret, *, nonce="cb68251eefb5211e58c00ff1395f0c0b", address="https://forum.example/session/sso_login"):
    """Ask as Discourse does: base64 of a query string, and the HMAC of that base64 text."""
    payload = base64.b64encode(urlencode({"nonce": nonce, "return_sso_url": address}).encode()).decode()
    return urlencode({"sso": payload, "sig": hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()})


def answer_of(answer, secret):
    """Read the answer as Discourse does."""
    address, fields = sent_by_get(answer)
    assert address == "https://forum.example/session/sso_login"
    assert set(fields) == {"sso", "sig"}
    expected = hmac.new(secret.encode(), fields["sso"].encode(), hashlib.sha256).hexdigest()
    assert hmac.compare_digest(expected, fields["sig"])
    return {name: value for name, (value,) in parse_qs(base64.b64decode(fields["sso"]).decode()).items()}


def test_discourse(app, visitor, ana):
    """DiscourseConnect: the nonce comes back in a signed answer about the person, at the forum's own address."""
    made = connect(app, "discourse")

    members = answer_of(visitor.open(f"/sso/discourse?{question(made.jwt_secret)}"), made.jwt_secret)

    assert members["nonce"] == "cb68251eefb5211e58c00ff1395f0c0b"
    assert members["external_id"] == ana.id
    assert (members["email"], members["username"], members["name"]) == (ana.email, "ana", NAME)
    assert members["require_activation"] == "false"


def test_discourse_proves_addresses_that_were_not_verified_here(app):
    bo = make_person(app, "bo", email_verified=False)
    visitor = Visitor(app)
    sign_in(app, visitor.client, bo)
    made = connect(app, "discourse")
    answered = answer_of(visitor.open(f"/sso/discourse?{question(made.jwt_secret)}"), made.jwt_secret)
    assert answered["require_activation"] == "true"


def test_discourse_asks_before_anybody_is_sent_to_it(app, visitor):
    connect(app, "discourse")
    answer = visitor.open("/sso/discourse?return_to=%2Ft%2F5")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "https://forum.example/session/sso?return_path=%2Ft%2F5"


def test_discourse_questions_that_are_not_the_forums_own_are_refused(app, visitor):
    made = connect(app, "discourse")
    good = question(made.jwt_secret)
    elsewhere = question(made.jwt_secret, address="https://evil.example/session/sso_login")
    unsigned = re.sub(r"sig=\w+", "sig=" + "0" * 64, good)
    for query in (question("x" * 64), unsigned, elsewhere, good.partition("&")[0], good + "&sso=again"):
        answer = visitor.open(f"/sso/discourse?{query}")
        assert answer.status_code == 400, query
        assert "Location" not in answer.headers


def test_discourse_waits_through_a_sign_in(app, ana):
    made = connect(app, "discourse")
    visitor = Visitor(app)
    answer = visitor.open(f"/sso/discourse?{question(made.jwt_secret, nonce='n-7')}")
    assert answer.status_code == 303
    assert urlsplit(answer.headers["Location"]).path == "/login"
    form = next(form for form in forms_of(visitor.visit(answer.headers["Location"]).text) if "password" in form.values)
    answer = visitor.submit(form, username="ana", password=PASSWORD)
    while not answer.headers["Location"].startswith("https://forum.example"):
        answer = visitor.open(answer.headers["Location"])
    assert answer_of(answer, made.jwt_secret)["nonce"] == "n-7"


def test_discourse_is_answered_with_the_secret_that_it_asks_with(app, visitor):
    made = connect(app, "discourse")
    second = change(app, administration.add_jwt_secret, "discourse")
    for secret in (made.jwt_secret, second):
        assert answer_of(visitor.open(f"/sso/discourse?{question(secret)}"), secret)["nonce"]


@pytest.mark.parametrize("wrong", [{"alg": "RS256"}, {"delivery": "form_post"}, {"claims": {"sub": "email"}}])
def test_what_no_app_of_the_preset_understands_cannot_be_registered(app, wrong):
    with pytest.raises(FieldErrors) as refused:
        connect(app, "discourse", **wrong)
    assert {f"jwt_sso.{name}" for name in wrong} <= set(refused.value.fields)


def test_a_preset_that_nobody_knows_is_refused():
    with pytest.raises(FieldErrors) as refused:
        jwt_redirect.read({"delivery_uri": "https://intranet.example/sso", "preset": "gitea"})
    assert "zendesk" in refused.value.fields["preset"]


def change(app, do, client_id, **options):
    with app.app_context(), transaction() as session:
        vault = () if do in (administration.switch_jwt_secret, administration.remove_jwt_secret) else (service(Vault),)
        return do(session, *vault, client_id, actor=COMMAND_LINE, now=clock.utc_now(), **options)


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_a_secret_is_rotated_without_a_gap(app, visitor, alg):
    """The app takes both secrets, and no sign-in of the whole change is refused."""
    made = connect(app, "generic", alg=alg)

    def accepted(*secrets):
        token = posted(visitor.open("/sso/generic"))[1]["jwt"]
        assert jwt.get_unverified_header(token)["alg"] == alg
        for number, secret in enumerate(secrets):
            try:
                jwt.decode(token, secret, [alg], audience="generic", issuer=ISSUER)
            except jwt.InvalidSignatureError:
                continue
            return number
        return None

    first = made.jwt_secret
    second = change(app, administration.add_jwt_secret, "generic")
    assert accepted(first, second) == 0
    change(app, administration.switch_jwt_secret, "generic")
    assert accepted(first, second) == 1
    change(app, administration.switch_jwt_secret, "generic")
    assert accepted(first, second) == 0
    change(app, administration.switch_jwt_secret, "generic")
    change(app, administration.remove_jwt_secret, "generic")
    assert accepted(first) is None
    assert accepted(second) == 0
    with app.app_context():
        client = store.read(db.session(), "generic")
        assert client.jwt_secret_other is None
        assert second not in client.jwt_secret


def test_there_are_never_more_than_two_secrets_nor_none_that_signs(app):
    connect(app, "zendesk")
    change(app, administration.add_jwt_secret, "zendesk")
    with pytest.raises(Conflict):
        change(app, administration.add_jwt_secret, "zendesk")
    change(app, administration.remove_jwt_secret, "zendesk")
    for do in (administration.remove_jwt_secret, administration.switch_jwt_secret):
        with pytest.raises(Conflict):
            change(app, do, "zendesk")


def test_a_secret_that_the_app_made_signs(app, visitor):
    connect(app, "zendesk")
    theirs = "Zk3" + "q" * 45
    assert change(app, administration.add_jwt_secret, "zendesk", chosen=theirs) == theirs
    change(app, administration.switch_jwt_secret, "zendesk")
    token = posted(visitor.open("/sso/zendesk"))[1]["jwt"]
    assert jwt.decode(token, theirs, ["HS256"], audience="zendesk")
    with pytest.raises(FieldErrors):
        change(app, administration.add_jwt_secret, "zendesk", chosen="short")


def test_an_algorithm_that_needs_a_longer_secret_gets_another(app):
    connect(app, "generic", alg="HS256")
    change(app, administration.add_jwt_secret, "generic", chosen="a" * 32)
    with app.app_context(), transaction() as session:
        client = store.read(session, "generic")
        longer = registration.read(
            client.metadata.as_json() | {"jwt_sso": client.metadata.jwt_sso.as_json() | {"alg": "HS512"}}
        )
        _, changed = store.update(session, service(Vault), "generic", longer.metadata, clock.utc_now())
    assert len(changed.jwt_secret) == 64
    assert changed.client.jwt_secret_other is None


# The pages.


@pytest.fixture
def admin(app):
    visitor = Visitor(app)
    sign_in(app, visitor.client, make_person(app, "root", is_admin=True, password=PASSWORD))
    return visitor


@pytest.mark.parametrize("preset", sorted(ADDRESSES))
def test_an_administrator_connects_an_app_by_its_address(app, admin, ana, preset):
    address = urlencode({"kind": "jwt", "preset": preset, "address": ADDRESSES[preset]})
    page = admin.visit(f"/admin/clients/new?{address}").text
    form = next(form for form in forms_of(page) if "jwt_sso.delivery_uri" in form.values)
    made = admin.submit(form, client_name="Desk", client_id="desk")
    assert made.status_code == 200

    with app.app_context():
        client = store.read(db.session(), "desk")
        wanted = service(Presets).find(preset).metadata(ADDRESSES[preset])
    assert client.metadata.jwt_sso.as_json() == {**client.metadata.jwt_sso.as_json(), **wanted["jwt_sso"]}
    assert set(client.metadata.scopes) == set(wanted["scope"].split())

    shown = html.unescape(admin.visit("/admin/clients/desk/simulator?q=ana").text)
    assert ">Fails<" not in shown
    assert "lets Ana" in shown or "can let Ana" in shown
    assert "(signature)" in shown
    # Nothing on the page can be used: neither a whole token nor a signature.
    assert not re.search(r"eyJ[\w-]+\.[\w-]+\.[\w-]{20,}|sig=[0-9a-f]{64}", shown)
    assert f"{ISSUER}/sso/desk" in shown


def test_an_address_that_cannot_be_used_is_said_at_once(admin):
    answer = admin.open("/admin/clients/new?kind=jwt&preset=zendesk&address=acme")
    assert answer.status_code == 400
    assert 'id="address-error"' in answer.text


def test_an_administrator_rotates_a_secret(app, admin):
    made = connect(app, "zendesk")
    page = "/admin/clients/zendesk"
    added = admin.submit(
        next(form for form in forms_of(admin.visit(f"{page}/jwt-secrets").text) if "jwt_secret" in form.values)
    )
    second = re.search(r'id="jwt-secret">([^<]+)<', added.text)[1]
    assert second != made.jwt_secret
    for action, expected in (("switch", (second, made.jwt_secret)), ("remove", (second,))):
        form = next(form for form in forms_of(admin.visit(page).text) if form.action.endswith(f"jwt-secrets/{action}"))
        assert admin.submit(form).status_code == 303
        shown = re.findall(r"••••••••(\w{4})<", admin.visit(page).text)
        assert shown == [one[-4:] for one in expected]


def test_the_simulator_is_for_administrators_and_the_jwt_redirect(app, visitor, admin):
    connect(app, "zendesk")
    assert visitor.open("/admin/clients/zendesk/simulator").status_code == 403
    assert admin.open("/admin/clients/none/simulator").status_code == 404
    assert "Nobody was found" in admin.visit("/admin/clients/zendesk/simulator?q=zzz").text


@pytest.mark.parametrize("preset", sorted(ADDRESSES))
def test_the_preview_of_claims_explains_each_of_them(app, admin, ana, preset):
    connect(app, preset)
    page = admin.visit(f"/admin/clients/{preset}/claims?q=ana")
    assert page.status_code == 200
    assert ana.email in page.text


def test_an_app_that_takes_keys_by_hand_holds_a_rotation_up_until_it_has_the_key(app, visitor):
    connect(app, "freshworks")
    connect(app, "grafana")
    for client_id in ("freshworks", "grafana"):
        assert visitor.open(f"/sso/{client_id}?nonce=n&state=s").status_code == 303
    with app.app_context():
        service(Ledger).flush()
        now, settings = clock.utc_now(), service(Settings)
        found = readiness.assess(db.session(), settings, "RS256", now)
        kinds = {reader.client_id: (reader.kind, reader.ready) for reader in found.readers}
        assert kinds["freshworks"] == (readiness.PINNED, False)
        # It fetches, and there never was a set without the key.
        assert kinds["grafana"] == (readiness.INFERRED, True)
        with transaction() as session:
            readiness.give(session, "freshworks", found.next.kid, now)
        again = readiness.assess(db.session(), settings, "RS256", now)
        kinds = {reader.client_id: (reader.kind, reader.ready) for reader in again.readers}
    assert kinds["freshworks"] == (readiness.PINNED, True)
