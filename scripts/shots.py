"""What the pictures of the documentation show: the installation, the people, and the way to each page."""

from __future__ import annotations

import json
import re
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import pyotp
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.server import Server  # noqa: E402

PASSWORD = "correct horse battery staple"
LOOKS = [(theme, width) for theme in ("light", "dark") for width in (1280, 390)]
HEIGHTS = {1280: 800, 390: 844}
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
SAMPLES = ("ana", "ben", "chie")
PEOPLE = (
    ("dara", "Dara Lindqvist"),
    ("emeka", "Emeka Obi"),
    ("fatima", "Fatima El Amrani"),
    ("goran", "Goran Petrović"),
    ("hana", "Hana Kobayashi"),
    ("ivo", "Ivo Duarte"),
)
CLIENTS = (
    ("grafana", "Grafana", "https://grafana.example.com", "openid profile email groups phone"),
    ("library", "Library", "https://books.example.com", "openid profile"),
    ("payroll", "Payroll", "https://payroll.example.com", "openid email"),
    ("board", "Notice board", "https://board.example.com", "openid profile"),
)
# How some of them learn of a sign-out; nobody answers at these addresses.
LOGOUTS = {
    "grafana": {"backchannel_logout_uri": "https://grafana.example.com/logout"},
    "board": {"frontchannel_logout_uri": "https://board.example.com/signed-out"},
}
MAPPING = {"id_token": {"role": "groups"}, "access_token": {"https://grafana.example.com/email": "email"}}


@dataclass
class Studio:
    """A running installation, and the browsers that look at it in one theme and width."""

    server: Server
    browser: Browser
    look: tuple[str, int]
    contexts: dict[str, BrowserContext] = field(default_factory=dict)
    # Recovery codes of the person who signs in with two steps, each of which gets a browser of theirs in.
    codes: list[str] = field(default_factory=list)

    @property
    def issuer(self) -> str:
        """The installation's address."""
        return self.server.issuer

    @property
    def newcomer(self) -> str:
        """The address of somebody without an account; another one in each look, since a link is sent once a minute."""
        names = {("light", 1280): "zoe", ("light", 390): "zora", ("dark", 1280): "zara", ("dark", 390): "zelda"}
        return f"{names[self.look]}@example.com"

    def password_of(self, name: str) -> str:
        """Return the password of an account."""
        return self.server.said(rf"Sign in as +{name} +(\S+)") if name in SAMPLES else PASSWORD

    def page(self, who: str) -> Page:
        """Return a page of somebody's browser: nobody is signed in for ``""``, in a browser of its own."""
        theme, width = self.look
        if who not in self.contexts or not who:
            viewport = {"width": width, "height": HEIGHTS[width]}
            context = self.browser.new_context(
                viewport=viewport,
                color_scheme=theme,
                reduced_motion="reduce",
                locale="en-GB",
                timezone_id="Europe/Lisbon",
                user_agent=USER_AGENT,
            )
            context.set_default_timeout(15_000)
            self.contexts[who] = context
            page = context.new_page()
            if who:
                page.goto(f"{self.issuer}/login")
                sign_in(page, who, self.password_of(who))
                page.wait_for_url(lambda url: not url.endswith("/login"))
                if "/login/verify" in page.url:
                    page.get_by_role("link", name="recovery code").click()
                    page.fill("input[name=code]", self.codes.pop())
                    page.click("#verify-submit")
                page.wait_for_url(f"{self.issuer}/")
            return page
        return self.contexts[who].pages[0]

    def close(self) -> None:
        """Close the browsers."""
        for context in self.contexts.values():
            context.close()


def sign_in(page: Page, name: str, password: str) -> None:
    """Fill in the sign-in form and send it."""
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", password)
    page.click("#login-submit")


def authorization(client: str, redirect_uri: str, scope: str, **more: str) -> str:
    """Return the path of a request for authorization; *more* are further parameters."""
    query = {
        "client_id": client,
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "scope": scope,
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
        **more,
    }
    return f"/oauth/authorize?{urlencode(query)}"


GRAFANA = authorization("grafana", "https://grafana.example.com/callback", "openid profile email groups")
WRONG = authorization("grafana", "https://grafana.example.com/oauth2/callback", "openid")
ASKED = {"id_token": {"birthdate": {"essential": True}, "zoneinfo": None}, "userinfo": {"phone_number": None}}
SINGLE_CLAIMS = authorization("grafana", "https://grafana.example.com/callback", "openid", claims=json.dumps(ASKED))
CHOICE = f"{GRAFANA}&prompt=select_account"
ID_TOKEN = "section[aria-labelledby=id_token]"
CLAIMS = "/admin/clients/grafana/claims"


