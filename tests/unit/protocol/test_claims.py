from datetime import UTC, datetime

import pytest

from idp.errors import FieldErrors
from idp.protocol import claims
from idp.protocol.claims import PersonView, claims_for
from idp.protocol.standard_claims import check_standard_claims, zones, zones_by_place

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
FULL = {
    "given_name": "Ana",
    "family_name": "Ruiz",
    "middle_name": "M",
    "nickname": "ani",
    "profile": "https://a.example/ana",
    "picture": "https://a.example/ana.png",
    "website": "http://ana.example",
    "gender": "female",
    "birthdate": "1990-02-28",
    "zoneinfo": "Europe/Madrid",
    "locale": "es-ES",
    "phone_number": "+34 600 000 000",
    "phone_number_verified": True,
    "address": {"formatted": "Calle 1\nMadrid", "country": "ES"},
}
ANA = PersonView(
    subject="u1",
    username="ana",
    email="ana@example.com",
    email_verified=True,
    name="Ana Ruiz",
    claims=FULL,
    groups=("staff", "it"),
    updated_at=NOW,
)
EVERY_SCOPE = ("openid", "profile", "email", "address", "phone", "groups", "offline_access")


def test_a_full_person_has_every_standard_claim():
    found = claims_for(ANA, EVERY_SCOPE)
    assert set(found) == set(claims.NAMES)
    assert (found["name"], found["preferred_username"], found["updated_at"]) == ("Ana Ruiz", "ana", 1795521600)
    assert (found["email_verified"], found["phone_number_verified"]) == (True, True)
    assert found["groups"] == ["staff", "it"]


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("openid", set()),
        ("email", {"email", "email_verified"}),
        ("phone", {"phone_number", "phone_number_verified"}),
        ("address", {"address"}),
        ("groups", {"groups"}),
        ("offline_access", set()),
        ("api:read", set()),
    ],
)
def test_T30_a_scope_gives_its_claims_and_no_others(scope, expected):
    assert set(claims_for(ANA, (scope,))) == expected


def test_profile_gives_the_fourteen_claims_of_the_standard():
    assert len(claims_for(ANA, ("profile",))) == 14


def test_what_has_no_value_is_left_out():
    nobody = PersonView(
        subject="u2",
        username="bob",
        claims={"nickname": " ", "gender": "", "address": {}, "phone_number_verified": True},
    )
    assert claims_for(nobody, EVERY_SCOPE) == {"preferred_username": "bob"}


def test_the_word_null_is_no_value():
    null = {name: "null" for name in FULL if isinstance(FULL[name], str) and name != "phone_number"}
    nobody = PersonView(subject="u2", username="bob", name="null", claims={**null, "address": {"country": "null"}})
    assert claims_for(nobody, EVERY_SCOPE) == {"preferred_username": "bob"}
    somebody = PersonView(
        subject="u3", username="eve", name="Null", claims={"address": {**FULL["address"], "region": "null"}}
    )
    assert claims_for(somebody, ("profile", "address")) == {
        "name": "Null",
        "preferred_username": "eve",
        "address": FULL["address"],
    }
    given = {"given_name": "null", "nickname": " ", "gender": "", "address": {}, "family_name": "Null"}
    assert check_standard_claims(given, now=NOW) == {"family_name": "Null"}


def test_an_unverified_address_says_so():
    found = claims_for(
        PersonView(subject="u", username="u", email="u@example.com", claims={"phone_number": "+1 604 555 1234"}),
        EVERY_SCOPE,
    )
    assert found["email_verified"] is False
    assert found["phone_number_verified"] is False


def test_mapping_renames_and_never_touches_the_protocol():
    available = claims_for(ANA, EVERY_SCOPE)
    assert claims.mapped(available, {"mail": "email", "login": "preferred_username", "none": "nothing"}) == {
        "mail": "ana@example.com",
        "login": "ana",
    }
    for name in (
        "sub",
        "iss",
        "aud",
        "exp",
        "iat",
        "jti",
        "nonce",
        "auth_time",
        "scope",
        "client_id",
        "cnf",
        "act",
        "sid",
        "at_hash",
    ):
        with pytest.raises(ValueError, match=name):
            claims.mapped(available, {name: "email"})


MAPPING = (("external_id", "sub"), ("login", "preferred_username"), ("mail", "email"), ("nick", "nickname"))


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        ((), {"external_id": "u1"}),
        (("openid", "email"), {"external_id": "u1", "mail": "ana@example.com"}),
        (("profile",), {"external_id": "u1", "login": "ana", "nick": "ani"}),
        (("phone", "groups"), {"external_id": "u1"}),
    ],
)
def test_T30_a_mapped_claim_comes_with_the_scope_of_its_source(scopes, expected):
    assert claims.with_mapping(ANA, scopes, MAPPING) == expected


