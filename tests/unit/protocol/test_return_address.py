"""Where `/login?rd=…` may lead: to what the session cookie is sent to, and nowhere else (security.md L10)."""

import pytest

from idp.protocol.return_address import LONGEST, named_in, return_address

ISSUER = "https://id.example"


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("rd=https://id.example/a?b=1&c=2", "https://id.example/a?b=1&c=2"),
        ("x=1&rd=/a?b=1&rd=2", "/a?b=1&rd=2"),
        ("rd=https%3A%2F%2Fid.example%2Fa%3Fb%26c&d=1", "https%3A%2F%2Fid.example%2Fa%3Fb%26c"),
        ("rd=%2fa%3Fb&d=1", "%2fa%3Fb"),
        ("rd=", ""),
        ("ard=/a", None),
        ("", None),
    ],
)
def test_everything_after_rd_is_the_address(query, named):
    assert named_in(query) == named


@pytest.mark.parametrize(
    ("given", "followed"),
    [
        ("/", "https://id.example/"),
        ("/a//b?c=https://evil.example", "https://id.example/a//b?c=https://evil.example"),
        ("https://id.example", "https://id.example/"),
        ("https://id.example?a", "https://id.example/?a"),
        ("https://id.example:8443/a?b=c&d", "https://id.example:8443/a?b=c&d"),
        ("https://ID.example/A", "https://id.example/A"),
        ("https%3A%2F%2Fid.example%2Fa%3Fb%26c", "https://id.example/a?b&c"),
        ("https%3A%2F%2Fid.example%2Fa%2520b", "https://id.example/a%20b"),
        ("%2Fa%3Fb%26c", "https://id.example/a?b&c"),
        # What browsers send as it is.
        ("/find?q={a|b}^`\\*", "https://id.example/find?q=%7Ba%7Cb%7D%5E%60%5C*"),
        ("/find?q=100%&r=%zz", "https://id.example/find?q=100%25&r=%25zz"),
        ("/\xc3\xa4", "https://id.example/%C3%A4"),
        ("/a%0d%0aLocation:b", "https://id.example/a%0d%0aLocation:b"),
    ],
)
def test_an_address_of_this_host_is_followed(given, followed):
    assert return_address(given, issuer=ISSUER) == followed
    assert return_address(followed, issuer=ISSUER) == followed


@pytest.mark.parametrize(
    "given",
    [
        "",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "\t//evil.example",
        " https://id.example",
        "https:id.example",
        "https:/id.example",
        "https:///id.example",
        "HTTPS://id.example",
        "http://id.example/",
        "https://evil.example/",
        "https://evil.example/https://id.example/",
        "https://id.example.evil.example/",
        "https://evilid.example/",
        "https://id.example@evil.example/",
        "https://id.example:443@evil.example/",
        "https://evil.example#id.example/",
        "https://evil.example\\@id.example/",
        "https://id.example\\@evil.example/",
        "https://id.example\\.evil.example/",
        "https://id.example%2eevil.example/",
        "https://id.example;evil.example/",
        "https://id.example:/",
        "https://id.example:80a/",
        "https://id.example:65536/",
        "https://id.example:8443.evil.example/",
        "https://id.example./",
        "https://sub.id.example/",
        "https://[id.example]/",
        "https://ıd.example/",
        "https://\uff49d.example/",
        "javascript:alert(1)//id.example",
        "data:text/html,id.example",
        "id.example/a",
        "%2F%2Fevil.example",
        "https%3A%2F%2Fevil.example",
        "https%3A%2F%2Fid.example%40evil.example",
        "https%3A%2F%2Fid.example%5C%40evil.example",
        "%2F%09%2Fevil.example",
        "%2F%5Cevil.example",
        "https://id.example/a%zz\\b",
        "/" + "a" * LONGEST,
    ],
)
def test_L10_no_look_alike_is_followed(given):
    assert return_address(given, issuer=ISSUER) is None


def test_https_is_followed_from_http_and_never_the_other_way_round():
    assert return_address("https://localhost:8443/a", issuer="http://localhost:8000") == "https://localhost:8443/a"
    assert return_address("http://localhost:8443/a", issuer="http://localhost:8000") == "http://localhost:8443/a"
    assert return_address("http://localhost:8443/a", issuer="https://localhost:8000") is None


def test_an_address_in_brackets_is_a_host():
    assert return_address("http://[::1]:81/a", issuer="http://[::1]:8000") == "http://[::1]:81/a"
    assert return_address("http://[::2]:81/a", issuer="http://[::1]:8000") is None
