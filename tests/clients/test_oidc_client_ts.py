"""oidc-client-ts in Chromium: a page on an origin of its own, with CORS, renewal by frame and by refresh token."""

import shutil

import httpx
import pytest

from bench.server import free_port
from tests.browser.portal import fill_sign_in
from tests.clients.provider import EMAIL, FOLDER, NAME, PASSWORD, PYTHON, USERNAME

LIBRARY = FOLDER / "node_modules" / "oidc-client-ts" / "dist" / "browser" / "oidc-client-ts.min.js"
FRAME = "scope: 'openid profile email',"
MONITOR = f"{FRAME}\n  monitorSession: true,"
REFRESH = "scope: 'openid profile email offline_access',\n  prompt: 'consent',"


@pytest.fixture(scope="module")
def serve(provider, start, tmp_path_factory):
    """Returns a function that serves the page with the given way to renew; returns its registration."""

    def run(renewal):
        port = free_port()
        registered = provider.register("oidc_client_ts", f"http://localhost:{port}")
        folder = registered.write("oidc_client_ts", tmp_path_factory.mktemp("page"))
        script = (folder / "app.js").read_text()
        assert FRAME in script
        (folder / "app.js").write_text(script.replace(FRAME, renewal))
        shutil.copy(LIBRARY, folder)
        command = [PYTHON, "-m", "http.server", "--bind", "localhost", str(port)]
        start(command, port=port, folder=folder, environment={})
        return registered

    return run


@pytest.fixture(scope="module")
def app(serve):
    return serve(FRAME)


@pytest.fixture(scope="module")
def refreshing(serve):
    return serve(REFRESH)


@pytest.fixture(scope="module")
def monitoring(serve):
    return serve(MONITOR)


def sign_in(page, app):
    page.goto(app.address)
    page.click("#login")
    fill_sign_in(page, USERNAME, PASSWORD)
    page.wait_for_selector("#consent-allow, #logout:not([hidden])")
    if page.is_visible("input[value=offline_access]"):
        page.check("input[value=offline_access]")
    # What was allowed once is not asked again.
    if page.is_visible("#consent-allow"):
        page.click("#consent-allow")
    page.wait_for_selector("#logout:not([hidden])")
    assert page.url == f"{app.address}/"
    assert page.inner_text("#person") == f"{NAME} ({EMAIL})"


def token(page):
    return page.get_attribute("#person", "data-access-token")


def renew(page):
    """Renew, and return the requests to the provider that this took."""
    seen, before = [], token(page)
    page.on("request", lambda request: seen.append(request.url))
    page.click("#renew")
    page.wait_for_function("(before) => document.getElementById('person').dataset.accessToken !== before", arg=before)
    return [url for url in seen if "/oauth/" in url]


def active(provider, access_token):
    answer = httpx.get(f"{provider.issuer}/oauth/userinfo", headers={"Authorization": f"Bearer {access_token}"})
    return answer.status_code == 200


def test_a_person_signs_in_and_out(app, provider, page):
    sign_in(page, app)
    access_token = token(page)
    assert active(provider, access_token)

    page.click("#logout")
    page.wait_for_selector("#login:not([hidden])")

    assert page.url == f"{app.address}/"
    assert not active(provider, access_token)
    page.click("#login")
    page.wait_for_selector("#login-submit")


def test_a_frame_renews_while_the_person_is_signed_in(app, provider, page):
    sign_in(page, app)
    asked = renew(page)
    assert any("/oauth/authorize?" in url and "prompt=none" in url for url in asked)
    assert active(provider, token(page))


def test_a_frame_learns_that_nobody_is_signed_in(app, provider, page):
    sign_in(page, app)
    page.context.clear_cookies()
    error = page.evaluate("() => manager.signinSilent().then(() => '', (error) => error.error)")
    assert error == "login_required"


def test_a_refresh_token_renews_with_no_frame(refreshing, provider, page):
    sign_in(page, refreshing)
    for _ in range(3):
        asked = renew(page)
        assert not any("/oauth/authorize" in url for url in asked)
        assert active(provider, token(page))


def test_a_refresh_token_renews_without_cookies_and_is_revoked_at_the_end(refreshing, provider, page):
    sign_in(page, refreshing)
    page.context.clear_cookies()
    renew(page)
    access_token = token(page)
    page.evaluate("() => manager.revokeTokens()")
    assert not active(provider, access_token)
    error = page.evaluate("() => manager.signinSilent().then(() => '', (error) => error.error ?? error.message)")
    assert error


def test_a_page_that_watches_learns_of_a_sign_out_in_another_tab(monitoring, provider, page):
    sign_in(page, monitoring)
    page.evaluate("() => manager.events.addUserSignedOut(() => { document.title = 'Signed out' })")
    # Long enough for the frame to have said twice that nothing has changed.
    page.wait_for_timeout(4500)
    assert page.title() == "Notes"

    tab = page.context.new_page()
    tab.goto(f"{provider.issuer}/logout")
    tab.click("#logout-confirm")

    page.wait_for_function("() => document.title === 'Signed out'")
