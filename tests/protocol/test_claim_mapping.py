"""What a client is told of people under names of its own, in every token and answer; and the preview of it."""

import base64
import json

import pytest

from idp import clock
from idp.clients import store
from idp.db import db
from idp.tokens.previews import Asked, Previews
from idp.web.current import service
from tests.factories import ALL_CLAIMS

MAPPING = {
    "id_token": {"external_id": "sub", "https://app.example/login": "preferred_username", "tel": "phone_number"},
    "userinfo": {"mail": "email", "where": "address", "preferred_username": "email"},
    "access_token": {"roles": "groups", "email": "email", "uid": "sub", "nick": "nickname"},
}
SCOPE = "openid profile email address phone groups"


@pytest.fixture
def ana(idp):
    return idp.person("ana", claims=ALL_CLAIMS, in_groups=("staff",))


def told(idp, party, person, **changes):
    """Return the ID token, the answer of userinfo and the access token after a sign-in."""
    tokens = party.sign_in(idp.browser(person), **changes)
    return tokens.id_claims, party.userinfo(tokens.access).json, tokens.access_claims


def test_each_place_has_its_names_beside_the_standard_ones(idp, ana):
    id_token, userinfo, access = told(idp, idp.party(scope=SCOPE, claim_mapping=MAPPING), ana)
    assert id_token["external_id"] == id_token["sub"] == ana.id
    assert id_token["https://app.example/login"] == id_token["preferred_username"] == "ana"
    assert id_token["tel"] == ALL_CLAIMS["phone_number"]
    assert (userinfo["mail"], userinfo["where"]) == (ana.email, ALL_CLAIMS["address"])
    # A standard claim may hold another one, where a client asks for that.
    assert userinfo["preferred_username"] == ana.email
    assert (access["roles"], access["email"], access["uid"], access["nick"]) == (["staff"], ana.email, ana.id, "ani")
    assert "mail" not in id_token
    assert "external_id" not in userinfo
    assert "tel" not in access


def test_without_a_mapping_nothing_is_added(idp, ana):
    id_token, userinfo, access = told(idp, idp.party(scope=SCOPE), ana)
    assert not {"external_id", "tel"} & {*id_token, *userinfo, *access}
    assert "email" not in access


def test_T30_a_mapped_claim_needs_the_scope_of_its_source(idp, ana):
    party = idp.party(scope=SCOPE, claim_mapping=MAPPING)
    id_token, userinfo, access = told(idp, party, ana, scope="openid")
    assert set(userinfo) == {"sub"}
    assert id_token["external_id"] == ana.id
    assert not {"tel", "https://app.example/login"} & set(id_token)
    assert not {"roles", "email", "nick"} & set(access)
    assert access["uid"] == ana.id


def test_T30_a_mapping_gives_no_scope_that_the_client_may_not_have(idp, ana):
    id_token, userinfo, access = told(idp, idp.party(scope="openid", claim_mapping=MAPPING), ana)
    everything = [*id_token.values(), *userinfo.values(), *access.values()]
    assert not {ana.email, "ana", ALL_CLAIMS["phone_number"]} & {one for one in everything if isinstance(one, str)}


def test_a_mapping_is_followed_where_the_id_token_has_no_other_claims(idp, ana):
    party = idp.party(scope=SCOPE, id_token_profile_claims=False, claim_mapping=MAPPING)
    id_token, _, _ = told(idp, party, ana)
    assert id_token["https://app.example/login"] == "ana"
    assert not {"name", "email", "preferred_username"} & set(id_token)


def test_what_has_no_value_is_left_out(idp):
    nobody = idp.person(name="", claims={"nickname": " "})
    _, userinfo, access = told(idp, idp.party(scope=SCOPE, claim_mapping=MAPPING), nobody)
    assert "where" not in userinfo
    assert not {"nick", "roles", "groups"} & set(access)


def test_a_refreshed_token_follows_its_narrower_scope_and_the_mapping_of_today(idp, ana):
    party = idp.offline_party(scope=f"{SCOPE} offline_access", claim_mapping=MAPPING)
    tokens = party.sign_in(idp.browser(ana))
    whole = party.verified(party.refresh(tokens.refresh))
    assert (whole.id_claims["tel"], whole.access_claims["roles"]) == (ALL_CLAIMS["phone_number"], ["staff"])
    narrow = party.verified(party.refresh(whole.refresh, scope="openid profile offline_access"))
    assert "tel" not in narrow.id_claims
    assert not {"roles", "email"} & set(narrow.access_claims)
    assert narrow.access_claims["nick"] == "ani"
    assert "mail" not in party.userinfo(narrow.access).json


