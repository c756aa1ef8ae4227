"""What can be done to the authorization endpoint, and does not work (security.md, rows A)."""

from __future__ import annotations

import concurrent.futures
import math
import time
from collections import Counter
from html import unescape
from urllib.parse import quote, urlencode, urlsplit

import pytest
import time_machine
from sqlalchemy import select

from idp.interactions.models import Interaction
from tests.relying_party import answer_of, challenge_of

EVIL = "https://evil.example/callback"
GOOD = "https://good.example/callback"


def get(browser, pairs):
    return browser("GET", f"/oauth/authorize?{urlencode(pairs)}")


def assert_page(response):
    assert 400 <= response.status < 500, (response.status, response.location)
    assert response.location is None
    assert response.headers["Content-Type"].startswith("text/html")


NEAR_MISSES = [
    GOOD + "/",
    GOOD + "x",
    GOOD + "/..",
    GOOD + "/../callback",
    GOOD + "/..;/evil",
    GOOD + "?",
    GOOD + "?a=b",
    GOOD + "#",
    GOOD + "#fragment",
    GOOD + "%00",
    GOOD + "%0d%0aLocation:%20https://evil.example",
    GOOD + "%2f..",
    GOOD + " ",
    " " + GOOD,
    GOOD.upper(),
    "HTTPS://good.example/callback",
    "https://GOOD.example/callback",
    "https://good.example/Callback",
    "https://good.example/%63allback",
    "https://good.example//callback",
    "https://good.example/./callback",
    "https://good.example:443/callback",
    "https://good.example:8443/callback",
    "https://good.example./callback",
    "http://good.example/callback",
    "//good.example/callback",
    "/callback",
    "callback",
    "good.example/callback",
    "https:good.example/callback",
    "https:/good.example/callback",
    "https:///good.example/callback",
    "https://good.example\\callback",
    "https:\\\\good.example\\callback",
    "https://good.example@evil.example/callback",
    "https://good.example@@evil.example/callback",
    "https://evil.example@good.example/callback",
    "https://user:pass@good.example/callback",
    "https://good.example:443@evil.example/callback",
    "https://good.example\\@evil.example/callback",
    "https://good.example.evil.example/callback",
    "https://evilgood.example/callback",
    "https://goodXexample/callback",
    "https://good%2eexample/callback",
    "https://\uff47\uff4f\uff4f\uff44.example/callback",
    "https://good\u3002example/callback",
    "https://sub.good.example/callback",
    EVIL,
]


@pytest.fixture
def good(idp):
    return idp.party(redirect_uris=[GOOD])


@pytest.mark.parametrize("near", NEAR_MISSES)
def test_A01_a_near_miss_of_the_redirect_uri_is_never_redirected(good, browser, near):
    assert_page(good.start(browser, redirect_uri=near))


def test_A02_with_several_registered_an_omitted_redirect_uri_is_a_page(idp, browser):
    party = idp.party(redirect_uris=[GOOD, "https://second.example/cb"])
    assert_page(party.start(browser, redirect_uri=None))


@pytest.mark.parametrize("order", [[GOOD, EVIL], [EVIL, GOOD], [GOOD, GOOD]])
def test_A03_two_redirect_uris_are_a_page(good, browser, order):
    given = [pair for pair in good.parameters().items() if pair[0] != "redirect_uri"]
    assert_page(get(browser, [*given, *(("redirect_uri", uri) for uri in order)]))


def test_A04_another_clients_redirect_uri_is_a_page(idp, party, browser):
    assert_page(party.start(browser, redirect_uri=idp.party().redirect_uri))


MALFORMED = [
    {"client_id": "unknown"},
    {"client_id": None},
    {"response_type": "foo"},
    {"response_type": None},
    {"response_type": "code id_token", "scope": "profile"},
    {"response_type": "token"},
    {"prompt": "none"},
    {"prompt": "none login"},
    {"scope": "nonsense"},
    {"scope": "\\"},
    {"max_age": "x"},
    {"response_mode": "fragment", "response_type": "foo"},
    {"response_mode": "form_post", "response_type": "foo"},
    {"code_challenge_method": "plain"},
    {"request": "e30"},
    {"request_uri": "https://evil.example/r"},
]


