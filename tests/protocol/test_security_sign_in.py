"""Security rows of signing in and of browser sessions (security.md A and L)."""

import re
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import urlencode

import pytest
import time_machine
from sqlalchemy import func, select, update

from idp import clock, opaque
from idp.db import db, transaction
from idp.interactions import store as interactions
from idp.interactions.models import Interaction
from idp.login.guards import is_own_path
from idp.sessions import store as sessions
from idp.sessions.models import BrowserSession
from idp.settings import SessionSettings
from idp.web.models import ThrottleCounter
from tests.factories import disable_person, make_client, make_person
from tests.visitor import PASSWORD, Visitor, forms_of

CALLBACK = "https://app.example/cb"


@pytest.fixture
def ana(app):
    return make_person(app, "ana", password=PASSWORD)


@pytest.fixture
def eve(app):
    return make_person(app, "eve", password=PASSWORD)


@pytest.fixture
def visitor(app):
    return Visitor(app)


@pytest.fixture
def request_path(app):
    """An authorization request of an app that asks for consent."""
    party = make_client(app, client_name="Grafana", redirect_uris=[CALLBACK], skip_consent=False)
    return _request(party)


def _request(party, **more):
    parameters = {
        "client_id": party.client_id,
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "openid profile",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
        **more,
    }
    return f"/oauth/authorize?{urlencode(parameters)}"


def _rows(app, statement):
    with app.app_context():
        return list(db.session().execute(statement).scalars())


def _live(app):
    return _rows(app, select(BrowserSession.id).where(BrowserSession.ended_at.is_(None)))


# Consent and pending requests


def test_A30_a_consent_without_the_pages_token_is_refused(app, ana, visitor, request_path):
    visitor.sign_in("ana")
    form = forms_of(visitor.visit(request_path).text)[0]
    answer = visitor.submit(form, csrf_token=None, decision="allow")
    assert answer.status_code == 400
    assert _rows(app, select(Interaction.consented_by)) == [None]


def test_A30_a_consent_from_another_site_is_refused(app, ana, visitor, request_path):
    visitor.sign_in("ana")
    form = forms_of(visitor.visit(request_path).text)[0]
    answer = visitor.submit(form, decision="allow", options={"headers": {"Origin": "https://evil.example"}})
    assert answer.status_code == 403
    assert _rows(app, select(Interaction.consented_by)) == [None]


def test_A30_a_token_of_one_request_does_not_answer_another(app, ana, visitor, request_path):
    visitor.sign_in("ana")
    one = forms_of(visitor.visit(request_path).text)[0]
    other = forms_of(visitor.visit(request_path).text)[0]
    assert one.action != other.action
    assert visitor.submit(one, csrf_token=other.values["csrf_token"], decision="allow").status_code == 400
    assert visitor.submit(one, decision="allow").status_code == 303


def test_A30_what_the_form_says_about_the_request_is_not_believed(app, ana, visitor, request_path):
    other = make_client(app)
    visitor.sign_in("ana")
    form = forms_of(visitor.visit(request_path).text)[0]
    visitor.submit(form, decision="allow", client_id=other.client_id, scope="openid profile email groups")
    (waiting,) = _rows(app, select(Interaction))
    assert waiting.client_id != other.client_id
    assert set(waiting.consented_scopes) == {"openid", "profile"}


def test_A30_a_consent_page_is_of_no_use_in_another_persons_browser(app, ana, eve, visitor, request_path):
    visitor.sign_in("ana")
    form = forms_of(visitor.visit(request_path).text)[0]
    thief = Visitor(app)
    thief.sign_in("eve")
    assert thief.submit(form, decision="allow").status_code in {400, 403}
    assert thief.open(form.action).status_code == 403


@pytest.mark.parametrize("path", ["/login", "/no/such/page", "/oauth/authorize?client_id=unknown"])
def test_A34_no_page_can_be_framed(visitor, path):
    answer = visitor.open(path)
    assert answer.mimetype == "text/html"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Frame-Options"] == "DENY"


