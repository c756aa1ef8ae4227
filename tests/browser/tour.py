"""A way through every page there is: which route each is, who sees it, and how to get there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import quote

import pyotp
from playwright.sync_api import CDPSession, Page, expect

from bench.server import PASSWORD
from tests.browser.portal import ADMINISTRATOR, Portal, fill_sign_in

NOBODY = ""
# Whoever the stop before was of, in the same browser.
SAME = "same"
ROOT, ANA, BEN, CHIE = ADMINISTRATOR, "ana", "ben", "chie"
# People who are in the middle of signing in, so that each visit begins anew.
NEW_PASSWORD = "nils"
NOWHERE = "/no-such-page"
REMOVAL = "/account/security/<any(totp,email,recovery_codes):kind>/remove"
# What is done with GET and shows no page: documents for programs, and addresses that lead on.
NOT_PAGES = {
    "/.well-known/change-password": "leads to the security page",
    "/.well-known/jwks.json": "document",
    "/.well-known/oauth-authorization-server": "document",
    "/.well-known/openid-configuration": "document",
    "/.well-known/openid-configuration/<client_id>": "document",
    "/.well-known/passkey-endpoints": "document",
    "/.well-known/webauthn": "document",
    "/admin": "leads to the apps",
    "/admin/audit/entries/<event_id>": "leads to the audit log, opened there",
    "/admin/branding/preview-<accent>.css": "style sheet",
    "/admin/client-drafts/<interaction>": "leads back to the form",
    "/admin/client-drafts/claims/<interaction>": "leads back to the form",
    "/admin/users/drafts/<interaction>": "leads back to the form",
    "/brand-<digest>.css": "style sheet",
    "/brand/<digest>": "picture",
    "/email/resume/<interaction>": "leads back to a link after a sign-in",
    "/joining/<interaction>/app": "leads on to the app of an invitation",
    "/login/continue/<interaction>": "leads on after a sign-in",
    "/login/step-up": "leads to the second step",
    "/logos/<digest>": "picture",
    "/logout": "leads to the question",
    "/oauth/authorize/<interaction>": "leads on after a sign-in",
    "/oauth/check-session": "frame without anything to see",
    "/oauth/jwks": "document",
    "/oauth/jwks/<client_id>": "document",
    "/oauth/register/<client_id>": "document",
    "/oauth/userinfo": "document",
    "/sso/resume/<interaction>": "leads on after a sign-in",
    "/static/<path:filename>": "file",
    "/verify": "answer for a proxy",
}


@dataclass
class Guide:
    """Who goes around: a browser for each person, and what has been made on the way."""

    portal: Portal
    new_page: Callable[[], Page]
    pages: dict[str, Page] = field(default_factory=dict)
    # Ids and links, by the names that addresses of the tour have for them.
    known: dict[str, str] = field(default_factory=dict)

    def page(self, who: str) -> Page:
        """Return somebody's page; nobody has an empty browser each time, and closes the one before."""
        if who == SAME:
            return self.pages[NOBODY]
        if who == NOBODY:
            if NOBODY in self.pages:
                self.pages.pop(NOBODY).context.close()
            self.pages[NOBODY] = self.new_page()
        elif who not in self.pages:
            self.pages[who] = self.new_page()
            self.sign_in(who)
        return self.pages[who]

    def password_of(self, who: str) -> str:
        """Return somebody's password."""
        return PASSWORD if who in {ROOT, NEW_PASSWORD} else self.portal.password_of(who)

    def sign_in(self, who: str, page: Page | None = None) -> Page:
        """Sign somebody in with the password alone, wherever that leads."""
        page = page or self.pages[who]
        page.goto(f"{self.portal.issuer}/login")
        fill_sign_in(page, who, self.password_of(who))
        page.wait_for_url(lambda url: not url.endswith("/login"))
        return page

    def at(self, page: Page, path: str) -> None:
        """Open *path*; where it wants the password again, say it."""
        page.goto(self.portal.issuer + path.format(**self.known))
        if "/reauth" in page.url:
            who = next(name for name, known in self.pages.items() if known is page)
            page.fill("input[name=password]", self.password_of(who))
            page.keyboard.press("Enter")
            page.wait_for_url(lambda url: "/reauth" not in url)