def at(path: str, page: Page, studio: Studio) -> None:
    """Open *path*."""
    page.goto(f"{studio.issuer}{path}")


def mistaken_password(page: Page, studio: Studio) -> None:
    """Try to change the password without knowing it."""
    at("/account/password", page, studio)
    page.fill("input[name=current_password]", "not the one")
    page.fill("input[name=new_password]", "swim tulip radar mint")
    page.locator("main form button[type=submit]").last.click()


def refused(page: Page, studio: Studio) -> None:
    """Show the sign-in form after a wrong password."""
    at("/login", page, studio)
    sign_in(page, "zoe@example.com", "not the password")


def recovery_asked(page: Page, studio: Studio) -> None:
    """Ask for a link, as somebody who cannot sign in."""
    at("/recover", page, studio)
    page.fill("input[name=username]", studio.newcomer)
    page.click("#recover-submit")


def recovery_link(page: Page, studio: Studio) -> None:
    """Open a link that an administrator handed over, and type a password that is guessed early."""
    page.goto(studio.server.command("user", "recover", "emeka")["recovery_link"])
    page.fill("input[name=new_password]", "Summer2026")
    page.get_by_text("This is close to one of the most used passwords.").wait_for()


def required_password(page: Page, studio: Studio) -> None:
    """Sign in as somebody who has to choose a new password."""
    studio.server.command("user", "require-new-password", "fatima")
    at("/login", page, studio)
    sign_in(page, "fatima", PASSWORD)


def recovery_for_ana(page: Page, studio: Studio) -> None:
    """Go to where an administrator makes a link for somebody."""
    link_of("Ana Ferreira", "/admin/users", page, studio)
    page.get_by_role("link", name="Recovery link…").click()


def recovery_for_ana_made(page: Page, studio: Studio) -> None:
    """Make that link, which is shown once."""
    recovery_for_ana(page, studio)
    page.get_by_role("button", name="Make link").click()


def known_here(page: Page, studio: Studio) -> None:
    """Come to an app in a browser in which two people signed in before."""
    chooser(page, studio)
    at("/logout", page, studio)
    page.click("#logout-confirm")
    at(GRAFANA, page, studio)


def chooser(page: Page, studio: Studio) -> None:
    """Sign two people in, one after the other in the same browser, and ask which of them goes on."""
    for name in ("ben", "chie"):
        at("/login", page, studio)
        sign_in(page, name, studio.password_of(name))
        page.wait_for_url(f"{studio.issuer}/")
        if name == "ben":
            at("/logout", page, studio)
            page.click("#logout-confirm")
    at(CHOICE, page, studio)


def authenticator(page: Page, **options: object) -> CDPSession:
    """Give the browser of *page* a virtual authenticator."""
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable", {"enableUI": False})
    given = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    given |= {"isUserVerified": True, "automaticPresenceSimulation": True, **options}
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": given})
    return devices


def with_passkeys(page: Page, studio: Studio) -> None:
    """Add passkeys of every kind and show the security page."""
    for options in ({"defaultBackupEligibility": True}, {}, {"transport": "usb"}):
        devices = authenticator(page, **options)
        at("/account/passkeys/new", page, studio)
        page.get_by_role("button", name="Add passkey").click()
        page.wait_for_url("**/account/security*")
        devices.detach()
    at("/account/security", page, studio)


def offered_passkey(page: Page, studio: Studio) -> None:
    """Sign in with a password, where a passkey can be made, and see the offer of one."""
    authenticator(page)
    at("/login", page, studio)
    page.locator("[data-passkey-offer][value='1']").wait_for(state="attached")
    # Somebody to whom it was not made before: it is made once in thirty days.
    words = ["user", "add", "jun", "--email", "jun@example.com", "--name", "Jun Arai", "--password-stdin"]
    studio.server.command(*words, given=PASSWORD)
    sign_in(page, "jun", PASSWORD)
    page.locator("#passkey-later").wait_for()
    studio.server.command("user", "delete", "jun", "--yes")


