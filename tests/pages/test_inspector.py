"""The JWT inspector, as somebody without JavaScript uses it: over real keys, and leaving nothing behind."""

import hashlib
import hmac
import html
import json
import logging
import re
from datetime import timedelta

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import utils
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey
from sqlalchemy import text as sql
from sqlalchemy import update

from idp import clock
from idp.clients import jwt_secrets, store
from idp.db import db, transaction
from idp.keys import examination, rotation
from idp.keys.models import Installation
from idp.keys.signer import Signer
from idp.protocol.jwt_parts import take_apart
from idp.tokens import revocation
from idp.vault import Vault
from idp.web.current import service
from tests.factories import make_client, make_person, sign_in
from tests.keyring import AUDIENCE, b64, change, claims, header_of, key_set, keys_of, of, token, unb64, verify
from tests.visitor import Visitor

PAGE = "/developer/jwt"


@pytest.fixture
def visitor(app):
    visitor = Visitor(app)
    sign_in(app, visitor.client, make_person(app, "dev"))
    return visitor


@pytest.fixture
def admin(app):
    visitor = Visitor(app)
    sign_in(app, visitor.client, make_person(app, "root", is_admin=True))
    return visitor


def id_token(app, alg="RS256", **changed):
    with of(app):
        return token(alg, typ="JWT", **{"jti": None, "nonce": "n", **changed})


def look(visitor, pasted, **more):
    answer = visitor.submit(visitor.form(PAGE, action=PAGE), token=pasted, **more)
    assert answer.status_code == 200
    return answer


def words_of(answer):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text.partition('id="main"')[2])).split())


def title_of(answer):
    return html.unescape(re.search(r"<title>(.*?)</title>", answer.text)[1])


def parts(pasted):
    return pasted.split(".")


# Who, and how


def test_anybody_signed_in_may_look_and_nobody_else(app, visitor):
    assert visitor.open(PAGE).status_code == 200
    assert 'href="/developer/jwt"' in visitor.open("/account").text
    nobody = Visitor(app)
    assert nobody.open(PAGE).headers["Location"].startswith("/login?interaction=")
    form = visitor.form(PAGE, action=PAGE)
    answer = nobody.open(PAGE, "POST", data=form.values | {"token": id_token(app)})
    assert answer.status_code in {303, 400}
    assert "sub" not in answer.text.partition("<main")[2]


def test_the_form_needs_its_token_and_a_get_takes_none(app, visitor):
    pasted = id_token(app)
    assert visitor.open(PAGE, "POST", data={"token": pasted}).status_code == 400
    answer = visitor.open(f"{PAGE}?token={pasted}")
    assert "Claims" not in answer.text
    assert pasted not in answer.text


@pytest.mark.parametrize("alg", ["RS256", "ES256"])
def test_a_good_token_is_explained(app, visitor, alg):
    answer = look(visitor, id_token(app, alg, email="ana@people.example"), audience=AUDIENCE)
    words = words_of(answer)
    assert title_of(answer).startswith("Good: an ID token of this server · JWT inspector")
    for phrase in ("It expires in ", "Signed here, by ", f"({alg})", "The audience is right", "ana@people.example",
                   "That is this server.", "It is the key that signs now."):  # fmt: skip
        assert phrase in words, phrase
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    # What was typed stays, so that something can be changed and tried again.
    form = next(form for form in visitor_forms(answer) if form.action == PAGE)
    assert form.values["audience"] == AUDIENCE
    assert form.values["token"].count(".") == 2


