"""A client to be made: its metadata, and the identifier and secret that it may bring along."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from idp.clients import secrets
from idp.clients.metadata import ClientMetadata, validate
from idp.errors import FieldErrors

_CLIENT_ID: Final = re.compile(r"[A-Za-z0-9._~-]{1,128}")
_OF_PEOPLE = "usr_"


@dataclass(frozen=True, slots=True)
class Registration:
    """What ``store.create`` takes."""

    metadata: ClientMetadata
    client_id: str | None = None
    client_secret: str | None = None


def read(given: Mapping[str, object]) -> Registration:
    """Read client metadata that may hold ``client_id`` and ``client_secret``, as an administrator gives it.

    Raises:
        FieldErrors: with every fault, the ones of the metadata included.

    """
    rest = dict(given)
    client_id, client_secret = rest.pop("client_id", None), rest.pop("client_secret", None)
    faults: dict[str, str] = {}
    metadata = ClientMetadata()
    try:
        metadata = validate(rest)
    except FieldErrors as error:
        faults |= error.fields
    for name, value, check in (
        ("client_id", client_id, check_client_id),
        ("client_secret", client_secret, secrets.check_chosen),
    ):
        try:
            if value is not None:
                check(value)
        except FieldErrors as error:
            faults[name] = next(iter(error.fields.values()))
    if client_secret is not None and not metadata.needs_secret:
        faults.setdefault("client_secret", "A client that never authenticates has no secret.")
    if isinstance(client_secret, str) and len(client_secret) < metadata.least_secret_bytes:
        sentence = f"What is signed with it needs at least {metadata.least_secret_bytes} characters."
        faults.setdefault("client_secret", sentence)
    if faults:
        raise FieldErrors(faults)
    return Registration(
        metadata,
        None if client_id is None else check_client_id(client_id),
        None if client_secret is None else secrets.check_chosen(client_secret),
    )


def check_client_id(value: object) -> str:
    """Return *value* when it may be a client's identifier, never to be taken for a person's (RFC 9068 section 5).

    Raises:
        FieldErrors: naming what is wrong with it.

    """
    if not isinstance(value, str) or not _CLIENT_ID.fullmatch(value):
        raise FieldErrors({"client_id": "Use 1 to 128 letters, digits, dots, underscores, tildes or dashes."})
    if value.startswith(_OF_PEOPLE):
        raise FieldErrors({"client_id": f"{_OF_PEOPLE} begins the identifiers of people; choose another start."})
    if value == "new":
        raise FieldErrors({"client_id": "This is the address of the form for new clients; choose another."})
    if not value.strip("."):
        raise FieldErrors({"client_id": "Dots alone cannot be part of an address."})
    return value