@pytest.mark.parametrize("signed_in", [False, True])
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("changes", MALFORMED)
def test_A05_no_error_is_sent_to_an_address_that_is_not_proven(idp, party, person, changes, method, signed_in):
    browser = idp.browser(person if signed_in else None)
    given = party.parameters(**{"redirect_uri": EVIL, **changes})
    response = get(browser, given) if method == "GET" else browser("POST", "/oauth/authorize", given)
    assert_page(response)
    assert 'action="https://evil' not in response.text


@pytest.mark.parametrize(
    "uri",
    ["javascript:alert(1)", "JaVaScRiPt:alert(1)//", "data:text/html,<script>alert(1)</script>", "vbscript:x"],
)
def test_A06_script_addresses_are_a_page_even_when_they_got_registered(idp, browser, uri):
    party = idp.party()
    idp.force_redirect_uri(party.client_id, uri)
    response = party.start(browser, redirect_uri=uri)
    assert_page(response)
    assert f'href="{uri}' not in response.text


def test_A07_any_loopback_port_is_for_native_clients_alone(idp, browser):
    web = idp.party(redirect_uris=["http://127.0.0.1:4000/cb"])
    assert_page(web.start(browser, redirect_uri="http://127.0.0.1:4001/cb"))
    native = idp.public_party(
        redirect_uris=["http://127.0.0.1/cb", "http://[::1]/cb", "http://localhost/cb"], application_type="native"
    )
    assert "code" in native.answer(native.start(browser, redirect_uri="http://127.0.0.1:50123/cb"))
    assert "code" in native.answer(native.start(browser, redirect_uri="http://[::1]:50123/cb"))
    assert_page(native.start(browser, redirect_uri="http://localhost:50123/cb"))
    assert_page(native.start(browser, redirect_uri="http://127.0.0.2:50123/cb"))
    assert_page(native.start(browser, redirect_uri="http://127.0.0.1:50123/other"))


@pytest.mark.parametrize(
    "response_type",
    [
        "token",
        "id_token",
        "id_token token",
        "token id_token",
        "code id_token",
        "code token",
        "code id_token token",
        "none",
        "CODE",
        "code code",
        "foo",
        "code\u00e9",
    ],
)
def test_A08_no_token_ever_comes_by_the_front_channel(party, browser, response_type):
    response = party.start(browser, response_type=response_type)
    assert response.status < 500
    if response.location:
        given = answer_of(response)
        assert "error" in given
        assert not {"access_token", "id_token", "code"} & set(given)


@pytest.mark.parametrize("mode", ["web_message", "jwt.jwt", "Query", "web_message.jwt", "JWT", "x"])
def test_A09_an_unknown_response_mode_gives_no_code(party, browser, mode):
    given = party.answer(party.start(browser, response_mode=mode))
    assert given["error"] == "invalid_request"
    assert "code" not in given


def test_A10_state_cannot_break_out_of_the_form_post_page(party, browser):
    state = '"><script>alert(1)</script>'
    response = party.start(browser, response_mode="form_post", state=state)
    assert "<script>alert" not in response.text
    assert party.answer(response)["state"] == state
    assert "'unsafe-inline'" not in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("raw", ["%0d%0aX-Evil:1", "%0aX-Evil:1", "%00", "%E5%98%8A%E5%98%8DX-Evil:1", "%C4%8D%C4%8A"])
def test_A11_line_breaks_never_reach_a_header(party, browser, raw):
    query = urlencode({name: value for name, value in party.parameters().items() if name != "state"})
    response = browser("GET", f"/oauth/authorize?{query}&state={raw}")
    assert "X-Evil" not in response.headers
    assert response.status in {302, 400}
    if response.location:
        assert "\r" not in response.location
        assert "\n" not in response.location


def test_A12_a_public_client_must_use_pkce(idp, browser):
    party = idp.public_party()
    given = party.answer(party.start(browser, code_challenge=None, code_challenge_method=None))
    assert given["error"] == "invalid_request"
    confidential = idp.party()
    given = confidential.answer(confidential.start(browser, code_challenge=None, code_challenge_method=None))
    assert given["error"] == "invalid_request"


