"""Mail is written in the language of whoever it goes to, in the background, where there is no page."""

import flask_babel
import pytest
from jinja2 import meta
from sqlalchemy import select

from idp import clock
from idp.accounts import store as accounts
from idp.audit.log import COMMAND_LINE, SYSTEM
from idp.db import db, transaction
from idp.deliveries import mail
from idp.deliveries.mail import Mail
from idp.deliveries.models import Delivery
from idp.factors import changes
from idp.factors.changes import Change
from idp.invitations import inviting
from idp.invitations.store import New
from idp.jobs.sending import send_due
from idp.login import recipients
from idp.mail.rendering import render
from idp.vault import Vault
from idp.web import language
from idp.web.current import service
from idp.wording import say, say_count
from tests import factories, pseudo
from tests.architecture.tree import ROOT
from tests.mailbox import mailbox
from tests.visitor import PASSWORD, Visitor

GERMAN = {"Accept-Language": "de-CH,de;q=0.9"}
FACTS = {"email": "ana@people.example", "address": "192.0.2.1", "inviter": "Zoe", "name": "Ana", "username": "ana"}
FACTS |= {"groups": ["Staff"], "apps": ["Notes"], "message": "Welcome!", "left": 3, "hours": 24, "minutes": 15}
FACTS |= {"old": "an@people.example", "new": "ana@people.example", "passkey": "Blue key", "code": "123456"}
FACTS |= {"app": "Notes", "device": say("Unknown browser"), "what": say("Two-step sign-in was switched off.")}
EVERYWHERE = {"site", "link", "_", "ngettext"}


class Tagged:
    """Catalogs in which every message begins with the name of its language."""

    def __init__(self):
        self._tag = str(flask_babel.get_locale())

    def ugettext(self, message):
        return f"{self._tag}·{message}"

    def ungettext(self, singular, plural, count):
        return f"{self._tag}·{singular if count == 1 else plural}"


@pytest.fixture
def box():
    with mailbox() as found:
        yield found


@pytest.fixture
def app(make_app, box, monkeypatch):
    monkeypatch.setattr(flask_babel, "get_translations", Tagged)
    return make_app(mail={"host": "127.0.0.1", "port": box.port, "tls": "off", "from": "Doorward <id@example.com>"})


def queue(app, **given):
    with app.app_context(), transaction() as session:
        mail.queue(session, service(Vault), Mail(**given), now=clock.utc_now())


def waiting(app):
    """Return (template, address, language) of the mails that wait, the oldest first."""
    with app.app_context():
        rows = db.session.execute(select(Delivery).order_by(Delivery.id)).scalars()
        said = [mail.read(service(Vault), row) for row in rows]
        return [(one.template, one.to, one.language) for one in said if one]


def test_two_mails_sent_one_after_the_other_are_each_in_the_language_of_their_reader(app, box):
    for name, tag in (("ana", "de-AT"), ("bo", "fr"), ("cy", None)):
        person = factories.make_person(app, name, password=PASSWORD, claims={"locale": tag} if tag else {})
        visitor = Visitor(app)
        factories.sign_in(app, visitor.client, person)
        page = visitor.form("/account/password", action="/account/password")
        assert visitor.submit(page, current_password=PASSWORD, new_password="a wholly new one").status_code == 303
    assert send_due(app) == 3
    found = {message["To"]: number for number, message in enumerate(box.messages)}
    for to, tag in (("ana@people.example", "de"), ("bo@people.example", "fr"), ("cy@people.example", "en")):
        number = found[to]
        assert box.messages[number]["Subject"] == f"{tag}·Your password was changed"
        assert f'<html lang="{tag}"' in box.html(number)
        for other in {"de", "fr", "en"} - {tag}:
            assert f"{other}·" not in box.text(number)
            assert f"{other}·" not in box.html(number)
        assert f"{tag}·Device: {tag}·" in box.text(number)
    with app.app_context():
        assert language.current() == "en"


