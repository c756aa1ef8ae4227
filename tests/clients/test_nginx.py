"""nginx with auth_request: pages without a sign-in of their own, on another port of the provider's host."""

import os
from shutil import which

import pytest

from bench.server import free_port
from tests.browser.portal import fill_sign_in
from tests.clients.provider import EMAIL, FOLDER, NAME, PASSWORD, USERNAME

MAIN = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
worker_processes 1;
{user}
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
    # The application that believes a header.
    server {{
        listen 127.0.0.1:{behind};
        default_type text/plain;
        set $who "user=$http_remote_user email=$http_remote_email name=$http_remote_name";
        return 200 "$who groups=$http_remote_groups uri=$request_uri";
    }}
}}
"""
REPORTS = """
    location /reports/ {
        auth_request /_verify_staff;
        error_page 401 = @sign_in;
        proxy_pass http://127.0.0.1:9001;
    }
"""
SIGNED_IN = f"user={USERNAME} email={EMAIL} name={NAME} groups=staff uri="


@pytest.fixture(scope="module")
def site(provider, start, tmp_path_factory):
    """The address of the site that nginx serves."""
    folder, port, behind = tmp_path_factory.mktemp("nginx"), free_port(), free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user, behind=behind))
    address = f"http://localhost:{port}"
    text = (FOLDER / "nginx" / "site.conf").read_text()
    changes = {
        "http://localhost:8000": provider.issuer,
        "listen 9000": f"listen {port}",
        "    location = /_verify {": f"{REPORTS}\n    location = /_verify {{",
        "127.0.0.1:9001": f"127.0.0.1:{behind}",
    }
    for documented, here in changes.items():
        assert documented in text
        text = text.replace(documented, here)
    (folder / "site.conf").write_text(text)
    command = [
        which("nginx", path=f"{os.defpath}:/usr/sbin"),
        "-p",
        folder,
        "-e",
        "stderr",
        "-c",
        folder / "nginx.conf",
    ]
    start(command, port=port, folder=folder, environment={})
    return address


def test_a_person_signs_in_and_comes_back_to_the_whole_address(site, provider, visitor):
    path = "/find?q=a+b%20c&month=5&rd=/x"
    page = visitor.open(f"{site}{path}")
    assert page.url.startswith(f"{provider.issuer}/login?interaction=")

    page = visitor.answer(page)

    assert (page.status, page.url) == (200, f"{site}{path}")
    assert page.text == f"{SIGNED_IN}{path}"


def test_whoever_is_signed_in_sees_no_page_of_the_provider(site, provider, visitor):
    visitor.sign_in(f"{provider.issuer}/login")
    page = visitor.open(f"{site}/x")
    assert page.text == f"{SIGNED_IN}/x"
    assert visitor.history[-1].url == f"{site}/x"
    assert visitor.history[-2].url.startswith(provider.issuer)


def test_a_header_of_the_browser_counts_for_nothing(site, provider, visitor):
    forged = {"Remote-User": "root", "Remote-Groups": "admins", "Remote-Email": "x@y.example", "Remote-Name": "Root"}
    page = visitor.post(f"{site}/x", {}, headers=forged)
    assert page.has("login-submit")
    visitor.answer(page)
    assert visitor.post(f"{site}/x", {"a": "b"}, headers=forged).text == f"{SIGNED_IN}/x"


def test_only_members_pass_where_a_group_is_asked_for(site, provider, visitor):
    provider.add_person("otto", email="otto@people.example", name="Otto")
    assert visitor.answer(visitor.open(f"{site}/x"), "otto", PASSWORD).text.startswith("user=otto ")
    assert visitor.open(f"{site}/reports/").status == 403
    visitor.sign_out(visitor.open(f"{site}/sign-out"))
    page = visitor.answer(visitor.open(f"{site}/reports/"))
    assert (page.status, page.url) == (200, f"{site}/reports/")


def test_a_sign_out_counts_at_once(site, visitor):
    visitor.answer(visitor.open(f"{site}/x"))
    visitor.sign_out(visitor.open(f"{site}/sign-out"))
    assert visitor.open(f"{site}/x").has("login-submit")


def test_names_that_are_not_ascii_arrive_escaped(site, provider, visitor):
    provider.add_person("zoë", email="zoe@people.example", name="Zoë Łuk")
    page = visitor.answer(visitor.open(f"{site}/"), "zoë", PASSWORD)
    assert page.text.startswith("user=zo%C3%AB email=zoe@people.example name=Zo%C3%AB %C5%81uk groups= ")


def test_a_browser_with_scripts_signs_in(site, page):
    page.goto(f"{site}/find?a=b&c=d")
    fill_sign_in(page, USERNAME, PASSWORD)
    page.wait_for_url(f"{site}/find?a=b&c=d")
    assert page.inner_text("body") == f"{SIGNED_IN}/find?a=b&c=d"
