"""Dynamic client registration: RFC 7591 and OpenID Connect Registration 1.0."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from idp import clock
from idp.audit.log import COMMAND_LINE
from idp.audit.models import AuditEvent
from idp.clients import initial_access
from idp.clients.models import ClientRow, ClientSecret, InitialAccessToken
from idp.db import db, transaction
from idp.oidc import unused_clients
from idp.web import throttle
from idp.web.models import ThrottleCounter
from tests.app_keys import make_key
from tests.factories import make_client
from tests.registering import CALLBACK, PATH, Registrar, refused

# What comes back.


def test_an_app_registers_itself_and_is_told_everything(registrar):
    answer = registrar.register(client_name="Notes", contacts=["ops@notes.example"])

    assert answer.status == 201
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers
    made = answer.json
    assert made["client_name"] == "Notes"
    assert made["contacts"] == ["ops@notes.example"]
    assert made["redirect_uris"] == [CALLBACK]
    assert abs(made["client_id_issued_at"] - clock.utc_now().timestamp()) < 60
    assert made["client_secret"]
    assert made["client_secret_expires_at"] == 0
    assert made["registration_client_uri"] == f"{registrar.issuer}{PATH}/{made['client_id']}"
    assert made["registration_access_token"]


def test_defaults_are_those_of_the_specifications_and_are_told(registrar):
    made = registrar.made()

    assert made["grant_types"] == ["authorization_code"]
    assert made["response_types"] == ["code"]
    assert made["application_type"] == "web"
    assert made["token_endpoint_auth_method"] == "client_secret_basic"
    assert made["id_token_signed_response_alg"] == "RS256"
    assert made["subject_type"] == "public"
    metadata = registrar.stored(made["client_id"]).metadata
    assert metadata.scope == "openid profile email address phone"
    assert not metadata.id_token_profile_claims
    assert not metadata.require_pkce
    assert not metadata.skip_consent


@pytest.mark.parametrize(
    ("given", "scope"),
    [
        ({"grant_types": ["authorization_code", "refresh_token"]}, "openid profile email address phone offline_access"),
        ({"grant_types": ["implicit"], "response_types": ["id_token"]}, "openid profile email address phone"),
        ({"scope": "email openid"}, "email openid"),
        ({"scope": "openid api:write groups"}, "openid groups"),
    ],
)
def test_the_scope_is_what_the_grants_allow(registrar, given, scope):
    made = registrar.made(**given)

    assert registrar.stored(made["client_id"]).metadata.scope == scope
    # Libraries stumble over a scope that they did not name; where the app manages itself, it is told.
    assert made.get("scope") == (scope if "scope" in given else None)


def test_a_public_app_gets_no_secret_and_must_use_pkce(registrar):
    made = registrar.made(token_endpoint_auth_method="none")

    assert "client_secret" not in made
    assert "client_secret_expires_at" not in made
    assert registrar.stored(made["client_id"]).metadata.require_pkce


def test_all_metadata_of_the_standards_is_taken_and_told(registrar):
    key = make_key("ES256")
    given = {
        "redirect_uris": [CALLBACK],
        "post_logout_redirect_uris": ["https://notes.example/bye"],
        "client_name": "Notes",
        "client_uri": "https://notes.example/",
        "policy_uri": "https://notes.example/privacy",
        "tos_uri": "https://notes.example/terms",
        "initiate_login_uri": "https://notes.example/login",
        "contacts": ["ops@notes.example"],
        "software_id": "notes",
        "software_version": "3",
        "application_type": "web",
        "grant_types": ["authorization_code", "implicit", "refresh_token"],
        "response_types": ["code", "code id_token token", "id_token token"],
        "scope": "openid email offline_access",
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
        "jwks": key.jwks,
        "subject_type": "pairwise",
        "default_max_age": 3600,
        "default_acr_values": ["1"],
        "require_auth_time": True,
        "request_uris": ["https://notes.example/request.jwt#4a1"],
        "request_object_signing_alg": "ES256",
        "id_token_signed_response_alg": "ES256",
        "userinfo_signed_response_alg": "RS256",
        "authorization_signed_response_alg": "ES256",
        "id_token_encrypted_response_alg": "ECDH-ES",
        "id_token_encrypted_response_enc": "A128GCM",
        "backchannel_logout_uri": "https://notes.example/back",
        "backchannel_logout_session_required": True,
        "frontchannel_logout_uri": "https://notes.example/front",
        "frontchannel_logout_session_required": True,
    }

    made = registrar.made(**given)

    assert {name: made[name] for name in given} == given
    assert "client_secret" not in made


def test_words_of_a_response_type_come_in_any_order(registrar):
    made = registrar.made(
        response_types=["token id_token code"], grant_types=["authorization_code", "implicit", "refresh_token"]
    )
    assert made["response_types"] == ["code id_token token"]


def test_nothing_but_the_fingerprints_of_what_is_handed_over_is_kept(registrar):
    _, token = registrar.token()
    made = registrar.made(token)

    with registrar.app.app_context():
        tables = [table for table in db.metadata.sorted_tables if table.name != "signing_keys"]
        kept = " ".join(str(row) for table in tables for row in db.session().execute(table.select()))
    for value in (token, made["client_secret"], made["registration_access_token"]):
        assert value not in kept


def test_the_app_works_at_once(registrar, idp_over):
    idp = idp_over(registrar.app)
    party = registrar.party()
    browser = idp.browser(idp.person())

    answer = party.start(browser)

    # Nobody here vouches for it, so people are asked.
    assert answer.location.startswith("/consent?")


# What does not matter is passed over (RFC 7591 section 2).


@pytest.mark.parametrize(
    "given",
    [
        {"token_endpoint_auth_method": "client_secret_basic", "token_endpoint_auth_signing_alg": "RS256"},
        {"token_endpoint_auth_signing_alg": "none"},
        {"tls_client_auth_subject_dn": "CN=app"},
        {"grant_types": ["authorization_code", "implicit"], "response_types": ["code"]},
        {"grant_types": ["implicit", "refresh_token"], "response_types": ["id_token"]},
        {"client_name#de": "Notizen", "favourite_colour": "blue", "request_object_encryption_alg": "RSA-OAEP"},
        {"client_id": "notes", "client_secret": "x" * 40, "client_secret_expires_at": 1, "client_id_issued_at": 1},
        {"dpop_bound_access_tokens": False, "policy_uri": None},
        {"registration_access_token": "mine", "registration_client_uri": "https://evil.example/"},
    ],
)
def test_what_does_not_matter_is_passed_over(registrar, given):
    made = registrar.made(**given)

    assert made["client_id"] != "notes"
    assert made["client_secret"] != "x" * 40
    assert "favourite_colour" not in made
    assert "token_endpoint_auth_signing_alg" not in made
    assert made["registration_access_token"] != "mine"


@pytest.mark.parametrize(
    "name",
    ["dpop_bound_access_tokens", "tls_client_certificate_bound_access_tokens", "require_pushed_authorization_requests"],
)
def test_what_an_app_would_be_less_safe_without_is_not_passed_over(registrar, name):
    assert name in refused(registrar.register(**{name: True}))


# What is refused.


@pytest.mark.parametrize(
    "uri",
    [
        "https://notes.example/callback#here",
        "http://notes.example/callback",
        "javascript:alert(1)",
        "https://*.notes.example/callback",
        "https://notes.example/call\nback",
        "/callback",
        "",
        7,
    ],
)
def test_a_redirect_uri_that_cannot_be_is_named_as_such(registrar, uri):
    assert "redirect_uris" in refused(registrar.register(redirect_uris=[uri]), "invalid_redirect_uri")


def test_somewhere_to_come_back_to_is_needed(registrar):
    assert refused(registrar.register(redirect_uris=None), "invalid_redirect_uri").startswith("redirect_uris:")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("initiate_login_uri", "http://notes.example/login"),
        ("grant_types", ["password"]),
        ("grant_types", ["urn:ietf:params:oauth:grant-type:device_code"]),
        ("grant_types", "authorization_code"),
        ("response_types", ["token"]),
        ("response_types", [{}]),
        ("response_types", ["code id_token"]),
        ("scope", "admin"),
        ("scope", ["openid"]),
        ("token_endpoint_auth_method", "client_secret_magic"),
        ("id_token_signed_response_alg", "none"),
        ("userinfo_signed_response_alg", "none"),
        ("request_object_signing_alg", "none"),
        ("id_token_encrypted_response_alg", "RSA1_5"),
        ("jwks", {"keys": []}),
        ("jwks", "https://notes.example/keys"),
        ("jwks_uri", "http://notes.example/keys"),
        ("jwks_uri", "file:///etc/passwd"),
        ("subject_type", "secret"),
        ("default_max_age", -1),
        ("default_max_age", "60"),
        ("contacts", [1]),
        ("client_name", {"de": "Notizen"}),
        ("client_name", "a" * 201),
        ("logo_uri", "javascript:alert(1)"),
        ("post_logout_redirect_uris", ["https://notes.example/#bye"]),
        ("frontchannel_logout_uri", "https://elsewhere.example/out"),
        ("application_type", "desktop"),
    ],
)
def test_metadata_that_cannot_be_is_named_with_a_sentence(registrar, name, value):
    given = {"grant_types": ["authorization_code"], name: value} if name == "response_types" else {name: value}
    sentence = refused(registrar.register(**given))

    assert name in sentence
    assert sentence.isascii()
    assert '"' not in sentence
    assert "\\" not in sentence


def test_private_keys_are_sent_back(registrar):
    key = make_key("ES256")
    private = {"keys": [key.key.as_dict(private=True)]}
    assert "private" in refused(registrar.register(jwks=private))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "null",
        "{",
        '{"redirect_uris": ["https://a.example/"], "redirect_uris": ["https://b.example/"]}',
        '{"client_name": "\\ud800"}',
        '{"default_max_age": 1' + "0" * 30 + "}",
        '{"client_name": NaN}',
        '{"jwks": ' + '{"a":' * 40 + "1" + "}" * 40 + "}",
        "[" * 60_000,
        b'{"client_name": "\xff"}',
    ],
)
def test_I04_and_I05_what_is_no_plain_json_object_is_refused(registrar, body):
    answer = registrar.send("POST", document=body)
    assert answer.status == 400
    assert answer.json["error"] in {"invalid_client_metadata", "invalid_request"}


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data", ""])
def test_only_json_is_read(registrar, content_type):
    answer = registrar.send("POST", document='{"redirect_uris": []}', content_type=content_type)
    assert answer.status in {400, 415}
    assert answer.json["error"] == "invalid_request"
    assert "application/json" in answer.json["error_description"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "HEAD"])
def test_nothing_but_post_registers(registrar, method):
    assert registrar.send(method).status == 405


def test_a_page_cannot_register_from_a_browser(registrar):
    answer = registrar.send("POST", document={"redirect_uris": [CALLBACK]}, headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in answer.headers


# R01: who may.


def test_R01_registration_is_off_unless_switched_on(registrar_for, make_app):
    registrar = Registrar(make_app())
    _, token = registrar.token()

    for given in (None, token):
        answer = registrar.register(given)
        assert (answer.status, answer.json["error"]) == (403, "access_denied")
    document = registrar.app.test_client().get("/.well-known/openid-configuration").json
    assert "registration_endpoint" not in document


@pytest.mark.parametrize("mode", ["token", "open"])
def test_registration_is_advertised_where_it_is_on(registrar_for, mode):
    registrar = registrar_for(mode)
    document = registrar.app.test_client().get("/.well-known/openid-configuration").json
    assert document["registration_endpoint"] == f"{registrar.issuer}{PATH}"


def test_R01_without_a_token_or_with_a_wrong_one_nothing_is_registered(registrar_for):
    registrar = registrar_for("token")

    anonymous = registrar.register()
    assert anonymous.status == 401
    assert anonymous.headers["WWW-Authenticate"] == 'Bearer realm="OpenID Connect"'
    for token in ("wrong", "idpi_" + "A" * 43, ""):
        assert registrar.register(token).status == 401
    assert 'error="invalid_token"' in registrar.register("wrong").headers["WWW-Authenticate"]
    basic = registrar.send("POST", document={"redirect_uris": [CALLBACK]}, headers={"Authorization": "Basic YTpi"})
    assert basic.status == 401


def test_R01_a_token_lets_its_holder_register(registrar_for):
    registrar = registrar_for("token")
    token_id, token = registrar.token("Mobile team")

    made = registrar.made(token)

    assert registrar.stored(made["client_id"]).registered_itself
    with registrar.app.app_context():
        event = db.session().execute(select(AuditEvent).where(AuditEvent.type == "client.created")).scalars().one()
    assert (event.actor_id, event.actor_name) == (token_id, "Token Mobile team")
    assert event.target_id == made["client_id"]


def test_R01_a_wrong_token_is_refused_though_none_is_needed(registrar):
    assert registrar.register("wrong").status == 401


def test_R01_a_token_ends_by_its_uses_its_time_and_its_revocation(registrar_for):
    registrar = registrar_for("token")
    _, once = registrar.token(most_uses=1)
    assert registrar.register(once).status == 201
    assert registrar.register(once).status == 401

    late_id, late = registrar.token(lifetime=timedelta(seconds=1))
    gone_id, gone = registrar.token()
    with registrar.app.app_context(), transaction() as session:
        session.execute(
            update(InitialAccessToken).where(InitialAccessToken.id == late_id).values(expires_at=clock.utc_now())
        )
        initial_access.revoke(session, gone_id, actor=COMMAND_LINE, now=clock.utc_now())
    assert registrar.register(late).status == 401
    assert registrar.register(gone).status == 401


def test_R01_a_refused_registration_uses_nothing_up(registrar_for):
    registrar = registrar_for("token")
    _, once = registrar.token(most_uses=1)

    assert registrar.register(once, redirect_uris=["http://notes.example/"]).status == 400
    assert registrar.register(once).status == 201


def test_R01_one_use_is_one_use_however_many_ask_at_once(registrar_for):
    registrar = registrar_for("token")
    _, token = registrar.token(most_uses=3)

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda _: registrar.register(token).status, range(10)))

    assert sorted(codes) == [201] * 3 + [401] * 7


def test_an_app_that_nobody_let_in_gets_no_tokens_for_itself(registrar_for):
    registrar = registrar_for("open")
    _, token = registrar.token()
    given = {"redirect_uris": None, "grant_types": ["client_credentials"]}

    assert "client_credentials" in refused(registrar.register(**given))
    assert registrar.made(token, **given)["grant_types"] == ["client_credentials"]


# R02 is in test_registration_fetching.py, R03 above, at the redirect URIs. R04, R05: what an app cannot give itself.


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("skip_consent", True),
        ("resource_server", True),
        ("resources", ["https://api.example"]),
        ("default_resource", "https://api.example"),
        ("jwt_sso", {"delivery_uri": "https://evil.example/sso"}),
        ("id_token_profile_claims", True),
        ("security_profile", "fapi"),
        ("access_token_signed_response_alg", "EdDSA"),
        ("claim_mapping", {"id_token": {"email": "sub"}}),
        ("disabled", False),
        ("is_admin", True),
        ("client_id", "portal"),
        ("client_secret", "s" * 40),
        ("created_at", 0),
    ],
)
def test_R05_an_app_cannot_trust_itself(registrar, name, value):
    plain = registrar.stored(registrar.made()["client_id"]).metadata

    made = registrar.made(**{name: value})

    assert registrar.stored(made["client_id"]).metadata == plain
    assert made.get(name) != value


@pytest.mark.parametrize("algorithms", ["none", "trusted nobody", "forged"])
def test_R04_a_software_statement_that_nobody_trusted_has_signed_is_refused(registrar_for, tmp_path, algorithms):
    trusted, stranger = make_key("ES256", "a"), make_key("ES256", "a")
    file = tmp_path / "statements.json"
    file.write_text(json.dumps(trusted.jwks))
    statement = stranger.sign({"iss": "https://store.example", "client_name": "Bank"})
    registrar = registrar_for() if algorithms == "none" else registrar_for(software_statement_keys=file)
    if algorithms == "forged":
        head, _, signature = trusted.sign({"iss": "https://store.example"}).split(".")
        statement = ".".join((head, statement.split(".")[1], signature))

    refused(registrar.register(software_statement=statement), "unapproved_software_statement")


@pytest.mark.parametrize(
    "claims",
    [{}, {"iss": 1}, {"iss": "https://store.example", "exp": 1}, {"iss": "https://store.example", "nbf": 99999999999}],
)
def test_R04_a_trusted_statement_still_has_to_make_sense(registrar_for, tmp_path, claims):
    registrar, trusted = _trusting(registrar_for, tmp_path)
    refused(registrar.register(software_statement=trusted.sign(claims)), "invalid_software_statement")


@pytest.mark.parametrize("statement", ["", "a.b.c", "x" * 20_000, 7, ["a"]])
def test_R04_what_is_no_statement_is_refused(registrar_for, tmp_path, statement):
    registrar, _ = _trusting(registrar_for, tmp_path)
    refused(registrar.register(software_statement=statement), "invalid_software_statement")


def test_what_a_trusted_statement_says_goes_before_what_the_app_says(registrar_for, tmp_path):
    registrar, trusted = _trusting(registrar_for, tmp_path)
    statement = trusted.sign(
        {"iss": "https://store.example", "client_name": "Notes", "skip_consent": True, "redirect_uris": [CALLBACK]}
    )

    made = registrar.made(
        software_statement=statement, client_name="Bank", redirect_uris=["https://evil.example/"], tos_uri=None
    )

    assert made["client_name"] == "Notes"
    assert made["redirect_uris"] == [CALLBACK]
    assert made["software_statement"] == statement
    assert not registrar.stored(made["client_id"]).metadata.skip_consent


def _trusting(registrar_for, tmp_path):
    trusted = make_key("ES256", "a")
    file = tmp_path / "statements.json"
    file.write_text(json.dumps(trusted.jwks))
    return registrar_for(software_statement_keys=file), trusted


# R07: how many.


def test_R07_a_network_registers_so_many_apps_a_day(registrar_for):
    registrar = registrar_for(quota=3)

    codes = [registrar.register().status for _ in range(5)]

    assert codes == [201, 201, 201, 429, 429]
    answer = registrar.register()
    assert answer.json["error"] == "slow_down"
    assert 0 < int(answer.headers["Retry-After"]) <= 86400
    other = registrar.send(
        "POST", document={"redirect_uris": [CALLBACK]}, environ_overrides={"REMOTE_ADDR": "203.0.113.9"}
    )
    assert other.status == 201
    with registrar.app.app_context():
        hits = list(db.session().execute(select(AuditEvent).where(AuditEvent.type == "throttle.hit")).scalars())
    assert len(hits) == 1


def test_R07_a_quota_lasts_a_day_and_no_purge_shortens_it(registrar_for):
    registrar = registrar_for(quota=1)
    assert registrar.register().status == 201
    with registrar.app.app_context(), transaction() as session:
        throttle.purge(session, clock.utc_now() + timedelta(hours=23))
    assert registrar.register().status == 429
    with registrar.app.app_context(), transaction() as session:
        past = clock.utc_now() - timedelta(days=1)
        session.execute(update(ThrottleCounter).values(window_started_at=past, blocked_until=clock.utc_now()))
    assert registrar.register().status == 201


def test_R07_each_token_has_its_own_quota(registrar_for):
    registrar = registrar_for("token", quota=1)
    _, first = registrar.token("a")
    _, second = registrar.token("b")

    assert [registrar.register(token).status for token in (first, first, second)] == [201, 429, 201]


def test_R07_a_large_document_is_not_read(registrar):
    answer = registrar.register(client_name="a" * 1_000_000)
    assert answer.status == 413
    assert answer.json["error"] == "invalid_request"


def test_R07_open_apps_that_nobody_uses_go_after_a_while(registrar):
    app = registrar.app
    _, token = registrar.token()
    unused, used, kept = (registrar.made()["client_id"] for _ in range(3))
    trusted = registrar.made(token)["client_id"]
    ours = make_client(app).client_id
    now = clock.utc_now()
    with app.app_context(), transaction() as session:
        session.execute(update(ClientRow).values(created_at=now - timedelta(days=31)))
        session.execute(update(ClientRow).where(ClientRow.client_id == kept).values(created_at=now))
        session.execute(update(ClientSecret).where(ClientSecret.client_id == used).values(last_used_at=now))

    with app.app_context(), transaction() as session:
        assert unused_clients.purge(session, now, keep=timedelta(days=30)) == 1

    assert registrar.stored(unused) is None
    assert all(registrar.stored(one) for one in (used, kept, trusted, ours))
    with app.app_context():
        event = db.session().execute(select(AuditEvent).where(AuditEvent.type == "client.deleted")).scalars().one()
    assert (event.target_id, event.actor_id) == (unused, "system")


@pytest.mark.parametrize("method", ["tls_client_auth", "self_signed_tls_client_auth"])
def test_certificates_are_refused_where_nothing_hands_them_on(registrar, method):
    given = {"token_endpoint_auth_method": method, "tls_client_auth_san_dns": "notes.example"}
    if method == "self_signed_tls_client_auth":
        given = {"token_endpoint_auth_method": method, "jwks": make_key("ES256").jwks}
    assert "token_endpoint_auth_method" in refused(registrar.register(**given))
