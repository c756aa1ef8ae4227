"""The plain JWT redirect, spoken as an app without any library but PyJWT."""

import json
import re
from datetime import timedelta
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import jwt
import pytest
from sqlalchemy import select, update

from idp import clock
from idp.audit.log import COMMAND_LINE
from idp.audit.models import AuditEvent
from idp.clients import administration, jwt_secrets, registration, store
from idp.db import db, transaction
from idp.interactions.models import Interaction
from idp.keys.store import ensure_algorithm
from idp.sessions.models import BrowserSession, SessionClient
from idp.tokens.models import RedirectToken
from idp.vault import Vault
from idp.web.current import service
from tests.factories import ALL_CLAIMS, disable_client, disable_person, make_client, make_person, sign_in
from tests.visitor import PASSWORD, Visitor, forms_of

DELIVERY = "https://wiki.example/sso/jwt"
ISSUER = "http://localhost:8000"


@pytest.fixture
def ana(app):
    return make_person(app, "ana", password=PASSWORD, in_groups=("staff", "writers"), claims=ALL_CLAIMS)


@pytest.fixture
def visitor(app, ana):
    """A browser in which Ana is signed in."""
    made = Visitor(app)
    sign_in(app, made.client, ana)
    return made


def wiki(app, metadata=None, **jwt_sso):
    given = {
        "client_id": "wiki",
        "client_name": "Wiki",
        "redirect_uris": None,
        "grant_types": [],
        "scope": "openid profile email",
        "jwt_sso": {"delivery_uri": DELIVERY, **jwt_sso},
        **(metadata or {}),
    }
    made = make_client(app, **given)
    with app.app_context():
        for alg in store.read(db.session(), made.client_id).metadata.signing_algorithms:
            ensure_algorithm(db.session(), service(Vault), alg, clock.utc_now())
    return made


def start(**parameters):
    return f"/sso/wiki?{urlencode(parameters)}" if parameters else "/sso/wiki"


def posted(answer):
    """Return what the page of a form post sends, and where."""
    assert answer.status_code == 200, answer.text
    (form,) = [one for one in forms_of(answer.text) if "://" in one.action]
    return form.action, form.values


def verified(app, token, **options):
    """Verify a token as an app does: by the published keys alone."""
    keys = json.loads(app.test_client().get("/oauth/jwks").data)["keys"]
    header = jwt.get_unverified_header(token)
    (key,) = [jwt.PyJWK(one) for one in keys if one["kid"] == header["kid"]]
    required = {"require": ["iss", "sub", "aud", "exp", "iat", "jti"]}
    return jwt.decode(
        token, key, algorithms=[header["alg"]], audience="wiki", issuer=ISSUER, options=required, **options
    )


def token_of(visitor, **parameters):
    return posted(visitor.open(start(**parameters)))[1]["jwt"]


def rows(app, statement):
    with app.app_context():
        return list(db.session().execute(statement))


def test_a_signed_in_person_goes_straight_through_by_form_post(app, visitor, ana):
    wiki(app)

    answer = visitor.open(start(return_to="/page?a=1&b=2", nonce="n-1", state='st "1"'))

    action, fields = posted(answer)
    assert action == DELIVERY
    assert {name: value for name, value in fields.items() if name != "jwt"} == {
        "return_to": "/page?a=1&b=2",
        "state": 'st "1"',
    }
    claims = verified(app, fields["jwt"])
    header = jwt.get_unverified_header(fields["jwt"])
    assert header["typ"] == "JWT"
    assert header["alg"] == "RS256"
    assert set(header) == {"alg", "kid", "typ"}
    assert claims["sub"] == ana.id
    assert claims["aud"] == "wiki"
    assert claims["nonce"] == "n-1"
    assert claims["email"] == "ana@people.example"
    assert claims["email_verified"] is True
    assert claims["preferred_username"] == "ana"
    assert claims["exp"] - claims["iat"] == 60
    assert len(claims["jti"]) >= 22
    assert "groups" not in claims
    assert not {"sid", "state", "access_token", "scope"} & claims.keys()
    assert rows(app, select(RedirectToken.jti, RedirectToken.client_id, RedirectToken.person_id)) == [
        (claims["jti"], "wiki", ana.id)
    ]
    assert len(rows(app, select(SessionClient).where(SessionClient.client_id == "wiki"))) == 1


