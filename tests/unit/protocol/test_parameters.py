import pytest

from idp.diagnosis import reasons
from idp.errors import InvalidRequest
from idp.protocol import parameters

SINGLE = [
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "nonce",
    "prompt",
    "code_challenge",
    "max_age",
]


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize(("first", "second"), [("a", "b"), ("a", "a"), ("", "a"), ("a", "")])
def test_A26_a_repeated_parameter_is_refused(name, first, second):
    with pytest.raises(InvalidRequest, match="more than once"):
        parameters.parse([(name, first), ("other", "x"), (name, second)])


def test_A03_a_repeated_address_has_no_value_at_all():
    found = parameters.read(
        [("redirect_uri", "https://a.example/"), ("redirect_uri", "https://evil.example/"), ("state", "s")]
    )
    assert "redirect_uri" not in found
    assert found.refused["redirect_uri"].reason is reasons.REDIRECT_URI_DUPLICATE
    assert found["state"] == "s"


def test_resource_may_repeat():
    found = parameters.parse(
        [("resource", "https://a.example"), ("resource", "https://b.example"), ("resource", "https://a.example")]
    )
    assert found.all("resource") == ("https://a.example", "https://b.example")
    assert found.all("audience") == ()


def test_a_parameter_without_a_value_counts_as_omitted():
    found = parameters.parse([("state", ""), ("scope", "openid")])
    assert dict(found) == {"scope": "openid"}
    assert len(found) == 1


@pytest.mark.parametrize("bad", ["\0", "\r\n", "a\tb", "\x7f", "\x85", "\ud800", chr(0xFFFD)])
def test_I03_control_characters_and_broken_text_are_refused(bad):
    for pair in (("state", f"x{bad}"), (f"x{bad}", "value")):
        with pytest.raises(InvalidRequest) as caught:
            parameters.parse([pair])
        assert bad not in caught.value.public


@pytest.mark.parametrize("good", ["é", "日本", "🙂", "a b+c&d=e%20", "嘊嘍", '"><script>'])
def test_A15_other_text_is_kept_verbatim(good):
    assert parameters.parse([("state", good * 100)])["state"] == good * 100


@pytest.mark.parametrize(
    ("name", "length"), [("state", 4096), ("nonce", 2048), ("client_id", 256), ("anything", 16384)]
)
def test_lengths_are_bounded(name, length):
    assert parameters.parse([(name, "x" * length)])[name] == "x" * length
    with pytest.raises(InvalidRequest, match="too long"):
        parameters.parse([(name, "x" * (length + 1))])


def test_I08_a_flood_of_parameters_is_refused():
    assert len(parameters.parse([(f"p{number}", "x") for number in range(64)])) == 64
    with pytest.raises(InvalidRequest, match="too many"):
        parameters.parse([(f"p{number}", "x") for number in range(65)])


def test_urlencoded_bytes_are_read_strictly():
    found = parameters.read_urlencoded(b"state=a%20b+c%26&nonce=%E2%82%AC&bad=%ff&raw=\xff&scope=")
    assert dict(found) == {"state": "a b c&", "nonce": "€"}
    assert set(found.refused) == {"bad", "raw"}
    with pytest.raises(InvalidRequest):
        found.require_sound()


def test_what_was_stored_reads_the_same():
    found = parameters.parse([("state", "s"), ("resource", "a"), ("resource", "b"), ("extra", "x")])
    again = parameters.from_stored(found.stored({"state", "resource"}))
    assert again["state"] == "s"
    assert again.all("resource") == ("a", "b")
    assert "extra" not in again