def test_A39_a_sign_in_on_the_attackers_address_does_not_happen(app, ana, request_path):
    attacker, victim = Visitor(app), Visitor(app)
    address = attacker.open(request_path).headers["Location"]
    assert address.startswith("/login?interaction=")
    assert victim.open(address).status_code == 403
    form = victim.form("/login")
    form.action = address
    # Whatever token the victim holds, the request is not theirs to sign in for.
    assert victim.submit(form, username="ana", password=PASSWORD).status_code in {400, 403}
    assert victim.session_cookie is None
    resume = address.replace("/login?interaction=", "/oauth/authorize/")
    victim.sign_in("ana")
    assert victim.open(resume).status_code == 403


def test_A40_a_large_request_is_kept_on_the_server(app, visitor, request_path):
    answer = visitor.open(f"{request_path}&state={'s' * 1000}")
    assert answer.status_code == 303
    assert sum(len(line) for line in answer.headers.getlist("Set-Cookie")) < 1000
    assert "sss" not in answer.headers["Location"]
    (waiting,) = _rows(app, select(Interaction))
    assert waiting.expires_at - waiting.created_at == timedelta(hours=24)


def test_A40_a_browser_keeps_fifty_requests_the_oldest_are_dropped(app):
    now = clock.utc_now()
    with app.app_context(), transaction() as session:
        made = [
            interactions.begin(
                session,
                resume_endpoint="login.resume_page",
                client_id=None,
                parameters={"path": "/"},
                browser="a" * 64,
                now=now + timedelta(seconds=number),
            ).id
            for number in range(53)
        ]
    assert set(_rows(app, select(Interaction.id))) == set(made[3:])


# L01, L02: nobody learns who has an account


def test_L01_unknown_and_known_names_look_the_same(app, ana, visitor):
    eve = make_person(app, "gone", password=PASSWORD)
    disable_person(app, eve.id)

    def tried(name):
        answer = Visitor(app).sign_in(name, "wrong")
        cookies = sorted(line.partition("=")[0] for line in answer.headers.getlist("Set-Cookie"))
        page = answer.text.replace(name, "NAME")
        for form in forms_of(answer.text):
            page = page.replace(form.values["csrf_token"], "TOKEN")
        return answer.status_code, answer.headers.get("Location"), cookies, page

    assert tried("ana") == tried("nobody") == tried("gone")


def test_L02_unknown_and_known_names_take_the_same_time(app, ana):
    gone = make_person(app, "gone", password=PASSWORD)
    disable_person(app, gone.id)
    taken = {"ana": [], "nobody": [], "gone": []}
    for _ in range(5):
        for name, times in taken.items():
            visitor = Visitor(app, address=f"198.51.100.{len(times)}")
            form = visitor.form("/login")
            # The work of this thread, hashing included, and not what else the machine is doing meanwhile.
            began = time.thread_time()
            visitor.submit(form, username=name, password="wrong")
            times.append(time.thread_time() - began)
    medians = [statistics.median(times) for times in taken.values()]
    assert max(medians) - min(medians) < max(0.015, 0.35 * max(medians))


# L03, L04, L24, L25: guessing


def test_L03_sixty_guesses_from_one_address_reach_five_hashes(app, ana):
    visitor = Visitor(app)
    form = visitor.form("/login")
    codes = [visitor.submit(form, username="ana", password=f"guess {n}").status_code for n in range(60)]
    assert codes.count(400) == 5
    assert set(codes[5:]) == {429}


def test_L03_sixty_guesses_from_sixty_addresses_reach_twenty_hashes(app, ana):
    codes = [Visitor(app, address=f"198.51.100.{n}").sign_in("ana", f"guess {n}").status_code for n in range(1, 61)]
    assert codes.count(400) == 20
    assert codes.count(429) == 40


def test_L03_an_address_that_sprays_over_all_accounts_is_slowed_down(app):
    visitor = Visitor(app)
    form = visitor.form("/login")
    codes = [visitor.submit(form, username=f"person{n}", password="Summer2026").status_code for n in range(33)]
    assert codes[:30] == [400] * 30
    assert 429 in codes[30:]