def signed_out(page: Page, studio: Studio) -> None:
    """Sign out of apps that are told in every way there is, or cannot be."""
    page.route("https://*.example.com/**", lambda route: route.fulfill(body="App", content_type="text/plain"))
    at("/login", page, studio)
    sign_in(page, "hana", PASSWORD)
    page.wait_for_url(f"{studio.issuer}/")
    open_samples(page, studio)
    for client, host in (("grafana", "grafana"), ("library", "books"), ("board", "board")):
        at(authorization(client, f"https://{host}.example.com/callback", "openid", prompt="consent"), page, studio)
        page.click("#consent-allow")
        page.wait_for_url("https://*.example.com/**")
    at("/logout", page, studio)
    page.click("#logout-confirm")
    for state in ("Trying again", "Signed out"):
        page.get_by_text(state, exact=True).wait_for()


def inspected(page: Page, studio: Studio, name: str = "reports") -> None:
    """Look into the access token of a client that lives no longer than this; with another *name* written into it."""
    metadata = {"client_id": "reports", "client_name": "Reports", "grant_types": ["client_credentials"]}
    made = studio.server.command("client", "add", "--metadata", "-", given=json.dumps(metadata))
    answer = page.request.post(
        f"{studio.issuer}/oauth/token",
        form={"grant_type": "client_credentials", "client_id": "reports", "client_secret": made["client_secret"]},
    )
    header, payload, signature = answer.json()["access_token"].split(".")
    payload = urlsafe_b64decode(payload + "==").replace(b"reports", name.encode())
    payload = urlsafe_b64encode(payload).decode().rstrip("=")
    at("/developer/jwt", page, studio)
    page.fill("[name=token]", f"{header}.{payload}.{signature}")
    page.get_by_role("button", name="Inspect").click()
    studio.server.command("client", "delete", "reports", "--yes")


def initial_access_token(page: Page, studio: Studio) -> None:
    """Make a token that lets apps register themselves, which is shown once."""
    at("/admin/registration/new", page, studio)
    page.fill("[name=name]", "Preview deployments")
    page.locator("main form button[type=submit]").first.click()


def invitation_link(page: Page, studio: Studio) -> None:
    """Make an invitation for whoever gets its link, which is shown once."""
    at("/admin/invitations/new", page, studio)
    page.fill("[name=message]", "Welcome on board. The reports are in Grafana.")
    for label in ("Engineering", "Grafana"):
        page.get_by_label(label, exact=True).check()
    page.get_by_role("button", name="Invite", exact=True).click()


def invited(page: Page, studio: Studio) -> None:
    """Open the link of an invitation."""
    words = ("--group", "Engineering", "--app", "grafana", "--from", "ruth", "--message", "Welcome on board, Dara.")
    made = studio.server.command("invite", "add", "dara.new@example.com", "--link", *words)
    page.goto(made["link"])


def code_of(page: Page) -> str:
    """Return the code that belongs to the key that the page shows."""
    return pyotp.TOTP(page.locator("#authenticator-key").inner_text().replace(" ", "")).now()


def second_step(page: Page, studio: Studio, way: str = "", code: str = "") -> None:
    """Come to the second step of a sign-in, choose a way, and enter a code."""
    at("/login", page, studio)
    sign_in(page, "emeka", PASSWORD)
    page.wait_for_url("**/login/verify*")
    if way and page.get_by_role("link", name=way).count():
        page.get_by_role("link", name=way).click()
    if code:
        page.fill("input[name=code]", code)
        page.locator(".error-summary").wait_for()


def enrolment(page: Page, studio: Studio) -> None:
    """Sign in as somebody who has to set an authenticator app up."""
    studio.server.command("user", "remove-second-factors", "ivo")
    at("/login", page, studio)
    sign_in(page, "ivo", PASSWORD)
    page.wait_for_url("**/login/enrol*")


def enrolment_codes(page: Page, studio: Studio) -> None:
    """Go on to the recovery codes."""
    enrolment(page, studio)
    page.fill("input[name=code]", code_of(page))
    page.click("#codes-submit")
    page.locator("#recovery-codes").wait_for()


def two_steps(page: Page, studio: Studio) -> None:
    """Set an authenticator app up, keep the recovery codes for later, and turn codes by email on."""
    at("/account/security/authenticator", page, studio)
    page.fill("input[name=code]", code_of(page))
    page.wait_for_url("**/recovery-codes")
    new_codes(page, studio)
    at("/account/security", page, studio)
    page.click("form[action$='/email-code'] button")
    page.wait_for_load_state()