def pattern_of(rule: str) -> re.Pattern[str]:
    """Return what the addresses of a route look like, with or without a query."""
    parts = re.split(r"<[^>]+>", rule)
    return re.compile("[^/?#]+".join(re.escape(part) for part in parts) + r"(?:[?#].*)?")


def at(path: str, page: Page, guide: Guide) -> None:
    """Open *path*."""
    guide.at(page, path)


def follow(start: str, *patterns: str, page: Page, guide: Guide) -> None:
    """Open *start*, then the first link of each page whose address has the pattern."""
    guide.at(page, start)
    for pattern in patterns:
        links = page.locator("main a[href]").evaluate_all("all => all.map(a => a.getAttribute('href'))")
        guide.at(page, next(link for link in links if re.search(pattern, link)))


def press(start: str, button: str, page: Page, guide: Guide, fill: dict[str, str] | None = None) -> None:
    """Open *start*, fill fields in, press a button, by its id or its label."""
    guide.at(page, start)
    for name, value in (fill or {}).items():
        page.fill(f"main [name={name}]", value)
    found = page.locator(button) if button.startswith("#") else page.locator("main").get_by_role("button", name=button)
    found.first.click()
    page.wait_for_load_state()


def code_of(page: Page) -> str:
    """Return the code that belongs to the key that the page shows."""
    return pyotp.TOTP(page.locator("#authenticator-key").inner_text().replace(" ", "")).now()


def has_passkeys(page: Page) -> CDPSession:
    """Give the page's browser a place to keep passkeys."""
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable", {"enableUI": False})
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    options |= {"isUserVerified": True, "automaticPresenceSimulation": True}
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return devices


def furnish(guide: Guide) -> None:
    """Fill the installation: people in every state, an app with every kind of secret, links that were sent."""
    command = guide.portal.server.command
    person = ("user", "add", NEW_PASSWORD, "--email", f"{NEW_PASSWORD}@example.com", "--password-stdin")
    command(*person, given=PASSWORD)
    command("user", "require-new-password", NEW_PASSWORD)
    command("group", "require-second-factor", "Finance")
    for client in ("demo-notes", "demo-wiki"):
        command("client", "edit", client, "--set", "skip_consent=false")
    command("client", "secret", "demo-notes")
    metadata = {"client_id": "legacy", "client_name": "Legacy", "grant_types": [], "response_types": []}
    metadata |= {"token_endpoint_auth_method": "none"}
    metadata["jwt_sso"] = {"delivery_uri": "https://legacy.example/sso", "alg": "HS256"}
    command("client", "add", "--metadata", "-", given=json.dumps(metadata))
    invitation = ("--link", "--from", ROOT, "--group", "Engineering", "--app", "demo-notes")
    guide.known["invitation"] = command("invite", "add", "new@example.com", *invitation, "--message", "Come in.")[
        "link"
    ]
    guide.known["for_chie"] = command("invite", "add", "chie@example.com", *invitation)["link"]
    guide.known["for_anybody"] = command("invite", "add", *invitation)["link"]
    guide.known["recovery"] = command("user", "recover", CHIE)["recovery_link"]
    guide.known |= {one["username"]: one["id"] for one in command("user", "list")}
    guide.known["group"] = command("group", "list")[0]["id"]
    for name in ("invitation", "for_chie", "for_anybody", "recovery"):
        guide.known[name] = guide.known[name].removeprefix(guide.portal.issuer)


def enrol(page: Page, guide: Guide) -> None:
    """Set an authenticator app up, and see the recovery codes that follow."""
    guide.at(page, "/account/security/authenticator")
    page.fill("input[name=code]", code_of(page))
    page.wait_for_url("**/recovery-codes")


def new_codes(page: Page, guide: Guide) -> None:
    """See new recovery codes."""
    press("/account/security/recovery-codes", "#codes-submit", page, guide)
    page.locator("#recovery-codes").wait_for()


def add_passkey(page: Page, guide: Guide) -> None:
    """Add a passkey, and see it among the ways to sign in."""
    devices = has_passkeys(page)
    press("/account/passkeys/new", "Add passkey", page, guide)
    page.wait_for_url("**/account/security**")
    devices.detach()