def visitor_forms(answer):
    from tests.visitor import forms_of

    return forms_of(answer.text)


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"token": ""}, "token", "Paste a token."),
        ({"token": "  \r\n "}, "token", "Paste a token."),
        ({"token": "x" * 16_385}, "token", "It has 16,385 characters; 16,384 are read at most."),
        ({"leeway": "soon"}, "leeway", "Write whole seconds"),
        ({"leeway": "-1"}, "leeway", "Write whole seconds"),
        ({"leeway": "١"}, "leeway", "Write whole seconds"),
        ({"leeway": "9999"}, "leeway", "would hide what is wrong"),
        ({"leeway": "9" * 5000}, "leeway", "Write whole seconds"),
        ({"audience": "x" * 2001}, "audience", "At most 2,000 characters"),
        ({"issuer": "x" * 2001}, "issuer", "At most 2,000 characters"),
    ],
)
def test_what_cannot_be_compared_is_refused_beside_its_field(visitor, typed, field, words):
    answer = visitor.submit(visitor.form(PAGE, action=PAGE), **{"token": "a.b.c", **typed})
    assert answer.status_code == 400
    assert title_of(answer).startswith("Error: ")
    assert f'id="{field}-error"' in answer.text
    assert words in words_of(answer)


def test_times_and_audience_are_compared_as_asked(app, visitor):
    expired = id_token(app, now=clock.utc_now() - timedelta(seconds=330))
    assert re.search(r"It expired (3\d|[45]\d) seconds ago", words_of(look(visitor, expired)))
    assert "within the leeway of 1 minute" in words_of(look(visitor, expired, leeway="60"))
    words = words_of(look(visitor, id_token(app), audience=f"{AUDIENCE}/"))
    assert "They differ in the slash at the end alone." in words
    assert "https://else.example was expected" in words_of(look(visitor, id_token(app), issuer="https://else.example"))


def test_pages_about_keys_and_apps_lead_here(app, admin):
    make_client(app, client_id="app~1")
    assert 'href="/developer/jwt"' in admin.open("/admin/keys").text.partition('id="main"')[2]
    page = admin.open("/admin/clients/app~1").text
    found = html.unescape(re.search(r'href="(/developer/jwt\?[^"]+)"', page)[1])
    assert admin.form(found, action=PAGE).values["audience"] == "app~1"


def test_the_page_about_a_refused_request_object_leads_here(app):
    keys = {"keys": [{**ECKey.generate_key("P-256").as_dict(private=False), "kid": "1"}]}
    make_client(app, client_id="signing", jwks=keys)
    nobody = Visitor(app)
    header = b64(json.dumps({"alg": "ES256", "kid": "1"}))
    refused = nobody.open(f"/oauth/authorize?client_id=signing&request={header}.e30.QQ")
    assert "invalid_request_object" in refused.text
    assert 'href="/developer/jwt"' in refused.text
    assert 'href="/developer/jwt"' not in nobody.open("/oauth/authorize?client_id=nobody").text


# Keys


def test_the_state_of_the_key_is_told(app, visitor):
    old = id_token(app)
    with of(app):
        rotation.rotate(change(app), "RS256")
    assert "It signs no more and is still in the key set" in words_of(look(visitor, old))
    long_life = id_token(app, exp=clock.epoch_seconds(clock.utc_now()) + 86400 * 365)
    services = app.extensions["idp"]
    with of(app):
        kid = header_of(long_life)["kid"]
        rotation.rotate(change(app, after=timedelta(days=1)), "RS256")
        rotation.run_schedule(
            db.session(), services[Vault], change(app).settings, now=clock.utc_now() + timedelta(days=20)
        )
        assert kid in keys_of()["retired"]
    with time_machine.travel(clock.utc_now() + timedelta(days=23, minutes=1), tick=False):
        again = Visitor(app)
        sign_in(app, again.client, make_person(app))
        words = words_of(look(again, long_life))
    assert "Not valid: the key was retired 3 days ago." in words
    with of(app):
        rotation.revoke(change(app), kid)
    assert "Not valid: the key was revoked." in words_of(look(visitor, long_life))
    assert "It proves nothing any more" in words_of(look(visitor, long_life))


def test_what_was_issued_before_a_replacement_is_not_good(app, visitor):
    pasted = id_token(app, "ES256")
    with of(app), transaction() as session:
        session.execute(update(Installation).values(not_before=clock.utc_now() + timedelta(seconds=2)))
    assert "Not valid: it was issued before a key was replaced." in words_of(look(visitor, pasted))