def new_codes(page: Page, studio: Studio) -> None:
    """See new recovery codes, and keep them for later."""
    at("/account/security/recovery-codes", page, studio)
    page.click("#codes-submit")
    page.locator("#recovery-codes").wait_for()
    studio.codes[:] = page.locator(".recovery-codes__code").all_inner_texts()


def linked(start: str, *patterns: str, page: Page, studio: Studio) -> None:
    """Open *start*, then the first link of each page whose address has the pattern."""
    at(start, page, studio)
    for pattern in patterns:
        links = page.locator("main a[href]").evaluate_all("all => all.map(a => a.getAttribute('href'))")
        at(next(link for link in links if re.search(pattern, link)), page, studio)


def reached(start: str, *patterns: str) -> Callable[[Page, Studio], None]:
    """Return the way along links from *start*."""
    return lambda page, studio: linked(start, *patterns, page=page, studio=studio)


def action_of(text: str, action: str, page: Page, studio: Studio) -> None:
    """Follow a link of somebody's page."""
    link_of(text, "/admin/users", page, studio)
    link = page.locator(f"main a[href$='{action}']").first
    at(link.get_attribute("href") or "", page, studio)


def read_mail(page: Page, studio: Studio, to: str = "") -> None:
    """Read the newest mail that waits, or the newest one to somebody."""
    linked(f"/admin/outbox?q={to}", "/admin/outbox/mail/", page=page, studio=studio)
    page.locator("form[action*='/admin/outbox/mail/'] button").click()
    page.locator("#said").wait_for()


def email_link(page: Page, studio: Studio) -> None:
    """Ask for another address, and open the link that was mailed."""
    at("/account/email", page, studio)
    page.fill("main [name=email]", "dara.lindqvist@example.com")
    page.locator("main form button[type=submit]").last.click()
    page.wait_for_load_state()
    reader = studio.page("ruth")
    read_mail(reader, studio, "dara.lindqvist")
    page.goto(reader.locator("#mail-link").inner_text())


def sign_up_asked(page: Page, studio: Studio) -> None:
    """Ask for the link with which an account is made."""
    at("/register", page, studio)
    page.fill("input[name=email]", studio.newcomer)
    page.click("#register-submit")


def asked_again(page: Page, studio: Studio) -> None:
    """Be asked for the password once more, as soon as the sign-in was long enough ago."""
    at("/reauth", page, studio)
    while "/reauth" not in page.url:
        at("/reauth", page, studio)


def invited_by_link(page: Page, studio: Studio) -> None:
    """Open an invitation that names no address."""
    page.goto(studio.server.command("invite", "add", "--link", "--from", "ruth")["link"])


def link_of(text: str, listing: str, page: Page, studio: Studio) -> None:
    """Follow the link called *text* in a list."""
    at(listing, page, studio)
    page.get_by_role("link", name=text, exact=True).first.click()


def securing(page: Page, studio: Studio) -> None:
    """Begin to secure an account."""
    at("/account/secure", page, studio)
    page.get_by_role("button", name="Sign out everywhere else").click()


def secured(page: Page, studio: Studio) -> None:
    """Secure an account to the end."""
    securing(page, studio)
    page.get_by_role("button", name="Finish").click()


def deletion(page: Page, studio: Studio) -> None:
    """Ask whether to delete a person."""
    link_of("Dara Lindqvist", "/admin/users", page, studio)
    page.get_by_role("link", name="Delete…").click()


def opened_event(page: Page, studio: Studio) -> None:
    """Open the last change of a client in the audit log."""
    at("/admin/audit", page, studio)
    page.locator("main a[href*='event=']").first.click()


def mistaken_client(page: Page, studio: Studio) -> None:
    """Try to register a client at addresses that cannot be."""
    at("/admin/clients/new?kind=web", page, studio)
    page.fill("[name=client_name]", "Intranet")
    page.fill("[name=redirect_uris]", "http://intranet.example.com/callback\nhttps://*.example.com/")
    page.get_by_role("button", name="Register client").click()


def shown_secret(page: Page, studio: Studio) -> None:
    """Register a client, which shows its secret once."""
    at("/admin/clients/new?kind=web", page, studio)
    page.fill("[name=client_name]", "Intranet")
    page.fill("[name=client_id]", "intranet")
    page.fill("[name=redirect_uris]", "https://intranet.example.com/callback")
    page.get_by_role("button", name="Register client").click()
    studio.server.command("client", "delete", "intranet", "--yes")


