from dataclasses import replace
from datetime import timedelta

import pytest

from idp import errors
from idp.diagnosis import reasons
from idp.protocol import authorization_request, response_types
from idp.protocol.acr import AcrRequest
from idp.protocol.authorization_request import ClientView
from idp.protocol.parameters import from_stored, read
from idp.protocol.prompts import Prompt
from idp.protocol.redirect_uris import ResponseMode
from idp.protocol.response_types import AnswerMode

CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
CLIENT = ClientView(
    client_id="notes",
    redirect_uris=("https://notes.example/cb", "https://notes.example/other?bar=foo"),
    scopes=frozenset({"openid", "profile", "email"}),
    resources=frozenset({"https://api.example/v1", "https://api.example/v2"}),
)
EVERYTHING = replace(
    CLIENT,
    grant_types=frozenset({"authorization_code", "implicit"}),
    response_types=frozenset(response_types.RESPONSE_TYPES),
)
GOOD = {
    "client_id": "notes",
    "redirect_uri": "https://notes.example/cb",
    "response_type": "code",
    "scope": "email openid",
    "state": "s" * 128,
    "nonce": "n" * 384,
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


def parse(client=CLIENT, /, **changes):
    return authorization_request.parse(read(given(**changes)), client)


def given(**changes):
    return [(name, value) for name, value in {**GOOD, **changes}.items() if value is not None]


def test_a_good_request_is_read_whole():
    request = parse(
        prompt="consent login", max_age="0", login_hint="ana", ui_locales="xx", resource="https://api.example/v1"
    )
    assert request.scopes == ("openid", "email")
    assert request.is_openid
    assert (request.state, request.nonce, request.code_challenge) == ("s" * 128, "n" * 384, CHALLENGE)
    assert request.prompts == {Prompt.LOGIN, Prompt.CONSENT}
    assert request.max_age == timedelta(0)
    assert (request.login_hint, request.ui_locales, request.id_token_hint) == ("ana", "xx", None)
    assert request.resources == ("https://api.example/v1",)
    assert request.mode == AnswerMode(ResponseMode.QUERY)
    assert (request.response_type, request.issues) == ("code", {"code"})


def test_a_pending_request_keeps_what_is_known_and_reads_the_same_again():
    parameters = read([*given(extra="x", resource="https://api.example/v1"), ("resource", "https://api.example/v2")])
    kept = parameters.stored(authorization_request.KNOWN_PARAMETERS)
    assert "extra" not in kept
    assert authorization_request.parse(from_stored(kept), CLIENT) == authorization_request.parse(parameters, CLIENT)


@pytest.mark.parametrize(
    "extra",
    [
        {"extra": "foobar"},
        {"display": "popup"},
        {"claims_locales": "se"},
        {"claims": '{"userinfo":{"unheard_of":null},"somewhere":{"name":null}}'},
    ],
)
def test_unknown_parameters_are_ignored(extra):
    assert parse(**extra) == parse()


def test_nonce_and_state_are_optional():
    request = parse(nonce=None, state=None)
    assert (request.nonce, request.state) == (None, None)


def test_default_max_age_applies_where_none_is_sent():
    client = replace(CLIENT, default_max_age=timedelta(hours=1))
    assert parse(client).max_age == timedelta(hours=1)
    assert parse(client, max_age="0").max_age == timedelta(0)
    assert parse().max_age is None


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        (None, reasons.REDIRECT_URI_MISSING),
        ("", reasons.REDIRECT_URI_MISSING),
        ("https://notes.example/cb/", reasons.REDIRECT_URI_MISMATCH),
        ("https://notes.example/other", reasons.REDIRECT_URI_MISMATCH),
        ("https://evil.example/cb", reasons.REDIRECT_URI_MISMATCH),
    ],
)
@pytest.mark.parametrize(
    "spoilt",
    [{}, {"response_type": "foo"}, {"prompt": "none login"}, {"scope": None}, {"request": "x"}, {"response_mode": "x"}],
)
def test_A05_nothing_is_looked_at_before_the_address(uri, reason, spoilt):
    with pytest.raises(errors.InvalidRedirectUri) as caught:
        parse(redirect_uri=uri, **spoilt)
    assert caught.value.reason is reason
    assert isinstance(caught.value, errors.PageError)


