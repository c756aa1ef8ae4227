import time

import pytest

from idp.protocol import redirect_uris
from idp.protocol.redirect_uris import ResponseMode, UriKind, append_parameters, check_registrable, may_return_to

REGISTERED = "https://rp.example/cb?x=1"
NEAR_MISSES = [
    "https://rp.example/cb",
    "https://rp.example/cb?x=1&y=2",
    "https://rp.example/cb?x=1#",
    "https://rp.example/cb?x=1#f",
    "https://rp.example/cb/?x=1",
    "https://rp.example/cb/..?x=1",
    "https://rp.example/cb/../cb?x=1",
    "https://rp.example/./cb?x=1",
    "https://rp.example/cb..;/?x=1",
    "https://rp.example/cb;/?x=1",
    "https://rp.example//cb?x=1",
    "https://rp.example/CB?x=1",
    "https://RP.example/cb?x=1",
    "HTTPS://rp.example/cb?x=1",
    "http://rp.example/cb?x=1",
    "https://rp.example:443/cb?x=1",
    "https://rp.example:8443/cb?x=1",
    "https://rp.example:@evil.example/cb?x=1",
    "https://rp.example@evil.example/cb?x=1",
    "https://evil@rp.example/cb?x=1",
    "https://rp.example@@evil/cb?x=1",
    "https://rp.example.evil.example/cb?x=1",
    "https://evil.example/https://rp.example/cb?x=1",
    "https://rpxexample/cb?x=1",
    "https://rp.example\\@evil/cb?x=1",
    "https:\\\\rp.example\\cb?x=1",
    "https:/rp.example/cb?x=1",
    "//rp.example/cb?x=1",
    "/cb?x=1",
    "cb?x=1",
    "",
    " https://rp.example/cb?x=1",
    "https://rp.example/cb?x=1 ",
    "https://rp.example/cb?x=1\n",
    "https://rp.example/cb?x=1\0",
    "https://rp.example/cb?x=1%00",
    "https://rp.example/%63b?x=1",
    "https://rp.example/cb%3Fx=1",
    "https://rp.example/cb?x=%31",
    "https://rp.example/cb?X=1",
    "https://rp。example/cb?x=1",
    "https://rp.example/\u217db?x=1",
    "https://rp.example/c\u0000b?x=1",
    "https://*.example/cb?x=1",
    "https://rp.example/cb?x=1&x=1",
    "javascript://rp.example/cb?x=1",
]


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("requested", NEAR_MISSES)
def test_A01_a_near_miss_is_no_match(requested, native):
    assert not redirect_uris.matches(requested, REGISTERED, native=native)


def test_the_registered_string_matches():
    assert redirect_uris.matches(REGISTERED, REGISTERED, native=False)


@pytest.mark.parametrize(
    ("requested", "registered", "expected"),
    [
        ("http://127.0.0.1:51004/cb", "http://127.0.0.1/cb", True),
        ("http://127.0.0.1/cb", "http://127.0.0.1:80/cb", True),
        ("http://[::1]:51004/cb?a=b", "http://[::1]:1/cb?a=b", True),
        ("http://127.0.0.1:51004", "http://127.0.0.1", True),
        ("http://localhost:51004/cb", "http://localhost/cb", False),
        ("http://127.0.0.2:51004/cb", "http://127.0.0.2/cb", False),
        ("http://127.0.0.1:51004/cb", "http://[::1]/cb", False),
        ("https://127.0.0.1:51004/cb", "https://127.0.0.1/cb", False),
        ("http://127.0.0.1:51004/other", "http://127.0.0.1/cb", False),
        ("http://127.0.0.1:51004/cb?x", "http://127.0.0.1/cb", False),
        ("http://127.0.0.1:65536/cb", "http://127.0.0.1/cb", False),
        ("http://127.0.0.1:0/cb", "http://127.0.0.1/cb", False),
        ("http://127.0.0.1:080/cb", "http://127.0.0.1/cb", False),
        ("http://127.0.0.1:80@evil.example/cb", "http://127.0.0.1/cb", False),
        ("http://127.0.0.1.evil.example/cb", "http://127.0.0.1/cb", False),
        ("http://127.0.0.1:5\n/cb", "http://127.0.0.1/cb", False),
        ("http://127.0.0.1:5/cb\n", "http://127.0.0.1/cb", False),
        ("http://127.0.0.1:\u0665/cb", "http://127.0.0.1/cb", False),
    ],
)
def test_A07_any_port_on_literal_loopback_for_native_clients_alone(requested, registered, expected):
    assert redirect_uris.matches(requested, registered, native=True) is expected
    assert not redirect_uris.matches(requested, registered, native=False)


