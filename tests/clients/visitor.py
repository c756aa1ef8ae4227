"""A person with a browser that runs no script: one cookie jar, redirects followed, forms filled in and sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx

from tests.clients.provider import PASSWORD, USERNAME

_MOST_STEPS = 25


class Visit(NamedTuple):
    """One request of the browser, and the status it was answered with."""

    method: str
    url: str
    status: int

    @property
    def query(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.url).query).items()}


@dataclass
class Form:
    """A form of a page: what it sends when no button is named, and what each of its buttons adds, by id."""

    action: str
    method: str
    attributes: dict[str, str | None]
    values: list[tuple[str, str]] = field(default_factory=list)
    buttons: dict[str, list[tuple[str, str]]] = field(default_factory=dict)


class _Reader(HTMLParser):
    """Collects forms, links by id, and text."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: dict[str, str] = {}
        self._open = False

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "form":
            self._open = True
            self.forms.append(Form(given.get("action") or "", (given.get("method") or "get").lower(), given))
        elif tag == "a" and given.get("id"):
            self.links[given["id"]] = given.get("href") or ""
        elif self._open and tag in {"input", "button"}:
            self._control(self.forms[-1], tag, given)

    def _control(self, form: Form, tag: str, given: dict[str, str | None]) -> None:
        kind = given.get("type") or ("submit" if tag == "button" else "text")
        named = [(given["name"], given.get("value") or "")] if given.get("name") else []
        if kind == "submit":
            form.buttons[given.get("id") or f"button-{len(form.buttons)}"] = named
        elif kind not in {"checkbox", "radio"} or "checked" in given:
            form.values += named

    def handle_endtag(self, tag):
        if tag == "form":
            self._open = False


@dataclass(frozen=True)
class Page:
    """What the browser shows."""

    url: str
    status: int
    text: str
    headers: httpx.Headers
    forms: list[Form]
    links: dict[str, str]

    def has(self, element: str) -> bool:
        """Tell whether the page has a button or a link with this id."""
        return element in self.links or any(element in form.buttons for form in self.forms)


class Visitor:
    """One browser; `history` holds every request it made."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.history: list[Visit] = []
        self._http = httpx.Client(timeout=30, headers={"Accept": "text/html,*/*;q=0.8", "User-Agent": "Mozilla/5.0"})

    def open(self, url: str) -> Page:
        """Go to *url*, and wherever it leads without a click."""
        return self._follow(self._http.build_request("GET", url))

    def post(self, url: str, values: dict[str, str], **options) -> Page:
        """Send a form of *values* to *url*."""
        return self._follow(self._http.build_request("POST", url, data=values, **options))

    def click(self, page: Page, element: str, **values: str) -> Page:
        """Click what has this id: a link, or a button of a form whose fields are filled in with *values*."""
        if element in page.links:
            return self.open(urljoin(page.url, page.links[element]))
        for form in page.forms:
            if element in form.buttons:
                return self.submit(page, form, *form.buttons[element], **values)
        raise AssertionError(f"nothing has the id {element} on {page.url} ({page.status}):\n{page.text[:2000]}")

    def submit(self, page: Page, form: Form, *more: tuple[str, str], **values: str) -> Page:
        """Send a form of *page* with *values* filled in, and *more* from the button that sends it."""
        fields = [(name, value) for name, value in form.values if name not in values]
        fields += [*values.items(), *more]
        target = urljoin(page.url, form.action)
        if form.method == "get":
            return self._follow(self._http.build_request("GET", target, params=fields))
        # A browser names the page's origin, and Django looks for it.
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(page.url))
        headers = {"Origin": origin, "Referer": page.url, "Content-Type": "application/x-www-form-urlencoded"}
        body = str(httpx.QueryParams(fields)).encode()
        return self._follow(self._http.build_request("POST", target, content=body, headers=headers))

    def sign_in(self, url: str, username: str = USERNAME, password: str = PASSWORD) -> Page:
        """Go to *url*, do what the provider asks for, and return the page of the application where that ends."""
        return self.answer(self.open(url), username, password)

    def answer(self, page: Page, username: str = USERNAME, password: str = PASSWORD) -> Page:
        """Sign in, choose the account and allow as long as pages of the provider ask for it; return the first other."""
        for _ in range(5):
            if not page.url.startswith(f"{self.issuer}/"):
                break
            if page.has("login-submit"):
                page = self.click(page, "login-submit", username=username, password=password)
            elif page.has("reauth-submit"):
                page = self.click(page, "reauth-submit", password=password)
            elif page.has("consent-allow"):
                page = self.click(page, "consent-allow")
            else:
                break
        return page

    def sign_out(self, page: Page) -> Page:
        """Answer the provider's question whether to sign out with yes, if *page* asks it; return where that leads."""
        return self.click(page, "logout-confirm") if page.has("logout-confirm") else page

    def visits(self, part: str) -> list[Visit]:
        """Return the requests so far whose address holds *part*."""
        return [visit for visit in self.history if part in visit.url]

    def cookie(self, name: str) -> str | None:
        """Return the value of a cookie."""
        return next((cookie.value for cookie in self._http.cookies.jar if cookie.name == name), None)

    def close(self) -> None:
        self._http.close()

    def _follow(self, request: httpx.Request) -> Page:
        for _ in range(_MOST_STEPS):
            answer = self._http.send(request)
            self.history.append(Visit(request.method, str(request.url), answer.status_code))
            if answer.has_redirect_location:
                request = answer.next_request
                continue
            page = self._page(answer)
            waiting = [form for form in page.forms if "data-submit" in form.attributes]
            if not waiting:
                return page
            # The form_post answer, which a script sends.
            request = self._self_submitted(page, waiting[0])
        raise AssertionError(f"never came to a page: {self.history[-_MOST_STEPS:]}")

    def _self_submitted(self, page: Page, form: Form) -> httpx.Request:
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(page.url))
        headers = {"Origin": origin, "Referer": f"{origin}/"}
        return self._http.build_request("POST", urljoin(page.url, form.action), data=dict(form.values), headers=headers)

    def _page(self, answer: httpx.Response) -> Page:
        reader = _Reader()
        if "html" in answer.headers.get("Content-Type", ""):
            reader.feed(answer.text)
        return Page(str(answer.url), answer.status_code, answer.text, answer.headers, reader.forms, reader.links)
