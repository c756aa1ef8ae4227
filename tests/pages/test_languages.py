"""In which language a page speaks: what the app asks for, what the person chose, what the browser asks for."""

import pytest

from idp.accounts.models import Person
from idp.db import transaction
from idp.web import language
from tests.factories import make_person, sign_in


def lang(answer):
    return answer.text.partition('<html lang="')[2].partition('"')[0]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["de-AT"], "de"),
        (["DE"], "de"),
        (["pt"], "pt-BR"),
        (["pt_BR"], "pt-BR"),
        (["sv", "ja-JP", "de"], "ja"),
        (["en-US", "de"], "en"),
        (["*", "x-klingon", ""], None),
        ([], None),
        (["../../etc/passwd", "de\x00"], None),
    ],
)
def test_the_first_language_of_ours_is_taken(tags, expected):
    assert language.best(tags) == expected


def test_ui_locales_goes_before_the_person_and_the_person_before_the_browser(app):
    browser = app.test_client()
    person = make_person(app, "ana", claims={"locale": "fr-CA"})
    german = {"Accept-Language": "de-CH,de;q=0.9,en;q=0.5"}
    assert lang(browser.get("/login")) == "en"
    assert lang(browser.get("/login", headers=german)) == "de"
    assert lang(browser.get("/login?ui_locales=sv%20ja", headers=german)) == "ja"
    sign_in(app, browser, person)
    assert lang(browser.get("/account", headers=german)) == "fr"
    assert lang(browser.get("/account?ui_locales=es", headers=german)) == "es"
    with app.app_context(), transaction() as session:
        session.get(Person, person.id).claims = {}
    assert lang(browser.get("/account", headers=german)) == "de"


def test_pages_of_administrators_speak_english(app):
    browser = app.test_client()
    sign_in(app, browser, make_person(app, "root", is_admin=True, claims={"locale": "de"}))
    assert lang(browser.get("/admin/clients")) == "en"
    assert lang(browser.get("/account")) == "de"


def test_what_no_language_is_called_breaks_nothing(app):
    browser = app.test_client()
    for value in ("", "%", "a" * 5000, "<script>", "../de"):
        answer = browser.get("/login", query_string={"ui_locales": value}, headers={"Accept-Language": ";;q=x,*"})
        assert answer.status_code == 200
        assert lang(answer) in language.LANGUAGES
        assert "<script>" not in answer.text.partition("<body")[2]


@pytest.mark.parametrize(
    ("tag", "heading"),
    [
        ("en", "Sign in"),
        ("de", "Anmelden"),
        ("es", "Iniciar sesión"),
        ("fr", "Se connecter"),
        ("ja", "サインイン"),
        ("pt-BR", "Entrar"),
    ],
)
def test_the_sign_in_page_speaks_each_language(app, tag, heading):
    page = app.test_client().get("/login", query_string={"ui_locales": tag})
    assert heading in page.text.partition("<h1")[2].partition("</h1>")[0]
