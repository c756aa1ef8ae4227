"""The look of the site: set by an administrator, seen by everybody at once, and never harder to read or less safe."""

import html
import json
import re
from io import BytesIO

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from idp.audit.models import AuditEvent
from idp.branding.models import BrandLogo
from idp.cache import Cache
from idp.cli import idp
from idp.db import db
from tests.factories import make_person, sign_in
from tests.visitor import PASSWORD, Visitor

PAGE = "/admin/branding"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0\x90wS\xde"
WEBP = b"RIFF\x1a\0\0\0WEBPVP8L\r\0\0\0/\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\x07\0"
SHEET = re.compile(r'href="(/brand-[0-9a-f]{16}\.css)"')
LOGO = re.compile(r'"(/brand/[0-9a-f]{64})"')
WORDS = {
    "site_name": "Example House",
    "accent": "#8a1c5b",
    "sign_in_text": "Ask the front desk.\r\n<b>Now</b>",
    "help_uri": "mailto:help@example.com",
    "privacy_uri": "https://example.com/privacy?a=1&b=2",
    "terms_uri": "",
}


@pytest.fixture
def admin(app):
    visitor = Visitor(app)
    sign_in(app, visitor.client, make_person(app, "root", is_admin=True, password=PASSWORD))
    return visitor


def save(admin, do="save", **words):
    form = admin.form(PAGE, action=PAGE)
    return admin.client.post(form.action, data={**form.values, **words, "do": do})


def save_logo(admin, place, content, do="save"):
    form = admin.form(PAGE, action=f"{PAGE}/logo/{place}")
    picture = (BytesIO(content), "logo.svg", "image/svg+xml")
    return admin.client.post(
        form.action, data={**form.values, "do": do, "picture": picture}, content_type="multipart/form-data"
    )


def events(app):
    with app.app_context():
        query = select(AuditEvent.type, AuditEvent.detail).where(AuditEvent.type.like("brand.%"))
        return list(db.session().execute(query.order_by(AuditEvent.row)).all())


def test_a_preview_is_seen_by_nobody_else(app, admin):
    before = app.test_client().get("/login").text
    assert SHEET.search(before) is None
    assert "Doorward" in before
    preview = save(admin, "preview", **WORDS)
    assert preview.status_code == 200
    assert "Nothing is saved yet." in preview.text
    assert "/admin/branding/preview-8a1c5b.css" in preview.text
    assert app.test_client().get("/login").text.count("Example House") == 0


def test_what_is_saved_is_on_every_page_at_once(app, admin):
    assert save(admin, **WORDS).status_code == 303
    visitor = app.test_client()
    page = visitor.get("/login").text
    assert "<title>Sign in · Example House</title>" in page
    assert "Ask the front desk.\n&lt;b&gt;Now&lt;/b&gt;" in page
    assert 'href="mailto:help@example.com" rel="noreferrer"' in page
    assert 'href="https://example.com/privacy?a=1&amp;b=2"' in page
    assert ">Terms<" not in page
    assert "style=" not in page
    sheet = visitor.get(SHEET.search(page).group(1))
    assert sheet.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert sheet.headers["X-Content-Type-Options"] == "nosniff"
    assert sheet.content_type == "text/css; charset=utf-8"
    assert "--accent: #8a1c5b;" in sheet.text
    assert SHEET.search(visitor.get("/no-such-page").text)
    changes = {one["field"]: one["after"] for one in events(app)[0].detail["changes"]}
    assert changes["accent"] == "#8a1c5b"
    assert "terms_uri" not in changes


def test_a_brand_that_was_changed_is_found_by_its_new_address_alone(app, admin):
    save(admin, **WORDS)
    visitor = app.test_client()
    sheet = visitor.get(SHEET.search(visitor.get("/login").text).group(1))
    # An address that another worker knows a moment longer, or sooner.
    other = visitor.get("/brand-0123456789abcdef.css")
    assert (other.text, other.headers["Cache-Control"]) == (sheet.text, "no-store")
    assert save(admin, **(dict.fromkeys(WORDS, "") | {"accent": "#2a50d8"})).status_code == 303
    assert SHEET.search(app.test_client().get("/login").text) is None
    assert app.test_client().get("/brand-0123456789abcdef.css").status_code == 404
    assert len(events(app)) == 2
    assert save(admin).status_code == 303
    assert len(events(app)) == 2, "nothing was changed, so nothing is told"


