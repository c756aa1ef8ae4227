"""JupyterHub with oauthenticator: no discovery, PKCE, no nonce, secret in the body; signs out by a bare address."""

import os

import pytest

from bench.server import free_port
from tests.clients.provider import ENVIRONMENTS, FOLDER, NODE, PASSWORD, USERNAME


@pytest.fixture(scope="module")
def hub(provider, start, port, tmp_path_factory):
    registered = provider.register("jupyterhub", f"http://localhost:{port}")
    own_ports = free_port(2)
    programs = [ENVIRONMENTS / "python" / "bin", NODE.parent, FOLDER / "node_modules" / ".bin"]
    start(
        [
            ENVIRONMENTS / "python" / "bin" / "jupyterhub",
            "--config",
            FOLDER / "jupyterhub" / "jupyterhub_config.py",
            f"--JupyterHub.hub_bind_url=http://localhost:{own_ports}",
            f"--ConfigurableHTTPProxy.api_url=http://localhost:{own_ports + 1}",
        ],
        port=port,
        folder=tmp_path_factory.mktemp("hub"),
        environment={**registered.environment, "PATH": os.pathsep.join([*map(str, programs), os.environ["PATH"]])},
        ready="/hub/login",
    )
    return registered


def test_a_person_of_the_group_signs_in_and_out(hub, visitor):
    page = visitor.sign_in(f"{hub.address}/hub/oauth_login")

    assert (page.status, page.url.partition("?")[0]) == (200, f"{hub.address}/hub/home")
    assert f'user: "{USERNAME}"' in page.text
    asked = visitor.visits("/oauth/authorize?")[0].query
    assert "nonce" not in asked
    assert asked["code_challenge_method"] == "S256"

    # Nothing but the bare address: Doorward asks, then says that it is done.
    page = visitor.open(f"{hub.address}/hub/logout")
    assert [visit.url for visit in visitor.visits("/logout")][1:] == [f"{hub.issuer}/logout", page.url]
    assert page.has("logout-confirm")
    page = visitor.sign_out(page)
    assert "You are signed out" in page.text
    assert visitor.open(f"{hub.address}/hub/oauth_login").has("login-submit")


def test_who_is_not_in_the_group_does_not_come_in(hub, provider, visitor):
    provider.add_person("eva", email="eva@people.example", name="Eva Lind")
    page = visitor.sign_in(f"{hub.address}/hub/oauth_login", "eva", PASSWORD)

    assert (page.status, page.url.startswith(hub.address)) == (403, True)
