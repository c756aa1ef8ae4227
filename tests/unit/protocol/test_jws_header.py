import base64
import json
import time

import pytest

from idp.errors import InvalidToken
from idp.protocol import jws_header
from idp.protocol.strict_json import parse_object

ALGORITHMS = frozenset({"RS256", "ES256", "EdDSA"})


def encoded(value):
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def token(header=None, payload=None, *, signature=b"signature", **more):
    header = {"alg": "RS256", "kid": "k1", "typ": "JWT", **more} if header is None else header
    return f"{encoded(header)}.{encoded({'sub': 'ana'} if payload is None else payload)}.{encoded(signature)}"


def refused(text):
    with pytest.raises(InvalidToken) as caught:
        jws_header.parse(text, algorithms=ALGORITHMS)
    assert caught.value.public == "The token is not valid."
    return caught.value.detail


def test_a_sound_token_is_taken_apart():
    text = token()
    found = jws_header.parse(text, algorithms=ALGORITHMS)
    assert (found.alg, found.kid, found.typ, dict(found.unverified_claims)) == ("RS256", "k1", "jwt", {"sub": "ana"})
    assert found.signature == b"signature"
    assert found.signing_input.decode() == text.rpartition(".")[0]


@pytest.mark.parametrize(
    ("typ", "expected"),
    [("at+jwt", "at+jwt"), ("application/at+jwt", "at+jwt"), ("AT+JWT", "at+jwt"), ("Application/JWT", "jwt")],
)
def test_typ_is_compared_as_a_media_type(typ, expected):
    assert jws_header.parse(token(typ=typ), algorithms=ALGORITHMS).typ == expected


def test_kid_and_typ_may_be_absent():
    found = jws_header.parse(token({"alg": "ES256"}), algorithms=ALGORITHMS)
    assert (found.kid, found.typ) == (None, "")


@pytest.mark.parametrize(
    "alg",
    [
        "none",
        "None",
        "NONE",
        "nOnE",
        " none",
        "none ",
        "",
        None,
        ["RS256"],
        {"RS256": 1},
        0,
        True,
        "none\0",
        "RS256 ",
        "rs256",
        "HS256",
        "HS512",
        "PS256",
    ],
)
def test_J01_J02_only_listed_algorithms_pass(alg):
    refused(token(alg=alg))


def test_J01_none_is_refused_even_where_it_is_listed():
    with pytest.raises(InvalidToken):
        jws_header.parse(token(alg="none"), algorithms={"none"})
    refused(token({"kid": "k1"}))
    refused(f"{encoded({'alg': 'RS256'})}.{encoded({'sub': 'ana'})}.")


@pytest.mark.parametrize(
    "kid", ["", "k" * 129, "k" * 20_000, "a\0b", "a b", "é", "\n", None, 7, ["k1"], {"k": 1}, True]
)
def test_J03_kid_is_short_printable_text(kid):
    refused(token(kid=kid))


@pytest.mark.parametrize("kid", ["../../../etc/passwd", "' OR 1=1 --", "k" * 128, "file:///dev/null"])
def test_J03_a_strange_kid_is_a_word_like_any_other(kid):
    if " " in kid:
        refused(token(kid=kid))
    else:
        assert jws_header.parse(token(kid=kid), algorithms=ALGORITHMS).kid == kid


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c"])
def test_J04_keys_in_the_header_are_ignored(name):
    assert jws_header.parse(token(**{name: "https://evil.example/jwks"}), algorithms=ALGORITHMS).kid == "k1"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("crit", ["exp"]),
        ("crit", []),
        ("crit", None),
        ("b64", False),
        ("b64", True),
        ("zip", "DEF"),
        ("enc", "A256GCM"),
        ("p2c", 10**9),
        ("epk", {}),
    ],
)
def test_J05_J08_headers_that_change_the_reading_are_refused(name, value):
    assert name in refused(token(**{name: value}))


