"""The pages about apps that register themselves, as an administrator without JavaScript uses them."""

import html
import re
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from idp import clock
from idp.audit.models import AuditEvent
from idp.clients.models import InitialAccessToken
from idp.db import db, transaction
from idp.sessions.models import BrowserSession
from idp.settings import OutboundSettings, RegistrationSettings
from tests.factories import make_client, make_person, sign_in
from tests.listener import listening, say
from tests.registering import Registrar
from tests.visitor import PASSWORD, Visitor, forms_of

PAGE = "/admin/registration"
TOKEN = re.compile(r"idpi_[A-Za-z0-9_-]{43}")
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0\x90wS\xde"


@pytest.fixture
def over(make_app):
    """Return a function that makes an administrator's browser over an application with these settings."""

    def make(mode="token", **settings):
        app = make_app(registration=RegistrationSettings(mode=mode), **settings)
        visitor = Visitor(app)
        sign_in(app, visitor.client, make_person(app, "root", is_admin=True, password=PASSWORD))
        return visitor

    return make


@pytest.fixture
def admin(over):
    return over()


def tokens(admin):
    with admin.app.app_context():
        return list(db.session().execute(select(InitialAccessToken)).scalars())


def make_token(admin, **fields):
    return admin.submit(admin.form(f"{PAGE}/new", action=f"{PAGE}/new"), **{"name": "Mobile team", **fields})


@pytest.mark.parametrize(
    ("mode", "words"),
    [("off", "It is switched off."), ("token", "Whoever has one of the tokens"), ("open", "It is open to all.")],
)
def test_the_page_says_who_may(over, mode, words):
    page = html.unescape(over(mode).visit(PAGE).text)
    assert words in page
    assert "No tokens yet" in page
    assert ("/oauth/register" in page) is (mode != "off")


def test_a_token_is_made_and_shown_once(admin):
    answer = make_token(admin, most_uses="3", lifetime="30d")

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    (token,) = set(TOKEN.findall(answer.text))
    (row,) = tokens(admin)
    assert (row.name, row.most_uses, row.made_by) == ("Mobile team", 3, "Ana Ruiz")
    assert row.expires_at - row.created_at == timedelta(days=30)
    page = admin.visit(PAGE).text
    assert "Mobile team" in page
    assert "0 of 3" in page
    assert TOKEN.search(page) is None
    made = Registrar(admin.app).made(token, client_name="Notes")
    assert "1 of 3" in admin.visit(PAGE).text
    shown = html.unescape(admin.visit(f"/admin/clients/{made['client_id']}").text)
    assert "It registered itself." in shown
    assert "The token for Mobile team let it in." in shown
    assert "Registered itself" in admin.visit("/admin/clients").text


def test_an_app_that_anybody_could_register_is_told_apart(over):
    admin = over("open")
    made = Registrar(admin.app).made(client_name="Notes")
    assert "Nobody let it in" in admin.visit(f"/admin/clients/{made['client_id']}").text
    assert "registered itself" not in admin.visit(f"/admin/clients/{make_client(admin.app).client_id}").text


def test_without_a_number_a_token_may_be_used_any_number_of_times(admin):
    make_token(admin, most_uses="")
    assert tokens(admin)[0].most_uses is None
    assert "0 times" in admin.visit(PAGE).text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "a" * 201),
        ("most_uses", "0"),
        ("most_uses", "-1"),
        ("most_uses", "many"),
        ("most_uses", "9" * 30),
        ("lifetime", "for ever"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(admin, field, value):
    answer = make_token(admin, **{field: value})

    assert answer.status_code == 400
    assert f'id="{field}-error"' in answer.text
    assert tokens(admin) == []


def test_a_token_is_revoked_after_a_question(admin):
    token = TOKEN.search(make_token(admin).text).group()
    (row,) = tokens(admin)
    where = f"{PAGE}/{row.id}/revoke"

    assert "It has registered 0 apps." in admin.visit(where).text
    form = admin.form(where, action=where)
    assert admin.submit(form).status_code == 303

    assert "The apps that it let in stay." in admin.visit(PAGE).text
    assert "Revoked" in admin.visit(PAGE).text
    assert Registrar(admin.app).register(token).status == 401
    admin.submit(form)
    assert "This token was revoked before." in html.unescape(admin.visit(PAGE).text)


def test_a_token_that_is_none_is_not_found(admin):
    assert admin.visit(f"{PAGE}/iat_none/revoke").status_code == 404


def test_what_happens_to_tokens_is_written_down_without_them(admin):
    token = TOKEN.search(make_token(admin).text).group()
    (row,) = tokens(admin)
    where = f"{PAGE}/{row.id}/revoke"
    admin.submit(admin.form(where, action=where))

    with admin.app.app_context():
        found = list(
            db.session()
            .execute(select(AuditEvent).where(AuditEvent.target_id == row.id).order_by(AuditEvent.row))
            .scalars()
        )
    assert [(one.type, one.actor_name) for one in found] == [
        ("initial_access_token.made", "Ana Ruiz"),
        ("initial_access_token.revoked", "Ana Ruiz"),
    ]
    assert all(token not in str(one.detail) for one in found)
    assert "Made a token to register apps" in admin.visit("/admin/audit").text


def test_making_a_token_needs_a_recent_sign_in(admin):
    form = admin.form(f"{PAGE}/new", action=f"{PAGE}/new")
    with admin.app.app_context(), transaction() as session:
        session.execute(update(BrowserSession).values(auth_time=clock.utc_now() - timedelta(minutes=6)))

    assert admin.submit(form, name="Mobile team").headers["Location"].startswith("/reauth")
    assert tokens(admin) == []


# The logo and the sector of an app that an administrator registers.


def register_app(admin, **fields):
    form = next(one for one in forms_of(admin.visit("/admin/clients/new?kind=web").text) if "kind" in one.values)
    return admin.submit(form, client_name="Notes", redirect_uris="https://notes.example/callback", **fields)


def test_the_logo_of_a_registered_app_is_taken_over(over):
    admin = over(outbound=OutboundSettings(allow=("127.0.0.0/8",)))
    with listening(say(PNG)) as (port, asked):
        answer = register_app(admin, logo_uri=f"http://127.0.0.1:{port}/logo.png")
        assert answer.status_code == 200
        where = re.search(r'href="(/admin/clients/app_[a-z0-9]+)"', answer.text).group(1)
        assert asked == ["/logo.png"]
        assert 'src="/logos/' in admin.visit(where).text
        form = admin.form(f"{where}/edit", action=f"{where}/edit")
        admin.submit(form, client_name="Notebook")
        assert asked == ["/logo.png"]


def test_a_logo_that_cannot_be_had_is_said_and_costs_nothing_else(admin):
    with listening(say(PNG)) as (port, asked):
        answer = register_app(admin, logo_uri=f"http://127.0.0.1:{port}/logo.png")
    assert answer.status_code == 200
    assert asked == []
    assert "The logo could not be taken over." in answer.text
    assert "IDP_OUTBOUND__ALLOW" in answer.text


def test_a_sector_is_fetched_when_an_app_is_saved(over):
    admin = over(outbound=OutboundSettings(allow=("127.0.0.0/8",)))
    with listening(say(b'["https://other.example/callback"]')) as (port, asked):
        answer = register_app(
            admin, subject_type="pairwise", sector_identifier_uri=f"http://127.0.0.1:{port}/sector.json"
        )
    assert asked == ["/sector.json"]
    assert answer.status_code == 400
    assert 'id="sector_identifier_uri-error"' in answer.text
