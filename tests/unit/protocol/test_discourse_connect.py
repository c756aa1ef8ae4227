"""DiscourseConnect: signed questions and answers."""

import base64

import pytest

from idp.protocol.discourse_connect import BadMessage, answered, asked, read, signature

SECRET = b"d836444a9e4084d5b224a60c208dce14"
# The example of Discourse's own description, whose base64 is broken into lines.
SSO = "bm9uY2U9Y2I2ODI1MWVlZmI1MjExZTU4YzAwZmYxMzk1ZjBjMGI=\n"


def sso_of(text):
    return base64.b64encode(text.encode()).decode()


def test_the_example_of_the_description():
    assert read(SSO) == {"nonce": "cb68251eefb5211e58c00ff1395f0c0b"}
    assert signature(SSO, SECRET) == "2828aa29899722b35a2f191d34ef9b3ce695e0e6eeec47deb46d588d70c7cb56"


def test_a_question_names_the_secret_that_signed_it():
    sso = sso_of("nonce=n&return_sso_url=https%3A%2F%2Fforum.example%2Fsession%2Fsso_login")
    found = asked(sso, signature(sso, SECRET).upper(), [b"another", SECRET])
    assert (found.nonce, found.return_sso_url) == ("n", "https://forum.example/session/sso_login")
    assert found.secret == SECRET


@pytest.mark.parametrize(
    "sso",
    [
        *("", "%%%", base64.b64encode(b"\xff=1").decode(), sso_of("nonce"), sso_of("nonce=n"), "A" * 9000),
        *(sso_of("return_sso_url=https://forum.example/"), sso_of("&".join(f"a{n}=1" for n in range(70)))),
    ],
)
def test_what_cannot_be_read_is_refused_though_it_is_signed(sso):
    with pytest.raises(BadMessage):
        asked(sso, signature(sso, SECRET), [SECRET])


@pytest.mark.parametrize("sig", ["", "0" * 64, "\udcff", "é" * 64])
def test_another_signature_is_refused(sig):
    sso = sso_of("nonce=n&return_sso_url=https://forum.example/")
    for secrets in ([SECRET], []):
        with pytest.raises(BadMessage):
            asked(sso, sig, secrets)


def test_an_answer_says_everything_as_text():
    sso, sig = answered({"nonce": "n", "name": "Ana & Bo", "groups": ("a", "b"), "require_activation": False}, SECRET)
    assert sig == signature(sso, SECRET)
    assert read(sso) == {"nonce": "n", "name": "Ana & Bo", "groups": "a,b", "require_activation": "false"}