MALFORMED = [
    "",
    ".",
    "..",
    "a",
    "a.b",
    "a.b.c",
    "....",
    "a.b.c.d",
    "a.b.c.d.e",
    token() + ".x",
    "." + token(),
    token() + "=",
    token() + "\n",
    " " + token(),
    token().replace(".", "..", 1),
    token({"alg": "RS256"}, b"null"),
    token({"alg": "RS256"}, b"[]"),
    token({"alg": "RS256"}, b'"x"'),
    token({"alg": "RS256"}, b"7"),
    token({"alg": "RS256"}, b"{"),
    token({"alg": "RS256"}, b"\xff"),
    token({"alg": "RS256"}, b"{} {}"),
    token({"alg": "RS256"}, b'{"a":NaN}'),
    token({"alg": "RS256"}, b'{"a":Infinity}'),
    token({"alg": "RS256"}, b'{"a":-Infinity}'),
    token({"alg": "RS256"}, b'{"a":1e999}'),
    token({"alg": "RS256"}, b'{"exp":' + b"9" * 5000 + b"}"),
    token({"alg": "RS256"}, b'{"a":"\\ud800"}'),
    token({"alg": "RS256"}, b'{"a":"\\u0000"}'),
    token({"alg": "RS256"}, b'{"\\udfff":1}'),
    token({"alg": "RS256"}, b"[" * 5000),
    token({"alg": "RS256"}, b'{"a":' * 33 + b"1" + b"}" * 33),
    token({"alg": "RS256"}, b'{"a":' + b"[" * 4000 + b"]" * 4000 + b"}"),
    token(b'{"alg":"RS256","alg":"none"}'),
    token(b'{"alg":"none","alg":"RS256"}'),
    token(b"[]"),
    token(b"RS256"),
    token(b"\xef\xbb\xbf{}"),
    token(typ=7),
    token(typ=["JWT"]),
    token().replace("e", "é", 1),
    token()[:-1] + "+",
    "٣.٣.٣",
]


@pytest.mark.parametrize("text", MALFORMED, ids=range(len(MALFORMED)))
def test_J06_malformed_tokens_are_refused(text):
    refused(text)


def test_J06_one_token_has_one_spelling():
    header, payload, _ = token().split(".")
    refused(f"{header}.{payload}.QR")
    assert jws_header.parse(f"{header}.{payload}.QQ", algorithms=ALGORITHMS).signature == b"A"


def test_J07_size_is_bounded_before_anything_is_decoded():
    started = time.monotonic()
    assert refused("a" * 1_000_000) == "token too long"
    assert refused(token(x="x" * 1_000_000)) == "token too long"
    assert refused(token(x="x" * 7000)) == "header too long"
    assert refused("." * 16_000) == "not a compact JWS"
    assert time.monotonic() - started < 1


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"payload": "e30", "signatures": []}),
        json.dumps({"protected": "e30", "payload": "e30", "signature": "QQ"}),
        '{"a":"."}.e30.QQ',
    ],
)
def test_J13_the_json_serialisation_is_refused(text):
    assert refused(text) == "not a compact JWS"


@pytest.mark.parametrize("payload", [b'{"sub":"a","sub":"b"}', b'{"a":{"b":1,"b":1}}', b'{"sub":"a","\\u0073ub":"b"}'])
def test_J13_I04_a_name_twice_is_refused(payload):
    assert "twice" in refused(token({"alg": "RS256"}, payload))


def test_I05_depth_is_bounded():
    assert parse_object(b'{"a":' * 32 + b"1" + b"}" * 32)
    for raw in (
        b'{"a":' * 33 + b"1" + b"}" * 33,
        '{"a":' + "[" * 32 + "]" * 32 + "}",
        '{"a":' + "[" * 100_000,
        b"[" * 100_000,
    ):
        with pytest.raises(ValueError, match=r"JSON|Expecting"):
            parse_object(raw)


@pytest.mark.parametrize("number", ["9223372036854775808", "-1", "1.5", "0"])
def test_I14_numbers_of_a_common_size_are_read(number):
    assert parse_object(f'{{"a":{number}}}')["a"] == json.loads(number)