def second_step(way: str, page: Page, guide: Guide) -> None:
    """Come to the second step as somebody who has every way, and choose one."""
    guide.sign_in(ANA, page)
    if way:
        page.get_by_role("link", name=way).click()
    page.wait_for_load_state()


def wrong_code(page: Page, guide: Guide) -> None:
    """Enter a code that is wrong."""
    second_step("authenticator", page, guide)
    page.fill("input[name=code]", "000000")
    page.locator(".error-summary").wait_for()


def first_factor(page: Page, guide: Guide) -> None:
    """Come to where an authenticator app has to be set up before the sign-in ends."""
    guide.sign_in(BEN, page)


def first_codes(page: Page, guide: Guide) -> None:
    """Set it up there; the recovery codes come next."""
    guide.sign_in(BEN, page)
    page.fill("input[name=code]", code_of(page))
    page.wait_for_url("**/login/enrol/codes*")


def first_codes_shown(page: Page, guide: Guide) -> None:
    """Go on from there, and see the codes."""
    page.click("#codes-submit")
    page.locator("#recovery-codes").wait_for()


def forced_password(page: Page, guide: Guide) -> None:
    """Sign in as somebody who has to choose another password."""
    guide.sign_in(NEW_PASSWORD, page)


def offered_passkey(page: Page, guide: Guide) -> None:
    """Sign in where a passkey can be made, and be offered one."""
    has_passkeys(page)
    guide.at(page, "/login")
    page.locator("[data-passkey-offer][value='1']").wait_for(state="attached")
    fill_sign_in(page, ROOT, PASSWORD)
    page.locator("#passkey-later").wait_for()


def known_here(page: Page, guide: Guide) -> None:
    """Come to the sign-in page of a browser in which two people signed in before."""
    for who in (CHIE, ROOT):
        guide.sign_in(who, page)
        guide.at(page, "/logout")
        page.click("#logout-confirm")
        page.wait_for_url("**/logout/done/*")
    guide.at(page, "/login")
    page.locator("#login-known").wait_for()


def choose_account(page: Page, guide: Guide) -> None:
    """Ask there which of them goes on."""
    guide.at(page, "/login")
    page.click("#login-select")
    page.wait_for_url("**/select*")


def change_address(page: Page, guide: Guide) -> None:
    """Ask for another address, and open the link that was mailed, which waits in the outbox."""
    press("/account/email", "Send a link", page, guide, {"email": "chie.new@example.com"})
    admin = guide.page(ROOT)
    guide.at(admin, "/admin/outbox?q=chie.new")
    admin.locator("main a[href*='/admin/outbox/mail/']").first.click()
    admin.locator("form[action*='/admin/outbox/mail/'] button").click()
    page.goto(admin.locator("#mail-link").inner_text())


def opened_mail(page: Page, guide: Guide) -> None:
    """Read the newest mail that waits."""
    follow("/admin/outbox", "/admin/outbox/mail/", page=page, guide=guide)
    page.locator("form[action*='/admin/outbox/mail/'] button").click()
    page.locator("#said").wait_for()


def join_as_somebody_known(page: Page, guide: Guide) -> None:
    """Sign in with the account that is there, to take an invitation for it."""
    guide.at(page, "{for_chie}")
    page.click("#join-submit")
    page.wait_for_url("**/login*")
    fill_sign_in(page, CHIE, guide.portal.password_of(CHIE))
    page.wait_for_url("**/joining/*")


def ask_for_consent(page: Page, guide: Guide, more: str = "&prompt=consent") -> None:
    """Sign in to an app that asks first, or with what *more* asks for."""
    query = "client_id=demo-notes&redirect_uri={notes}/callback&response_type=code&scope=openid+email"
    query += "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256" + more
    guide.at(page, f"/oauth/authorize?{query.format(notes=guide.portal.notes)}")


