import pytest

from idp.errors import InvalidScope
from idp.protocol import scopes


@pytest.mark.parametrize(
    "text",
    [
        "openid profile email",
        "email openid profile",
        "openid profile email openid profile email",
        " openid  email profile ",
    ],
)
def test_order_and_repetition_do_not_matter(text):
    assert scopes.parse(text) == ("openid", "profile", "email")


def test_no_scope_is_none():
    assert scopes.parse(None) == ()
    assert scopes.parse("") == ()


@pytest.mark.parametrize("text", ['openid "', "openid\\", "openid\ttab", "openid é", "openid\0", "openid\nemail"])
def test_words_have_the_characters_of_the_standard(text):
    with pytest.raises(InvalidScope):
        scopes.parse(text)


def test_I08_scope_is_bounded():
    assert scopes.parse("a" * 1024) == ("a" * 1024,)
    with pytest.raises(InvalidScope):
        scopes.parse("a " * 513)


@pytest.mark.parametrize("requested", [("admin",), ("OPENID",), (), ("openid2",), ("idp:sign",), ("*",)])
def test_A32_a_scope_of_only_unknown_words_is_refused(requested):
    with pytest.raises(InvalidScope):
        scopes.narrowed(requested, {"openid", "email"})


def test_A32_unknown_words_fall_away():
    assert scopes.narrowed(("admin", "email", "openid"), {"openid", "email", "profile"}) == ("openid", "email")


def test_T18_a_refreshed_token_gets_no_more_than_the_grant():
    assert scopes.subset((), {"openid", "email"}) == ("openid", "email")
    assert scopes.subset(("email",), {"openid", "email"}) == ("email",)
    for wider in (("openid", "profile"), ("admin",)):
        with pytest.raises(InvalidScope):
            scopes.subset(wider, {"openid", "email"})


def test_every_known_scope_has_a_sentence_for_people():
    assert scopes.KNOWN_NAMES == ("openid", "profile", "email", "address", "phone", "groups", "offline_access")
    assert all(scopes.sentence(name) != name for name in scopes.KNOWN_NAMES)
    assert "api:read" in scopes.sentence("api:read")
    assert scopes.ordered(["zeta", "alpha", "email", "openid"]) == ("openid", "email", "alpha", "zeta")