@pytest.mark.parametrize(
    "uri",
    [
        "https://rp.example/cb",
        "https://rp.example",
        "https://rp.example:8443/cb?x=1&y=%20",
        "https://xn--bcher-kva.example/",
        "http://localhost:8001/cb",
        "http://notes.localhost:8001/cb",
        "http://127.0.0.1/cb",
        "http://[::1]:9/cb",
        "https://[2001:db8::1]/cb",
        "https://192.0.2.1/cb",
        "https://under_score.example/cb",
        "http://127.3.2.1/cb",
        "https://rp.example/a;b=c,d/(e)'!$~",
    ],
)
@pytest.mark.parametrize("kind", UriKind)
def test_addresses_that_can_be_registered(uri, kind):
    assert check_registrable(uri, kind=kind) is None


DANGEROUS = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "javascript://rp.example/%0aalert(1)",
    "data:text/html,x",
    "vbscript:x",
    "file:///etc/passwd",
    "blob:https://rp.example/1",
    "about:blank",
    "ftp://rp.example/",
    "//rp.example/",
    "/cb",
    "cb",
    "",
    "http://rp.example/cb",
    "http://localhost.evil.example/",
    "http://evillocalhost/",
    "http://127.0.0.1.evil.example/",
    "http://0.0.0.0/",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://127.1/",
    "https://user@rp.example/",
    "https://user:pw@rp.example/",
    "https://@rp.example/",
    "https://",
    "https:///cb",
    "https://:443/",
    "https://rp.example:0/",
    "https://rp.example:99999/",
    "https://rp.example:/",
    "https://rp.example:x/",
    "https://*.rp.example/",
    "https://rp.example/*",
    "https://rp..example/",
    "https://-rp.example/",
    "https://rp.example%2eevil/",
    "https://[::1/",
    "https://[::g]/",
    "https://rp.example\\@evil/",
    "https://rp.example/\n",
    " https://rp.example/",
    "https://rp.example/ x",
    "https://rp.example/\0",
    "https://rp.example/é",
    "https://\uff52\uff50.example/",
    "https://rp.example/%",
    "https://rp.example/%zz",
    'https://rp.example/"',
    "https://rp.example/<b>",
    "HTTPS://rp.example/",
    "https:rp.example",
    "https://1.2.3/",
    "https://rp.example/" + "x" * 2048,
]


@pytest.mark.parametrize("kind", UriKind)
@pytest.mark.parametrize("application_type", ["web", "native"])
@pytest.mark.parametrize("uri", DANGEROUS)
def test_M04_dangerous_addresses_are_refused_with_a_sentence(uri, application_type, kind):
    sentence = check_registrable(uri, application_type=application_type, kind=kind)
    assert sentence is not None
    assert sentence.endswith(".")


@pytest.mark.parametrize("uri", ["com.example.app:/cb", "com.example.app://cb", "com.example-x.app2:/oauth/cb?x=1"])
def test_private_use_schemes_are_for_native_clients_alone(uri):
    assert check_registrable(uri, application_type="native") is None
    assert check_registrable(uri, application_type="native", kind=UriKind.POST_LOGOUT) is None
    assert check_registrable(uri, application_type="web") is not None
    assert check_registrable(uri, application_type="native", kind=UriKind.PAGE) is not None


@pytest.mark.parametrize(
    "uri", ["myapp:/cb", "com.example.app:cb", "com..app:/cb", "com.Example:/cb", ".com:/cb", "com.example.app:/cb#f"]
)
def test_private_use_schemes_are_reversed_domain_names(uri):
    assert check_registrable(uri, application_type="native") is not None


def test_fragments_are_for_pages_alone():
    assert check_registrable("https://rp.example/#/home", kind=UriKind.PAGE) is None
    assert "fragment" in (check_registrable("https://rp.example/#", kind=UriKind.REDIRECT) or "")
    assert "fragment" in (check_registrable("https://rp.example/#x", kind=UriKind.POST_LOGOUT) or "")


@pytest.mark.parametrize("name", ["code", "state", "iss", "error", "%63ode"])
def test_a_registered_query_cannot_forge_the_answer(name):
    assert check_registrable(f"https://rp.example/cb?{name}=x") is not None
    assert check_registrable(f"https://rp.example/cb?my{name}=x") is None


@pytest.mark.parametrize(
    "value", ["/", "/a", "/a/b?x=/../y&u=https://evil.example", "/a%20b", "/login?next=//x", "/a#f"]
)
def test_local_paths_that_are_safe(value):
    assert redirect_uris.safe_local_path(value) == value