def known_to_an_app(page: Page, guide: Guide) -> None:
    """See what an app knows that was let in just now; the page belongs to the list that leads there."""
    ask_for_consent(page, guide)
    page.click("#consent-allow")
    page.wait_for_url(f"{guide.portal.notes}/**")
    follow("/account/connected", "/account/connected/[^/]+$", page=page, guide=guide)
    here = page.get_by_role("navigation", name="Account").locator("[aria-current=page]")
    expect(here).to_have_text("Connected apps")


def needed_passkey(page: Page, guide: Guide) -> None:
    """Sign in to an app that wants a passkey, as somebody without one."""
    wanted = json.dumps({"id_token": {"acr": {"essential": True, "values": ["phr"]}}})
    ask_for_consent(page, guide, f"&claims={quote(wanted)}")


def secured(page: Page, guide: Guide) -> None:
    """Secure an account, to the end."""
    press("/account/secure", "Sign out everywhere else", page, guide)
    page.get_by_role("button", name="Finish").click()
    page.wait_for_url("**/account/secure/done/*")


def signed_out(page: Page, guide: Guide) -> None:
    """Sign out of the site and of two apps, and wait until they were told."""
    for app in (guide.portal.notes, guide.portal.wiki):
        page.goto(app)
        page.click("#sign-in")
        page.wait_for_url(re.compile(f"{app}/$|/login|/consent"))
        if "/login" in page.url:
            fill_sign_in(page, CHIE, guide.portal.password_of(CHIE))
            page.wait_for_url(re.compile(f"{app}/$|/consent"))
        if "/consent" in page.url:
            page.click("#consent-allow")
        page.wait_for_url(f"{app}/")
    guide.at(page, "/logout")
    page.click("#logout-confirm")
    page.wait_for_url("**/logout/done/*")
    row = page.locator("li", has=page.get_by_role("heading", name="Notes"))
    expect(row).to_contain_text("Signed out")


@dataclass(frozen=True)
class Stop:
    """A page: the route that shows it, in which state, to whom, and the way to it."""

    rule: str
    who: str
    reach: Callable[[Page, Guide], None]
    state: str = ""

    @property
    def name(self) -> str:
        """What it is called in the list of tests."""
        return " ".join(part for part in (self.rule, self.state, f"({self.who})" if self.who else "") if part)


def plain(rule: str, who: str, path: str = "", state: str = "") -> Stop:
    """Return the stop at *path*, which is the rule itself where nothing in it varies."""
    return Stop(rule, who, partial(at, path or rule), state)


def linked(rule: str, start: str, *patterns: str, who: str = ROOT) -> Stop:
    """Return the stop that links lead to from *start*."""
    return Stop(rule, who, lambda page, guide: follow(start, *patterns, page=page, guide=guide))


def pressed(rule: str, who: str, start: str, button: str, state: str, **fill: str) -> Stop:
    """Return the stop that a button leads to from *start*."""
    return Stop(rule, who, lambda page, guide: press(start, button, page, guide, fill), state)