@pytest.mark.parametrize("backend", ["sqlite"])
def test_what_cannot_be_taken_is_named_at_its_field(app, admin):
    bad = {
        "accent": "#ffe680",
        "site_name": "x" * 81,
        "sign_in_text": "x" * 281,
        "help_uri": "javascript:alert(1)",
        "privacy_uri": "//example.com",
        "terms_uri": "mailto:a@example.com",
    }
    answer = save(admin, **bad)
    assert answer.status_code == 400
    assert all(f'id="{name}-error"' in answer.text for name in bad)
    assert "The nearest that can be seen is #8f7300." in html.unescape(answer.text)
    # The preview shows that one.
    assert "/admin/branding/preview-8f7300.css" in answer.text
    assert save(admin, accent="red; } body { display: none").status_code == 400
    assert save(admin, accent="", site_name="Under \u202e cover").status_code == 400
    assert events(app) == []
    assert admin.client.get(f"{PAGE}/preview-zzz.css").status_code == 404
    preview = admin.client.get(f"{PAGE}/preview-ffe680.css")
    assert preview.content_type == "text/css; charset=utf-8"
    assert "--accent: #8f7300;" in preview.text


def test_a_logo_is_a_picture_and_nothing_else(app, admin):
    assert save_logo(admin, "light", PNG).status_code == 303
    page = app.test_client().get("/login").text
    (light,) = set(LOGO.findall(page))
    assert "<source" not in page
    answer = app.test_client().get(light)
    assert (answer.data, answer.content_type) == (PNG, "image/png")
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox; frame-ancestors 'none'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "immutable" in answer.headers["Cache-Control"]

    assert save_logo(admin, "dark", WEBP).status_code == 303
    page = app.test_client().get("/login").text
    assert len(set(LOGO.findall(page))) == 2
    assert page.count("<source") == page.count("<picture>") == 2

    for content, words in (
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "It is no PNG, JPEG or WebP picture."),
        (b"", "Choose a picture."),
        (PNG + bytes(48 * 1024), "at most 48 KB"),
        (PNG[:20], "The picture is broken."),
    ):
        refused = save_logo(admin, "light", content)
        assert refused.status_code == 400
        assert words in refused.text
    assert save_logo(admin, "light", bytes(70 * 1024)).status_code == 413
    assert app.test_client().get(light).status_code == 200

    assert save_logo(admin, "light", b"", do="remove").status_code == 303
    assert app.test_client().get(light).status_code == 404
    assert admin.client.get("/brand/..%2f").status_code == 404
    # The dark one serves both.
    assert len(set(LOGO.findall(app.test_client().get("/login").text))) == 1
    assert [event.type for event in events(app)] == ["brand.logo_changed"] * 3
    with app.app_context():
        assert db.session().execute(select(BrandLogo.place)).scalars().all() == ["dark"]


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_form_with_files_takes_no_control_characters_in_its_fields(admin):
    form = admin.form(PAGE, action=f"{PAGE}/logo/light")
    data = {**form.values, "do": "re\0move", "picture": (BytesIO(PNG), "logo.png")}
    assert admin.client.post(form.action, data=data, content_type="multipart/form-data").status_code == 400
    assert admin.client.post(f"{PAGE}/logo/elsewhere", data=form.values).status_code == 404


def test_the_commands_do_the_same_and_another_process_sees_it_within_a_second(
    app, settings, data_dir, monkeypatch, tmp_path
):
    monkeypatch.setenv("IDP_DATA_DIR", str(data_dir))
    monkeypatch.setenv("IDP_DATABASE_URL", settings.database_url)
    browser, logo = app.test_client(), tmp_path / "logo.png"
    logo.write_bytes(PNG)
    assert "Doorward" in browser.get("/login").text

    def run(*words):
        return CliRunner().invoke(idp, ["branding", *words], catch_exceptions=True)

    assert run("set", "--name", "Example House", "--accent", "#8A1C5B").exit_code == 0
    assert run("logo", "dark", str(logo)).exit_code == 0
    assert "8f7300" in str(run("set", "--accent", "#ffe680").exception)
    told = json.loads(run("show", "--json").output)
    assert (told["site_name"], told["accent"]) == ("Example House", "#8a1c5b")
    assert len(told["logo_dark"]) == 64
    # What its watching thread does every half second.
    with app.app_context():
        app.extensions["idp"][Cache].check(db.engine)
    assert "Example House" in browser.get("/login").text
    assert run("logo", "dark", "--remove").exit_code == 0
    assert run("logo", "dark").exit_code == 2
    assert json.loads(run("show", "--json").output)["logo_dark"] == ""
