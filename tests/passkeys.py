"""A person with an authenticator in front of pages: what static/js does in a browser, without one."""

from __future__ import annotations

from idp import clock
from idp.db import db, transaction
from idp.passkeys import ceremonies, store
from tests.authenticator import ORIGIN, Authenticator
from tests.visitor import Visitor, forms_of


def _options_of(action: str) -> str:
    path, mark, query = action.partition("?")
    return f"{path}/options{mark}{query}"


def form_of(page: str, path: str):
    """Return the form of *page* that goes to *path*."""
    return next(form for form in forms_of(page) if form.action.partition("?")[0] == path)


def asked(visitor: Visitor, form, **fields):
    """Return what the browser is to ask the authenticator for."""
    path = "/account/passkeys/options" if "quiet" in form.values else _options_of(form.action)
    answer = visitor.open(path, "POST", data={"csrf_token": form.values["csrf_token"], **fields})
    assert answer.status_code == 200, answer.text
    return answer.json


def sign_in(visitor: Visitor, device: Authenticator, path: str = "/login", **changes):
    """Sign in with a passkey from the page at *path*; *changes* are those of ``Authenticator.get``."""
    form = form_of(visitor.visit(path).text, "/login/passkey")
    return visitor.submit(form, credential=device.get(asked(visitor, form), **changes))


def confirm(visitor: Visitor, device: Authenticator, path: str = "/reauth", **changes):
    """Confirm with a passkey from the page at *path*."""
    form = form_of(visitor.visit(path).text, "/reauth/passkey")
    return visitor.submit(form, credential=device.get(asked(visitor, form), **changes))


def confirm_anyhow(visitor: Visitor, device: Authenticator):
    """Confirm from a page that shows no such form, since the person has no passkey."""
    token = visitor.form("/reauth" if visitor.open("/reauth").status_code == 200 else "/account").values["csrf_token"]
    options = visitor.open("/reauth/passkey/options", "POST", data={"csrf_token": token}).json
    return visitor.open("/reauth/passkey", "POST", data={"csrf_token": token, "credential": device.get(options)})


def add(visitor: Visitor, device: Authenticator, **changes):
    """Add a passkey by the page of the account; *changes* are those of ``Authenticator.create``."""
    form = form_of(visitor.visit("/account/passkeys/new").text, "/account/passkeys/new")
    return visitor.submit(form, credential=device.create(asked(visitor, form), **changes))


def give(app, person_id: str, device: Authenticator | None = None, name: str = "Laptop") -> Authenticator:
    """Give a person the passkey of *device* without a browser; return the device."""
    device = device or Authenticator()
    party = ceremonies.relying_party(ORIGIN, "Doorward")
    options = ceremonies.creation_options(
        party, "c2VjcmV0", user=(person_id, "name", "Name"), exclude=(), user_verification="preferred"
    )
    answer = ceremonies.read(device.create(options))
    with app.app_context(), transaction() as session:
        made = ceremonies.verify_registration(party, answer, user_verification="preferred", is_quiet=False)
        store.add(session, person_id, made, name=name, now=clock.utc_now())
    return device


def of(app, person_id: str):
    """Return the passkeys of a person."""
    with app.app_context():
        return store.of_person(db.session(), person_id)
