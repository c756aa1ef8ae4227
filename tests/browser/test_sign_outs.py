"""Apps that learn of a sign-out in the browser: by the check-session frame, and by a frame of their own."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.portal import fill_sign_in, sign_in
from tests.listener import listening, say
from tests.relying_party import challenge_of

# What an app does: it puts the frame into its page, asks it as soon as it has loaded, and shows what it says.
ASKING = b"""<!doctype html><title>App</title><p id="said">nothing</p><script>
var here = new URLSearchParams(location.search), issuer = here.get("iss");
var frame = document.createElement("iframe");
window.addEventListener("message", function (event) {
  if (event.origin === issuer && event.source === frame.contentWindow) {
    document.getElementById("said").textContent = event.data;
  }
});
function ask(text) { frame.contentWindow.postMessage(text, issuer); }
frame.addEventListener("load", function () { ask(here.get("client_id") + " " + here.get("session_state")); });
frame.src = issuer + "/oauth/check-session";
document.documentElement.appendChild(frame);
</script>"""


@pytest.fixture
def app_at(portal, tmp_path):
    """Register an app on loopback, and return its origin, its client_id, and what the browser asked it for."""

    def answer(handler):
        page = ASKING if urlsplit(handler.path).path == "/" else b"<!doctype html><title>App</title>"
        say(page, content_type="text/html")(handler)

    with listening(answer) as (port, asked):
        # The same site as the portal: of another one browsers keep the cookies from its frames.
        origin = f"http://localhost:{port}"
        metadata = {
            "client_name": "Watcher",
            "redirect_uris": [f"{origin}/callback"],
            "post_logout_redirect_uris": [f"{origin}/bye"],
            "frontchannel_logout_uri": f"{origin}/frontchannel",
            "token_endpoint_auth_method": "none",
            "skip_consent": True,
        }
        file = tmp_path / "client.json"
        file.write_text(json.dumps(metadata))
        made = portal.server.command("client", "add", "--metadata", str(file))
        yield origin, made["client_id"], asked


def test_a_sign_out_is_understood_though_its_key_was_not_known_before(page, portal):
    page.goto(portal.notes)
    page.click("#sign-in")
    fill_sign_in(page, "chie", portal.password_of("chie"))
    page.wait_for_url(f"{portal.notes}/")
    # The second of them was published after the app fetched the key set.
    for _ in range(2):
        portal.server.command("keys", "rotate", "--force")
    page.goto(f"{portal.issuer}/logout")
    page.click("#logout-confirm")
    expect(page.locator("li", has=page.get_by_role("heading", name="Notes"))).to_contain_text("Signed out")


def authorize(page, portal, origin, client_id):
    """Send the browser through the authorization endpoint; return what the app is told."""
    query = {
        "client_id": client_id,
        "response_type": "code",
        "redirect_uri": f"{origin}/callback",
        "scope": "openid",
        "state": "s",
        "code_challenge": challenge_of("v" * 43),
        "code_challenge_method": "S256",
    }
    page.goto(f"{portal.issuer}/oauth/authorize?{urlencode(query)}")
    page.wait_for_url(f"{origin}/callback*")
    return dict(parse_qsl(urlsplit(page.url).query))


def asking(origin, portal, client_id, state):
    return f"{origin}/?{urlencode({'iss': portal.issuer, 'client_id': client_id, 'session_state': state})}"


def test_oidcc_session_management_the_frame_says_unchanged_until_the_sign_out(page, portal, app_at):
    origin, client_id, _ = app_at
    sign_in(page, portal)
    state = authorize(page, portal, origin, client_id)["session_state"]
    watching = page.context.new_page()
    watching.goto(asking(origin, portal, client_id, state))
    said = watching.locator("#said")
    expect(said).to_have_text("unchanged")

    # What is no question, or one about another client, is answered as such.
    for text, answer in (("x", "error"), (f"{client_id} x", "error"), (f"other {state}", "changed"), ("", "error")):
        watching.evaluate("text => ask(text)", text)
        expect(said).to_have_text(answer)
    watching.evaluate("text => ask(text)", f"{client_id} {state}")
    expect(said).to_have_text("unchanged")

    page.goto(f"{portal.issuer}/logout")
    page.click("#logout-confirm")
    expect(page.locator("h1")).to_have_text("You are signed out")
    watching.evaluate("text => ask(text)", f"{client_id} {state}")
    expect(said).to_have_text("changed")


def test_where_the_browser_keeps_the_cookie_from_frames_nothing_is_claimed(page, portal, app_at):
    origin, client_id, _ = app_at
    sign_in(page, portal)
    state = authorize(page, portal, origin, client_id)["session_state"]
    # Never "changed": the app would sign the person out, or ask again and again.
    page.goto(asking(origin.replace("localhost", "app.localhost"), portal, client_id, state))
    expect(page.locator("#said")).to_have_text("error")


def test_a_browser_that_has_never_been_here_is_told_nothing(page, portal, app_at):
    origin, client_id, _ = app_at
    page.goto(asking(origin, portal, client_id, f"{'0' * 64}.salt"))
    expect(page.locator("#said")).to_have_text("error")


def test_a_sign_out_loads_the_page_of_the_app_and_leads_back(page, portal, app_at):
    origin, client_id, asked = app_at
    sign_in(page, portal)
    authorize(page, portal, origin, client_id)
    # An app without a hint: the person is asked, and told; the way back is a link.
    back = {"client_id": client_id, "post_logout_redirect_uri": f"{origin}/bye"}
    page.goto(f"{portal.issuer}/logout?{urlencode(back)}")
    page.click("#logout-confirm")
    expect(page.locator("h1")).to_have_text("You are signed out")
    expect(page.locator("#logout-continue")).to_have_attribute("href", f"{origin}/bye")
    page.wait_for_load_state("networkidle")
    [told] = [path for path in asked if path.startswith("/frontchannel")]
    said = dict(parse_qsl(urlsplit(told).query))
    assert said.keys() == {"iss", "sid"}
    assert said["iss"] == portal.issuer
    page.click("#logout-continue")
    page.wait_for_url(f"{origin}/bye")
