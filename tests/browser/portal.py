"""The portal as a person meets it: what a test does again and again, by the hooks that automation relies on."""

from dataclasses import dataclass

from playwright.sync_api import Page

from bench.server import Server

ADMINISTRATOR = "root"
PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Portal:
    """A running server with its two sample apps."""

    server: Server
    demo_port: int

    @property
    def issuer(self) -> str:
        """The portal's address."""
        return self.server.issuer

    @property
    def notes(self) -> str:
        """The address of the app that uses OpenID Connect."""
        return f"http://notes.localhost:{self.demo_port}"

    @property
    def wiki(self) -> str:
        """The address of the app that uses the JWT redirect."""
        return f"http://wiki.localhost:{self.demo_port + 1}"

    def password_of(self, username: str) -> str:
        """Return the password that the server printed for a sample person."""
        return self.server.said(rf"Sign in as +{username} +(\S+)")


def fill_sign_in(page: Page, username: str, password: str) -> None:
    """Fill in the sign-in form and send it."""
    page.fill("input[name=username]", username)
    page.fill("input[name=password]", password)
    page.click("#login-submit")


def sign_in(page: Page, portal: Portal, username: str = ADMINISTRATOR, password: str = PASSWORD) -> None:
    """Sign in at the portal itself."""
    page.goto(f"{portal.issuer}/login")
    fill_sign_in(page, username, password)
    page.wait_for_url(f"{portal.issuer}/")
