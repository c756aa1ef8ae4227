"""A person in front of pages, without JavaScript: visits them, fills their forms, follows where they lead."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

from idp.login.browser import session_cookie_name
from idp.settings import Settings
from idp.web.current import service

PASSWORD = "correct horse battery staple"


@dataclass
class Form:
    """A form of a page: where it goes, and what it holds; a name with several ticked boxes holds a list."""

    action: str
    values: dict[str, Any] = field(default_factory=dict)

    def hold(self, name: str, value: str) -> None:
        """Take in a field as a browser would send it."""
        if name in self.values:
            before = self.values[name]
            self.values[name] = [*(before if isinstance(before, list) else [before]), value]
        else:
            self.values[name] = value


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._area: str | None = None
        self._text = ""
        self._select: str | None = None
        self._options: list[tuple[str, bool]] = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        name = given.get("name")
        if tag == "form":
            self.forms.append(Form(given.get("action", "")))
        elif tag == "option" and self._select:
            self._options.append((given.get("value", ""), "selected" in given))
        elif not self.forms or not name:
            return
        elif tag == "select":
            self._select, self._options = name, []
        elif tag == "textarea":
            self._area, self._text = name, ""
        elif tag == "input" and (given.get("type") not in {"checkbox", "radio"} or "checked" in given):
            self.forms[-1].hold(name, given.get("value") or "")

    def handle_data(self, data):
        self._text += data

    def handle_endtag(self, tag):
        if tag == "textarea" and self._area:
            # The first line break belongs to the markup.
            self.forms[-1].hold(self._area, self._text.removeprefix("\n"))
            self._area = None
        elif tag == "select" and self._select:
            chosen = [value for value, selected in self._options if selected] or [self._options[0][0]]
            self.forms[-1].hold(self._select, chosen[0])
            self._select = None


def forms_of(html: str) -> list[Form]:
    """Return the forms of a page."""
    parser = _Forms()
    parser.feed(html)
    return parser.forms


class Visitor:
    """One browser."""

    def __init__(self, app, address: str = "127.0.0.1") -> None:
        self.app = app
        self.client = app.test_client()
        self.address = address
        # What the password led to.
        self.last: Any = None
        self.issuer = app.extensions["idp"][Settings].issuer
        with app.app_context():
            assert service(Settings)
            self.session_cookie_name = session_cookie_name()

    def open(self, path: str, method: str = "GET", **options: Any):
        environ = {"REMOTE_ADDR": self.address, **options.pop("environ_overrides", {})}
        return self.client.open(path, method=method, environ_overrides=environ, buffered=True, **options)

    def visit(self, path: str):
        """Open a page, following redirects on this site; return its answer."""
        answer = self.open(path)
        for _ in range(10):
            where = answer.headers.get("Location", "")
            if not where or (urlsplit(where).netloc and not where.startswith(self.issuer)):
                return answer
            answer = self.open(where.removeprefix(self.issuer))
        raise AssertionError("redirected for ever")

    def form(self, path: str, index: int = 0, *, action: str | None = None) -> Form:
        """Return a form of the page at *path*: the one that goes to *action*, or one by its place on the page."""
        found = forms_of(self.visit(path).text)
        if action is not None:
            return next(form for form in found if form.action == action)
        # The account menu, which comes first, has a form to sign out.
        return [form for form in found if form.action != "/logout/confirm" or path.startswith("/logout")][index]

    def submit(self, form: Form, **changes: Any):
        """Send a form with some fields changed; a field that is set to ``None`` is left out."""
        options = changes.pop("options", {})
        values = {name: value for name, value in (form.values | changes).items() if value is not None}
        return self.open(form.action, "POST", data=values, **options)

    def sign_in(self, name: str, password: str = PASSWORD, path: str = "/login"):
        """Sign in by the form at *path*; return the answer."""
        self.last = self.submit(self.form(path), username=name, password=password)
        return self.last

    def verify(self, code: str, by: str = "totp", **changes: Any):
        """Give the second factor that the last answer asked for; return the answer."""
        where = urlsplit(self.last.headers["Location"]) if self.last is not None else urlsplit("/login/verify")
        assert where.path == "/login/verify", where
        path = f"/login/verify?{where.query}&by={by}"
        form = next(form for form in forms_of(self.visit(path).text) if form.action.startswith("/login/verify"))
        return self.submit(form, code=code, **changes)

    @property
    def session_cookie(self) -> str | None:
        cookie = self.client.get_cookie(self.session_cookie_name)
        return cookie.value if cookie else None