@dataclass(frozen=True)
class Shot:
    """A picture: its name, whose browser, how to get there, whether it is as long as the page, or the part it shows."""

    name: str
    who: str
    reach: Callable[[Page, Studio], None]
    whole: bool = True
    part: str = ""


def plain(name: str, who: str, path: str) -> Shot:
    """Return the picture of the page at *path*."""
    return Shot(name, who, partial(at, path))


SHOTS = (
    plain("login", "", GRAFANA),
    plain("login-plain", "", "/login"),
    Shot("login-known", "", known_here),
    Shot("login-refused", "", refused),
    plain("recover", "", "/recover"),
    Shot("recover-asked", "", recovery_asked),
    Shot("recover-password", "", recovery_link),
    plain("recover-spent", "", "/recover/no-such-link"),
    Shot("new-password", "", required_password),
    Shot("second-step", "", partial(second_step, way="authenticator")),
    Shot("second-step-refused", "", partial(second_step, way="authenticator", code="000000")),
    Shot("second-step-email", "", partial(second_step, way="email")),
    Shot("second-step-recovery", "", partial(second_step, way="recovery")),
    Shot("second-step-set-up", "", enrolment),
    Shot("second-step-codes", "", enrolment_codes),
    plain("consent", "ana", GRAFANA),
    plain("consent-claims", "ana", SINGLE_CLAIMS),
    Shot("select", "", chooser),
    plain("apps", "ana", "/"),
    plain("apps-not-found", "dara", "/?q=payroll"),
    plain("profile", "ana", "/account"),
    plain("email", "ana", "/account/email"),
    plain("email-link-gone", "", "/email/gone"),
    plain("security", "ana", "/account/security"),
    plain("passkey-new", "ana", "/account/passkeys/new"),
    Shot("passkeys", "hana", with_passkeys),
    Shot("passkey-rename", "hana", reached("/account/security", "/rename$")),
    Shot("passkey-remove", "hana", reached("/account/security", "/passkeys/.*/remove$")),
    Shot("passkey-offer", "", offered_passkey),
    plain("security-two-steps", "emeka", "/account/security"),
    plain("authenticator", "ana", "/account/security/authenticator"),
    plain("authenticator-remove", "emeka", "/account/security/totp/remove"),
    plain("recovery-codes", "ana", "/account/security/recovery-codes"),
    Shot("recovery-codes-shown", "emeka", new_codes),
    Shot("email-link", "dara", email_link),
    plain("password", "ana", "/account/password"),
    Shot("password-refused", "ana", mistaken_password),
    plain("sessions", "ana", "/account/sessions"),
    plain("connected", "ana", "/account/connected"),
    plain("connected-known", "ana", "/account/connected/library"),
    plain("connected-remove", "ana", "/account/connected/library/remove"),
    plain("connected-empty", "chie", "/account/connected"),
    plain("activity", "ana", "/account/activity"),
    plain("secure", "ana", "/account/secure"),
    Shot("secure-steps", "hana", securing),
    Shot("secure-done", "hana", secured),
    plain("export", "ana", "/account/export"),
    plain("delete", "ana", "/account/delete"),
    plain("error", "", WRONG),
    plain("error-admin", "ruth", WRONG),
    plain("not-found", "", "/no-such-page"),
    plain("forbidden", "ana", "/admin/clients"),
    plain("sign-out", "ana", "/logout"),
    Shot("signed-out", "", signed_out),
    plain("setup-explained", "", "/setup"),
    plain("login-again", "ana", f"{GRAFANA}&prompt=login"),
    plain("admin-clients", "ruth", "/admin/clients"),
    plain("admin-clients-nothing", "ruth", "/admin/clients?q=zebra"),
    plain("admin-new-client-kind", "ruth", "/admin/clients/new"),
    plain("admin-new-client", "ruth", "/admin/clients/new?kind=web"),
    plain("admin-new-client-jwt", "ruth", "/admin/clients/new?kind=jwt&preset=generic&address="),
    plain("admin-new-client-spa", "ruth", "/admin/clients/new?kind=spa"),
    plain("admin-new-client-native", "ruth", "/admin/clients/new?kind=native"),
    plain("admin-new-client-machine", "ruth", "/admin/clients/new?kind=machine"),
    Shot("admin-new-client-refused", "ruth", mistaken_client),
    plain("admin-client", "ruth", "/admin/clients/demo-notes"),
    plain("admin-client-jwt", "ruth", "/admin/clients/demo-wiki"),
    plain("admin-client-grafana", "ruth", "/admin/clients/grafana"),
    plain("admin-client-contract", "ruth", "/admin/clients/demo-notes/contract"),
    plain("admin-client-claims", "ruth", f"{CLAIMS}?q=ana&scope=openid&scope=profile&scope=groups"),
    Shot("claims-preview", "ruth", partial(at, f"{CLAIMS}?q=ana&scope=openid&scope=email&scope=groups"), part=ID_TOKEN),
    plain("admin-client-claims-narrow", "ruth", f"{CLAIMS}?q=ana&scope=profile"),
    plain("admin-client-claims-many", "ruth", f"{CLAIMS}?q=a"),
    plain("admin-registration", "ruth", "/admin/registration"),
    plain("admin-registration-new", "ruth", "/admin/registration/new"),
    Shot("admin-registration-token", "ruth", initial_access_token),
    Shot("admin-registration-revoke", "ruth", reached("/admin/registration", "/revoke$")),
    plain("admin-client-simulator", "ruth", "/admin/clients/demo-wiki/simulator?q=ana"),
    plain("admin-client-shared-secret", "ruth", "/admin/clients/helpdesk"),
    plain("admin-client-jwt-secret", "ruth", "/admin/clients/helpdesk/jwt-secret"),
    plain("admin-client-jwt-secrets", "ruth", "/admin/clients/helpdesk/jwt-secrets"),
    Shot("admin-client-secret-remove", "ruth", reached("/admin/clients/grafana", "/secrets/.*/remove$")),
    plain("admin-client-edit", "ruth", "/admin/clients/grafana/edit"),
    plain("admin-client-disable", "ruth", "/admin/clients/grafana/disable"),
    plain("admin-client-delete", "ruth", "/admin/clients/library/delete"),
    Shot("admin-secret", "ruth", shown_secret),
    plain("admin-keys", "ruth", "/admin/keys"),
    plain("admin-keys-rotate", "ruth", "/admin/keys/rotate"),
    plain("admin-keys-replace", "ruth", "/admin/keys/replace"),
    plain("admin-keys-readiness", "ruth", "/admin/keys/readiness"),
    Shot("admin-key", "ruth", reached("/admin/keys", r"/admin/keys/[\w-]{43}$")),
    plain("admin-keys-import", "ruth", "/admin/keys/import"),
    plain("admin-users", "ruth", "/admin/users"),
    plain("admin-users-new", "ruth", "/admin/users/new"),
    Shot("admin-user", "ruth", partial(link_of, "Ana Ferreira", "/admin/users")),
    Shot("admin-recovery", "ruth", recovery_for_ana),
    Shot("admin-recovery-link", "ruth", recovery_for_ana_made),
    Shot("admin-user-two-steps", "ruth", partial(link_of, "Emeka Obi", "/admin/users")),
    Shot("admin-user-second-factors", "ruth", partial(action_of, "Emeka Obi", "/second-factors")),
    Shot("admin-user-password", "ruth", partial(action_of, "Ana Ferreira", "/password")),
    Shot("admin-user-rights", "ruth", partial(action_of, "Ana Ferreira", "/rights")),
    Shot("admin-user-disable", "ruth", partial(action_of, "Ana Ferreira", "/disable")),
    Shot("admin-user-passkey", "ruth", partial(action_of, "Hana Kobayashi", "/remove")),
    Shot("admin-user-delete", "ruth", deletion),
    plain("admin-groups", "ruth", "/admin/groups"),
    Shot("admin-group", "ruth", partial(link_of, "Engineering", "/admin/groups")),
    plain("admin-outbox", "ruth", "/admin/outbox"),
    Shot("admin-outbox-mail", "ruth", reached("/admin/outbox", "/admin/outbox/mail/")),
    Shot("admin-outbox-mail-read", "ruth", read_mail),
    plain("admin-audit", "ruth", "/admin/audit"),
    plain("admin-branding", "ruth", "/admin/branding"),
    plain("admin-invitations-new", "ruth", "/admin/invitations/new"),
    Shot("admin-invitation-link", "ruth", invitation_link),
    plain("admin-invitations", "ruth", "/admin/invitations"),
    Shot("admin-invitation-revoke", "ruth", reached("/admin/invitations", "/revoke$")),
    Shot("join", "", invited),
    Shot("join-accept", "chie", invited),
    Shot("join-address", "", invited_by_link),
    plain("join-unknown", "", "/join/unknown"),
    plain("register-closed", "", "/register"),
    Shot("admin-audit-event", "ruth", opened_event),
    plain("inspector-empty", "ana", "/developer/jwt"),
    Shot("inspector", "ana", inspected, whole=False),
    Shot("inspector-whole", "ana", inspected),
    Shot("inspector-altered", "ana", partial(inspected, name="payroll")),
)
# Where anybody may make an account and every sign-in soon was too long ago, which is set before the server starts.
OPEN_SHOTS = (
    plain("register", "", "/register"),
    Shot("register-sent", "", sign_up_asked),
    plain("login-open", "", "/login"),
    Shot("reauth", "ana", asked_again),
)