def test_sentences_among_the_facts_are_said_in_the_language_of_the_mail(app, box):
    inner = say_count("%(count)s app of %(owner)s", "%(count)s apps of %(owner)s", 2, owner=say("nobody"))
    what = say("Gone: %(what)s.", what=inner)
    for tag in ("pt-BR", "de"):
        facts = {**FACTS, "what": what, "at": clock.utc_now(), "by_themselves": True}
        queue(app, template="second_factor_changed", to="ana@people.example", facts=facts, language=tag)
    assert send_due(app) == 2
    for number, tag in enumerate(("pt_BR", "de")):
        assert f"{tag}·Gone: {tag}·2 apps of {tag}·nobody." in box.text(number)
    # And it stays English where nobody asks for another language.
    assert str(what) == "Gone: 2 apps of nobody."


def test_a_translated_mail_is_plain_text_and_its_html_is_escaped_once(app, box):
    facts = {"name": "Ana & Bo's <b>", "email": "a@b.example"}
    queue(app, template="email_taken", to="ana@people.example", facts=facts, link="/account", language="de")
    assert send_due(app) == 1
    assert "de·Hello Ana & Bo's <b>," in box.text()
    assert "de·If it wasn't you, there is nothing to do." in box.text()
    assert "Ana &amp; Bo&#39;s &lt;b&gt;," in box.html()
    assert "&amp;amp;" not in box.html()
    assert "&amp;#39;" not in box.html()


def test_whoever_asks_for_a_link_without_a_language_of_their_own_gets_it_in_that_of_the_page(make_app, app):
    factories.make_person(app, "ana", password=PASSWORD)
    factories.make_person(app, "bo", password=PASSWORD, claims={"locale": "fr"})
    open_app = make_app(sign_up={"mode": "open"})
    for name in ("ana", "bo"):
        visitor = Visitor(app)
        page = visitor.form("/recover", action="/recover")
        visitor.submit(page, username=name, options={"headers": GERMAN})
    for email in ("new@people.example", "bo@people.example"):
        visitor = Visitor(open_app)
        page = visitor.form("/register", action="/register")
        visitor.submit(page, email=email, options={"headers": GERMAN})
    assert waiting(app) == [
        ("recovery", "ana@people.example", "de"),
        ("recovery", "bo@people.example", "fr"),
        ("sign_up", "new@people.example", "de"),
        ("sign_up_known", "bo@people.example", "fr"),
    ]


def test_what_somebody_else_does_is_told_in_the_language_of_whom_it_is_about(app):
    bo = factories.make_person(app, "bo", claims={"locale": "ja"})
    with app.test_request_context(headers=GERMAN), transaction() as session:
        person = accounts.find(session, bo.id, lock=True)
        tongue = language.of_person(person.claims.get("locale"), is_here=False)
        change = Change(service(Vault), COMMAND_LINE, clock.utc_now(), language=tongue)
        changes.add_email(session, person, change=change)
        assert changes.remove_all(session, person, change=change) == ["email"]
        for email in ("bo@people.example", "stranger@people.example"):
            inviting.invite(
                session,
                service(Vault),
                New(email=email, inviter_name="Zoe"),
                by_mail=True,
                lifetime=mail.LIFETIME,
                actor=SYSTEM,
                now=clock.utc_now(),
                language=recipients.language_of(session, email),
            )
    assert waiting(app) == [
        ("second_factor_changed", "bo@people.example", "ja"),
        ("second_factor_changed", "bo@people.example", "ja"),
        ("invitation", "bo@people.example", "ja"),
        ("invitation", "stranger@people.example", "en"),
    ]


def test_every_sentence_of_every_mail_can_be_translated(app, monkeypatch):
    pseudo.speak(monkeypatch)
    data = [str(one) for one in FACTS.values() if isinstance(one, str)] + ["Staff", "Notes", "http://localhost:8000"]
    with app.test_request_context():
        now = clock.utc_now()
        for path in sorted((ROOT / "templates" / "mail").glob("*.txt")):
            named = meta.find_undeclared_variables(app.jinja_env.parse(path.read_text())) - EVERYWHERE
            for flag in (True, False):
                facts = {name: FACTS.get(name, now if name.endswith("at") else flag) for name in named}
                facts |= {} if flag else {name: "" for name in ("inviter", "app") if name in named}
                made = render(Mail(template=path.stem, to="ana@people.example", facts=facts, link="/account/security"))
                shown = ["Doorward", "/account/security", language.date(now), f"{now:%H:%M} UTC", *data]
                assert pseudo.unspoken(made.html, *shown) == [], path.name
                assert pseudo.unspoken(f"<p>{made.subject}</p>", *shown) == [], path.name