def test_A12_a_confidential_client_may_be_registered_without_pkce(idp, browser):
    party = idp.party(require_pkce=False)
    tokens = party.sign_in(browser, code_challenge=None, code_challenge_method=None)
    assert tokens.id_claims is not None


@pytest.mark.parametrize(
    ("challenge", "method"),
    [
        ("a" * 43, "plain"),
        ("a" * 43, None),
        ("a" * 43, "S512"),
        ("a" * 43, "s256"),
        ("a" * 42, "S256"),
        ("a" * 44, "S256"),
        ("a" * 42 + "=", "S256"),
        ("a" * 42 + "+", "S256"),
        (None, "S256"),
    ],
)
def test_A13_only_a_well_formed_s256_challenge_is_accepted(idp, browser, challenge, method):
    for party in (idp.public_party(), idp.party(require_pkce=False)):
        response = party.start(browser, code_challenge=challenge, code_challenge_method=method)
        assert party.answer(response)["error"] == "invalid_request"


@pytest.mark.parametrize("verifier", [None, ""])
def test_A14_a_stored_challenge_is_always_enforced(idp, browser, verifier):
    for party in (idp.party(require_pkce=False), idp.public_party()):
        response = party.exchange(party.code(browser), code_verifier=verifier)
        assert (response.status, response.json["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize("verifier", ["v" * 43, "v" * 128, "x"])
def test_A14_a_verifier_without_a_challenge_is_refused(idp, browser, verifier):
    party = idp.party(require_pkce=False)
    code = party.code(browser, code_challenge=None, code_challenge_method=None)
    response = party.exchange(code, code_verifier=verifier)
    assert (response.status, response.json["error"]) == (400, "invalid_grant")


TEXTS = ["é€😀 \uff1cscript\uff1e", "x" * 1000, "a+b%20c&d=e", '{"json": ["x"]}', "\u202eevil"]


@pytest.mark.parametrize("text", TEXTS)
def test_A15_nonce_is_stored_and_returned_verbatim(party, browser, text):
    assert party.sign_in(browser, nonce=text).id_claims["nonce"] == text


@pytest.mark.parametrize("text", TEXTS)
def test_A16_state_is_returned_verbatim(party, browser, text):
    assert party.answer(party.start(browser, state=text))["state"] == text


def test_A15_A16_what_was_not_sent_is_not_invented(party, browser):
    given = party.answer(party.start(browser, state=None, nonce=None))
    assert set(given) == {"code", "iss", "session_state"}


def test_A17_prompt_none_never_shows_a_page(idp, party, browser):
    assert party.answer(party.start(idp.browser(), prompt="none"))["error"] == "login_required"
    for mixed in ("none login", "none consent", "login none", "none select_account"):
        assert party.answer(party.start(browser, prompt=mixed))["error"] == "invalid_request"


def test_A18_prompt_none_never_grants_unseen_scopes(idp, browser):
    party = idp.party(skip_consent=False)
    given = party.answer(party.start(browser, prompt="none"))
    assert given["error"] == "consent_required"


def test_A19_prompt_login_is_not_satisfied_by_an_old_session(idp, party, person):
    browser = idp.browser(person)
    waiting = party.start(browser, prompt="login").location.partition("interaction=")[2]
    for _ in range(2):
        again = browser("GET", f"/oauth/authorize/{waiting}")
        assert again.location.startswith("/login?interaction=")
    idp.sign_in(browser, person)
    assert "code" in party.answer(browser("GET", f"/oauth/authorize/{waiting}"))


def test_A20_max_age_zero_is_a_value(idp, party, person):
    browser = idp.browser(person)
    with time_machine.travel(time.time() + 1, tick=False):
        assert party.start(browser, max_age="0").location.startswith("/login")
    with time_machine.travel(time.time() + 3, tick=False):
        assert party.start(browser, max_age="1").location.startswith("/login")


@pytest.mark.parametrize("value", ["-1", "9223372036854775808", "99999999999", "1.5", "٣", "0x10", "NaN"])
def test_A20_max_age_that_is_no_number_is_refused(party, browser, value):
    assert party.answer(party.start(browser, max_age=value))["error"] == "invalid_request"


def test_A21_the_hint_of_somebody_else_never_gives_their_session(idp, party, person):
    bob = idp.person()
    hint = party.sign_in(idp.browser(bob)).id_token
    alice = idp.browser(person)
    assert party.answer(party.start(alice, prompt="none", id_token_hint=hint))["error"] == "login_required"
    assert party.start(alice, id_token_hint=hint).location.startswith("/login")


def test_A21_no_hint_signs_anybody_in(idp, party, browser, forgeries):
    tokens = party.sign_in(browser)
    for hint in [tokens.id_token, tokens.access, *forgeries(tokens.id_token)]:
        given = party.answer(party.start(idp.browser(), prompt="none", id_token_hint=hint))
        assert given["error"] in {"login_required", "invalid_request"}
        assert "code" not in given


def test_A21_a_hint_for_another_client_is_refused(idp, party, browser):
    other = idp.party().sign_in(browser).id_token
    assert party.answer(party.start(browser, id_token_hint=other))["error"] == "invalid_request"


XSS = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


@pytest.mark.parametrize(
    "name",
    [
        *("client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "prompt", "max_age", "display"),
        *("ui_locales", "claims_locales", "id_token_hint", "login_hint", "acr_values", "response_mode", "claims"),
        *("code_challenge", "code_challenge_method", "resource", "request", "registration"),
    ],
)
def test_A22_no_parameter_is_reflected_as_markup(party, browser, name):
    for changes in ({name: XSS}, {name: XSS, "client_id": "x"}, {name: XSS, "redirect_uri": "y"}):
        response = party.start(browser, **changes)
        assert "<script>alert" not in response.text
        assert "<img src=x" not in response.text
        if response.headers["Content-Type"].startswith("text/html"):
            assert "script-src 'self'" in response.headers["Content-Security-Policy"]


# A23 and A24 stand in test_request_objects.py.


def test_A25_A35_query_and_body_never_mix(party, browser):
    given = party.parameters()
    response = browser("POST", f"/oauth/authorize?redirect_uri={quote(EVIL)}", given)
    assert_page(response)
    response = browser("POST", f"/oauth/authorize?{urlencode(given)}", {"scope": "openid"})
    assert_page(response)


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
def test_A26_repeated_identity_is_a_page(party, browser, name):
    given = party.parameters()
    assert_page(get(browser, [*given.items(), (name, given[name])]))


@pytest.mark.parametrize(
    "name", ["response_type", "scope", "state", "nonce", "code_challenge", "code_challenge_method", "prompt", "max_age"]
)
def test_A26_repeated_parameters_are_refused(party, browser, name):
    given = party.parameters(prompt="none", max_age="100")
    response = get(browser, [*given.items(), (name, given[name])])
    found = answer_of(response)
    assert found["error"] == "invalid_request"
    assert found["iss"] == party.issuer


def test_A27_every_answer_names_the_issuer(idp, party, browser):
    assert party.answer(party.start(browser))["iss"] == idp.issuer
    assert party.answer(party.start(browser, scope="nothing"))["iss"] == idp.issuer
    for mode in ("query", "fragment", "form_post", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt"):
        assert party.answer(party.start(browser, response_mode=mode))["iss"] == idp.issuer
        assert party.answer(party.start(idp.browser(), prompt="none", response_mode=mode))["iss"] == idp.issuer


def test_A28_codes_are_long_random_and_distinct(party, browser):
    codes = [party.code(browser) for _ in range(8)]
    assert len(set(codes)) == 8
    for code in codes:
        assert len(code) >= 43
        counts = Counter(code)
        entropy = -sum(n / len(code) * math.log2(n / len(code)) for n in counts.values()) * len(code)
        assert entropy > 96


def test_A28_parallel_requests_give_distinct_codes(idp, party, person):
    browsers = [idp.browser(person) for _ in range(5)]
    addresses = [f"/oauth/authorize?{urlencode(party.parameters())}" for _ in range(20)]

    def code(number):
        return answer_of(browsers[number % 5]("GET", addresses[number]))["code"]

    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        assert len(set(pool.map(code, range(20)))) == 20


def test_A29_a_code_lives_sixty_seconds_at_most(idp, party, browser):
    code = party.code(browser)
    assert idp.settings.tokens.code.total_seconds() <= 60
    with time_machine.travel(time.time() + idp.settings.tokens.code.total_seconds() + 2, tick=False):
        response = party.exchange(code)
    assert (response.status, response.json["error"]) == (400, "invalid_grant")


@pytest.fixture
def asking(idp):
    """A client whose consent is asked for."""
    return idp.party(skip_consent=False)


def consent_page(browser, party, **changes):
    response = party.start(browser, **changes)
    assert response.location.startswith("/consent?interaction="), response.location
    page = browser("GET", response.location)
    assert page.status == 200
    return response.location, page


def test_A30_consent_needs_the_token_of_this_session_and_this_request(idp, asking, browser, person):
    address, _ = consent_page(browser, asking)
    assert browser("POST", address, {"decision": "allow"}).status in {400, 403}
    other = idp.browser(person)
    _, page = consent_page(other, asking)
    stolen = idp.form_of(page)["csrf_token"]
    assert browser("POST", address, {"decision": "allow", "csrf_token": stolen}).status in {400, 403}
    second, page_two = consent_page(browser, asking)
    own = idp.form_of(page_two)["csrf_token"]
    assert browser("POST", address, {"decision": "allow", "csrf_token": own}).status in {400, 403}
    assert browser("POST", second, {"decision": "allow", "csrf_token": own}).status == 303


def test_A30_consent_cannot_be_given_in_another_browser(idp, asking, browser, person):
    address, _ = consent_page(browser, asking)
    other = idp.browser(person)
    _, page = consent_page(other, asking)
    token = idp.form_of(page)["csrf_token"]
    response = other("POST", address, {"decision": "allow", "csrf_token": token})
    assert response.status in {400, 403}


def test_A30_scopes_and_client_come_from_the_server(idp, browser):
    party = idp.party(skip_consent=False, scope="openid email groups")
    address, page = consent_page(browser, party, scope="openid email")
    form = [
        ("csrf_token", idp.form_of(page)["csrf_token"]),
        ("decision", "allow"),
        ("scope", "groups"),
        ("scope", "offline_access"),
        ("client_id", "other"),
    ]
    back = browser("POST", address, form)
    code = party.answer(browser("GET", back.location))["code"]
    assert party.exchange(code).json["scope"] == "openid email"


def test_A30_another_person_never_inherits_a_decision(idp, asking):
    browser = idp.browser(idp.person())
    address, page = consent_page(browser, asking)
    back = browser("POST", address, {"decision": "allow", "csrf_token": idp.form_of(page)["csrf_token"]})
    idp.sign_in(browser, idp.person())
    again = browser("GET", back.location)
    assert again.location.startswith("/consent")


def test_A31_more_scope_is_asked_for_again(idp, browser):
    party = idp.party(skip_consent=False, scope="openid email profile")
    address, page = consent_page(browser, party, scope="openid email")
    back = browser("POST", address, {"decision": "allow", "csrf_token": idp.form_of(page)["csrf_token"]})
    assert "code" in party.answer(browser("GET", back.location))
    assert "code" in party.answer(party.start(browser, scope="openid email"))
    _, page = consent_page(browser, party, scope="openid email profile")
    assert "New" in page.text
    assert party.answer(party.start(browser, scope="openid email profile", prompt="none"))["error"] == (
        "consent_required"
    )


@pytest.mark.parametrize("scope", ["admin", "openid admin", "openid idp:sign", "openid groups", "openid *", "openid é"])
def test_A32_scopes_that_are_not_the_clients_are_never_granted(party, browser, scope):
    given = party.answer(party.start(browser, scope=scope))
    if "code" in given:
        assert party.exchange(given["code"]).json["scope"] == "openid"
    else:
        assert given["error"] == "invalid_scope"


def test_A33_redirects_never_repeat_a_post(idp, asking, browser):
    address, page = consent_page(browser, asking)
    back = browser("POST", address, {"decision": "allow", "csrf_token": idp.form_of(page)["csrf_token"]})
    assert back.status == 303
    assert idp.http()("POST", "/oauth/authorize", asking.parameters(), {}).status == 303


def test_A34_no_page_can_be_framed(idp, asking, party, browser):
    _, consent = consent_page(browser, asking)
    error = party.start(browser, redirect_uri=EVIL)
    leaving = browser("GET", "/logout/confirm")
    for page in (consent, error, leaving):
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
        assert page.headers["X-Frame-Options"] == "DENY"


def test_A38_a_refresh_token_comes_only_when_asked_for(idp, browser):
    party = idp.offline_party()
    assert party.sign_in(browser, scope="openid").refresh is None
    assert party.sign_in(browser, scope="openid offline_access").refresh is not None


def test_A38_offline_access_needs_consent_or_prompt_consent(idp, browser):
    party = idp.offline_party(skip_consent=False)
    address, page = consent_page(browser, party, scope="openid offline_access")
    back = browser("POST", address, {"decision": "allow", "csrf_token": idp.form_of(page)["csrf_token"]})
    code = party.answer(browser("GET", back.location))["code"]
    assert "refresh_token" not in party.exchange(code).json
    address, page = consent_page(browser, party, scope="openid offline_access", prompt="consent")
    form = {"decision": "allow", "csrf_token": idp.form_of(page)["csrf_token"], "scope": "offline_access"}
    back = browser("POST", address, form)
    code = party.answer(browser("GET", back.location))["code"]
    assert "refresh_token" in party.exchange(code).json
    assert party.sign_in(browser, scope="openid offline_access").refresh is not None


def test_A39_a_waiting_request_belongs_to_its_browser(idp, party, person):
    attacker, victim = idp.browser(), idp.browser(person)
    waiting = party.start(attacker).location.partition("interaction=")[2]
    response = victim("GET", f"/oauth/authorize/{waiting}")
    assert response.status == 403
    assert response.location is None
    without_cookies = idp.http()("GET", f"/oauth/authorize/{waiting}", None, {})
    assert without_cookies.status == 403


def test_A39_a_posted_request_belongs_to_the_first_browser_that_opens_it(idp, party, person):
    address = idp.http()("POST", "/oauth/authorize", party.parameters(), {}).location
    first, second = idp.browser(), idp.browser(person)
    assert first("GET", address).location.startswith("/login")
    assert second("GET", address).status == 403


def test_A40_a_waiting_request_is_kept_on_the_server(idp, party):
    browser = idp.browser()
    response = party.start(browser, state="s" * 1000, nonce="n" * 1000)
    assert response.location.startswith("/login")
    assert len(response.location) < 200
    assert all(len(line) < 500 for line in response.headers.getlist("Set-Cookie"))
    assert "s" * 20 not in str(response.headers)


def test_A40_an_endless_scope_is_refused(idp, party):
    response = party.start(idp.browser(), scope="openid " + "x " * 4000)
    assert response.status < 500
    assert answer_of(response)["error"] == "invalid_scope"


def test_A40_one_browser_keeps_fifty_requests_at_most(idp, party):
    browser = idp.browser()
    first = party.start(browser).location.partition("interaction=")[2]
    for _ in range(50):
        party.start(browser)
    assert browser("GET", f"/oauth/authorize/{first}").status == 410
    kept = idp.rows(select(Interaction.id))
    assert len(kept) == 50


def test_A40_the_request_is_not_in_the_address_of_any_page(idp, party):
    location = party.start(idp.browser(), login_hint="ana@people.example").location
    assert urlsplit(location).query.count("=") == 1
    assert "ana" not in unescape(location)


def test_A13_the_challenge_that_was_sent_is_the_one_that_counts(idp, browser):
    party = idp.public_party()
    code = party.code(browser)
    response = party.exchange(code, code_verifier="w" * 43)
    assert response.json["error"] == "invalid_grant"
    assert challenge_of("w" * 43) not in response.text
