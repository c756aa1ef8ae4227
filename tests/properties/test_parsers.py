"""Whatever comes in, a parser gives a value that keeps its promises or one of our refusals; never another exception."""

import base64
import json
import string
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from idp.errors import InvalidGrant, InvalidRedirectUri, InvalidRequest, InvalidScope, InvalidToken, ProtocolError
from idp.protocol import (
    authorization_request,
    claims_request,
    jws_header,
    parameters,
    pkce,
    prompts,
    redirect_uris,
    response_types,
    scopes,
)
from idp.protocol.authorization_request import AuthorizationRequest, ClientView
from idp.protocol.redirect_uris import ResponseMode
from idp.protocol.response_types import RESPONSE_MODES
from idp.protocol.strict_json import parse_object

ANYTHING = st.text(alphabet=st.characters(exclude_categories=()), max_size=80)
PRINTABLE = st.text(
    alphabet=st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\ufffd"), min_size=1, max_size=80
)
NAMES = (
    st.sampled_from(
        sorted({*authorization_request.KNOWN_PARAMETERS, "request", "request_uri", "registration", "claims", "extra"})
    )
    | ANYTHING
)
PAIRS = st.lists(st.tuples(NAMES, ANYTHING), max_size=80)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(string.printable, max_size=10),
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.text(string.ascii_letters, max_size=5), below, max_size=3)
    ),
    max_leaves=10,
)
CLIENT = ClientView(
    client_id="c",
    redirect_uris=("https://rp.example/cb",),
    scopes=frozenset({"openid", "email"}),
    resources=frozenset({"https://api.example"}),
)
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def encoded(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


SOUND = ".".join((encoded(b'{"alg":"RS256"}'), encoded(b"{}"), "QQ"))


@given(PAIRS)
def test_A26_I03_parameters_are_single_clean_and_bounded(pairs):
    found = parameters.read(pairs)
    assert len(found) + len(found.refused) <= parameters.MAX_PARAMETERS + 1
    for name, value in found.items():
        assert value
        assert parameters.is_clean(name)
        assert parameters.is_clean(value)
        assert (name, value) in pairs
        assert name in parameters.REPEATABLE or [sent for sent, _ in pairs].count(name) == 1
    assert not set(found) & set(found.refused)


@given(st.dictionaries(PRINTABLE, PRINTABLE, max_size=10))
def test_A15_what_is_sent_urlencoded_arrives_verbatim(sent):
    assert dict(parameters.read_urlencoded(urlencode(sent).encode())) == sent


@given(st.binary(max_size=200))
def test_I03_any_bytes_can_be_read(raw):
    found = parameters.read_urlencoded(raw)
    assert all(parameters.is_clean(value) for value in found.values())


@given(PAIRS, st.booleans())
@example([("request", "x"), ("state", "s")], True)
def test_A05_any_request_is_answered_in_order(pairs, addressed):
    if addressed:
        pairs = [
            ("redirect_uri", "https://rp.example/cb"),
            *(pair for pair in pairs if pair[0] not in ("redirect_uri", "client_id")),
        ]
    found = parameters.read(pairs)
    try:
        request = authorization_request.parse(found, CLIENT)
    except InvalidRedirectUri:
        assert found.get("redirect_uri") != "https://rp.example/cb" or "client_id" in found.refused
    except ProtocolError as error:
        shown = error.error_description
        assert found["redirect_uri"] == "https://rp.example/cb"
        assert all(" " <= letter <= "~" and letter not in '"\\' for letter in shown)
    else:
        assert request.redirect_uri in CLIENT.redirect_uris
        assert set(request.scopes) <= CLIENT.scopes
        assert request.code_challenge is not None


@given(
    state=PRINTABLE,
    nonce=PRINTABLE,
    mode=st.sampled_from(RESPONSE_MODES),
    max_age=st.integers(0, 9_999_999_999),
    words=st.permutations(["openid", "email", "unknown", "openid"]),
)
def test_A16_a_good_request_is_read_as_it_was_sent_and_again_from_its_pending_form(state, nonce, mode, max_age, words):
    pairs = [
        ("redirect_uri", "https://rp.example/cb"),
        ("response_type", "code"),
        ("scope", " ".join(words)),
        ("state", state),
        ("nonce", nonce),
        ("response_mode", mode),
        ("max_age", str(max_age)),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]
    found = parameters.read(pairs)
    request = authorization_request.parse(found, CLIENT)
    assert isinstance(request, AuthorizationRequest)
    assert (request.state, request.nonce, request.scopes, request.max_age) == (
        state,
        nonce,
        ("openid", "email"),
        timedelta(seconds=max_age),
    )
    stored = json.loads(json.dumps(found.stored(authorization_request.KNOWN_PARAMETERS)))
    assert authorization_request.parse(parameters.from_stored(stored), CLIENT) == request


_MEMBER = st.dictionaries(st.sampled_from(["sub", "acr", "name", "email", "x"]), JSON, max_size=3) | JSON


@given(
    ANYTHING
    | st.builds(json.dumps, st.fixed_dictionaries({}, optional={"userinfo": _MEMBER, "id_token": _MEMBER}) | JSON)
)
def test_A36_a_claims_parameter_asks_for_known_claims_or_is_refused(text):
    try:
        found = claims_request.parse(text, CLIENT.scopes)
    except InvalidRequest:
        return
    assert found.userinfo | found.id_token <= {"email", "email_verified"}
    assert found.subjects is None or all(isinstance(subject, str) for subject in found.subjects)
    assert found.acr is None or found.acr.values
    assert set(found.kept({"openid"} | found.entries({"openid"})) or {}) <= {"userinfo", "id_token"}


@given(ANYTHING, ANYTHING)
def test_A09_every_answer_has_a_place(response_type, response_mode):
    mode = response_types.answer_mode(response_type, response_mode)
    assert mode.place in ResponseMode
    assert not (response_types.is_in_front(response_type) and mode.place is ResponseMode.QUERY)


@given(ANYTHING)
def test_scopes_prompts_and_max_age_never_fail_in_another_way(text):
    for parse, error in (
        (scopes.parse, InvalidScope),
        (prompts.parse_prompt, InvalidRequest),
        (prompts.parse_max_age, InvalidRequest),
    ):
        try:
            parse(text)
        except error:
            assert text != "0" or parse is prompts.parse_prompt


@given(st.lists(st.text(string.ascii_letters + string.digits + ":._/-", min_size=1, max_size=12), max_size=8))
def test_scopes_know_no_order_and_no_repetition(words):
    once = scopes.parse(" ".join(words))
    assert once == scopes.parse(" ".join([*reversed(words), *words]))
    assert set(once) == set(words)
    assert scopes.parse(" ".join(once)) == once


@given(st.text(string.ascii_letters + string.digits + "-._~", min_size=43, max_size=128), st.integers(0, 127), ANYTHING)
def test_T06_a_verifier_fits_its_own_challenge_alone(verifier, place, other):
    challenge = pkce.check_challenge(pkce.challenge_of(verifier), "S256", required=True)
    assert pkce.verify(verifier, challenge) is None
    place %= len(verifier)
    altered = verifier[:place] + ("x" if verifier[place] != "x" else "y") + verifier[place + 1 :]
    for wrong in (altered, verifier + "x", verifier[:-1], other, None):
        if wrong != verifier:
            with pytest.raises(InvalidGrant):
                pkce.verify(wrong, challenge)


URIS = st.one_of(
    ANYTHING,
    st.builds(
        "".join,
        st.lists(
            st.sampled_from(
                [
                    *"/\\@:.?#%&=*[] \n\t",
                    "http://",
                    "https://",
                    "rp.example",
                    "evil",
                    "127.0.0.1",
                    "[::1]",
                    "%2f",
                    "%5c",
                    "..",
                    "cb",
                    "javascript:",
                    "com.app:/",
                ]
            ),
            max_size=8,
        ),
    ),
)


@given(URIS, st.sampled_from(["https://rp.example/cb", "http://127.0.0.1/cb", "com.app:/cb"]), st.booleans())
def test_A01_A07_nothing_but_the_registered_string_or_another_loopback_port_matches(requested, registered, native):
    if redirect_uris.matches(requested, registered, native=native) and requested != registered:
        assert native
        assert registered == "http://127.0.0.1/cb"
        assert urlsplit(requested).hostname == "127.0.0.1"
        assert urlsplit(requested)._replace(netloc="127.0.0.1").geturl() == registered


@given(
    st.integers(1, 65535), st.sampled_from(["127.0.0.1", "[::1]"]), st.sampled_from(["", "/", "/cb", "/cb?x=1", "?x"])
)
def test_A07_any_port_of_a_native_clients_loopback_matches(port, host, rest):
    assert redirect_uris.matches(f"http://{host}:{port}{rest}", f"http://{host}{rest}", native=True)
    assert redirect_uris.matches(f"http://{host}{rest}", f"http://{host}:{port}{rest}", native=True)


@given(URIS, st.sampled_from(["web", "native"]), st.sampled_from(list(redirect_uris.UriKind)))
def test_M04_what_can_be_registered_is_harmless(uri, application_type, kind):
    fault = redirect_uris.check_registrable(uri, application_type=application_type, kind=kind)
    if fault is not None:
        assert fault.endswith(".")
        return
    parts = urlsplit(uri)
    assert uri.isascii()
    assert uri.isprintable()
    assert not set(uri) & set(' \\"<>*')
    assert parts.username is None
    if parts.scheme not in ("https", "http"):
        assert application_type == "native"
        assert "." in parts.scheme
    elif parts.scheme == "http":
        host = parts.hostname or ""
        assert host in ("localhost", "::1") or host.endswith(".localhost") or host.startswith("127.")


@given(URIS)
def test_local_paths_and_return_to_stay_where_they_belong(value):
    if redirect_uris.safe_local_path(value) is not None:
        assert urlsplit(value).netloc == ""
        assert urlsplit("https://here.example" + value).hostname == "here.example"
        assert not value.startswith("//")
    if redirect_uris.may_return_to(value, delivery_uri="https://rp.example/jwt") and not value.startswith("/"):
        assert urlsplit(value).hostname == "rp.example"
        assert urlsplit(value).scheme == "https"


@given(
    st.lists(
        st.tuples(PRINTABLE, ANYTHING.filter(lambda text: not any("\ud800" <= letter <= "\udfff" for letter in text))),
        min_size=1,
        max_size=5,
    )
)
def test_A11_A16_an_answer_is_read_back_byte_for_byte_and_fits_in_one_header_line(pairs):
    for uri in ("https://rp.example/cb", "https://rp.example/cb?bar=foo"):
        answer = redirect_uris.append_parameters(uri, pairs, ResponseMode.QUERY)
        assert answer.startswith(uri)
        assert answer.isascii()
        assert answer.isprintable()
        assert parse_qsl(urlsplit(answer).query, keep_blank_values=True)[uri.count("?") :] == pairs
        fragment = redirect_uris.append_parameters(uri, pairs, ResponseMode.FRAGMENT)
        assert urlsplit(fragment)._replace(fragment="").geturl() == uri
        assert parse_qsl(urlsplit(fragment).fragment, keep_blank_values=True) == pairs


@example(SOUND)
@given(
    st.text(max_size=200)
    | st.text("eyJ.{}[]-_=AQ", max_size=60)
    | st.binary(max_size=100).map(lambda raw: f"{encoded(raw)}.{encoded(raw)}.QQ")
)
def test_J06_any_text_is_a_token_or_refused(text):
    try:
        found = jws_header.parse(text, algorithms={"RS256"})
    except InvalidToken:
        assert text != SOUND
    else:
        assert found.alg == "RS256"


@given(
    st.dictionaries(st.text(string.ascii_letters, max_size=8), JSON, max_size=6),
    st.dictionaries(st.text(string.ascii_letters, max_size=8), JSON, max_size=6),
)
def test_J01_J03_J05_any_header_is_checked(header, payload):
    text = f"{encoded(json.dumps({'alg': 'RS256', **header}).encode())}.{encoded(json.dumps(payload).encode())}.QQ"
    try:
        found = jws_header.parse(text, algorithms={"RS256"})
    except InvalidToken:
        return
    assert found.alg == "RS256"
    assert "crit" not in header
    assert found.kid is None or 1 <= len(found.kid) <= 128
    assert dict(found.unverified_claims) == payload


@given(st.dictionaries(st.text(string.ascii_letters, min_size=1, max_size=8), JSON, min_size=1, max_size=4), st.data())
def test_I04_a_repeated_name_is_refused_wherever_it_stands(payload, data):
    name = data.draw(st.sampled_from(sorted(payload)))
    body = json.dumps(payload)[1:-1]
    assert parse_object(f"{{{body}}}") == payload
    for text in (f'{{{body},"{name}":1}}', f'{{"{name}":1,{body}}}', f'{{"deep":[{{{body},"{name}":1}}]}}'):
        with pytest.raises(ValueError, match="twice"):
            parse_object(text)


@given(st.binary(max_size=300))
def test_I05_any_bytes_are_an_object_or_a_value_error(raw):
    try:
        assert isinstance(parse_object(raw), dict)
    except ValueError:
        assert raw != b"{}"
