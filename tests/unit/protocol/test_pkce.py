import pytest

from idp.diagnosis import reasons
from idp.errors import InvalidGrant, InvalidRequest
from idp.protocol import pkce

# The example of RFC 7636 appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_the_example_of_the_standard():
    assert pkce.challenge_of(VERIFIER) == CHALLENGE
    assert pkce.check_challenge(CHALLENGE, "S256", required=True) == CHALLENGE
    pkce.verify(VERIFIER, CHALLENGE)


def test_A12_a_missing_challenge_is_refused_where_it_is_owed():
    with pytest.raises(InvalidRequest) as caught:
        pkce.check_challenge(None, None, required=True)
    assert caught.value.reason is reasons.PKCE_MISSING
    assert pkce.check_challenge(None, None, required=False) is None


@pytest.mark.parametrize(
    ("challenge", "method"),
    [
        (CHALLENGE, "plain"),
        (CHALLENGE, None),
        (CHALLENGE, "s256"),
        (CHALLENGE, "S512"),
        (CHALLENGE, ""),
        (None, "S256"),
        (None, "plain"),
        (CHALLENGE[:-1], "S256"),
        (CHALLENGE + "A", "S256"),
        (CHALLENGE[:-1] + "=", "S256"),
        (CHALLENGE[:-1] + "+", "S256"),
        ("", "S256"),
        (CHALLENGE[:-1] + "\n", "S256"),
        (CHALLENGE[:-1] + "é", "S256"),
        (CHALLENGE[:-1] + "~", "S256"),
    ],
)
@pytest.mark.parametrize("required", [False, True])
def test_A13_anything_but_s256_is_refused(challenge, method, required):
    with pytest.raises(InvalidRequest):
        pkce.check_challenge(challenge, method, required=required)


@pytest.mark.parametrize(
    ("verifier", "challenge"), [(None, CHALLENGE), ("", CHALLENGE), (VERIFIER, None), ("", None), ("x", None)]
)
def test_A14_challenge_and_verifier_come_together_or_not_at_all(verifier, challenge):
    with pytest.raises(InvalidGrant):
        pkce.verify(verifier, challenge)
    pkce.verify(None, None)


@pytest.mark.parametrize(
    "verifier",
    [
        CHALLENGE,
        VERIFIER[:-1],
        VERIFIER + "A",
        VERIFIER.lower(),
        VERIFIER + "\n",
        VERIFIER + "\0",
        " " + VERIFIER,
        VERIFIER + "=",
        "a" * 42,
        "a" * 43,
        "a" * 128,
        "a" * 129,
        "a" * 200_000,
        "é" * 43,
        "\ud800" * 43,
        VERIFIER[:-1] + "k\u0301",
    ],
)
def test_T06_a_wrong_verifier_is_refused(verifier):
    with pytest.raises(InvalidGrant):
        pkce.verify(verifier, CHALLENGE)