def test_A02_the_address_is_required_even_with_one_registered():
    with pytest.raises(errors.InvalidRedirectUri):
        parse(replace(CLIENT, redirect_uris=("https://notes.example/cb",)), redirect_uri=None)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("name", ["redirect_uri", "client_id"])
def test_A03_a_repeated_address_or_client_is_a_page(name, order):
    pairs = [*given(), (name, "https://evil.example/")][::order]
    with pytest.raises(errors.InvalidRedirectUri) as caught:
        authorization_request.parse(read(pairs), CLIENT)
    assert caught.value.reason is reasons.REDIRECT_URI_DUPLICATE


@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "http://notes.example/cb",
        "https://notes.example/cb#f",
    ],
)
def test_A06_an_address_that_should_never_have_been_registered_is_not_used(uri):
    with pytest.raises(errors.InvalidRedirectUri) as caught:
        parse(replace(CLIENT, redirect_uris=(uri,)), redirect_uri=uri)
    assert caught.value.reason is reasons.REDIRECT_URI_SCHEME


def test_A07_loopback_ports_are_free_for_native_clients_alone():
    native = replace(CLIENT, application_type="native", redirect_uris=("http://127.0.0.1/cb",))
    assert parse(native, redirect_uri="http://127.0.0.1:9999/cb").redirect_uri == "http://127.0.0.1:9999/cb"
    with pytest.raises(errors.InvalidRedirectUri):
        parse(replace(native, application_type="web"), redirect_uri="http://127.0.0.1:9999/cb")


def test_the_developer_is_shown_the_closest_address():
    with pytest.raises(errors.InvalidRedirectUri) as caught:
        parse(redirect_uri="https://notes.example/cb/")
    assert caught.value.facts["registered_redirect_uri"] == "https://notes.example/cb"
    assert "notes.example" not in caught.value.public


@pytest.mark.parametrize(
    ("changes", "error", "code"),
    [
        ({"request": "eyJ.e30."}, errors.RequestNotSupported, "request_not_supported"),
        ({"request_uri": "https://x.example/"}, errors.RequestUriNotSupported, "request_uri_not_supported"),
        ({"registration": "{}"}, errors.RegistrationNotSupported, "registration_not_supported"),
        ({"response_type": None}, errors.InvalidRequest, "invalid_request"),
        ({"response_type": "foo"}, errors.UnsupportedResponseType, "unsupported_response_type"),
        ({"response_type": 'é"'}, errors.UnsupportedResponseType, "unsupported_response_type"),
        ({"response_mode": "web_message"}, errors.InvalidRequest, "invalid_request"),
        ({"response_mode": "jwt.jwt"}, errors.InvalidRequest, "invalid_request"),
        ({"response_mode": "web_message.jwt"}, errors.InvalidRequest, "invalid_request"),
        ({"claims": "{"}, errors.InvalidRequest, "invalid_request"),
        ({"scope": None}, errors.InvalidScope, "invalid_scope"),
        ({"scope": "admin"}, errors.InvalidScope, "invalid_scope"),
        ({"scope": "openid " * 200}, errors.InvalidScope, "invalid_scope"),
        ({"code_challenge": None, "code_challenge_method": None}, errors.InvalidRequest, "invalid_request"),
        ({"code_challenge_method": "plain"}, errors.InvalidRequest, "invalid_request"),
        ({"prompt": "none login"}, errors.InvalidRequest, "invalid_request"),
        ({"max_age": "-1"}, errors.InvalidRequest, "invalid_request"),
        ({"resource": "https://other.example"}, errors.InvalidTarget, "invalid_target"),
        ({"state": "a\r\nb"}, errors.InvalidRequest, "invalid_request"),
    ],
)
def test_A05_every_other_fault_is_answered_at_the_address(changes, error, code):
    with pytest.raises(error) as caught:
        parse(**changes)
    assert caught.value.oauth_error == code
    assert isinstance(caught.value, errors.ProtocolError)
    assert caught.value.reason is not None