def test_a_pairwise_client_learns_no_other_identifier(idp, ana):
    everywhere = {place: {"external_id": "sub"} for place in ("id_token", "userinfo", "access_token")}
    party = idp.party(scope=SCOPE, subject_type="pairwise", claim_mapping=everywhere)
    places = told(idp, party, ana)
    assert {place["external_id"] for place in places} == {place["sub"] for place in places}
    assert ana.id not in str(places)


def test_introspection_tells_what_the_token_says_and_no_more(idp, ana):
    party = idp.party(scope=SCOPE, claim_mapping=MAPPING)
    answer = party.introspect(party.sign_in(idp.browser(ana)).access).json
    assert (answer["active"], answer["token_type"], answer["roles"]) == (True, "Bearer", ["staff"])


@pytest.mark.parametrize("response_type", ["id_token", "code id_token", "id_token token", "code id_token token"])
def test_an_id_token_from_the_front_has_the_names_too(idp, ana, response_type):
    party = idp.party(
        scope=SCOPE,
        grant_types=["authorization_code", "implicit"] if "code" in response_type else ["implicit"],
        response_types=[response_type],
        claim_mapping=MAPPING,
    )
    front = party.flow(idp.browser(ana), response_type=response_type).id_tokens
    assert front
    assert [one["external_id"] for one in front] == [ana.id] * len(front)


# The preview


def preview(idp, client_id, person, scope=SCOPE):
    with idp.app.app_context():
        client = store.read(db.session(), client_id)
        asked = Asked(client, person.id, tuple(scope.split()), clock.utc_now())
        return {one.place: dict(one.claims) for one in service(Previews).of(db.session(), asked)}


# What differs from one token to the next, or exists only for a real one.
OF_ONE_TOKEN = {"exp", "iat", "auth_time", "jti", "sid", "nonce", "at_hash", "c_hash"}


def lasting(claims):
    return {name: value for name, value in claims.items() if name not in OF_ONE_TOKEN}


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"claim_mapping": MAPPING},
        {"claim_mapping": MAPPING, "id_token_profile_claims": False},
        {"claim_mapping": MAPPING, "subject_type": "pairwise"},
        {"resources": ["https://api.example"], "default_resource": "https://api.example"},
    ],
)
@pytest.mark.parametrize("scope", [SCOPE, "openid", "openid email groups"])
def test_a_preview_is_what_is_issued(idp, ana, metadata, scope):
    party = idp.party(scope=SCOPE, **metadata)
    tokens = party.sign_in(idp.browser(ana), scope=scope)
    found = preview(idp, party.client_id, ana, scope)
    assert lasting(found["id_token"]) == lasting(tokens.id_claims)
    assert lasting(found["access_token"]) == lasting(tokens.access_claims)
    assert set(found["id_token"]) == set(tokens.id_claims) - {"nonce", "at_hash"}
    assert set(found["access_token"]) == set(tokens.access_claims)
    if not metadata.get("default_resource"):
        assert found["userinfo"] == party.userinfo(tokens.access).json


def test_a_preview_of_the_jwt_redirect_is_what_is_signed(idp, ana):
    claims = {"uid": "sub", "mail": "email", "tel": "phone_number"}
    made = idp.client(
        scope="openid email", jwt_sso={"delivery_uri": "https://app.example/jwt", "claims": claims, "alg": "RS256"}
    )
    found = preview(idp, made.client_id, ana, "openid email")["redirect_jwt"]
    page = idp.browser(ana)("GET", f"/sso/{made.client_id}")
    _, payload, _ = idp.form_of(page)["jwt"].split(".")
    signed = json.loads(base64.urlsafe_b64decode(payload + "=="))
    assert lasting(found) == lasting(signed)
    assert set(found) == set(signed)
    assert (found["uid"], found["mail"], found["aud"]) == (ana.id, ana.email, made.client_id)
    assert "tel" not in found


def test_there_is_no_preview_of_somebody_who_cannot_sign_in(idp, ana):
    party = idp.party(scope=SCOPE)
    assert preview(idp, party.client_id, idp.person("bob"))
    gone = idp.person("gone")
    gone = type(gone)("usr_none", gone.username, gone.email)
    assert preview(idp, party.client_id, gone) == {}


def test_a_preview_cannot_be_used(idp, ana):
    party = idp.party(scope=SCOPE)
    found = preview(idp, party.client_id, ana)
    assert found["access_token"]["jti"].startswith("preview.")
    assert preview(idp, party.client_id, ana)["access_token"]["jti"] != found["access_token"]["jti"]
