"""What is said of a token, by its text, its claims and what was found of its signature; no key is needed for that."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from idp.protocol import jwt_inspection, jwt_kinds, jwt_meanings, jwt_parts, logout_token, time_words
from idp.protocol.claims import NAMES, RESERVED
from idp.protocol.jwt_claim_checks import Expected
from idp.protocol.jwt_parts import Form, take_apart, visible
from idp.protocol.jwt_signatures import KeyFacts, Outcome, SignatureFacts, Trace, said

ISSUER = "https://id.example"
NOW = 1_800_000_000
KEY = KeyFacts("k" * 43, "k-2026-11", "RS256", "active", datetime(2026, 11, 1, tzinfo=UTC))
GOOD = SignatureFacts(Outcome.GOOD, key=KEY)
ID_CLAIMS = {"iss": ISSUER, "sub": "usr_1", "aud": "app", "iat": NOW - 10, "exp": NOW + 290, "nonce": "n"}


def b64(value):
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def jws(claims, header=None, signature=b"s" * 256):
    return f"{b64(header or {'alg': 'RS256', 'kid': KEY.kid, 'typ': 'JWT'})}.{b64(claims)}.{b64(signature)}"


def inspect(text, facts=GOOD, now=NOW, **expected):
    return jwt_inspection.inspect(take_apart(text), facts, issuer=ISSUER, expected=Expected(**expected), now=now)


def id_token(**changed):
    claims = {**ID_CLAIMS, **changed}
    return jws({name: value for name, value in claims.items() if value is not None})


def checks(report, result="bad"):
    return {check.code: f"{check.title}. {check.note}" for check in report.checks if check.result == result}


# Taking apart

TWO_LINES = b'{\n"a": ,}'


@pytest.mark.parametrize(
    ("around", "note"),
    [
        ("  {}\n", None),
        ("Bearer {}", "HTTP header"),
        ("authorization: bearer {}", "HTTP header"),
        ("DPoP {}", "HTTP header"),
        ('"{}",', "quotes"),
        ("'{}'", "quotes"),
        ("https://rp.example/cb#state=x&id_token={}&y=1", "parameter id_token"),
        ("https://rp.example/sso?jwt={}", "parameter jwt"),
        ("access_token={}", "parameter access_token"),
    ],
)
def test_a_token_is_found_in_what_was_copied_around_it(around, note):
    token = id_token()
    found = take_apart(around.format(token))
    assert (found.token, found.form, found.faults) == (token, Form.JWS, ())
    assert len(found.notes) == (note is not None)
    assert (note or "") in " ".join(found.notes)


def test_line_breaks_inside_are_left_out_and_told():
    token = id_token()
    found = take_apart(f"{token[:40]}\r\n  {token[40:80]}\n{token[80:]}")
    assert found.token == token
    assert "line breaks" in found.notes[0]


@pytest.mark.parametrize(
    ("change", "part", "words"),
    [
        (lambda h, p, s: f"{h}=.{p}.{s}", "header", ["Character {h1} is “=”", "Padding"]),
        (lambda h, p, s: f"{h}.{p}+.{s}", "payload", ["is “+”", "ordinary base64"]),
        (lambda h, p, s: f"{h}.{p}.{s}…", "signature", ["is “…”", "shortened"]),
        (lambda h, p, s: f"{h}.{p}.{s[:9]}%2B", "signature", ["is “%”", "percent-encoded"]),
        (lambda h, p, s: f"{h}.{p[:4]}ü{p[4:]}.{s}", "payload", ["is “ü”", "Only letters"]),
        (lambda h, p, s: f"{h}.{p}\u202e.{s}", "payload", ["is U+202E"]),
        (lambda h, p, s: f"{h}..{s}", "payload", ["nothing at character {p1}"]),
        (lambda h, p, s: f"{h}.{p}.AAAAA", "signature", ["No base64url is 5 long"]),
        (lambda h, p, s: f"{h}.{p}.QR", "signature", ["Character {s2} holds bits that mean nothing"]),
        (lambda h, p, s: f"{h}.{p}", "signature", ["third part, the signature, is cut off"]),
        (lambda h, p, s: f"{h}.{b64(b'{not json}')}.{s}", "payload", ["line 1, column 2"]),
        (lambda h, p, s: f"{h}.{b64(TWO_LINES)}.{s}", "payload", ["line 2, column 6"]),
        (lambda h, p, s: f"{h}.{b64(b'{')}.{s}", "payload", ["ends before the JSON does"]),
        (lambda h, p, s: f"{h}.{b64(b'[1]')}.{s}", "payload", ["not an object"]),
        (lambda h, p, s: f"{h}.{b64(b'abc' + bytes([255]))}.{s}", "payload", ["Byte 4", "not UTF-8"]),
        (lambda h, p, s: f"e31.{p}.{s}", "header", ["must be zero"]),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_place(change, part, words):
    header, payload, signature = id_token().split(".")
    found = take_apart(change(header, payload, signature))
    places = {"h1": len(header) + 1, "p1": len(header) + 2, "s2": len(header) + len(payload) + 4}
    (fault,) = [fault for fault in found.faults if fault.part == part]
    for word in words:
        assert word.format(**places) in fault.text
    report = inspect(found.token)
    assert not report.is_good
    assert any(fault.title == check.title for check in report.checks)


def test_a_name_that_stands_twice_is_named():
    payload = b64(b'{"sub":1,"aud":2,"sub":3}')
    (fault,) = take_apart(f"{b64({'alg': 'RS256'})}.{payload}.QQ").faults
    assert fault.text == "The JSON holds a name twice. It is sub."


@pytest.mark.parametrize("text", ["a.b.c.d", "a.b.c.d.e.f", "." * 100])
def test_other_numbers_of_parts_are_counted(text):
    report = inspect(text)
    assert (report.form, report.is_good) == (Form.UNREADABLE, False)
    assert f"this has {text.count('.') + 1}" in report.verdict.text


def test_a_header_or_payload_alone_is_recognised_and_shown():
    report = inspect(b64({"alg": "RS256"}))
    assert "header of a JWT alone" in report.verdict.text
    assert [line.name for line in report.header] == ["alg"]
    report = inspect(b64({"sub": "usr_1"}))
    assert "payload of a JWT alone" in report.verdict.text
    assert [line.name for line in report.claims] == ["sub"]


def test_what_cannot_be_read_as_json_is_still_shown():
    payload = b64(b'{"sub": "\x1b[2J"\n,}')
    report = inspect(f"{b64({'alg': 'RS256'})}.{payload}.QQ")
    assert report.unread == (("payload", '{"sub": "\\x1b[2J"\n,}'),)


def test_nothing_above_16_kib_is_looked_at():
    report = inspect("a" * (jwt_parts.MAX_LENGTH + 1))
    assert (report.form, report.verdict.title) == (Form.UNREADABLE, "It is too long")
    assert inspect("a" * jwt_parts.MAX_LENGTH).form is Form.OPAQUE


def test_nothing_can_draw_or_turn_the_writing():
    assert visible("a\x1b[1m\u202eb\u2028c\ud800é 😀") == "a\\x1b[1m\\u202eb\\u2028c\\ud800é 😀"
    report = inspect(id_token(**{"na\u202eme": "\x07", "list": ["\u202e"]}))
    shown = " ".join(f"{line.name} {line.value}" for line in report.claims)
    assert shown.isprintable()


# Forms that are not a signed JWT


def test_an_encrypted_token_is_explained_as_far_as_its_header():
    header = {"alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "JWT", "kid": "their key"}
    report = inspect(f"{b64(header)}.{b64(b'key')}.{b64(b'iv')}.{b64(b'content')}.{b64(b'tag')}")
    assert (report.form, report.verdict.result, report.is_good) == (Form.JWE, "info", False)
    assert [line.name for line in report.header] == ["alg", "enc", "cty", "kid"]
    assert "encrypted" in report.header[0].note
    assert inspect(f"{b64({'alg': 'dir', 'enc': 'A256GCM'})}..{b64(b'iv')}.{b64(b'c')}.{b64(b't')}").checks == ()
    broken = inspect(f"{b64(header)}.{b64(b'key')}.{b64(b'iv')}.c*.{b64(b'tag')}")
    assert broken.verdict.title == "Not valid: the ciphertext is not base64url"


@pytest.mark.parametrize("prefix", jwt_meanings.OPAQUE)
def test_values_of_ours_without_parts_are_recognised(prefix):
    title, _, is_secret = jwt_meanings.OPAQUE[prefix]
    report = inspect(prefix + "abcDEF123")
    assert (report.form, report.verdict.title, report.is_secret) == (Form.OPAQUE, title, is_secret)


def test_the_prefixes_are_those_that_values_here_have():
    from idp.clients import initial_access, registrations, secrets
    from idp.protocol import subjects
    from idp.tokens import refresh

    given = {module.PREFIX for module in (initial_access, registrations, secrets, subjects, refresh)}
    assert given <= jwt_meanings.OPAQUE.keys()


def test_other_opaque_values_and_json_say_what_to_paste_instead():
    report = inspect("Zm9v-bar_baz")
    assert "Authorization codes" in report.verdict.text
    assert report.is_secret
    report = inspect('{"access_token": "x", "token_type": "Bearer"}')
    assert report.form is Form.JSON
    assert "paste the value of access_token or id_token" in report.verdict.text
    assert inspect("").verdict.title == "There is nothing to look at"


# Kinds


AT_CLAIMS = {
    "iss": ISSUER,
    "sub": "u",
    "aud": "https://api",
    "client_id": "app",
    "iat": NOW,
    "exp": NOW + 60,
    "jti": "j",
}
LOGOUT = {"iss": ISSUER, "aud": "app", "iat": NOW, "exp": NOW + 60, "jti": "j", "sid": "s",
          "events": {logout_token.EVENT: {}}}  # fmt: skip
REDIRECT = {"iss": ISSUER, "sub": "u", "aud": "app", "iat": NOW, "exp": NOW + 60, "jti": "j", "auth_time": NOW - 5}
ASSERTION = {"iss": "app", "sub": "app", "aud": ISSUER, "exp": NOW + 60, "jti": "j"}


@pytest.mark.parametrize(
    ("header", "claims", "code"),
    [
        ({"typ": "at+jwt"}, AT_CLAIMS, "access_token"),
        ({"typ": "application/AT+JWT"}, AT_CLAIMS, "access_token"),
        ({"typ": "JWT"}, AT_CLAIMS, "access_token"),
        ({"typ": "JWT"}, ID_CLAIMS, "id_token"),
        ({}, {"iss": "x", "sub": "u", "aud": "a", "exp": 1, "iat": 1, "at_hash": "h", "jti": "j"}, "id_token"),
        ({"typ": "JWT"}, REDIRECT, "redirect_jwt"),
        ({"typ": "JWT"}, REDIRECT | {"exp": NOW + 3600}, "id_token"),
        ({"typ": "JWT"}, REDIRECT | {"at_hash": "x"}, "id_token"),
        ({"typ": "JWT"}, REDIRECT | {"iss": "https://elsewhere.example"}, "id_token"),
        ({"typ": "logout+jwt"}, LOGOUT, "logout_token"),
        ({"typ": "JWT"}, LOGOUT, "logout_token"),
        ({}, {"iss": "x", "events": {"https://schemas.example/risc": {}}}, "security_event"),
        ({"typ": "JWT"}, ASSERTION, "client_assertion"),
        ({"typ": "client-authentication+jwt"}, {}, "client_assertion"),
        ({"typ": "oauth-authz-req+jwt"}, {"client_id": "a"}, "request_object"),
        ({}, {"client_id": "a", "response_type": "code", "scope": "openid"}, "request_object"),
        ({"typ": "dpop+jwt"}, {}, "dpop_proof"),
        ({}, {"iss": ISSUER, "aud": "app", "exp": 1, "code": "c"}, "authorization_response"),
        ({}, {"iss": ISSUER, "aud": "app", "exp": 1, "error": "access_denied"}, "authorization_response"),
        ({"typ": "token-introspection+jwt"}, {"token_introspection": {}}, "introspection"),
        ({}, {"iss": ISSUER, "sub": "u", "aud": "app", "email": "a@b.example"}, "userinfo"),
        ({}, {"token_type": "access", "exp": 1, "jti": "j", "user_id": 1}, "simple_access"),
        ({}, {"token_type": "refresh", "exp": 1, "jti": "j", "user_id": 1}, "simple_refresh"),
        ({}, {"foo": 1}, "other"),
        ({}, {"iss": ISSUER, "sub": "u"}, "other"),
        ({"typ": 7}, {"iss": ["x"], "events": "x", "iat": "x"}, "security_event"),
    ],
)
def test_a_kind_is_told_by_typ_and_by_its_claims(header, claims, code):
    assert jwt_kinds.recognise(header, claims, ISSUER).code == code


def test_what_this_server_mints_is_recognised_and_good():
    from idp.protocol.access_token import HEADER as ACCESS_HEADER
    from idp.protocol.access_token import AccessToken
    from idp.protocol.id_token import HEADER as ID_HEADER
    from idp.protocol.id_token import IdToken
    from idp.protocol.redirect_jwt import HEADER as REDIRECT_HEADER
    from idp.protocol.redirect_jwt import RedirectJwt

    now, minute = datetime.fromtimestamp(NOW, UTC), timedelta(minutes=1)
    same = {"issuer": ISSUER, "subject": "usr_1", "client_id": "app", "lifetime": minute}
    made = [
        (ID_HEADER, IdToken(**same, auth_time=now, alg="RS256"), "id_token"),
        (ID_HEADER, IdToken(**same, auth_time=now, alg="RS256", sid="s", acr="1", amr=("pwd",)), "id_token"),
        (ACCESS_HEADER, AccessToken(**same, jti="j"), "access_token"),
        (REDIRECT_HEADER, RedirectJwt(**same, jti="j", auth_time=now, nonce="n"), "redirect_jwt"),
    ]
    for header, token, code in made:
        report = inspect(jws(token.claims(now), {"alg": "RS256", "kid": KEY.kid, **header}))
        assert (report.kind.code, report.is_good) == (code, True), report.verdict


def test_what_a_kind_lacks_or_must_not_have_is_named():
    found = checks(inspect(jws({**AT_CLAIMS, "jti": "j"} | {"client_id": "x"}, {"alg": "RS256", "typ": "at+jwt"})))
    assert found == {}
    lacking = {name: value for name, value in AT_CLAIMS.items() if name not in {"jti", "client_id"}}
    found = checks(inspect(jws(lacking, {"alg": "RS256", "typ": "at+jwt", "kid": "k"})))
    assert found["claims"].startswith("It lacks client_id and jti.")
    header = {"alg": "RS256", "typ": "logout+jwt", "kid": "k"}
    assert checks(inspect(jws(LOGOUT, header))) == {}
    assert "must not have nonce" in checks(inspect(jws(LOGOUT | {"nonce": "n"}, header)))["claims"]
    no_one = {name: value for name, value in LOGOUT.items() if name != "sid"}
    assert "sub or sid" in checks(inspect(jws(no_one, header)))["claims"]


def test_a_token_of_ours_of_no_known_kind_must_end_and_be_for_somebody():
    found = checks(inspect(jws({"iss": ISSUER, "sub": "u"})))
    assert found.keys() == {"audience", "exp", "iat"}
    foreign = SignatureFacts(Outcome.UNKNOWN_KID)
    assert inspect(jws({"iss": "https://else.example", "foo": 1}), foreign).verdict.result == "warn"


# Whose, for whom, when


def test_a_good_token_is_good():
    report = inspect(id_token(), audience="app", issuer=ISSUER, typ="jwt", leeway=5)
    assert report.is_good
    assert report.verdict.title == "Good: an ID token of this server"
    assert "It expires in 4 minutes 50 seconds." in report.verdict.text
    assert checks(report) == checks(report, "warn") == checks(report, "info") == {}
    assert checks(report, "ok").keys() == {"signature", "issuer", "audience", "exp", "typ"}


@pytest.mark.parametrize(
    ("changed", "expected", "code", "words"),
    [
        ({"aud": "other"}, {"audience": "app"}, "audience", "aud is other, and app was expected"),
        ({"aud": ["a", "b"]}, {"audience": "app"}, "audience", "aud is a and b, and app"),
        ({"aud": "https://api.example/"}, {"audience": "https://api.example"}, "audience", "slash at the end alone"),
        ({"aud": "App"}, {"audience": "app"}, "audience", "capital letters alone"),
        ({"aud": "http://a.example"}, {"audience": "https://a.example"}, "audience", "http and https alone"),
        ({"aud": None}, {}, "audience", "aud is missing"),
        ({"aud": []}, {}, "audience", "neither text nor a list"),
        ({"aud": [1]}, {"audience": "1"}, "audience", "neither text nor a list"),
        ({"iss": None}, {}, "issuer", "There is no iss"),
        ({"iss": f"{ISSUER}/"}, {"issuer": ISSUER}, "issuer", "slash at the end alone"),
        ({}, {"issuer": "https://else.example"}, "issuer", "https://else.example was expected"),
        ({"exp": NOW - 180}, {}, "exp", "It expired 3 minutes ago"),
        ({"exp": NOW}, {}, "exp", "It expired now"),
        ({"exp": NOW - 180}, {}, "exp", "A clock that is 3 minutes 1 second slow would still take it"),
        ({"exp": NOW - 60}, {"leeway": 60}, "exp", "1 minute of leeway are not enough"),
        ({"exp": NOW - 86400 * 3}, {}, "exp", "3 days ago, on "),
        ({"exp": None}, {}, "exp", "does not say when it expires"),
        ({"exp": "1800000290"}, {}, "exp", "leave out the quotes"),
        ({"exp": True}, {}, "exp", "must be a number"),
        ({"exp": NOW + 0.5}, {}, "exp", "not a whole number"),
        ({"iat": NOW - 0.5}, {}, "iat", "not a whole number"),
        ({"exp": -1}, {}, "exp", "31 Dec 1969, 23:59:59 UTC"),
        ({"iat": NOW + 90}, {}, "iat", "1 minute 30 seconds ahead of the clock of this server"),
        ({"iat": NOW + 61}, {"leeway": 3600}, "iat", "1 minute 1 second fast"),
        ({"iat": NOW * 1000}, {}, "iat", "milliseconds"),
        ({"iat": None}, {}, "iat", "does not say when it was issued"),
        ({"iat": [1]}, {}, "iat", "not an instant"),
        ({"nbf": NOW + 1}, {}, "nbf", "It is not valid yet"),
        ({"nbf": NOW + 61}, {"leeway": 60}, "nbf", "1 minute 1 second ahead"),
        ({}, {"typ": "at+jwt"}, "typ", "The typ of the header is jwt. at+jwt was expected."),
    ],
)
def test_a_fault_of_the_claims_is_told(changed, expected, code, words):
    report = inspect(id_token(**changed), **expected)
    assert not report.is_good
    assert report.verdict.title.startswith("Not valid: ")
    assert list(checks(report)) == [code]
    assert words in checks(report)[code]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"exp": NOW - 59}, {"leeway": 60}),
        ({"iat": NOW + 60}, {}),
        ({"nbf": NOW + 60}, {"leeway": 60}),
        ({"nbf": NOW}, {}),
        ({"aud": ["x", "app"]}, {"audience": "app"}),
        ({"exp": 10**19}, {}),
    ],
)
def test_what_is_within_the_limits_is_good(changed, expected):
    report = inspect(id_token(**changed), **expected)
    assert report.is_good, report.verdict


def test_instants_are_told_in_words_absolute_and_relative():
    report = inspect(id_token(auth_time=NOW - 7265, updated_at=NOW * 1000, nbf=False, toe=1e300))
    notes = {line.name: (line.note, line.instant) for line in report.claims}
    assert notes["auth_time"][0] == "15 Jan 2027, 05:58:55 UTC, 2 hours 1 minute ago."
    assert notes["auth_time"][1] == datetime(2027, 1, 15, 5, 58, 55, tzinfo=UTC)
    assert notes["updated_at"] == ("These are milliseconds; seconds belong here.", None)
    assert notes["nbf"] == ("", None)
    assert notes["toe"][1] is None
    assert notes["exp"][0] == "15 Jan 2027, 08:04:50 UTC, in 4 minutes 50 seconds."


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "no time"), (1, "1 second"), (60, "1 minute"), (61, "1 minute 1 second"), (3600 * 25, "1 day 1 hour"),
     (86400 * 365, "1 year"), (86400 * 800, "2 years 70 days"), (3601, "1 hour"), (10**300, "more than 8,000 years")],
)  # fmt: skip
def test_a_length_of_time_is_told_in_its_two_largest_units(seconds, words):
    assert time_words.span(seconds) == words


@pytest.mark.parametrize("seconds", [-(10**30), -62_135_596_801, 253_370_764_800, 1e300, 10**30])
def test_the_calendar_has_ends(seconds):
    assert time_words.instant(seconds) is None
    assert time_words.absolute(seconds) == "outside of the calendar"


def test_another_issuer_is_decoded_and_not_vouched_for():
    unknown = SignatureFacts(Outcome.UNKNOWN_KID, alg="RS256", kid="x")
    report = inspect(id_token(iss="https://else.example"), unknown)
    assert (report.verdict.result, report.is_ours, report.is_good) == ("warn", False, False)
    assert report.verdict.title == "An ID token of https://else.example: it cannot be vouched for here"
    assert "https://else.example says which keys" in report.verdict.text
    # Even a key of ours does not make it one of ours.
    report = inspect(id_token(iss="https://else.example"))
    assert (report.verdict.result, report.is_good) == ("warn", False)
    # Nor when that issuer is expected.
    assert not inspect(id_token(iss="https://else.example"), issuer="https://else.example").is_good
    # What is expired elsewhere is expired here.
    assert inspect(id_token(iss="https://else.example", exp=NOW - 1), unknown).verdict.result == "bad"


def test_what_an_app_signs_is_not_called_a_forgery():
    unknown = SignatureFacts(Outcome.UNKNOWN_KID, alg="ES256", kid="x")
    report = inspect(jws(ASSERTION, {"alg": "ES256", "kid": "x"}), unknown)
    assert (report.verdict.result, report.kind.code) == ("warn", "client_assertion")
    assert "The app signed it" in report.verdict.text
    assert not inspect(jws(ASSERTION, {"alg": "ES256", "kid": "x"})).is_good


# The signature


@pytest.mark.parametrize("state", ["next", "active", "retiring"])
def test_a_key_in_the_key_set_is_good(state):
    key = KeyFacts(KEY.kid, KEY.name, KEY.alg, state, KEY.since)
    found = said(SignatureFacts(Outcome.GOOD, key=key), NOW)
    assert (found.result, found.title) == ("ok", "Signed here, by k-2026-11 (RS256)")


@pytest.mark.parametrize(
    ("state", "title", "words"),
    [
        ("retired", "The key was retired 3 days ago", "id_token_hint"),
        ("revoked", "The key was revoked", "which was revoked 3 days ago, on "),
    ],
)
def test_a_key_that_is_gone_is_told_with_its_day(state, title, words):
    since = datetime.fromtimestamp(NOW, UTC) - timedelta(days=3)
    report = inspect(id_token(), SignatureFacts(Outcome.GOOD, key=KeyFacts(KEY.kid, KEY.name, KEY.alg, state, since)))
    assert not report.is_good
    assert title in report.checks[0].title
    assert words in report.checks[0].note
    assert f"It is k-2026-11, {state} since" in next(line.note for line in report.header if line.name == "kid")


@pytest.mark.parametrize("trace", list(Trace))
def test_every_trace_of_a_wrong_signature_is_told(trace):
    facts = SignatureFacts(Outcome.WRONG, key=KEY, trace=trace, alg="RS256", length=5, expected_length=256)
    report = inspect(id_token(), facts)
    assert not report.is_good
    assert "signature" in checks(report)
    assert "{" not in checks(report)["signature"]


@pytest.mark.parametrize("outcome", [one for one in Outcome if one is not Outcome.GOOD])
def test_nothing_but_a_good_signature_is_good(outcome):
    facts = SignatureFacts(
        outcome, key=KEY if outcome in {Outcome.WRONG, Outcome.OTHER_ALG} else None, alg="{x}", kid="{0}"
    )
    report = inspect(id_token(), facts)
    assert not report.is_good
    assert report.verdict.result == ("warn" if outcome is Outcome.NEEDS_SECRET else "bad")


def test_the_secret_of_an_app_decides_about_hmac():
    good = inspect(id_token(), SignatureFacts(Outcome.GOOD, client_id="app", alg="HS256"))
    assert good.is_good
    wrong = inspect(id_token(), SignatureFacts(Outcome.WRONG, client_id="app", alg="HS256"))
    assert "does not fit the secret that app shares" in checks(wrong)["signature"]


def test_what_the_server_forgot_or_revoked_is_not_good():
    report = inspect(id_token(), SignatureFacts(Outcome.GOOD, key=KEY, not_before=NOW))
    assert list(checks(report)) == ["not_before"]
    assert inspect(id_token(), SignatureFacts(Outcome.GOOD, key=KEY, not_before=NOW - 10)).is_good
    assert list(checks(inspect(id_token(), SignatureFacts(Outcome.GOOD, key=KEY, is_revoked=True)))) == ["revoked"]
    assert inspect(id_token(), SignatureFacts(Outcome.GOOD, key=KEY, is_revoked=False)).is_good


@pytest.mark.parametrize(
    ("header", "word"),
    [({"crit": ["b64"]}, "crit"), ({"b64": False}, "b64"), ({"zip": "DEF"}, "zip"), ({"kid": "x" * 200}, "kid"),
     ({"kid": 7}, "kid"), ({"typ": 7}, "typ"), ({"alg": "None"}, "algorithm")],
)  # fmt: skip
def test_what_the_verifier_refuses_by_its_form_is_never_good(header, word):
    report = inspect(jws(ID_CLAIMS, {"alg": "RS256", "kid": KEY.kid, "typ": "JWT"} | header))
    assert word in checks(report)["form"]


# The table of meanings


def test_every_claim_that_is_handed_out_here_has_a_meaning():
    assert {*NAMES, *RESERVED} - jwt_meanings.CLAIMS.keys() == set()


@pytest.mark.parametrize("table", [jwt_meanings.HEADERS, jwt_meanings.CLAIMS, jwt_meanings.ALGORITHMS])
def test_a_meaning_is_a_sentence(table):
    assert [name for name, words in table.items() if not words.endswith(".") or words[0].islower()] == []


@pytest.mark.parametrize(
    ("scope", "note"),
    [
        ("openid email", "This server itself: the token opens UserInfo."),
        ("reports:read", "This server itself."),
        (None, "This server itself."),
    ],
)
def test_a_token_for_this_server_opens_userinfo_with_openid_alone(scope, note):
    claims = {**ID_CLAIMS, "aud": ISSUER, "client_id": "app"} | ({"scope": scope} if scope else {})
    report = inspect(jws(claims, {"alg": "RS256", "kid": KEY.kid, "typ": "at+jwt"}))
    assert next(claim.note for claim in report.claims if claim.name == "aud") == note