def test_the_page_that_posts_itself_leaks_nothing(app, visitor):
    wiki(app)

    answer = visitor.open(start())

    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "form-action" not in policy
    assert re.search(r'<script src="/static/[^"]+" defer></script>', answer.text)
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=", answer.text)
    # Without script, a button that can be seen does it.
    assert re.search(r'<button class="button[^>]*type="submit"', answer.text)


@pytest.mark.parametrize(("delivery", "mark"), [("query", "?"), ("fragment", "#")])
def test_delivery_in_the_address(app, visitor, delivery, mark):
    wiki(app, delivery=delivery, field="token")

    answer = visitor.open(start(state="a&b=c", return_to="/x"))

    assert answer.status_code == 303
    address, _, parameters = answer.headers["Location"].partition(mark)
    assert address == DELIVERY
    sent = dict(parse_qsl(parameters))
    assert set(sent) == {"token", "state", "return_to"}
    assert sent["state"] == "a&b=c"
    assert verified(app, sent["token"])["aud"] == "wiki"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_a_registered_query_is_kept(app, visitor):
    wiki(app, {"jwt_sso": {"delivery_uri": f"{DELIVERY}?site=a%20b", "delivery": "query"}})

    assert visitor.open(start()).headers["Location"].startswith(f"{DELIVERY}?site=a%20b&jwt=")


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
def test_each_algorithm_verifies_by_the_published_keys(app, visitor, alg):
    wiki(app, alg=alg)

    token = token_of(visitor)

    assert jwt.get_unverified_header(token)["alg"] == alg
    assert verified(app, token)["sub"].startswith("usr_")


def test_hs256_verifies_with_the_secret_that_was_shown_and_with_no_other(app, visitor):
    made = None
    with app.app_context(), transaction() as session:
        given = {
            "client_id": "wiki",
            "client_name": "Wiki",
            "grant_types": [],
            "skip_consent": True,
            "jwt_sso": {"delivery_uri": DELIVERY, "alg": "HS256"},
        }
        made = store.create(session, service(Vault), registration.read(given), clock.utc_now())

    token = token_of(visitor)

    assert len(made.jwt_secret) >= 43
    header = jwt.get_unverified_header(token)
    assert (header["alg"], header["typ"]) == ("HS256", "JWT")
    claims = jwt.decode(token, made.jwt_secret, algorithms=["HS256"], audience="wiki", issuer=ISSUER)
    assert claims["email"] == "ana@people.example"
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, "x" * 43, algorithms=["HS256"], audience="wiki")
    assert made.client_secret is None

    with app.app_context(), transaction() as session:
        again = administration.replace_jwt_secret(
            session, service(Vault), "wiki", actor=COMMAND_LINE, now=clock.utc_now()
        )
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token_of(visitor), made.jwt_secret, algorithms=["HS256"], audience="wiki")
    assert jwt.decode(token_of(visitor), again, algorithms=["HS256"], audience="wiki")
    with app.app_context():
        envelope = store.read(db.session(), "wiki").jwt_secret
        assert again not in envelope
        assert jwt_secrets.key_bytes(service(Vault), "wiki", envelope) == again.encode()


def test_claims_follow_scopes_and_carry_the_names_that_the_app_knows(app, visitor, ana):
    wiki(
        app,
        {"scope": "openid email groups"},
        claims={"external_id": "sub", "mail": "email", "roles": "groups", "full_name": "name"},
    )

    claims = verified(app, token_of(visitor))

    assert claims["external_id"] == ana.id
    assert claims["mail"] == claims["email"] == "ana@people.example"
    assert claims["roles"] == claims["groups"] == ["staff", "writers"]
    # No scope lets the app know the name, so no mapping does.
    assert not {"name", "full_name", "preferred_username", "phone_number"} & claims.keys()


def test_two_tokens_within_a_second_differ(app, visitor):
    wiki(app)

    first, second = verified(app, token_of(visitor)), verified(app, token_of(visitor))

    assert first["jti"] != second["jti"]
    assert len(rows(app, select(RedirectToken))) == 2


