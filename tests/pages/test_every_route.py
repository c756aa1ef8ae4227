"""What holds for every route there is, so that the next one cannot forget it."""

from datetime import timedelta
from urllib.parse import quote_from_bytes

import pytest
import time_machine

from idp import clock
from tests.factories import make_client, make_person, sign_in

# Machines call these from other sites; each protects itself as its protocol says.
CALLED_BY_MACHINES = {
    "oidc_authorize.start_by_post",
    "oidc_end_session.start_by_post",
    "oidc_introspect.show",
    "oidc_register.change",
    "oidc_register.create",
    "oidc_register.delete",
    "oidc_revoke.end",
    "oidc_sign.create",
    "oidc_token.issue",
    "oidc_userinfo.show",
    "token_api.blacklist",
    "token_api.obtain",
    "token_api.renew",
    "token_api.verify",
}
# What an administrator does without saying the password again: nothing of it opens a door.
EVERYDAY = {
    "admin_audit.check",
    "admin_clients.create",
    "admin_clients.save",
    "admin_groups.create",
    "admin_groups.rename",
    "admin_key_readiness.end_trial",
    "admin_keys.export",
    "admin_outbox.give_up",
    "admin_outbox.retry",
    "admin_outbox.retry_failed",
    "admin_second_factors.forget",
    "admin_user_deletion.keep",
    "admin_users.send_verification",
    "admin_users.sign_out",
    "admin_users.update",
}
VALUES = {"client_id": "app", "person_id": "usr_x", "group_id": "grp_x", "session_id": "ses_x", "secret_id": "sec_x"}
VALUES |= {
    "kid": "k" * 43,
    "token": "t" * 43,
    "token_id": "iat_x",
    "digest": "d" * 64,
    "interaction": "i" * 43,
    "receipt": "r" * 43,
    "delivery_id": "dlv_x",
    "accent": "2a50d8",
    "invitation_id": "inv_x",
    "place": "light",
    "passkey_id": "psk_x",
    "remembered_id": "rem_x",
    "kind": "totp",
}


def routes(app, method):
    """Return (endpoint, path) of every route of *method*, with made-up values in its path."""
    adapter = app.url_map.bind("localhost")
    return [
        (rule.endpoint, adapter.build(rule.endpoint, {name: VALUES[name] for name in rule.arguments}, method=method))
        for rule in app.url_map.iter_rules()
        if method in rule.methods and rule.endpoint != "static" and rule.arguments <= VALUES.keys()
    ]


@pytest.fixture
def administrator(app):
    browser = app.test_client()
    sign_in(app, browser, make_person(app, "root", is_admin=True))
    make_client(app, client_id="app")
    return browser


def test_every_writing_route_is_looked_at(app):
    writing = [rule for rule in app.url_map.iter_rules() if rule.methods & {"POST", "PUT", "PATCH", "DELETE"}]
    assert {name for rule in writing for name in rule.arguments} <= VALUES.keys()
    assert sum(len(routes(app, method)) for method in ("POST", "PUT", "PATCH", "DELETE")) == len(writing)
    # A form can be posted and nothing else.
    assert {rule.endpoint for rule in writing if "POST" not in rule.methods} <= CALLED_BY_MACHINES


def test_L07_every_form_needs_its_token(app, administrator):
    for endpoint, path in routes(app, "POST"):
        if endpoint not in CALLED_BY_MACHINES:
            answer = administrator.post(path, data={"word": "replace", "client_name": "App"})
            assert answer.status_code in {400, 403}, (endpoint, answer.status_code)
            assert "text/html" in answer.content_type


def test_M05_every_form_refuses_another_origin(app, administrator):
    for endpoint, path in routes(app, "POST"):
        if endpoint not in CALLED_BY_MACHINES:
            answer = administrator.post(path, data={}, headers={"Origin": "https://evil.example"})
            assert answer.status_code in {400, 403}, endpoint