def test_L03_the_page_says_when_to_try_again(app, ana, visitor):
    form = visitor.form("/login")
    for _ in range(5):
        visitor.submit(form, username="ana", password="wrong")
    answer = visitor.submit(form, username="ana", password=PASSWORD)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 5
    assert "Too many tries. Try again in" in answer.text


def test_L04_another_person_at_the_address_is_not_held_up(app, ana, eve, visitor):
    form = visitor.form("/login")
    for _ in range(6):
        visitor.submit(form, username="ana", password="wrong")
    assert Visitor(app).sign_in("eve").status_code == 303


def test_L04_a_known_device_gets_in_while_others_guess(app, ana, visitor):
    assert visitor.sign_in("ana").status_code == 303
    for number in range(1, 25):
        Visitor(app, address=f"198.51.100.{number}").sign_in("ana", "wrong")
    assert Visitor(app, address="203.0.113.5").sign_in("ana").status_code == 429
    with app.app_context(), transaction() as session:
        sessions.end_all(session, ana.id, clock.utc_now())
    assert visitor.sign_in("ana").status_code == 303


def test_L04_every_wait_ends(app, ana, visitor):
    form = visitor.form("/login")
    for _ in range(6):
        visitor.submit(form, username="ana", password="wrong")
    with app.app_context(), transaction() as session:
        past = clock.utc_now() - timedelta(minutes=15)
        assert session.execute(select(func.max(ThrottleCounter.blocked_until))).scalar() < clock.utc_now() + timedelta(
            minutes=15
        )
        session.execute(update(ThrottleCounter).values(window_started_at=past, blocked_until=past))
    assert visitor.submit(form, username="ana", password=PASSWORD).status_code == 303


def test_a_right_password_is_not_counted(app, ana):
    for _ in range(8):
        assert Visitor(app).sign_in("ana").status_code == 303
    assert set(_rows(app, select(ThrottleCounter.failures))) == {0}


def test_L24_forty_parallel_guesses_reach_five_hashes(app, ana):
    visitors = [Visitor(app) for _ in range(40)]
    forms = [visitor.form("/login") for visitor in visitors]

    def guess(pair):
        return pair[0].submit(pair[1], username="ana", password="wrong").status_code

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(guess, zip(visitors, forms, strict=True)))
    assert codes.count(429) >= 35
    assert codes.count(400) <= 5


def test_L24_the_limits_hold_on_redis_too(make_app, redis_url):
    app = make_app(redis_url=redis_url)
    make_person(app, "ana", password=PASSWORD)
    visitors = [Visitor(app) for _ in range(20)]
    forms = [visitor.form("/login") for visitor in visitors]
    assert visitors[0].submit(forms[0], username="ana", password=PASSWORD).status_code == 303

    def guess(pair):
        return pair[0].submit(pair[1], username="ana", password="wrong").status_code

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(guess, zip(visitors[1:], forms[1:], strict=True)))
    assert codes.count(400) == 5
    assert _rows(app, select(ThrottleCounter.key)) == []


def test_L25_a_forwarded_address_from_anybody_is_not_believed(app, ana, visitor):
    form = visitor.form("/login")
    codes = [
        visitor.submit(
            form, username="ana", password="wrong", options={"headers": {"X-Forwarded-For": f"198.51.100.{n}"}}
        ).status_code
        for n in range(25)
    ]
    assert codes.count(400) == 5


def test_L25_behind_a_trusted_proxy_the_address_it_saw_counts(make_app):
    app = make_app(trusted_proxies=("127.0.0.1/32",))
    make_person(app, "ana", password=PASSWORD)
    visitor = Visitor(app)
    form = visitor.form("/login")
    codes = [
        visitor.submit(
            form,
            username="ana",
            password="wrong",
            options={"headers": {"X-Forwarded-For": f"198.51.100.{n}, 203.0.113.7"}},
        ).status_code
        for n in range(25)
    ]
    assert codes.count(400) == 5


# L05, L09, L20, L21, L23, L29, L30: the session