def test_whoever_is_not_signed_in_signs_in_first_and_ends_at_the_app(app, ana):
    wiki(app)
    visitor = Visitor(app)

    answer = visitor.open(start(nonce="n", state="s", return_to="/deep"))
    assert answer.status_code == 303
    assert "/login?interaction=" in answer.headers["Location"]
    assert "deep" not in answer.headers["Location"]
    signed_in = visitor.sign_in("ana", path=answer.headers["Location"].removeprefix(ISSUER))

    action, fields = posted(visitor.visit(signed_in.headers["Location"].removeprefix(ISSUER)))
    assert action == DELIVERY
    assert fields["return_to"] == "/deep"
    assert verified(app, fields["jwt"])["nonce"] == "n"
    # The back button: the same request again ends at the app again, with another token.
    again = posted(visitor.visit(signed_in.headers["Location"].removeprefix(ISSUER)))[1]
    assert verified(app, again["jwt"])["jti"] != verified(app, fields["jwt"])["jti"]


def test_consent_is_asked_once_and_remembered(app, visitor):
    wiki(app, {"skip_consent": False})

    answer = visitor.visit(start(nonce="n"))

    assert "Allow Wiki?" in answer.text
    assert "ana@people.example" in answer.text
    assert "wiki.example" in answer.text
    (form,) = [one for one in forms_of(answer.text) if "/sso/consent/" in one.action]
    allowed = visitor.submit(form, decision="allow")
    _, fields = posted(visitor.visit(allowed.headers["Location"]))
    assert verified(app, fields["jwt"])["nonce"] == "n"
    assert posted(visitor.visit(start()))[1]["jwt"]
    kinds = [row.type for row in rows(app, select(AuditEvent.type).where(AuditEvent.type.startswith("consent")))]
    assert kinds == ["consent.granted"]


def test_a_refused_consent_ends_on_a_page_and_gives_no_token(app, visitor):
    wiki(app, {"skip_consent": False})
    page = visitor.visit(start()).text
    (form,) = [one for one in forms_of(page) if "/sso/consent/" in one.action]

    denied = visitor.submit(form, decision="deny")
    answer = visitor.visit(denied.headers["Location"])

    assert answer.status_code == 403
    assert rows(app, select(RedirectToken)) == []
    # Nothing was remembered: going back to the app asks again.
    assert "Allow Wiki?" in visitor.visit(start()).text


def test_consent_cannot_be_given_from_another_browser(app, visitor):
    wiki(app, {"skip_consent": False})
    page = visitor.visit(start()).text
    (form,) = [one for one in forms_of(page) if "/sso/consent/" in one.action]
    other = Visitor(app)
    sign_in(app, other.client, make_person(app, "eve"))

    assert other.visit(form.action).status_code == 403
    assert other.visit(form.action.replace("consent", "resume")).status_code == 403


def test_a_request_of_another_protocol_is_sent_back_to_it(app, visitor):
    wiki(app, {"skip_consent": False})
    visitor.visit(start())
    with app.app_context(), transaction() as session:
        session.execute(update(Interaction).values(resume_endpoint="oidc_authorize.resume"))
        interaction = session.execute(select(Interaction.id)).scalar_one()

    for path in (f"/sso/resume/{interaction}", f"/sso/consent/{interaction}"):
        answer = visitor.open(path)
        assert answer.status_code == 303
        assert "jwt" not in answer.text
    assert visitor.open(f"/sso/resume/{interaction}").headers["Location"] == f"/oauth/authorize/{interaction}"


@pytest.mark.parametrize(
    "return_to",
    [
        "/",
        "/deep/page?x=1#part",
        "https://wiki.example/anything",
        "https://docs.example/team/",
        "https://docs.example/team/a?b",
    ],
)
def test_return_to_where_the_app_may_send_people(app, visitor, return_to):
    wiki(app, return_to_prefixes=["https://docs.example/team/"])

    assert posted(visitor.open(start(return_to=return_to)))[1]["return_to"] == return_to


