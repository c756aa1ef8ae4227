"""Answers signed with an app's own secret (OpenID Connect Core section 10.1): which secret, and who believes them."""

from __future__ import annotations

import json

import pytest
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import OctKey
from sqlalchemy import delete, select, update

from idp import clock
from idp.audit.log import COMMAND_LINE
from idp.cache import bump
from idp.clients import administration, registration, store
from idp.clients.metadata import validate
from idp.clients.models import ClientSecret
from idp.db import db, transaction
from idp.errors import FieldErrors, InvalidToken
from idp.oidc import hints
from idp.vault import Vault
from idp.web.current import service
from tests.app_keys import with_secret
from tests.leaving import follow, is_signed_in, logout
from tests.protocol.flows import metadata_for
from tests.relying_party import forged, header_of

AFTER = "https://after.example/bye"
REDIRECT = {"redirect_uris": ["https://notes.example/callback"]}


def by(secret, token):
    """Tell whether *secret* made the token."""
    try:
        jwt.decode(token, OctKey.import_key(secret), algorithms=[header_of(token)["alg"]])
    except BadSignatureError:
        return False
    return True


def read_hint(idp, token):
    with idp.app.app_context():
        try:
            return hints.read(token, now=clock.utc_now())
        finally:
            db.session.remove()


def add_secret(idp, party):
    with idp.app.app_context(), transaction() as session:
        return administration.add_secret(
            session, service(Vault), party.client_id, actor=COMMAND_LINE, now=clock.utc_now()
        )


def facts(idp, party):
    return idp.rows(select(ClientSecret.id, ClientSecret.hint).where(ClientSecret.client_id == party.client_id))


def test_a_client_whose_last_secret_is_gone_is_told_after_a_sign_in_that_nothing_can_be_signed(idp, person):
    party = idp.party(id_token_signed_response_alg="HS256", **metadata_for("code id_token"))
    party.response_type, browser = "code id_token", idp.browser()
    waiting = party.start(browser).location.partition("interaction=")[2]
    idp.sign_in(browser, person)
    with idp.app.app_context(), transaction() as session:
        session.execute(delete(ClientSecret).where(ClientSecret.client_id == party.client_id))
        bump(session)
    assert party.answer(browser("GET", f"/oauth/authorize/{waiting}"))["error"] == "server_error"


@pytest.fixture
def sharing(idp):
    return idp.party(id_token_signed_response_alg="HS256", post_logout_redirect_uris=[AFTER])


def test_the_id_token_is_taken_as_a_hint_at_sign_out_and_at_a_new_request(sharing, browser):
    hint = sharing.sign_in(browser).id_token
    assert header_of(hint) == {"alg": "HS256", "typ": "JWT"}
    assert "code" in sharing.answer(sharing.start(browser, prompt="none", id_token_hint=hint))
    response = follow(browser, logout(browser, id_token_hint=hint, post_logout_redirect_uri=AFTER))
    assert response.location == AFTER
    assert not is_signed_in(sharing, browser)


def test_a_hint_that_the_secret_did_not_make_is_none(idp, sharing, browser):
    hint = sharing.sign_in(browser).id_token
    claims = dict(jwt.decode(hint, OctKey.import_key(sharing.client_secret), algorithms=["HS256"]).claims)
    assert read_hint(idp, hint).subject == claims["sub"]
    other = idp.party(id_token_signed_response_alg="HS256")
    usual = idp.party()
    mine = with_secret(sharing.client_secret)
    public = json.dumps(idp.http()("GET", "/oauth/jwks", None, {}).json["keys"][0])
    bad = {
        "altered": forged(hint),
        "by another app": [with_secret(other.client_secret).sign(claims, typ="JWT")],
        "for another app": [mine.sign({**claims, "aud": other.client_id}, typ="JWT")],
        "for several": [mine.sign({**claims, "aud": [sharing.client_id, other.client_id]}, typ="JWT")],
        "for nobody": [
            mine.sign({**claims, "aud": "app_nobody"}, typ="JWT"),
            mine.sign({**claims, "aud": []}, typ="JWT"),
        ],
        "an app with keys": [with_secret(usual.client_secret).sign({**claims, "aud": usual.client_id}, typ="JWT")],
        "another length": [with_secret(sharing.client_secret, "HS512").sign(claims, typ="JWT")],
        "a public key": [with_secret(public).sign(claims, typ="JWT")],
        "another kind": [mine.sign(claims, typ="at+jwt"), mine.sign(claims, typ="logout+jwt"), mine.sign(claims)],
        "another issuer": [mine.sign({**claims, "iss": "https://evil.example"}, typ="JWT")],
        "no sid": [mine.sign({name: value for name, value in claims.items() if name != "sid"}, typ="JWT")],
    }
    for name, tokens in bad.items():
        for token in tokens:
            with pytest.raises(InvalidToken):
                pytest.fail(f"{name}: {read_hint(idp, token)}")