def test_L05_a_cookie_that_was_planted_is_never_adopted(app, ana, visitor):
    planted = opaque.token()
    visitor.client.set_cookie(visitor.session_cookie_name, planted)
    visitor.sign_in("ana")
    assert visitor.session_cookie != planted
    thief = Visitor(app)
    thief.client.set_cookie(thief.session_cookie_name, planted)
    assert thief.open("/account").headers["Location"].startswith("/login")


def test_L05_every_sign_in_gets_a_new_session_and_ends_the_old_one(app, ana, visitor):
    visitor.sign_in("ana")
    first = visitor.session_cookie
    visitor.submit(visitor.form("/login?account=other"), username="ana", password=PASSWORD)
    assert visitor.session_cookie != first
    assert len(_live(app)) == 1
    thief = Visitor(app)
    thief.client.set_cookie(thief.session_cookie_name, first)
    assert thief.open("/account").headers["Location"].startswith("/login")


def test_L06_a_sign_in_needs_the_token_of_this_browser(app, ana, visitor):
    form = visitor.form("/login")
    foreign = Visitor(app).form("/login").values["csrf_token"]
    for token in (None, "", "x", foreign, form.values["csrf_token"][:-1] + "~", form.values["csrf_token"].swapcase()):
        answer = visitor.submit(form, username="ana", password=PASSWORD, csrf_token=token)
        assert answer.status_code == 400, token
    assert visitor.session_cookie is None


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://localhost:8000.evil.example"}, 403),
        ({"Origin": "https://localhost:8000"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, 303),
        ({"Origin": "http://localhost:8000"}, 303),
        ({}, 303),
    ],
)
def test_L06_a_sign_in_that_another_site_sent_is_refused(app, ana, visitor, headers, status):
    form = visitor.form("/login")
    answer = visitor.submit(form, username="ana", password=PASSWORD, options={"headers": headers})
    assert answer.status_code == status


@pytest.mark.parametrize("secure", [False, True])
def test_L09_cookies_carry_every_flag(make_app, secure):
    app = make_app(issuer="https://id.example.com") if secure else make_app()
    make_person(app, "ana", password=PASSWORD)
    visitor = Visitor(app)
    answers = [visitor.open("/login")]
    answers.append(visitor.submit(forms_of(answers[0].text)[0], username="ana", password=PASSWORD))
    told = [line for line in visitor.open("/").headers.getlist("Set-Cookie") if "idp-state=" in line]
    # The one that script may read holds nothing of worth (OpenID Connect Session Management section 4.2).
    assert re.fullmatch(r"(__Host-)?idp-state=[\w-]{24}; Secure; Path=/; SameSite=None", told[0])
    assert told[0].startswith("__Host-") is secure
    lines = [line for answer in answers for line in answer.headers.getlist("Set-Cookie")]
    names = {line.partition("=")[0] for line in lines}
    prefix = "__Host-" if secure else ""
    assert names == {f"{prefix}idp", f"{prefix}idp-browser", f"{prefix}idp-form"}
    for line in lines:
        flags = {part.strip().partition("=")[0].lower(): part.strip() for part in line.split(";")[1:]}
        assert flags["path"] == "Path=/"
        assert flags["samesite"] == "SameSite=Lax"
        assert "httponly" in flags
        assert "domain" not in flags
        assert ("secure" in flags) is secure


HOSTILE = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https://evil.example",
    "http://localhost:8000@evil.example",
    "//localhost:8000@evil.example/",
    "javascript:alert(1)",
    "data:text/html,x",
    " //evil.example",
    "/%0d%0aLocation:https://evil.example",
    "/path\r\nSet-Cookie:a=b",
    "evil.example",
    "",
    "/\u2028/evil.example",
    "https://localhost:8000.evil.example/",
]
NAMES = [
    *("next", "return_to", "returnTo", "redirect", "redirect_to", "redirect_uri", "redirectUrl", "url", "to", "target"),
    *("continue", "dest", "destination", "goto", "back", "callback", "r", "u", "path", "service"),
]