@pytest.mark.parametrize(
    "return_to",
    [
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/%5Cevil.example",
        "/%2Fevil.example",
        "/\tevil.example",
        "https://evil.example/",
        "https://wiki.example@evil.example/",
        "https://wiki.example.evil.example/",
        "https://wiki.example:8443/",
        "http://wiki.example/",
        "https://docs.example/teams",
        "https://docs.example/team/../admin",
        "https://docs.example/team/%2e%2e/admin",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "evil.example",
        "https:evil.example",
        "https:///evil.example",
    ],
)
def test_return_to_a_look_alike_is_an_explained_page(app, visitor, return_to):
    wiki(app, return_to_prefixes=["https://docs.example/team/"])

    answer = visitor.open(f"/sso/wiki?return_to={quote(return_to, safe='')}")

    assert answer.status_code == 400
    assert "jwt" not in {name for form in forms_of(answer.text) for name in form.values}
    assert f'href="{return_to}"' not in answer.text
    assert rows(app, select(RedirectToken)) == []


@pytest.mark.parametrize(
    "query",
    [
        "nonce=a&nonce=b",
        "state=a&state=b",
        "return_to=/a&return_to=/b",
        "nonce=%00",
        "state=%FF",
        "nonce=" + "x" * 2049,
    ],
)
def test_parameters_that_cannot_be_read_one_way_are_refused(app, visitor, query):
    wiki(app)

    assert visitor.open(f"/sso/wiki?{query}").status_code == 400
    assert rows(app, select(RedirectToken)) == []


def test_unknown_parameters_are_passed_over(app, visitor):
    wiki(app)

    fields = posted(visitor.open(start(utm="x", delivery_uri="https://evil.example", jwt="x")))[1]

    assert set(fields) == {"jwt"}
    assert verified(app, fields["jwt"])


@pytest.mark.parametrize(("path", "status"), [("/sso/nobody", 400), ("/sso/oidc", 400), ("/sso/wiki", 403)])
def test_apps_that_take_no_part_are_explained(app, visitor, path, status):
    wiki(app)
    make_client(app, client_id="oidc", client_name="Only OpenID Connect")
    disable_client(app, "wiki")

    answer = visitor.open(path)

    assert answer.status_code == status
    assert "<h1" in answer.text
    assert "Location" not in answer.headers


def test_a_client_that_is_disabled_while_somebody_signs_in_gets_no_token(app, ana):
    wiki(app)
    visitor = Visitor(app)
    waiting = visitor.open(start()).headers["Location"].removeprefix(ISSUER)
    disable_client(app, "wiki")

    signed_in = visitor.sign_in("ana", path=waiting)

    assert visitor.visit(signed_in.headers["Location"]).status_code == 403
    assert rows(app, select(RedirectToken)) == []


def test_a_disabled_person_gets_no_token(app, visitor, ana):
    wiki(app)
    disable_person(app, ana.id)

    answer = visitor.open(start())

    assert "/login" in answer.headers["Location"]
    assert rows(app, select(RedirectToken)) == []


def test_an_app_that_wants_a_recent_sign_in_gets_one(app, visitor):
    wiki(app, {"default_max_age": 600})
    assert verified(app, token_of(visitor))
    with app.app_context(), transaction() as session:
        session.execute(update(BrowserSession).values(auth_time=clock.utc_now() - timedelta(minutes=11)))

    answer = visitor.open(start())
    assert "/login?interaction=" in answer.headers["Location"]
    signed_in = visitor.sign_in("ana", path=answer.headers["Location"])

    claims = verified(app, posted(visitor.visit(signed_in.headers["Location"]))[1]["jwt"])
    assert claims["iat"] - claims["auth_time"] < 60


def test_life_is_a_setting_and_at_most_two_minutes(make_app, ana, app):
    wiki(app)
    longer = make_app(tokens={"redirect_jwt": 120})
    visitor = Visitor(longer)
    sign_in(longer, visitor.client, ana)

    claims = verified(longer, token_of(visitor))

    assert claims["exp"] - claims["iat"] == 120


def test_the_token_is_no_bearer_and_no_hint(app, visitor):
    wiki(app)
    token = token_of(visitor)

    userinfo = app.test_client().get("/oauth/userinfo", headers={"Authorization": f"Bearer {token}"})

    assert userinfo.status_code == 401
    assert token not in userinfo.get_data(as_text=True)


def test_no_address_of_this_server_ever_carries_a_token_of_form_post(app, visitor):
    wiki(app)

    answer = visitor.open(start(nonce="n"))

    assert "Location" not in answer.headers
    assert "Set-Cookie" not in answer.headers or posted(answer)[1]["jwt"] not in str(answer.headers)
    assert urlsplit(posted(answer)[0]).query == ""