BEFORE_SIGNING_IN = (
    plain("/login", NOBODY),
    pressed("/login", NOBODY, "/login", "#login-submit", "refused", username="nobody", password="not this"),
    plain("/recover", NOBODY),
    pressed("/recover", NOBODY, "/recover", "#recover-submit", "asked", username="nobody"),
    plain("/recover/<token>", NOBODY, "/recover/no-such-link", "gone"),
    plain("/recover/<token>", NOBODY, "{recovery}"),
    plain("/setup", NOBODY),
    plain("/register", NOBODY),
    pressed("/register", NOBODY, "/register", "#register-submit", "sent", email="somebody@example.com"),
    plain("/join/<token>", NOBODY, "/join/unknown", "gone"),
    plain("/join/<token>", NOBODY, "{invitation}"),
    plain("/join/<token>", NOBODY, "{for_anybody}", "address"),
    plain("/join/<token>", NOBODY, "{for_chie}", "known"),
    plain("/email/<token>", NOBODY, "/email/gone", "gone"),
    plain("/logout/confirm", NOBODY),
    plain(NOWHERE, NOBODY),
    plain("/oauth/authorize", NOBODY, "/oauth/authorize?client_id=unknown", "refused"),
    plain("/sso/<client_id>", NOBODY, "/sso/unknown", "refused"),
    Stop("/login/new-password", NOBODY, forced_password),
    Stop("/login/enrol", NOBODY, first_factor),
    Stop("/login/enrol/codes", NOBODY, first_codes),
    Stop("/login/enrol/codes", SAME, first_codes_shown, "shown"),
    Stop("/login/passkey/offer", NOBODY, offered_passkey),
    Stop("/login", NOBODY, known_here, "known"),
    Stop("/select", SAME, choose_account),
    Stop("/joining/<interaction>", NOBODY, join_as_somebody_known),
    Stop("/logout/done/<receipt>", NOBODY, signed_out),
)
OF_A_PERSON = (
    plain("/", CHIE),
    plain("/account", CHIE),
    plain("/account/email", CHIE),
    Stop("/email/<token>", CHIE, change_address),
    plain("/account/security", CHIE),
    plain("/account/security/authenticator", CHIE),
    plain("/account/security/recovery-codes", CHIE),
    plain("/account/passkeys/new", CHIE),
    plain("/account/password", CHIE),
    plain("/account/sessions", CHIE),
    plain("/account/connected", CHIE),
    Stop("/account/connected/<client_id>", CHIE, known_to_an_app),
    plain("/account/connected/<client_id>/remove", CHIE, "/account/connected/demo-notes/remove"),
    plain("/account/activity", CHIE),
    plain("/account/secure", CHIE),
    pressed("/account/secure/steps", CHIE, "/account/secure", "Sign out everywhere else", ""),
    Stop("/account/secure/done/<entry_id>", CHIE, secured),
    plain("/account/export", CHIE),
    plain("/account/delete", CHIE),
    plain("/logout/confirm", CHIE),
    plain("/developer/jwt", CHIE),
    plain("/admin/users", CHIE, state="forbidden"),
    Stop("/consent", CHIE, ask_for_consent),
    Stop("/login/passkey/needed", CHIE, needed_passkey),
    plain("/sso/consent/<interaction>", CHIE, "/sso/demo-wiki"),
    plain("/join/<token>", CHIE, "{for_chie}", "accept"),
    Stop("/account/security/recovery-codes", ANA, enrol, "after an authenticator app"),
    Stop("/account/security/recovery-codes", ANA, new_codes, "shown"),
    Stop("/account/security", ANA, add_passkey, "with everything"),
    linked("/account/passkeys/<passkey_id>/rename", "/account/security", "/rename$", who=ANA),
    linked("/account/passkeys/<passkey_id>/remove", "/account/security", "/passkeys/.*/remove$", who=ANA),
    plain(
        "/account/security/<any(totp,email,recovery_codes):kind>/remove",
        ANA,
        "/account/security/totp/remove",
        "authenticator",
    ),
    pressed("/account/security", ANA, "/account/security", "Turn on codes by email", "with codes by email"),
    plain(
        "/account/security/<any(totp,email,recovery_codes):kind>/remove", ANA, "/account/security/email/remove", "email"
    ),
    Stop("/login/verify", NOBODY, partial(second_step, ""), "passkey"),
    Stop("/login/verify", NOBODY, partial(second_step, "authenticator"), "authenticator"),
    Stop("/login/verify", NOBODY, partial(second_step, "mail"), "email"),
    Stop("/login/verify", NOBODY, partial(second_step, "recovery"), "recovery code"),
    Stop("/login/verify", NOBODY, wrong_code, "refused"),
)
OF_AN_ADMINISTRATOR = (
    plain("/", ROOT),
    plain("/admin/clients", ROOT),
    plain("/admin/clients/new", ROOT, state="kinds"),
    plain("/admin/clients/new", ROOT, "/admin/clients/new?kind=web", "form"),
    plain("/admin/clients/<client_id>", ROOT, "/admin/clients/demo-notes"),
    plain("/admin/clients/<client_id>", ROOT, "/admin/clients/demo-wiki", "jwt"),
    plain("/admin/clients/<client_id>/claims", ROOT, "/admin/clients/demo-notes/claims?q=chie"),
    plain("/admin/clients/<client_id>/claims", ROOT, "/admin/clients/demo-wiki/claims?q=i", "of many"),
    plain("/admin/clients/<client_id>/contract", ROOT, "/admin/clients/demo-notes/contract"),
    plain("/admin/clients/<client_id>/edit", ROOT, "/admin/clients/demo-notes/edit"),
    plain("/admin/clients/<client_id>/delete", ROOT, "/admin/clients/demo-notes/delete"),
    plain("/admin/clients/<client_id>/disable", ROOT, "/admin/clients/demo-notes/disable"),
    plain("/admin/clients/<client_id>/simulator", ROOT, "/admin/clients/demo-wiki/simulator?q=chie"),
    plain("/admin/clients/<client_id>/jwt-secret", ROOT, "/admin/clients/legacy/jwt-secret"),
    plain("/admin/clients/<client_id>/jwt-secrets", ROOT, "/admin/clients/legacy/jwt-secrets"),
    linked("/admin/clients/<client_id>/secrets/<secret_id>/remove", "/admin/clients/demo-notes", "/secrets/.*/remove$"),
    plain("/admin/registration", ROOT),
    plain("/admin/registration/new", ROOT),
    pressed("/admin/registration/new", ROOT, "/admin/registration/new", "Make token", "token", name="Previews"),
    linked("/admin/registration/<token_id>/revoke", "/admin/registration", "/revoke$"),
    plain("/admin/keys", ROOT),
    linked("/admin/keys/<string(length=43):kid>", "/admin/keys", "/admin/keys/[\\w-]{43}$"),
    plain("/admin/keys/rotate", ROOT),
    plain("/admin/keys/replace", ROOT),
    plain("/admin/keys/import", ROOT),
    plain("/admin/keys/readiness", ROOT),
    plain("/admin/users", ROOT),
    plain("/admin/users/new", ROOT),
    plain("/admin/users/<person_id>", ROOT, "/admin/users/{ana}"),
    plain("/admin/users/<person_id>/delete", ROOT, "/admin/users/{ana}/delete"),
    plain("/admin/users/<person_id>/disable", ROOT, "/admin/users/{ana}/disable"),
    plain("/admin/users/<person_id>/password", ROOT, "/admin/users/{ana}/password"),
    plain("/admin/users/<person_id>/recovery", ROOT, "/admin/users/{ben}/recovery"),
    pressed("/admin/users/<person_id>/recovery", ROOT, "/admin/users/{ben}/recovery", "Make link", "link"),
    plain("/admin/users/<person_id>/rights", ROOT, "/admin/users/{ana}/rights"),
    plain("/admin/users/<person_id>/second-factors", ROOT, "/admin/users/{ana}/second-factors"),
    linked("/admin/users/<person_id>/passkeys/<passkey_id>/remove", "/admin/users/{ana}", "/passkeys/.*/remove$"),
    plain("/admin/groups", ROOT),
    plain("/admin/groups/<group_id>", ROOT, "/admin/groups/{group}"),
    plain("/admin/branding", ROOT),
    plain("/admin/invitations", ROOT),
    plain("/admin/invitations/new", ROOT),
    pressed("/admin/invitations/new", ROOT, "/admin/invitations/new", "Invite", "link"),
    linked("/admin/invitations/<invitation_id>/revoke", "/admin/invitations", "/revoke$"),
    plain("/admin/outbox", ROOT),
    linked("/admin/outbox/mail/<delivery_id>", "/admin/outbox", "/admin/outbox/mail/"),
    Stop("/admin/outbox/mail/<delivery_id>", ROOT, opened_mail, "read"),
    plain("/admin/audit", ROOT),
    linked("/admin/audit", "/admin/audit", "event="),
    plain("/oauth/authorize", ROOT, "/oauth/authorize?client_id=demo-notes&redirect_uri=http://a.example", "refused"),
)
# Once nobody joins by themselves, and every sign-in was too long ago.
LATER = (
    plain("/register", NOBODY, state="closed"),
    Stop("/reauth", CHIE, lambda page, guide: page.goto(f"{guide.portal.issuer}/reauth")),
)
STOPS = BEFORE_SIGNING_IN + OF_A_PERSON + OF_AN_ADMINISTRATOR
# Reached before anybody is there, by the fixture that makes the first administrator.
SETUP = "/setup/<token>"