@pytest.mark.parametrize("signed_in", [False, True])
def test_L10_no_parameter_says_where_a_sign_in_leads(app, ana, signed_in):
    visitor = Visitor(app)
    if signed_in:
        visitor.sign_in("ana")
    for payload in HOSTILE:
        for name in NAMES:
            answer = visitor.open("/login", query_string={name: payload})
            assert answer.status_code in {200, 303, 400}
            assert answer.headers.get("Location", "/") == "/"
            assert "evil.example" not in answer.text


@pytest.mark.parametrize("payload", HOSTILE[:8])
def test_L10_neither_does_a_hidden_field(app, ana, payload):
    visitor = Visitor(app)
    form = visitor.form("/login")
    payload = payload.replace("\n", "%0A")
    answer = visitor.submit(form, username="ana", password=PASSWORD, **dict.fromkeys(NAMES, payload))
    assert answer.headers["Location"] == "/"


@pytest.mark.parametrize("payload", [path for path in HOSTILE if not path.startswith("/%0d")])
def test_L10_only_own_paths_are_kept_to_come_back_to(backend, payload):
    assert not is_own_path(payload)


@pytest.mark.parametrize("path", ["/", "/account", "/admin/clients?page=2&q=%C3%A4", "/a//b"])
def test_L10_own_paths_are_kept(backend, path):
    assert is_own_path(path)


def test_L17_a_password_in_the_address_signs_nobody_in(app, ana, visitor):
    answer = visitor.open(f"/login?{urlencode({'username': 'ana', 'password': PASSWORD})}")
    assert answer.status_code == 200
    assert PASSWORD not in answer.text
    form = visitor.form("/login")
    form.action = f"/login?{urlencode({'password': PASSWORD})}"
    assert visitor.submit(form, username="ana", password=None).status_code == 400
    assert visitor.session_cookie is None


@pytest.mark.parametrize("length", [1025, 60_000, 2 * 1024 * 1024])
def test_L18_an_endless_password_is_refused_fast(app, ana, visitor, length):
    form = visitor.form("/login")
    began = time.perf_counter()
    answer = visitor.submit(form, username="ana", password="a" * length)
    assert answer.status_code == (413 if length > 64 * 1024 else 400)
    assert time.perf_counter() - began < 3


@pytest.mark.parametrize(
    "name",
    [
        "' OR 1=1 --",
        '" OR ""="',
        "ana'--",
        "ana'; DROP TABLE people;--",
        "*)(uid=*",
        "ana)(|(password=*",
        "ana%",
        "an_",
        "\u0430na",
        "ana\u200b",
        "ana\u00a0x",
        "${jndi:ldap://evil.example}",
        "{{7*7}}",
        "a" * 5000,
    ],
)
def test_L19_no_odd_name_is_somebody_elses(app, ana, visitor, name):
    answer = visitor.sign_in(name)
    assert answer.status_code == 400
    assert visitor.session_cookie is None


def test_L19_names_are_single_values_without_nul(app, ana, visitor):
    form = visitor.form("/login")
    assert visitor.submit(form, username="ana\x00", password=PASSWORD).status_code == 400
    answer = visitor.submit(form, **{"username[]": "ana", "username": None, "password": PASSWORD})
    assert answer.status_code == 400
    assert visitor.session_cookie is None


def test_L20_a_copied_cookie_is_dead_after_the_session_ended(app, ana, visitor):
    visitor.sign_in("ana")
    copy = Visitor(app)
    copy.client.set_cookie(copy.session_cookie_name, visitor.session_cookie)
    assert "/login" not in copy.open("/account").headers.get("Location", "")
    (session_id,) = _live(app)
    with app.app_context(), transaction() as session:
        assert sessions.end(session, session_id, clock.utc_now())
    assert copy.open("/account").headers["Location"].startswith("/login")