@pytest.mark.parametrize(
    "name", ["state", "nonce", "scope", "response_type", "prompt", "max_age", "code_challenge", "login_hint", "extra"]
)
def test_A26_a_repeated_parameter_is_told_to_the_address(name):
    with pytest.raises(errors.InvalidRequest, match="more than once"):
        authorization_request.parse(read([*given(), (name, "1"), (name, "2")]), CLIENT)


@pytest.mark.parametrize("response_type", ["token", "none", "code code", "Code", "code none", "device"])
def test_A08_no_other_type_is_served(response_type):
    with pytest.raises(errors.UnsupportedResponseType):
        parse(EVERYTHING, response_type=response_type)


IN_FRONT = ["id_token", "id_token token", "token id_token", "code token", "code id_token", "token code id_token"]


@pytest.mark.parametrize("response_type", IN_FRONT)
def test_A08_tokens_come_in_front_for_those_who_registered_that_alone(response_type):
    with pytest.raises(errors.UnauthorizedClient):
        parse(response_type=response_type)
    with pytest.raises(errors.UnauthorizedClient):
        parse(replace(EVERYTHING, grant_types=frozenset({"authorization_code"})), response_type=response_type)
    with pytest.raises(errors.UnauthorizedClient):
        parse(replace(EVERYTHING, response_types=frozenset({"code"})), response_type=response_type)
    assert parse(EVERYTHING, response_type=response_type).issues == set(response_type.split())


@pytest.mark.parametrize("response_type", IN_FRONT)
def test_a_hybrid_type_takes_the_code_grant_too(response_type):
    without = replace(EVERYTHING, grant_types=frozenset({"implicit"}))
    if "code" in response_type:
        with pytest.raises(errors.UnauthorizedClient):
            parse(without, response_type=response_type)
    else:
        assert parse(without, response_type=response_type).is_openid


@pytest.mark.parametrize("response_type", ["code", *IN_FRONT])
def test_a_nonce_is_needed_for_an_id_token_in_front(response_type):
    if "id_token" in response_type:
        with pytest.raises(errors.InvalidRequest) as caught:
            parse(EVERYTHING, response_type=response_type, nonce=None)
        assert caught.value.reason is reasons.NONCE_MISSING
    else:
        assert parse(EVERYTHING, response_type=response_type, nonce=None).nonce is None


def test_an_id_token_in_front_needs_openid():
    with pytest.raises(errors.InvalidScope):
        parse(EVERYTHING, response_type="id_token", scope="email")
    with pytest.raises(errors.InvalidScope):
        parse(replace(EVERYTHING, scopes=frozenset({"email"})), response_type="id_token", scope="openid email")
    assert not parse(EVERYTHING, response_type="code token", scope="email").is_openid


@pytest.mark.parametrize("mode", ["query", "query.jwt"])
@pytest.mark.parametrize("response_type", IN_FRONT)
def test_A09_no_token_goes_by_query(response_type, mode):
    with pytest.raises(errors.InvalidRequest) as caught:
        parse(EVERYTHING, response_type=response_type, response_mode=mode)
    assert caught.value.reason is reasons.RESPONSE_MODE


def test_without_a_code_there_is_nothing_to_prove():
    without = {"code_challenge": None, "code_challenge_method": None}
    public = replace(EVERYTHING, is_public=True)
    assert parse(public, response_type="id_token token", **without).code_challenge is None
    assert parse(public, response_type="id_token", code_challenge_method="plain").code_challenge is None
    for response_type in ("code", "code token", "code id_token"):
        with pytest.raises(errors.InvalidRequest):
            parse(public, response_type=response_type, **without)


