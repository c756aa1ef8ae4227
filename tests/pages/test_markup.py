"""What a page's buttons and labels point at is there, and there once."""

from html.parser import HTMLParser

from sqlalchemy import select

from idp.accounts import groups
from idp.clock import utc_now
from idp.db import db, transaction
from idp.keys.models import SigningKey
from tests import passkeys
from tests.factories import make_client, make_person, sign_in

POINTERS = ("for", "popovertarget", "aria-labelledby", "aria-describedby", "aria-controls")


class _Ids(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.wanted: set[str] = set()

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if given.get("id"):
            self.ids.append(given["id"])
        for name in POINTERS:
            self.wanted |= set((given.get(name) or "").split())
        if tag == "a" and (given.get("href") or "").startswith("#"):
            self.wanted.add(given["href"][1:])


def faults(html):
    """Return the ids that occur twice, and those that are pointed at in vain."""
    page = _Ids()
    page.feed(html)
    twice = {found for found in page.ids if page.ids.count(found) > 1}
    return sorted({f"twice: {found}" for found in twice} | {f"missing: {name}" for name in page.wanted - {*page.ids}})


def pages_of_passkeys(app, root, ana):
    """Give both a passkey; return the pages about it that the administrator *root* sees."""
    passkeys.give(app, root.id)
    passkeys.give(app, ana.id)
    (held,), (hers,) = passkeys.of(app, root.id), passkeys.of(app, ana.id)
    own, theirs = f"/account/passkeys/{held.id}", f"/admin/users/{ana.id}/passkeys/{hers.id}"
    pages = [f"{own}/rename", f"{own}/remove", f"{theirs}/remove"]
    return [*pages, "/account/passkeys/new", "/login/passkey/offer", "/reauth"]


def test_every_id_is_there_once(app):
    root, ana = make_person(app, "root", is_admin=True), make_person(app, "ana")
    make_client(app, client_id="app", client_name="Grafana")
    with app.app_context():
        with transaction() as session:
            group = groups.add(session, "Staff", utc_now()).id
            groups.add_member(session, group, ana.id)
        kid = db.session().execute(select(SigningKey.kid)).scalars().first()
    administrator = app.test_client()
    sign_in(app, administrator, root)
    sign_in(app, app.test_client(), ana)
    people, client = f"/admin/users/{ana.id}", "/admin/clients/app"
    pages = [
        "/",
        "/account",
        "/account/security",
        "/account/security/authenticator",
        "/account/security/recovery-codes",
        "/account/password",
        "/account/sessions",
        "/account/connected",
        "/account/activity",
        "/account/secure",
        "/account/export",
        "/account/delete",
        "/developer/jwt",
        "/logout/confirm",
        "/account/email",
        "/email/gone",
    ]
    pages += ["/login", "/recover", "/recover/no-such-link", "/register", "/select", "/no-such-page"]
    pages += [
        f"/admin/{page}" for page in ("audit", "branding", "outbox", "groups", f"groups/{group}", "keys/readiness")
    ]
    pages += [f"{people}{part}" for part in ("", "/disable", "/password", "/recovery", "/rights", "/delete")]
    pages += [f"{client}/contract", f"{client}/claims", f"{client}/claims?q=ana", f"{client}/claims?q=a"]
    pages += ["/admin/clients", client, f"{client}/edit", f"{client}/delete", f"{client}/disable"]
    pages += [
        f"/admin/clients/new{kind}"
        for kind in (
            "",
            "?kind=web",
            "?kind=spa",
            "?kind=machine",
            "?kind=jwt",
            "?kind=jwt&preset=zendesk&address=https://x.zendesk.com",
        )
    ]
    pages += ["/admin/keys", "/admin/keys/rotate", "/admin/keys/replace", "/admin/keys/import", f"/admin/keys/{kid}"]
    pages += [f"/admin/{page}{part}" for page in ("registration", "invitations", "users") for part in ("", "/new")]
    found = {}
    for path in [*pages, *pages_of_passkeys(app, root, ana)]:
        answer = administrator.get(path, follow_redirects=True)
        assert answer.status_code in {200, 403, 404, 410}, path
        found[path] = faults(answer.text)
    assert {path: wrong for path, wrong in found.items() if wrong} == {}
