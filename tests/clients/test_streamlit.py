"""Streamlit: discovery, PKCE, nonce, Basic; asks for `prompt=select_account` at every sign-in; ID token only."""

import pytest

from tests.clients.provider import EMAIL, NAME, PASSWORD, PYTHON, USERNAME


@pytest.fixture(scope="module")
def app(provider, start, port, tmp_path_factory):
    registered = provider.register("streamlit", f"http://localhost:{port}")
    start(
        [
            *(PYTHON, "-m", "streamlit", "run", "app.py", "--server.port", str(port), "--server.address", "localhost"),
            *("--server.headless", "true", "--browser.gatherUsageStats", "false", "--server.fileWatcherType", "none"),
        ],
        port=port,
        folder=registered.write("streamlit", tmp_path_factory.mktemp("streamlit")),
        environment={"AUTHLIB_INSECURE_TRANSPORT": "1"},
        ready="/_stcore/health",
    )
    return registered


@pytest.fixture
def page(chromium):
    context = chromium.new_context()
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


def sign_in(app, page):
    page.goto(f"{app.address}/")
    page.get_by_role("button", name="Sign in").click()
    page.fill("input[name=username]", USERNAME)
    page.fill("input[name=password]", PASSWORD)
    page.click("#login-submit")
    page.locator("#consent-allow").or_(page.get_by_role("button", name="Sign out")).wait_for()
    if page.locator("#consent-allow").count():
        page.click("#consent-allow")
    page.get_by_text(f"{NAME} ({EMAIL})").wait_for()


def test_a_person_signs_in_and_out(app, page):
    asked = []
    page.on("request", lambda request: asked.append(request.url) if request.url.startswith(app.issuer) else None)
    sign_in(app, page)
    assert "prompt=select_account" in next(url for url in asked if "/oauth/authorize?" in url)

    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in").wait_for()
    signed_out = next(url for url in asked if f"{app.issuer}/logout?" in url)
    assert all(f"{name}=" in signed_out for name in ("client_id", "id_token_hint", "post_logout_redirect_uri"))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{app.issuer}/select?**")
    page.get_by_role("button", name=NAME).first.click()
    page.wait_for_selector("#login-submit")


def test_who_is_signed_in_already_is_asked_which_account_to_use(app, page):
    sign_in(app, page)
    page.context.clear_cookies(name="_streamlit_user")
    page.goto(f"{app.address}/")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{app.issuer}/select?**")
    page.get_by_role("button", name=NAME).first.click()

    page.get_by_text(f"{NAME} ({EMAIL})").wait_for()