def test_no_access_token_is_believed_by_a_secret(idp, sharing, browser):
    claims = sharing.sign_in(browser).access_claims
    made = with_secret(sharing.client_secret).sign(claims, typ="at+jwt")
    assert sharing.userinfo(made).status == 401
    assert sharing.introspect(made).json == {"active": False}


def test_while_two_secrets_are_live_the_one_that_the_app_uses_signs(idp, browser):
    party = idp.party(id_token_signed_response_alg="HS512")
    old = party.client_secret
    new = add_secret(idp, party)
    first = party.sign_in(browser).id_token
    assert (by(old, first), by(new, first)) == (True, False)
    party.client_secret = new
    second = party.sign_in(browser).id_token
    assert (by(old, second), by(new, second)) == (False, True)
    # Both are still good as hints, until the secret goes.
    assert read_hint(idp, first).subject == read_hint(idp, second).subject
    ids = {row.hint: row.id for row in facts(idp, party)}
    with idp.app.app_context(), transaction() as session:
        administration.remove_secret(session, party.client_id, ids[old[-4:]], actor=COMMAND_LINE, now=clock.utc_now())
    with pytest.raises(InvalidToken):
        read_hint(idp, first)
    assert read_hint(idp, second)


def test_where_no_secret_was_sent_the_one_used_last_signs(idp, browser):
    party = idp.party(
        id_token_signed_response_alg="HS256",
        response_types=["code id_token"],
        grant_types=["authorization_code", "implicit"],
    )
    party.response_type = "code id_token"
    old, new = party.client_secret, add_secret(idp, party)

    def front():
        answer = party.start(browser)
        return dict(pair.split("=") for pair in answer.location.partition("#")[2].split("&"))["id_token"]

    assert by(old, front())
    with idp.app.app_context(), transaction() as session:
        chosen = ClientSecret.client_id == party.client_id, ClientSecret.hint == new[-4:]
        session.execute(update(ClientSecret).where(*chosen).values(last_used_at=clock.utc_now()))
    assert by(new, front())


def test_the_secret_is_kept_encrypted_and_only_where_it_signs(idp, sharing):
    [kept] = idp.rows(select(ClientSecret).where(ClientSecret.client_id == sharing.client_id))
    assert kept[0].envelope.startswith("v1:")
    assert sharing.client_secret not in str(vars(kept[0]))
    usual = idp.party()
    [kept] = idp.rows(select(ClientSecret).where(ClientSecret.client_id == usual.client_id))
    assert kept[0].envelope is None


def test_beginning_to_sign_with_the_secret_gives_the_app_another(idp):
    party = idp.party()

    def change(**changes):
        with idp.app.app_context(), transaction() as session:
            metadata = validate({**store.read(session, party.client_id).metadata.as_json(), **changes})
            made = administration.change(
                session, service(Vault), party.client_id, metadata, actor=COMMAND_LINE, now=clock.utc_now()
            )
            return made.client_secret

    first = change(id_token_signed_response_alg="HS512")
    assert len(first) >= 64
    # Long enough for every algorithm.
    assert change(id_token_signed_response_alg="HS256") is None
    assert change(id_token_signed_response_alg="RS256") is not None


def test_a_chosen_secret_is_as_long_as_what_it_signs_demands(idp):
    short = "a" * 40
    given = {**REDIRECT, "id_token_signed_response_alg": "HS384"}
    with pytest.raises(FieldErrors) as caught:
        registration.read({**given, "client_secret": short})
    assert "48" in caught.value.fields["client_secret"]
    assert registration.read({**given, "client_secret": "a" * 48}).client_secret
    with idp.app.app_context(), transaction() as session:
        vault, now = service(Vault), clock.utc_now()
        wanted = registration.read({**REDIRECT, "id_token_signed_response_alg": "HS256", "client_secret": short})
        made = store.create(session, vault, wanted, now)
        assert made.client_secret == short
        longer = validate({**REDIRECT, "id_token_signed_response_alg": "HS512"})
        _, changed = store.update(session, vault, made.client.client_id, longer, now)
        assert len(changed.client_secret) >= 64
