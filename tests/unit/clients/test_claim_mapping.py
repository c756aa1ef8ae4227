"""The names under which a client is told of people: what can be registered, and what cannot."""

import json

import pytest

from idp.clients import claim_mapping, registration
from idp.clients import metadata as stored
from idp.clients.claim_mapping import MOST_CLAIMS, PLACES, ClaimMapping
from idp.clients.metadata import validate
from idp.clients.values import BadValue
from idp.errors import FieldErrors
from idp.protocol import claims

WEB = {"client_name": "Notes", "redirect_uris": ["https://notes.example.com/callback"]}
MAPPING = {
    "id_token": {"external_id": "sub", "login": "preferred_username"},
    "userinfo": {"https://notes.example.com/address": "address", "preferred_username": "email"},
    "access_token": {"roles": "groups", "email": "email"},
}


def fault_of(mapping):
    with pytest.raises(FieldErrors) as refused:
        validate(WEB | {"claim_mapping": mapping})
    (name,) = refused.value.fields
    return name, refused.value.fields[name]


def test_a_mapping_keeps_its_order_and_survives_being_stored():
    metadata = validate(WEB | {"claim_mapping": MAPPING})
    assert metadata.claim_mapping == ClaimMapping(
        id_token=(("external_id", "sub"), ("login", "preferred_username")),
        userinfo=(("https://notes.example.com/address", "address"), ("preferred_username", "email")),
        access_token=(("roles", "groups"), ("email", "email")),
    )
    assert metadata.as_json()["claim_mapping"] == MAPPING
    assert stored.from_stored(json.loads(json.dumps(metadata.as_json()))) == metadata


@pytest.mark.parametrize("nothing", [None, {}, {"id_token": {}}, {"id_token": {}, "userinfo": {}, "access_token": {}}])
def test_no_mapping_is_the_default_and_is_not_shown(nothing):
    metadata = validate(WEB | {"claim_mapping": nothing})
    assert metadata == validate(WEB)
    assert "claim_mapping" not in metadata.as_json()


def test_a_place_of_a_later_version_is_left_out():
    assert claim_mapping.from_stored({"logout_token": {"a": "sub"}, "userinfo": {"b": "sub"}}) == ClaimMapping(
        userinfo=(("b", "sub"),)
    )


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", sorted(claims.RESERVED))
def test_no_name_of_the_protocol_can_be_taken(place, name):
    assert fault_of({place: {name: "email"}}) == (
        f"claim_mapping.{place}",
        f"{name} belongs to the token itself; choose another name."
        if name[0] != "_"
        else claim_mapping.fault_of(place, name, "email"),
    )


@pytest.mark.parametrize("name", ["active", "token_type"])
def test_no_access_token_can_say_what_introspection_says(name):
    assert fault_of({"access_token": {name: "gender"}})[0] == "claim_mapping.access_token"
    assert validate(WEB | {"claim_mapping": {"id_token": {name: "gender"}}})


@pytest.mark.parametrize("name", sorted(claim_mapping.VOUCHED_FOR))
def test_what_is_vouched_for_is_never_something_else(name):
    for source in sorted({"nickname", "sub", "email", "groups"} - {name}):
        place, sentence = fault_of({"id_token": {name: source}})
        assert place == "claim_mapping.id_token"
        assert sentence == f"Apps take {name} for something that is vouched for; {source} needs another name."
    assert validate(WEB | {"claim_mapping": {"id_token": {name: name}}})


@pytest.mark.parametrize(
    "name", ["", "1st", "a b", "a\n", "a" * 201, "_x", "é", 'a"b', "a\0", "a<b", "__proto__", "-a", "a,b"]
)
def test_a_name_that_cannot_be_is_refused(name):
    place, sentence = fault_of({"userinfo": {name: "email"}})
    assert place == "claim_mapping.userinfo"
    assert "cannot be the name of a claim" in sentence


@pytest.mark.parametrize("source", ["", "roles", "password_hash", "address.country", "iss", None, 1, ["email"], {}])
def test_a_source_that_is_no_standard_claim_is_refused(source):
    place, sentence = fault_of({"userinfo": {"x": source}})
    assert place == "claim_mapping.userinfo"
    assert "is not a standard claim; choose from sub, name," in sentence


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ([], "claim_mapping"),
        ("x", "claim_mapping"),
        ({"id_token": []}, "claim_mapping.id_token"),
        ({"idtoken": {}}, "claim_mapping.idtoken"),
        ({"id_token": {f"a{number}": "sub" for number in range(MOST_CLAIMS + 1)}}, "claim_mapping.id_token"),
    ],
)
def test_another_form_is_refused_by_name(given, field):
    assert fault_of(given)[0] == field


def test_thirty_names_are_not_too_many():
    most = {f"a{number}": "sub" for number in range(MOST_CLAIMS)}
    assert dict(validate(WEB | {"claim_mapping": {"id_token": most}}).claim_mapping.id_token) == most


def test_a_client_that_nobody_signs_in_to_has_nobody_to_be_told_of():
    machine = {"client_name": "Report", "grant_types": ["client_credentials"]}
    with pytest.raises(FieldErrors) as refused:
        registration.read(machine | {"claim_mapping": MAPPING})
    assert set(refused.value.fields) == {"claim_mapping"}


def test_anything_but_an_object_is_one_fault():
    with pytest.raises(BadValue):
        claim_mapping.read(None)
