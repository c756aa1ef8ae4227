"""The forms about people and groups: each field by name, and nothing else that is sent is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, PasswordField, StringField

from idp.accounts import store
from idp.accounts.profile import FIELDS, all_faults, merged, shown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from idp.accounts.models import Person

ACCOUNT_FIELDS = ("username", "email", "name")
# Whoever sets these can let themselves in: by the name, or by a recovery link to the address.
_SIGN_IN_FIELDS = ("username", "email", "email_verified")


class NewPersonForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """What a person starts with."""

    username = StringField()
    email = EmailField()
    email_verified = BooleanField()
    name = StringField()
    password = PasswordField()
    must_change_password = BooleanField()


class PersonForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """What administrators may change about a person; rights, password and groups have forms of their own."""

    username = StringField()
    email = EmailField()
    email_verified = BooleanField()
    name = StringField()
    given_name = StringField()
    middle_name = StringField()
    family_name = StringField()
    nickname = StringField()
    profile = StringField()
    website = StringField()
    picture = StringField()
    gender = StringField()
    birthdate = StringField()
    zoneinfo = StringField()
    locale = StringField()
    phone_number = StringField()
    phone_number_verified = BooleanField()
    address_formatted = StringField()
    address_street_address = StringField()
    address_locality = StringField()
    address_region = StringField()
    address_postal_code = StringField()
    address_country = StringField()


class PasswordForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """A password that an administrator sets."""

    password = PasswordField()
    must_change_password = BooleanField()


class GroupForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """A group's name."""

    name = StringField()


class MemberForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """Who is to come into a group: a user name or an e-mail address."""

    person = StringField()


class JoinForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """The group that a person is to come into."""

    group = StringField()


def values_of(person: Person) -> dict[str, Any]:
    """Return what the form of *person* shows before anything is typed."""
    values: dict[str, Any] = {name: getattr(person, name) for name in (*ACCOUNT_FIELDS, "email_verified")}
    values |= shown(person.claims)
    return values | {"phone_number_verified": person.claims.get("phone_number_verified") is True}


def typed(form: FlaskForm) -> dict[str, Any]:
    """Return what was sent for the fields of *form*, and only for them."""
    return {field.name: field.data or "" for field in form if field.name != "csrf_token"}


def changes(person: Person, values: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """Return the changes that *values* (as ``typed`` gives them) mean for *person*.

    Raises:
        FieldErrors: one sentence for each field that is malformed.

    """
    account = {name: values[name] for name in ACCOUNT_FIELDS}
    claims = {field: values[field] for field in FIELDS}
    all_faults(lambda: store.check_names(account), lambda: merged(person.claims, claims, now=now))
    found = merged(person.claims, claims, now=now)
    found.pop("phone_number_verified", None)
    if found.get("phone_number"):
        found |= {"phone_number_verified": True} if values["phone_number_verified"] else {}
    # The tick that was there before was about the address before; only a new tick is about the new one.
    is_other = store.key_of(account["email"]) != person.email_key
    verified = bool(values["email_verified"]) and not (is_other and person.email_verified)
    return account | {"email_verified": verified, "claims": found}


def concern_sign_in(person: Person, wanted: Mapping[str, Any]) -> bool:
    """Tell whether the changes *wanted* (of ``changes``) alter what *person* signs in or gets back in with."""
    return any(wanted[name] != getattr(person, name) for name in _SIGN_IN_FIELDS)