def test_a_mapped_claim_without_a_value_is_left_out():
    nobody = PersonView(subject="u2", username="bob", claims={"nickname": " "})
    assert claims.with_mapping(nobody, EVERY_SCOPE, MAPPING) == {"external_id": "u2", "login": "bob"}
    with pytest.raises(ValueError, match="aud"):
        claims.with_mapping(nobody, EVERY_SCOPE, [("aud", "email")])


def test_no_standard_claim_is_reserved():
    assert not set(claims.NAMES) & claims.RESERVED


def test_good_claims_are_kept():
    assert check_standard_claims(FULL, now=NOW) == FULL
    assert check_standard_claims({"nickname": "", "address": {}}, now=NOW) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("birthdate", "1990"),
        ("birthdate", "0000-02-29"),
        ("birthdate", "2026-11-24"),
        ("birthdate", "2000-02-29"),
        ("locale", "en"),
        ("locale", "zh-Hant-TW"),
        ("locale", "en_US"),
        ("zoneinfo", "UTC"),
        ("zoneinfo", "America/Argentina/Ushuaia"),
        ("zoneinfo", "Etc/GMT+3"),
        ("phone_number", "+16045551234;ext=5678"),
        ("phone_number", "+1 (604) 555-1234"),
        ("picture", "https://a.example/x.png?s=1#f"),
        ("name", "日本 🙂"),
        ("phone_number_verified", False),
        ("address", {"street_address": "1 Way\r\nFlat 2", "locality": "x", "region": "y", "postal_code": "z"}),
    ],
)
def test_forms_that_are_right(name, value):
    assert check_standard_claims({name: value}, now=NOW) == {name: value}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("birthdate", "1849-12-31"),
        ("birthdate", "2026-11-25"),
        ("birthdate", "2027"),
        ("birthdate", "1990-02-30"),
        ("birthdate", "0000"),
        ("birthdate", "0000-13-01"),
        ("birthdate", "1990-2-3"),
        ("birthdate", "28/02/1990"),
        ("birthdate", 1990),
        ("birthdate", "1990-02-28\n"),
        ("locale", "english please"),
        ("locale", "e"),
        ("zoneinfo", "Madrid time"),
        ("zoneinfo", "Europe/Atlantis"),
        ("zoneinfo", "europe/madrid"),
        ("zoneinfo", "localtime"),
        ("zoneinfo", "posix/Europe/Madrid"),
        ("zoneinfo", "../../etc/passwd"),
        ("phone_number", "call me"),
        ("phone_number", "+"),
        ("phone_number_verified", "true"),
        ("picture", "javascript:alert(1)"),
        ("picture", "a.png"),
        ("website", "https://u:p@a.example"),
        ("given_name", None),
        ("given_name", ["x"]),
        ("given_name", "x" * 301),
        ("given_name", "a\0b"),
        ("given_name", "\ud800"),
        ("given_name", "a\nb"),
        ("address", "Calle 1"),
        ("address", {"street": "x"}),
        ("address", {"country": ""}),
        ("address", {"country": None}),
        ("address", {"formatted": "a\0"}),
        ("address", []),
        ("is_admin", True),
        ("sub", "other"),
        ("groups", ["admin"]),
        ("iss", "x"),
        ("nonce", "x"),
    ],
)
def test_forms_that_are_wrong_are_named(name, value):
    with pytest.raises(FieldErrors) as caught:
        check_standard_claims({name: value, "nickname": "fine"}, now=NOW)
    assert set(caught.value.fields) == {name}
    assert caught.value.fields[name].endswith(".")


def test_a_zone_in_another_spelling_is_named_as_it_is_written():
    for spelling in ("america/new york", "AMERICA/NEW_YORK"):
        with pytest.raises(FieldErrors) as caught:
            check_standard_claims({"zoneinfo": spelling}, now=NOW)
        assert caught.value.fields["zoneinfo"] == "The time zone is written America/New_York."


def test_every_zone_to_choose_from_is_one_and_old_spellings_are_not_offered():
    assert set(zones_by_place()) < zones()
    assert {"Europe/Madrid", "America/Argentina/Ushuaia", "UTC"} < set(zones_by_place())
    assert "US/Eastern" not in zones_by_place()
    assert check_standard_claims({"zoneinfo": "US/Eastern"}, now=NOW)


def test_what_the_account_keeps_may_be_repeated_and_not_contradicted():
    account = {"preferred_username": "ana", "email": "ana@example.com", "email_verified": True}
    assert check_standard_claims({**account, "updated_at": 1, "nickname": "a"}, now=NOW, account=account) == {
        "nickname": "a"
    }
    for wrong in (
        {"preferred_username": "root"},
        {"email": "x@example.com"},
        {"email_verified": 1},
        {"email_verified": False},
        {"updated_at": "now"},
    ):
        with pytest.raises(FieldErrors):
            check_standard_claims(wrong, now=NOW, account=account)