def test_M11_no_route_that_writes_answers_get_with_the_deed(app, administrator):
    for endpoint, path in routes(app, "POST"):
        if endpoint == "oidc_userinfo.show":
            continue
        answer = administrator.get(f"{path}?word=replace&client_name=App&confirm=1")
        assert answer.status_code in {200, 302, 303, 400, 401, 403, 404, 405, 410}, endpoint
    page = administrator.get("/admin/clients/app")
    assert page.status_code == 200, "nothing was deleted by all those visits"


def test_M01_every_administrators_page_is_closed_to_others(app):
    make_client(app, client_id="app")
    person, nobody = app.test_client(), app.test_client()
    sign_in(app, person, make_person(app, "ana"))
    for method in ("GET", "POST"):
        for endpoint, path in routes(app, method):
            if endpoint.startswith("admin_"):
                assert person.open(path, method=method).status_code in {400, 403}, endpoint
                answer = nobody.open(path, method=method)
                assert answer.status_code in {303, 400, 403}, endpoint
                assert "/admin" not in answer.headers.get("Location", "")


def test_M09_deeds_that_matter_ask_for_the_password_again(app, administrator):
    app.config["WTF_CSRF_ENABLED"] = False
    with time_machine.travel(clock.utc_now() + timedelta(minutes=6), tick=False):
        for endpoint, path in routes(app, "POST"):
            if endpoint.startswith("admin_") and endpoint not in EVERYDAY:
                answer = administrator.post(path, data={})
                assert answer.status_code == 303, (endpoint, answer.status_code)
                assert answer.headers["Location"].startswith("/reauth"), endpoint


def test_L11_no_page_can_be_framed_but_the_one_that_is_made_for_it(app, administrator):
    for endpoint, path in routes(app, "GET"):
        answer = administrator.get(path)
        if "text/html" in (answer.content_type or "") and endpoint != "oidc_check_session.show":
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"], path
            assert answer.headers["X-Frame-Options"] == "DENY", path


def test_N05_every_page_has_a_strict_policy_and_N06_is_not_kept(app, administrator):
    for _endpoint, path in routes(app, "GET"):
        answer = administrator.get(path)
        if "text/html" not in (answer.content_type or ""):
            continue
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe-inline" not in policy
        assert "unsafe-eval" not in policy
        assert "default-src 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "no-store" in answer.headers["Cache-Control"], path


def test_N02_no_forwarded_header_moves_an_address(app, administrator):
    headers = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "ftp",
        "X-Forwarded-Prefix": "/evil",
        "Forwarded": "host=evil.example",
        "X-Original-URL": "/evil",
    }
    for _endpoint, path in routes(app, "GET"):
        answer = administrator.get(path, headers=headers)
        assert "evil.example" not in answer.text, path
        assert "evil" not in answer.headers.get("Location", ""), path


def test_I16_an_unexpected_failure_shows_no_trace(app):
    app.testing = False
    app.config["PROPAGATE_EXCEPTIONS"] = False

    def fails():
        raise RuntimeError("the secret inside")

    app.view_functions["account_apps.index"] = fails
    browser = app.test_client()
    sign_in(app, browser, make_person(app, "ana"))
    answer = browser.get("/")
    assert answer.status_code == 500
    assert "secret inside" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["X-Request-Id"] in answer.text


@pytest.mark.parametrize("bad", ["\x00", "\x07", "\x1b[31m", "\x7f", "\ud800"])
def test_I06_no_control_character_is_ever_stored(app, administrator, bad):
    app.config["WTF_CSRF_ENABLED"] = False
    text = f"Ana{bad}".encode("utf-8", "surrogatepass")
    for path, field in (("/account", "name"), ("/admin/groups", "name"), ("/admin/clients/app/edit", "client_name")):
        body = field.encode() + b"=" + quote_from_bytes(text).encode()
        answer = administrator.post(path, data=body, content_type="application/x-www-form-urlencoded")
        assert answer.status_code == 400, path
    for path in ("/account", "/admin/groups", "/admin/clients/app"):
        page = administrator.get(path)
        assert page.status_code == 200
        assert f"Ana{bad}" not in page.text
