"""What people choose for their own pages: pinned apps, colours, the zone of times."""

import re

import pytest

from idp import clock
from idp.accounts import store
from idp.db import db, transaction
from tests import factories
from tests.architecture.tree import ROOT
from tests.visitor import PASSWORD, Visitor


@pytest.fixture
def ana(app):
    return factories.make_person(app, "ana", password=PASSWORD)


@pytest.fixture
def visitor(app, ana):
    """A browser in which Ana is signed in."""
    found = Visitor(app)
    factories.sign_in(app, found.client, ana)
    return found


def shown_apps(page):
    return re.findall(r'launcher__link" href="[^"]*">([^<]*)<', page)


def test_apps_are_pinned_to_the_top_and_back_without_script(app, visitor):
    made = [
        factories.make_client(app, client_name=f"Tool {number}", client_uri=f"https://t{number}.example/")
        for number in range(9)
    ]
    elsewhere = factories.make_client(app, client_name="Nowhere")
    assert "Pinned" not in visitor.visit("/").text
    pin = visitor.form("/", action=f"/account/apps/{made[6].client_id}/pin")
    assert visitor.submit(pin).location == "/"
    # Once more changes nothing; a search is gone back to.
    assert visitor.submit(pin, q="tool 6").location == "/?q=tool+6"
    page = visitor.visit("/").text
    assert page.index("Pinned") < page.index("Tool 6") < page.index("More apps") < page.index("Tool 0")
    assert shown_apps(page).count("Tool 6") == 1
    assert "Unpin" in visitor.visit("/?q=tool+6").text
    bob = Visitor(app)
    factories.sign_in(app, bob.client, factories.make_person(app, "bob"))
    assert "Pinned" not in bob.visit("/").text
    for client_id in (elsewhere.client_id, "unknown"):
        answer = visitor.open(f"/account/apps/{client_id}/pin", "POST", data=pin.values)
        assert (answer.status_code, "Your apps are on the start page" in answer.text) == (404, True)
    visitor.submit(visitor.form("/", action=f"/account/apps/{made[6].client_id}/pin"))
    assert "Pinned" not in visitor.visit("/").text


def test_a_chosen_theme_is_on_every_page_and_no_other_word_is_taken(app, ana, visitor):
    assert "data-theme" not in visitor.visit("/account").text
    form = visitor.form("/account", action="/account/theme")
    for theme, colour in (("dark", "#0b0d12"), ("light", "#f7f8fa")):
        assert visitor.submit(form, theme=theme).location == "/account"
        for path in ("/", "/account", "/no-such-page"):
            page = visitor.visit(path).text
            assert f'<html lang="en" data-theme="{theme}">' in page
            assert re.findall('<meta name="theme-color" [^>]*>', page) == [
                f'<meta name="theme-color" content="{colour}">'
            ]
    assert visitor.submit(form, theme="system").location == "/account"
    assert "data-theme" not in visitor.visit("/").text
    refused = visitor.submit(form, theme='"><script>')
    assert (refused.status_code, 'id="theme-error"' in refused.text) == (400, True)
    with app.app_context():
        assert store.find(db.session(), ana.id).theme == "system"
    assert "data-theme" not in Visitor(app).visit("/login").text


def test_what_is_dark_is_the_same_by_the_system_and_by_choice():
    css = (ROOT / "static" / "css" / "tokens.css").read_text()
    by_system = re.search(r':root:not\(\[data-theme="light"\]\) \{([^}]*)\}', css).group(1)
    by_choice = re.search(r':root\[data-theme="dark"\] \{([^}]*)\}', css).group(1)
    declared = [set(filter(None, (line.strip() for line in block.splitlines()))) for block in (by_system, by_choice)]
    assert declared[1] - declared[0] == {"color-scheme: dark;"}
    assert declared[0] < declared[1]


def test_times_are_those_of_the_viewers_zone(app, ana, visitor):
    def shown():
        return re.search(r'<time datetime="[^"]*" title="([^"]*)"', visitor.visit("/account/sessions").text).group(1)

    assert shown().endswith(" UTC")
    for zone, words in (("Asia/Tokyo", "JST"), ("Asia/Dubai", "UTC+04"), ("Nowhere/At_all", "UTC")):
        with app.app_context(), transaction() as session:
            person = store.find(session, ana.id)
            store.update(session, person, changes={"claims": {"zoneinfo": zone}}, now=clock.utc_now())
        assert shown().endswith(f" {words}")