def test_an_unknown_key_is_told_by_whose_token_it_is(app, visitor):
    _, payload, signature = parts(id_token(app))
    strange = b64(json.dumps({"alg": "RS256", "kid": "strange", "typ": "JWT"}))
    # The signature is by a key of ours, so the header was changed.
    assert "Not valid: the header was altered." in words_of(look(visitor, f"{strange}.{payload}.{signature}"))
    assert "The kid strange never was a key here" in words_of(look(visitor, f"{strange}.{payload}.{b64(b's' * 256)}"))
    foreign = b64(json.dumps({"iss": "https://else.example", "sub": "u", "aud": "a", "exp": 4102444800, "iat": 1}))
    words = words_of(look(visitor, f"{strange}.{foreign}.{b64(b's' * 256)}"))
    assert "An ID token of https://else.example: it cannot be vouched for here." in words
    nameless = b64(json.dumps({"alg": "RS256", "typ": "JWT"}))
    assert "The header has no kid" in words_of(look(visitor, f"{nameless}.{payload}.{b64(b's' * 256)}"))


# What happened to a token


@pytest.fixture
def case(app):
    """Return a function that tells the outcome and the trace of a token's signature, and the name of the key."""

    def examine(pasted, secret=None):
        with of(app):
            known = examination.known(db.session())
        facts = examination.examine(take_apart(pasted), known, secret)
        return f"{facts.outcome}/{facts.trace}", facts.key.alg if facts.key else ""

    return examine


@pytest.mark.parametrize("alg", ["RS256", "ES256"])
def test_an_altered_header_is_proven_by_the_rest(app, case, alg):
    header, payload, signature = parts(id_token(app, alg))
    good = json.loads(unb64(header))
    assert case(f"{header}.{payload}.{signature}") == ("good/nothing", alg)
    for altered in ({**good, "typ": "at+jwt"}, {**good, "x": 1}, {"alg": good["alg"], "kid": good["kid"]},
                    {**good, "kid": "other"}, {**good, "alg": "PS256"}, {**good, "alg": "XS256"}):  # fmt: skip
        assert case(f"{b64(json.dumps(altered))}.{payload}.{signature}") == ("wrong/header_altered", alg)


def test_claims_that_were_written_anew_are_told_from_claims_that_were_changed(app, case):
    header, payload, signature = parts(id_token(app, name="Zoë"))
    content = json.loads(unb64(payload))
    for spelled in (json.dumps(content), json.dumps(content, indent=2), json.dumps(content, ensure_ascii=False)):
        assert case(f"{header}.{b64(spelled)}.{signature}") == ("wrong/payload_rewritten", "RS256")
    for changed in (content | {"sub": "usr_2"}, dict(sorted(content.items()))):
        assert case(f"{header}.{b64(json.dumps(changed))}.{signature}") == ("wrong/content_altered", "RS256")


def test_a_signature_of_other_content_is_told_from_one_that_was_changed(app, case):
    (header, payload, signature), other = parts(id_token(app)), parts(id_token(app, sub="usr_2"))
    assert case(f"{header}.{payload}.{other[2]}") == ("wrong/content_altered", "RS256")
    broken = bytearray(unb64(signature))
    broken[7] ^= 1
    assert case(f"{header}.{payload}.{b64(bytes(broken))}") == ("wrong/signature_altered", "RS256")
    # An ECDSA signature does not tell.
    header, payload, signature = parts(id_token(app, "ES256"))
    broken = bytearray(unb64(signature))
    broken[7] ^= 1
    assert case(f"{header}.{payload}.{b64(bytes(broken))}") == ("wrong/nothing", "ES256")


