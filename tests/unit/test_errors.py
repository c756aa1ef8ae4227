import ast
import inspect
import re

import pytest

from idp import errors
from idp.diagnosis import reasons
from idp.errors import FieldErrors, HashingBusy, IdpError, InvalidRequest, PageError, ProtocolError, TooManyAttempts

CLASSES = [
    found
    for found in vars(errors).values()
    if inspect.isclass(found) and issubclass(found, IdpError) and found.__module__ == "idp.errors"
]


def test_the_docstring_draws_the_whole_tree():
    drawn = re.findall(r"^\W*([A-Z]\w+)\b", errors.__doc__ or "", re.MULTILINE)
    assert {found.__name__ for found in CLASSES} <= set(drawn)


@pytest.mark.parametrize("found", CLASSES, ids=lambda found: found.__name__)
def test_every_class_has_a_code_a_status_and_its_own_line_in_the_tree(found):
    line = next(line for line in (errors.__doc__ or "").splitlines() if re.search(rf"\b{found.__name__}\b", line))
    assert re.fullmatch(r"[a-z_]+", found.oauth_error)
    assert 400 <= found.status <= 599
    if found.__name__ not in ("ProtocolError", "PageError", "AuthorizationCodeReplayed", "RefreshTokenReplayed"):
        assert f"{found.status} {found.oauth_error}" in line


def test_public_and_detail_are_kept_apart():
    error = InvalidRequest("For everybody.", detail="for the log", reason=reasons.SCOPE, facts={"scope": "x"})
    assert str(error) == "For everybody."
    assert "log" not in error.error_description
    assert (error.detail, error.reason, error.facts["scope"]) == ("for the log", reasons.SCOPE, "x")
    assert error.retry_after is None


@pytest.mark.parametrize("public", ['a "quoted" \\ word', "naïve – don’t…", "line\r\nbreak\ttab", "日本\x00\x7f"])
def test_error_description_has_only_the_characters_of_the_standard(public):
    assert re.fullmatch(r"[\x20-\x21\x23-\x5b\x5d-\x7e]*", InvalidRequest(public).error_description)


def test_overload_says_when_to_try_again():
    assert HashingBusy("Busy.", retry_after=0).retry_after == 1
    assert TooManyAttempts("Wait.", retry_after=30).retry_after == 30


def test_field_errors_name_each_field():
    error = FieldErrors({"email": "It is taken.", "name": "It is too long."})
    assert error.fields["email"] == "It is taken."
    assert "name: It is too long." in error.public
    assert not isinstance(error, ProtocolError)
    assert isinstance(error, PageError)


def test_reasons_have_unique_codes_and_whole_sentences():
    assert len(reasons.BY_CODE) == len(reasons.ALL) >= 30
    for reason in reasons.ALL:
        assert re.fullmatch(r"[a-z_]+", reason.code)
        assert not reason.title.endswith(".")
        assert all(text.endswith(".") for text in (reason.public, reason.owner, reason.fix))


def test_people_read_of_apps_and_developers_of_redirect_uris():
    for reason in reasons.ALL:
        spoken = f"{reason.title} {reason.public}".lower()
        assert not re.search(
            r"\b(client|redirect|uri|scope|pkce|csrf|token|parameter|your fault|you must)\b", spoken
        ), reason.code
    assert "redirect URI" in reasons.REDIRECT_URI_MISMATCH.owner


def test_the_title_takes_the_name_of_the_app():
    assert reasons.REDIRECT_URI_MISMATCH.title_for("Notes").startswith("Notes asked us")
    assert reasons.REDIRECT_URI_MISMATCH.title_for(None).startswith("This app asked us")
    assert reasons.CONSENT_DENIED.title_for("Notes").endswith("allow Notes")


def test_every_constant_is_in_the_catalogue():
    tree = ast.parse(inspect.getsource(reasons))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Reason"]
    assert len(calls) == len(reasons.ALL)
