"""OpenID Connect Front-Channel Logout 1.0: the browser itself loads a page of each app that it can tell."""

from __future__ import annotations

from html import unescape
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.leaving import confirm, follow, is_signed_in, logout, sign_out
from tests.relying_party import text_of

AFTER = "https://after.example/bye"


class _Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.frames: list[dict] = []
        self.refresh: str | None = None
        self.links: dict[str, str] = {}
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "iframe":
            self.frames.append(given)
        if tag == "meta" and given.get("http-equiv") == "refresh":
            self.refresh = given["content"]
        if tag == "a" and given.get("id"):
            self.links[given["id"]] = given["href"]


def framed_party(idp, host="notes.example", path="/frontchannel", **metadata):
    return idp.party(
        redirect_uris=[f"https://{host}/callback"],
        frontchannel_logout_uri=f"https://{host}{path}",
        post_logout_redirect_uris=[AFTER],
        **metadata,
    )


def asked_of(frame):
    """Return the address of a frame without its query, and what the query says."""
    parts = urlsplit(frame["src"])
    pairs = parse_qsl(parts.query, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return f"{parts.scheme}://{parts.netloc}{parts.path}", dict(pairs)


def test_oidcc_frontchannel_rp_initiated_logout_discovery_endpoint_verification(idp):
    found = idp.http()("GET", "/.well-known/openid-configuration", None, {}).json
    assert found["frontchannel_logout_supported"] is True
    assert found["frontchannel_logout_session_supported"] is True


@pytest.mark.parametrize("session_required", [True, False])
def test_oidcc_frontchannel_rp_initiated_logout(idp, browser, session_required):
    party = framed_party(idp, frontchannel_logout_session_required=session_required)
    tokens = party.sign_in(browser)
    given = {"id_token_hint": tokens.id_token, "post_logout_redirect_uri": AFTER, "state": "s" * 128}
    response = follow(browser, logout(browser, **given))
    assert response.status == 200
    page = _Page(response.text)
    [frame] = page.frames
    assert asked_of(frame) == (
        "https://notes.example/frontchannel",
        {"iss": idp.issuer, "sid": tokens.id_claims["sid"]},
    )
    target = f"{AFTER}?state={'s' * 128}"
    assert page.refresh == f"2;url={target}"
    assert page.links["logout-continue"] == target
    assert "You are signed out" in text_of(response.text)
    assert party.answer(party.start(browser, prompt="none"))["error"] == "login_required"


def test_each_app_of_the_session_gets_a_frame_with_its_own_sid(idp, browser, person):
    notes, wiki = framed_party(idp), framed_party(idp, "wiki.example", "/out?from=idp")
    elsewhere = framed_party(idp, "other.example")
    sids = [party.sign_in(browser).id_claims["sid"] for party in (notes, wiki)]
    elsewhere.sign_in(idp.browser(person))
    page = sign_out(browser)
    frames = _Page(page.text).frames
    assert [asked_of(frame) for frame in frames] == [
        ("https://notes.example/frontchannel", {"iss": idp.issuer, "sid": sids[0]}),
        ("https://wiki.example/out", {"from": "idp", "iss": idp.issuer, "sid": sids[1]}),
    ]
    assert all(frame["title"] for frame in frames)
    policy = page.headers["Content-Security-Policy"]
    assert "frame-src https://notes.example https://wiki.example" in policy
    assert "other.example" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy


def test_without_such_apps_no_page_may_hold_a_frame(idp, browser, party):
    party.sign_in(browser)
    page = sign_out(browser)
    assert "frame-src" not in page.headers["Content-Security-Policy"]
    assert "<iframe" not in page.text


def test_a_second_look_loads_nothing_again(idp, browser):
    party = framed_party(idp, client_name="Wiki")
    response = logout(browser, id_token_hint=party.sign_in(browser).id_token)
    assert len(_Page(browser("GET", response.location).text).frames) == 1
    again = browser("GET", f"{response.location}?look=1")
    assert _Page(again.text).frames == []
    assert "Asked by this browser" in text_of(again.text)


def test_a_client_with_both_addresses_is_told_from_server_to_server(idp, browser):
    party = framed_party(idp, backchannel_logout_uri="https://notes.example/backchannel")
    given = {"id_token_hint": party.sign_in(browser).id_token, "post_logout_redirect_uri": AFTER}
    assert logout(browser, **given).location == AFTER


def test_the_way_on_after_a_question_is_the_same(idp, browser, person):
    party = framed_party(idp)
    old = party.sign_in(idp.browser(person)).id_token
    party.sign_in(browser)
    asked = follow(browser, logout(browser, id_token_hint=old, post_logout_redirect_uri=AFTER, state="x"))
    page = _Page(confirm(browser, asked).text)
    assert page.refresh == f"2;url={AFTER}?state=x"
    assert len(page.frames) == 1
    assert not is_signed_in(party, browser)


def test_an_unproven_address_is_a_link_and_never_gone_to(idp, browser):
    party = framed_party(idp)
    party.sign_in(browser)
    page = sign_out(browser, client_id=party.client_id, post_logout_redirect_uri=AFTER)
    read = _Page(page.text)
    assert read.refresh is None
    assert read.links["logout-continue"] == AFTER
    assert len(read.frames) == 1


def test_O06_an_address_is_escaped_where_it_stands(idp, browser):
    party = framed_party(idp, path="/out?x=%22%3E%3Cscript%3E&y=1")
    state = '"><script>alert(1)</script>'
    given = {"id_token_hint": party.sign_in(browser).id_token, "post_logout_redirect_uri": AFTER, "state": state}
    page = follow(browser, logout(browser, **given))
    assert "<script>alert" not in page.text
    read = _Page(page.text)
    assert dict(parse_qsl(urlsplit(unescape(read.links["logout-continue"])).query)) == {"state": state}
    assert asked_of(read.frames[0])[1]["y"] == "1"