def furnish(server: Server) -> None:
    """Fill the installation with what a small company has."""
    for name, full_name in PEOPLE:
        words = ["user", "add", name, "--email", f"{name}@example.com", "--name", full_name, "--password-stdin"]
        server.command(*words, given=PASSWORD)
    for group, members in (("Design", ("dara", "hana")), ("Staff", ("emeka", "fatima")), ("Treasury", ("ivo",))):
        if group != "Staff":
            server.command("group", "add", group)
        for member in members:
            server.command("group", "add-member", group, member)
    for client_id, name, home, scope in CLIENTS:
        given = {
            "client_id": client_id,
            "client_name": name,
            "client_uri": f"{home}/",
            "redirect_uris": [f"{home}/callback"],
            "post_logout_redirect_uris": [f"{home}/"],
            "scope": scope,
            "policy_uri": f"{home}/privacy",
            **LOGOUTS.get(client_id, {}),
        }
        server.command("client", "add", "--metadata", "-", given=json.dumps(given))
    server.command("client", "edit", "grafana", "--set", f"claim_mapping={json.dumps(MAPPING)}")
    for claim in ("birthdate=1990-04-27", "zoneinfo=Europe/Lisbon", "phone_number=+351 21 555 01 00"):
        server.command("user", "edit", "ana", "--claim", claim)
    machine = {"client_id": "backup", "client_name": "Nightly backup", "grant_types": ["client_credentials"]}
    server.command("client", "add", "--metadata", "-", given=json.dumps(machine))
    server.command("client", "disable", "payroll")
    server.command("client", "secret", "grafana")
    server.command("group", "require-second-factor", "Treasury")
    legacy = {"client_id": "helpdesk", "client_name": "Helpdesk", "grant_types": [], "response_types": []}
    legacy["jwt_sso"] = {"delivery_uri": "https://help.example.com/sso", "alg": "HS256"}
    legacy["token_endpoint_auth_method"] = "none"
    server.command("client", "add", "--metadata", "-", given=json.dumps(legacy))
    server.command("user", "disable", "goran")


