import json

import pytest

from idp.errors import InvalidRequest
from idp.protocol import claims_request
from idp.protocol.acr import AcrRequest
from idp.protocol.claims_request import NOTHING, ClaimsRequest, covered, entry_of, named, parse

ALL = frozenset({"openid", "profile", "email", "phone", "address", "groups"})


def read(userinfo=None, id_token=None, *, allowed=ALL):
    members = {"userinfo": userinfo, "id_token": id_token}
    return parse(json.dumps({name: value for name, value in members.items() if value is not None}), allowed)


def test_nothing_sent_asks_for_nothing():
    assert parse(None, ALL) == parse("{}", ALL) == read({}, {}) == NOTHING


def test_members_are_read_in_every_form_and_what_is_unknown_is_left_out():
    found = read(
        {"name": None, "email": {"essential": True}, "nickname": {"value": "x", "unheard_of": 1}, "unheard_of": None},
        {"locale": {"values": ["en", "de"]}, "auth_time": {"essential": True}, "sub": None, "acr": None},
    )
    assert found == ClaimsRequest(frozenset({"name", "email", "nickname"}), frozenset({"locale"}))


def test_a_client_gets_no_claim_of_a_scope_it_may_not_ask_for():
    found = read({"name": None, "email": None}, {"email": None, "groups": None}, allowed={"openid", "profile"})
    assert (found.userinfo, found.id_token) == ({"name"}, frozenset())


@pytest.mark.parametrize(
    ("userinfo", "id_token", "expected"),
    [
        ({}, {"sub": {"value": "ana"}}, {"ana"}),
        ({"sub": {"value": "ana"}}, {}, {"ana"}),
        ({}, {"sub": {"values": ["ana", "bob"]}}, {"ana", "bob"}),
        ({"sub": {"value": "ana"}}, {"sub": {"values": ["ana", "bob"]}}, {"ana"}),
        ({"sub": {"value": "ana"}}, {"sub": {"value": "bob"}}, set()),
        ({"sub": {"essential": True}}, {"sub": {"values": []}}, None),
    ],
)
def test_A36_the_subjects_meant(userinfo, id_token, expected):
    assert read(userinfo, id_token).subjects == expected


@pytest.mark.parametrize(
    ("acr", "expected"),
    [
        (None, None),
        ({"essential": True}, None),
        ({"essential": True, "values": []}, None),
        ({"value": "1"}, AcrRequest(("1",))),
        ({"values": ["2", "1", "2"]}, AcrRequest(("2", "1"))),
        ({"essential": True, "values": ["2"]}, AcrRequest(("2",), is_essential=True)),
    ],
)
def test_the_levels_asked_for(acr, expected):
    assert read(None, {"acr": acr}).acr == expected


BROKEN = [
    "",
    "{",
    "[]",
    "null",
    '"name"',
    '{"userinfo":["name"]}',
    '{"userinfo":"name"}',
    '{"userinfo":{"name":true}}',
    '{"userinfo":{"name":[]}}',
    '{"userinfo":{"name":{"essential":"yes"}}}',
    '{"userinfo":{"name":{"values":"Ana"}}}',
    '{"id_token":{"sub":{"value":1}}}',
    '{"id_token":{"sub":{"values":[null]}}}',
    '{"id_token":{"sub":{"value":""}}}',
    '{"id_token":{"acr":{"values":[1]}}}',
    '{"userinfo":{},"userinfo":{}}',
    '{"userinfo":{"name":{"value":NaN}}}',
    '{"userinfo":{"name":{"value":' + "[" * 40 + "]" * 40 + "}}}",
    "[" * 8000,
]


@pytest.mark.parametrize("text", BROKEN)
def test_A36_what_is_broken_or_deep_is_refused(text):
    with pytest.raises(InvalidRequest, match="claims"):
        parse(text, ALL)


def test_entries_are_for_claims_that_no_scope_covers():
    found = read({"email": None, "name": None}, {"phone_number": None})
    assert found.entries({"openid", "profile"}) == {"claim email", "claim phone_number"}
    assert found.entries(ALL) == frozenset()
    assert covered({"claim email", "claim phone_number"}, {"email"}) == {"claim email"}
    assert (claims_request.claim_of("claim email"), claims_request.claim_of("email")) == ("email", None)
    assert claims_request.scopes_of(("openid", "claim email")) == ("openid",)


def test_what_is_kept_is_what_was_granted():
    found = read({"email": None, "name": None}, {"email": None, "name": None, "locale": None})
    # A scope tells at userinfo anyway; the ID token tells only what is named.
    assert found.kept({"openid", "profile"}) == {"userinfo": [], "id_token": ["locale", "name"]}
    granted = {"openid", "profile", entry_of("email")}
    assert found.kept(granted) == {"userinfo": ["email"], "id_token": ["email", "locale", "name"]}
    assert found.kept({"openid"}) is None


def test_what_is_told_shrinks_with_the_token_and_with_the_client():
    kept = {"userinfo": ["email"], "id_token": ["email", "name"]}
    assert named(kept, "id_token", narrowed=(), allowed=ALL) == {"email", "name"}
    assert named(kept, "id_token", narrowed={"profile"}, allowed=ALL) == {"email"}
    assert named(kept, "userinfo", narrowed=(), allowed={"openid", "profile"}) == set()
    assert named(None, "userinfo", narrowed=(), allowed=ALL) == set()