@pytest.mark.parametrize(
    "client",
    [replace(CLIENT, response_types=frozenset()), replace(CLIENT, grant_types=frozenset({"client_credentials"}))],
)
def test_A08_a_client_without_the_code_grant_gets_none(client):
    with pytest.raises(errors.UnauthorizedClient):
        parse(client)


def test_A12_public_clients_always_owe_pkce():
    without = {"code_challenge": None, "code_challenge_method": None}
    assert parse(replace(CLIENT, require_pkce=False), **without).code_challenge is None
    with pytest.raises(errors.InvalidRequest):
        parse(replace(CLIENT, require_pkce=False, is_public=True), **without)
    assert parse(replace(CLIENT, require_pkce=False)).code_challenge == CHALLENGE


def test_A23_A24_request_objects_are_refused_before_anything_is_read_from_them():
    with pytest.raises(errors.RequestNotSupported):
        parse(request="x", request_uri="http://169.254.169.254/", response_type="foo")
    with pytest.raises(errors.RequestUriNotSupported):
        parse(request_uri="file:///etc/passwd", response_type="foo")


@pytest.mark.parametrize(
    ("response_type", "response_mode", "place", "is_signed"),
    [
        ("code", None, "query", False),
        ("code", "query", "query", False),
        ("code", "fragment", "fragment", False),
        ("code", "form_post", "form_post", False),
        ("code", "web_message", "query", False),
        ("code", "jwt", "query", True),
        ("code", "query.jwt", "query", True),
        ("code", "fragment.jwt", "fragment", True),
        ("code", "form_post.jwt", "form_post", True),
        ("code", "web_message.jwt", "query", False),
        ("code", "jwt.jwt", "query", False),
        ("code", ".jwt", "query", False),
        (None, None, "query", False),
        (None, "form_post", "form_post", False),
        (None, "jwt", "query", True),
        ("foo", None, "query", False),
        ("id_token", None, "fragment", False),
        ("token", None, "fragment", False),
        ("token code", None, "fragment", False),
        ("id_token", "query", "fragment", False),
        ("id_token", "query.jwt", "fragment", True),
        ("id_token", "jwt", "fragment", True),
        ("id_token token", "form_post", "form_post", False),
        ("code id_token", "form_post.jwt", "form_post", True),
        ("id_token foo", None, "query", False),
    ],
)
def test_A09_where_an_answer_goes(response_type, response_mode, place, is_signed):
    parameters = read(given(response_type=response_type, response_mode=response_mode))
    assert authorization_request.answer_mode(parameters) == AnswerMode(ResponseMode(place), is_signed)


def test_a_repeated_response_mode_answers_in_the_query():
    parameters = read([*given(response_mode="form_post"), ("response_mode", "fragment")])
    assert authorization_request.answer_mode(parameters) == AnswerMode(ResponseMode.QUERY)


def test_the_levels_asked_for_come_from_claims_then_acr_values_then_the_registration():
    client = replace(CLIENT, default_acr_values=("9",))
    claims = '{"id_token":{"acr":{"essential":true,"values":["2","1"]}}}'
    assert parse(client, claims=claims, acr_values="1").acr == AcrRequest(("2", "1"), is_essential=True)
    assert parse(client, acr_values="2 1").acr == AcrRequest(("2", "1"))
    assert parse(client).acr == AcrRequest(("9",))
    assert parse().acr == AcrRequest()


def test_resources_may_be_several():
    requested = ("https://api.example/v1", "https://api.example/v2")
    assert authorization_request.check_resources(requested, CLIENT.resources) == requested
    assert authorization_request.check_resources((), ()) == ()
    for other in ("https://api.example/v1/", "https://api.example/V1", "https://api.example/v1#x", "notes"):
        with pytest.raises(errors.InvalidTarget):
            authorization_request.check_resources((*requested, other), CLIENT.resources)