def test_lengths_and_forms_of_signatures_are_told(app, case):
    for alg in ("RS256", "ES256"):
        header, payload, signature = parts(id_token(app, alg))
        raw = unb64(signature)
        for other in (raw[:-1], raw + b"\0", raw[:8]):
            assert case(f"{header}.{payload}.{b64(other)}") == ("wrong/other_length", alg)
        assert case(f"{header}.{payload}.") == ("unreadable/nothing", "")
    numbers = (int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    der = utils.encode_dss_signature(*numbers)
    assert case(f"{header}.{payload}.{b64(der)}") == ("wrong/der", "ES256")
    assert case(f"{header}.{payload}.{b64(der[:-1])}") == ("wrong/other_length", "ES256")


def test_a_header_that_names_another_key_of_ours_is_told(app, case):
    header, payload, _ = parts(id_token(app))
    other = next(kid for kid, key in key_set_of(app).items() if key["alg"] == "RS256" and kid != header_kid(header))
    swapped = b64(json.dumps({"alg": "RS256", "kid": other, "typ": "JWT"}))
    with of(app):
        key = service_ring(app).current().by_kid[header_kid(header)]
        signature = key.model.sign(f"{swapped}.{payload}".encode(), key.private())
    assert case(f"{swapped}.{payload}.{b64(signature)}") == ("wrong/other_key", "RS256")


def test_the_tricks_of_forgers_are_named(app, case, visitor):
    header, payload, _ = parts(id_token(app))
    for none in ("none", "None", "NONE"):
        unsigned = f"{b64(json.dumps({'alg': none, 'typ': 'JWT'}))}.{payload}."
        assert case(unsigned)[0] == "unsigned/nothing"
        assert "Not valid: it is not signed." in words_of(look(visitor, unsigned))
    from idp.keys import algorithms, store

    with of(app):
        row = store.find(db.session(), header_kid(header))
        pem = algorithms.public_pem(algorithms.ALGORITHMS[row.alg], row.public_jwk).encode()
    confused = f"{b64(json.dumps({'alg': 'HS256', 'kid': row.kid, 'typ': 'JWT'}))}.{payload}"
    confused += f".{b64(hmac.digest(pem, confused.encode(), hashlib.sha256))}"
    assert case(confused) == ("wrong/public_key_as_secret", "RS256")
    assert "Not valid: it is a forgery." in words_of(look(visitor, confused))
    other = next(kid for kid, key in key_set_of(app).items() if key["alg"] == "ES256")
    assert case(f"{b64(json.dumps({'alg': 'RS256', 'kid': other}))}.{payload}.{b64(b's' * 256)}") == (
        "other_alg/nothing",
        "ES256",
    )


def header_kid(header):
    return json.loads(unb64(header))["kid"]


def key_set_of(app):
    with of(app):
        return key_set()


def service_ring(app):
    from idp.keys.ring import KeyRing

    return app.extensions["idp"][KeyRing]


# Secrets and revocations


def signed_with_secret(app, client_id="intranet"):
    with of(app):
        now = clock.utc_now()
        client = store.read(db.session(), client_id)
        key = jwt_secrets.key_bytes(service(Vault), client_id, client.jwt_secret)
        made = claims(now, aud=client_id, exp=clock.epoch_seconds(now) + 60)
        db.session.rollback()
        return service(Signer).sign_with_secret(key, header={"typ": "JWT"}, claims=made, now=now)


def test_a_shared_secret_is_tried_for_administrators_alone(app, visitor, admin):
    jwt_sso = {"delivery_uri": "https://intranet.example/sso", "alg": "HS256"}
    make_client(app, client_id="intranet", redirect_uris=None, grant_types=None, scope=None, jwt_sso=jwt_sso)
    pasted = signed_with_secret(app)
    words = words_of(look(visitor, pasted))
    assert "A shared secret is needed to check it" in words
    assert "it cannot be vouched for here" in words
    assert "It fits the secret that intranet shares with this server" in words_of(look(admin, pasted))
    header, payload, _ = parts(pasted)
    forged = f"{header}.{payload}.{b64(b's' * 32)}"
    assert "A shared secret is needed to check it" in words_of(look(visitor, forged))
    assert "It does not fit the secret that intranet shares" in words_of(look(admin, forged))
    # An app without such a secret has none to try.
    make_client(app, client_id="other")
    elsewhere = b64(json.dumps({"iss": "x", "aud": "other", "sub": "u", "exp": 4102444800}))
    assert "A shared secret is needed" in words_of(look(admin, f"{header}.{elsewhere}.{b64(b's' * 32)}"))


def test_an_id_token_by_the_secret_of_an_app_and_what_the_app_signs_itself(app, visitor, admin):
    method = {"token_endpoint_auth_method": "client_secret_jwt", "id_token_signed_response_alg": "HS384"}
    made = make_client(app, client_id="sharing", **method)
    with of(app):
        key, now = made.client_secret.encode(), clock.utc_now()
        content = claims(now, aud="sharing", exp=clock.epoch_seconds(now) + 60, nonce="n", sid="s")
        pasted = service(Signer).sign_with_secret(key, alg="HS384", header={"typ": "JWT"}, claims=content, now=now)
        given = {**content, "iss": "sharing", "sub": "sharing", "aud": "http://localhost:8000"}
        assertion = service(Signer).sign_with_secret(key, header={"typ": "JWT"}, claims=given, now=now)
    for one in (pasted, assertion):
        assert "A shared secret is needed to check it" in words_of(look(visitor, one))
        assert "It fits the secret that sharing shares with this server" in words_of(look(admin, one))
        header, payload, _ = parts(one)
        assert "It does not fit the secret that sharing" in words_of(
            look(admin, f"{header}.{payload}.{b64(b's' * 48)}")
        )


def test_a_revoked_access_token_is_not_good(app, visitor):
    make_client(app, client_id="machine", redirect_uris=None, grant_types=["client_credentials"], scope=None)
    with of(app):
        pasted = token(sub="machine", client_id="machine", jti="one")
    assert "It was not revoked" in words_of(look(visitor, pasted))
    with of(app), transaction() as session:
        revocation.revoke_jti(session, "one", expires_at=clock.utc_now() + timedelta(minutes=5))
    assert "Not valid: it was revoked." in words_of(look(visitor, pasted))
    with of(app):
        unknown = token(sub="gone", client_id="gone", jti="two")
        assert verify(unknown)
    assert "Not valid: it was revoked." in words_of(look(visitor, unknown))


# Nothing is left behind


@pytest.mark.parametrize("prefix", ["idpr_", "idps_", ""])
def test_a_secret_that_was_pasted_by_mistake_is_not_repeated(visitor, prefix):
    answer = look(visitor, f"{prefix}c2VjcmV0LXRoYXQtb3BlbnM")
    assert "c2VjcmV0" not in answer.text


def everything_stored(app):
    """Return all rows of all tables as text, the audit log among them."""
    with of(app):
        connection = db.session.connection()
        return "\n".join(
            str(tuple(row))
            for table in db.metadata.sorted_tables
            for row in connection.execute(sql(f'SELECT * FROM "{table.name}"'))  # noqa: S608 - our own tables
        )


NEEDLES = ("needle-sub", "needle-mail@people.example", "needle-nonce", "needle-issuer", "needle-audience")


@pytest.fixture
def pasted_tokens(app):
    """A good token, a foreign one, a broken one and a secret: nothing of them may be found anywhere."""
    good = id_token(app, sub=NEEDLES[0], email=NEEDLES[1], nonce=NEEDLES[2])
    foreign = f"{b64(json.dumps({'alg': 'HS256', 'kid': 'needle-kid'}))}.{b64(json.dumps({'iss': NEEDLES[3]}))}.QUFB"
    return good, foreign, f"{good[:60]}!{good[60:]}", "idpr_needle-refresh"


def traces_of(good):
    return [*NEEDLES, *(part[-40:] for part in good.split(".")), good[:60], "needle-kid", "needle-refresh"]


def test_nothing_of_a_token_is_logged_stored_or_handed_on(app, visitor, admin, pasted_tokens, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    before = everything_stored(app)
    for who in (visitor, admin):
        for pasted in pasted_tokens:
            answer = look(who, pasted, audience=NEEDLES[4], issuer=NEEDLES[3])
            headers = str(answer.headers)
            assert not any(part[:20] in headers for part in (*NEEDLES, *pasted.split(".")))
    captured = capfd.readouterr()
    logged = captured.out + captured.err + "\n".join(record.getMessage() for record in caplog.records)
    after = everything_stored(app)
    assert logged.count('"path": "/developer/jwt"') == 16
    for piece in traces_of(pasted_tokens[0]):
        assert piece not in logged
        assert piece not in after
    # Not even a row was added.
    assert sorted(after.splitlines()) == sorted(before.splitlines())


def test_an_error_page_shows_nothing_of_a_token(app, visitor, pasted_tokens, monkeypatch, capfd):
    form = visitor.form(PAGE, action=PAGE)
    refused = visitor.open(PAGE, "POST", data={"token": pasted_tokens[0]})
    assert refused.status_code == 400
    app.testing, app.config["PROPAGATE_EXCEPTIONS"] = False, False

    def fails(*_arguments):
        message = "no keys"
        raise RuntimeError(message)

    monkeypatch.setattr(examination, "examine", fails)
    failed = visitor.submit(form, token=pasted_tokens[0])
    assert failed.status_code == 500
    logged = capfd.readouterr().err
    assert "no keys" in logged
    for piece in traces_of(pasted_tokens[0]):
        assert not any(piece in where for where in (refused.text, failed.text, logged))


def test_nothing_is_fetched(app, visitor, monkeypatch):
    from idp.outbound import Outbound

    def refuse(*_arguments, **_named):
        raise AssertionError("something was fetched")

    monkeypatch.setattr(Outbound, "fetch", refuse)
    header = {"alg": "RS256", "kid": "k", "jku": "https://else.example/jwks", "x5u": "https://else.example/x"}
    body = {"iss": "https://else.example", "sub": "u", "aud": "a", "exp": 4102444800}
    words = words_of(look(visitor, f"{b64(json.dumps(header))}.{b64(json.dumps(body))}.{b64(b's' * 256)}"))
    assert "It is never followed here" in words


# Whatever comes


@pytest.mark.parametrize("backend", ["sqlite"])
def test_whatever_is_pasted_is_answered(app):
    app.config["WTF_CSRF_ENABLED"] = False
    browser = app.test_client()
    sign_in(app, browser, make_person(app))

    @given(
        st.text(st.characters(exclude_categories=("Cs",)), max_size=200),
        st.text(st.characters(exclude_categories=("Cs",)), max_size=20),
    )
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def answered(pasted, more):
        answer = browser.post(PAGE, data={"token": pasted, "audience": more, "issuer": more, "leeway": more})
        assert answer.status_code in {200, 400}

    answered()
    for body in (
        b"token=%ff",
        b"token=%00",
        b"token=a%1b",
        b"token=" + b"a" * 70_000,
        b"\xff" * 20,
        b"token=a&token=b",
    ):
        answer = browser.post(PAGE, data=body, content_type="application/x-www-form-urlencoded")
        assert answer.status_code in {200, 400, 413}
    assert browser.post(PAGE, data=b"{}", content_type="application/json").status_code in {400, 415}


def test_markup_in_a_token_stays_text(app, visitor):
    wicked = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7777*7777 }}"
    answer = look(visitor, id_token(app, **{wicked: wicked, "name": wicked}), audience=wicked)
    for raw in ("<script>alert", "<img", "60481729"):
        assert raw not in answer.text.partition('id="main"')[2]
    header = b64(json.dumps({"alg": wicked, "kid": wicked, wicked: wicked}))
    answer = look(visitor, f"{header}.{b64(wicked)}.QUFB", issuer=wicked)
    assert "<img" not in answer.text
    assert "The decoded payload" in answer.text