UNSAFE_PATHS = [
    "",
    "a",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/%2fevil.example",
    "/%5cevil.example",
    "/%2F%2Fevil",
    "/\tevil",
    "/\n/evil",
    "/ /evil",
    "/a\\b",
    "/..//evil.example",
    "/a/../b",
    "/%2e%2e/b",
    "/./b",
    "https://evil.example",
    "javascript:alert(1)",
    "/a%00",
    "/a%0d%0aLocation:x",
    "/é",
    "/" + "x" * 3000,
    "@evil",
    "/%",
]


@pytest.mark.parametrize("value", UNSAFE_PATHS)
def test_local_paths_that_are_not(value):
    assert redirect_uris.safe_local_path(value) is None


DELIVERY = "https://rp.example/sso/jwt"
PREFIXES = ("https://docs.example/public/", "https://wiki.example/space")


@pytest.mark.parametrize(
    "value",
    [
        "/tickets/7?x=1",
        "https://rp.example/tickets",
        "https://rp.example",
        "https://RP.example/x",
        "https://rp.example:443/x",
        "https://docs.example/public/a/b",
        "https://wiki.example/space",
        "https://wiki.example/space/page?x#y",
        "https://wiki.example/space?x",
    ],
)
def test_return_to_the_delivery_origin_or_a_registered_prefix(value):
    assert may_return_to(value, delivery_uri=DELIVERY, prefixes=PREFIXES)


@pytest.mark.parametrize(
    "value",
    [
        *UNSAFE_PATHS,
        "https://rp.example@evil",
        "https://rp.example:pw@evil/",
        "//evil",
        "\\\\evil",
        "https://rp.example.evil",
        "http://rp.example/",
        "https://rp.example:8443/",
        "https://evil/https://rp.example/",
        "https://rp.example%40evil/",
        "https://rp.example%2eevil/",
        "https:/rp.example/",
        "https:rp.example/",
        "https://rp.example\\@evil/",
        "https://rp.example%5c@evil/",
        "https://docs.example/private",
        "https://docs.example/public",
        "https://docs.example/public/../private",
        "https://docs.example/public/%2e%2e/private",
        "https://docs.example/public/..%2fprivate",
        "https://docs.example/public/%5c..%5cx",
        "https://wiki.example/spaceship",
        "https://wiki.example.evil/space",
        "https://wiki.example@evil/space",
        "data:text/html,x",
        "HTTPS://evil/",
    ],
)
def test_return_to_look_alikes_are_refused(value):
    assert not may_return_to(value, delivery_uri=DELIVERY, prefixes=PREFIXES)


@pytest.mark.parametrize(
    ("uri", "mode", "expected"),
    [
        (
            "https://rp.example/cb",
            ResponseMode.QUERY,
            "https://rp.example/cb?code=a%20b&state=%26%3D%23%2B%0D%0A%E2%82%AC",
        ),
        (
            "https://rp.example/cb?bar=foo",
            ResponseMode.QUERY,
            "https://rp.example/cb?bar=foo&code=a%20b&state=%26%3D%23%2B%0D%0A%E2%82%AC",
        ),
        (
            "https://rp.example/cb?",
            ResponseMode.QUERY,
            "https://rp.example/cb?code=a%20b&state=%26%3D%23%2B%0D%0A%E2%82%AC",
        ),
        (
            "https://rp.example/cb?x=1",
            ResponseMode.FRAGMENT,
            "https://rp.example/cb?x=1#code=a%20b&state=%26%3D%23%2B%0D%0A%E2%82%AC",
        ),
    ],
)
def test_A11_the_answer_is_appended_encoded(uri, mode, expected):
    assert append_parameters(uri, [("code", "a b"), ("state", "&=#+\r\n€")], mode) == expected


def test_nothing_to_append_leaves_the_address_as_it_is():
    assert append_parameters("https://rp.example/cb", [], ResponseMode.QUERY) == "https://rp.example/cb"
    with pytest.raises(ValueError, match="form"):
        append_parameters("https://rp.example/cb", [("a", "b")], ResponseMode.FORM_POST)


def test_the_closest_registered_address_is_found():
    known = ("https://a.example/login/other", "https://a.example/login/oauth", "https://b.example/")
    assert redirect_uris.closest("https://a.example/login/oauth/", known) == "https://a.example/login/oauth"
    assert redirect_uris.closest("https://a.example/", ()) is None


@pytest.mark.parametrize(
    "uri", ["https://" + "a." * 10_000, "http://127.0.0.1:" + "1" * 20_000, "a" * 20_000 + ":/", "%" * 20_000]
)
def test_I15_long_input_takes_no_time(uri):
    started = time.monotonic()
    assert check_registrable(uri, application_type="native") is not None
    assert not redirect_uris.matches(uri, "http://127.0.0.1/cb", native=True)
    assert not may_return_to(uri, delivery_uri=DELIVERY, prefixes=PREFIXES)
    assert time.monotonic() - started < 1