@pytest.mark.parametrize(
    "ending",
    [
        {"last_seen_at": timedelta(hours=-8)},
        {"expires_at": timedelta(0)},
    ],
)
def test_L21_a_session_ends_when_idle_and_in_any_case(app, ana, visitor, ending):
    visitor.sign_in("ana")
    values = {name: clock.utc_now() + shift for name, shift in ending.items()}
    with app.app_context(), transaction() as session:
        (row,) = session.execute(select(BrowserSession)).scalars()
        assert row.expires_at - row.created_at == timedelta(hours=24)
        session.execute(update(BrowserSession).values(**values))
    assert visitor.open("/account").headers["Location"].startswith("/login")


def test_L21_neither_use_nor_confirming_makes_a_session_endless(app, ana, visitor):
    began = clock.utc_now()
    with time_machine.travel(began, tick=False) as traveller:
        visitor.sign_in("ana")
        for hours in (7, 14, 21):
            traveller.move_to(began + timedelta(hours=hours))
            assert visitor.open("/account").status_code == 200
        # Proving once more who one is makes the sign-in younger, and the session no longer.
        assert visitor.submit(visitor.form("/reauth"), password=PASSWORD).status_code == 303
        traveller.move_to(began + timedelta(hours=24) - timedelta(seconds=1))
        assert visitor.open("/account").status_code == 200
        traveller.move_to(began + timedelta(hours=24))
        assert visitor.open("/account").headers["Location"].startswith("/login")
        # Unused, it ends long before.
        visitor.sign_in("ana")
        traveller.shift(timedelta(hours=8) - timedelta(seconds=1))
        assert "/login" not in visitor.open("/verify").headers.get("Location", "")
        traveller.shift(timedelta(hours=8))
        assert visitor.open("/account").headers["Location"].startswith("/login")


@pytest.mark.parametrize("lifetime", ["idle", "max"])
def test_L21_no_setting_makes_sessions_endless(lifetime):
    assert SessionSettings(**{lifetime: "30d"})
    with pytest.raises(ValueError, match="days=30"):
        SessionSettings(**{lifetime: "31d"})


def test_L21_use_is_noted_once_a_minute(app, ana, visitor):
    visitor.sign_in("ana")
    past = clock.utc_now() - timedelta(seconds=61)
    for seen_at, noted in ((past, True), (clock.utc_now() - timedelta(seconds=30), False)):
        with app.app_context(), transaction() as session:
            session.execute(update(BrowserSession).values(last_seen_at=seen_at))
        visitor.open("/account")
        (now_seen_at,) = _rows(app, select(BrowserSession.last_seen_at))
        assert (now_seen_at != seen_at) is noted


def test_L22_a_disabled_persons_session_is_dead_at_once(app, ana, visitor):
    visitor.sign_in("ana")
    disable_person(app, ana.id)
    assert visitor.open("/account").headers["Location"].startswith("/login")


def test_L23_pages_are_kept_by_no_cache(ana, visitor):
    for answer in (visitor.open("/login"), visitor.sign_in("ana"), visitor.open("/account"), visitor.open("/nothing")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Cookie" in answer.headers["Vary"]


def test_L29_a_second_person_inherits_nothing(app, ana, eve, visitor, request_path):
    visitor.sign_in("ana")
    first = visitor.session_cookie
    waiting = forms_of(visitor.visit(request_path).text)[0]
    visitor.submit(waiting, decision="allow")
    visitor.submit(visitor.form("/login?account=other"), username="eve", password=PASSWORD)
    assert visitor.session_cookie != first
    # What waited for the first person is gone; the second is asked for herself.
    assert visitor.open(waiting.action).status_code == 410
    page = visitor.visit(request_path)
    assert page.status_code == 200
    assert "Grafana" in page.text
    assert [row.person_id for row in _rows(app, select(BrowserSession).where(BrowserSession.ended_at.is_(None)))] == [
        eve.id
    ]


@pytest.mark.parametrize("header", ["=__Host-idp=stolen", "=idp=stolen", "idp =stolen", "__Host-idp=stolen; idp="])
def test_L30_a_tossed_cookie_is_no_session(make_app, header):
    app = make_app(issuer="https://id.example.com")
    answer = app.test_client(use_cookies=False).get("/account", headers={"Cookie": header})
    assert answer.status_code == 303
    assert "/login" in answer.headers["Location"]