def set_up(page: Page, server: Server) -> None:
    """Make the first administrator by the setup page."""
    page.goto(server.said(r"Finish setup +(\S+)"))
    page.fill("input[name=name]", "Ruth Keeper")
    page.fill("input[name=username]", "ruth")
    page.fill("input[name=email]", "ruth@example.com")
    page.fill("input[name=password]", PASSWORD)
    page.click("#setup-submit")
    page.wait_for_url(f"{server.issuer}/admin/clients")


def live_a_little(studio: Studio) -> None:
    """Sign in as the sample person who uses apps, and let one of them know her."""
    page = studio.page("ana")
    page.route("https://books.example.com/**", lambda route: route.fulfill(body="Library", content_type="text/plain"))
    open_samples(page, studio)
    at(authorization("library", "https://books.example.com/callback", "openid profile"), page, studio)
    page.click("#consent-allow")
    page.wait_for_url("https://books.example.com/**")
    two_steps(studio.page("emeka"), studio)


def open_samples(page: Page, studio: Studio) -> None:
    """Go from the start page to each of the two sample apps."""
    for name in ("Notes", "Wiki"):
        at("/", page, studio)
        page.locator("main").get_by_role("link", name=name).first.click()
        page.wait_for_load_state()
        if page.locator("#sign-in").count():
            page.click("#sign-in")
