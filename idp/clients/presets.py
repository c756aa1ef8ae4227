"""What is known of the apps that take a JWT redirect: what they expect, and how they check what they receive.

The presets themselves are in ``idp.jwt_sso.presets``, one file an app.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

from idp.clients import values
from idp.errors import FieldErrors, NotFound

if TYPE_CHECKING:
    from joserfc.jwk import Key
    from sqlalchemy.orm import Session

    from idp.clients.store import Client

Result = Literal["ok", "warn", "bad"]
_ADDRESS: Final = "address"


@dataclass(frozen=True, slots=True)
class Check:
    """One rule of an app, held against what it receives; ``note`` says what was found or what to do."""

    result: Result
    title: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A request as the app's server gets it, and what it was given to check it with.

    ``fields`` are the form fields, or those of the query or fragment, in order. ``secrets`` are the shared ones, the
    one that signs first; ``keys`` the published ones by ``kid``; ``now`` is in seconds. With
    ``requires_verified_email`` nobody is sent whose address is not verified.
    """

    delivery: str
    address: str
    fields: Mapping[str, str]
    client_id: str
    issuer: str
    nonce: str
    now: int
    requires_verified_email: bool = False
    secrets: tuple[bytes, ...] = ()
    keys: Mapping[str, Key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The addresses and names that an app's own settings ask for."""

    client_id: str
    issuer: str
    start: str
    jwks: str
    delivery_uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One kind of app.

    ``asks_for`` names the address that ``fill`` makes the members of ``jwt_sso`` from; ``settings`` are what is typed
    into the app, as pairs of its own label and the value; ``check`` applies its published rules.
    ``secret_from`` tells who makes the shared secret: nobody, this server, or the app.
    """

    name: str
    title: str
    hint: str
    asks_for: str
    example: str
    fill: Callable[[str], dict[str, Any]]
    settings: Callable[[Connection], list[tuple[str, str]]]
    check: Callable[[Received], list[Check]]
    secret_from: Literal["nobody", "here", "app"] = "nobody"
    scope: str = "openid profile email"

    def metadata(self, address: str) -> dict[str, Any]:
        """Return client metadata for the app at *address*.

        Raises:
            FieldErrors: *address* is none that a token can be sent to.

        """
        try:
            checked = values.receiving_address(address.strip())
        except values.BadValue as error:
            raise FieldErrors({_ADDRESS: str(error)}) from None
        members = {"preset": self.name, **self.fill(checked)}
        return {"grant_types": [], "response_types": [], "scope": self.scope, "jwt_sso": members}


class Presets:
    """Every preset, by name; the one for all other apps comes first."""

    def __init__(self, found: Iterable[Preset]) -> None:
        self._by_name = {one.name: one for one in sorted(found, key=lambda one: (one.name != "generic", one.title))}

    def __iter__(self) -> Iterator[Preset]:
        return iter(self._by_name.values())

    def find(self, name: str) -> Preset | None:
        """Return the preset called *name*, if there is one."""
        return self._by_name.get(name)

    def of(self, client: Client) -> Preset:
        """Return the preset of a client of the JWT redirect.

        Raises:
            NotFound: the client takes no JWT redirect.

        """
        preset = self.find(client.metadata.jwt_sso.preset) if client.metadata.jwt_sso is not None else None
        if preset is None:
            raise NotFound("This app takes no JWT redirect.")
        return preset


@dataclass(frozen=True, slots=True)
class Simulation:
    """What the app of *preset* would receive, and what its rules say to that.

    ``content`` is what was signed, ``header`` that of a JWT. The signature itself is no part of it: with that, whoever
    reads it could sign in as the person.
    """

    preset: Preset
    request: str
    header: Mapping[str, Any]
    content: Mapping[str, Any]
    checks: tuple[Check, ...]

    @property
    def is_accepted(self) -> bool:
        """Tell whether the app would let the person in."""
        return all(check.result != "bad" for check in self.checks)


Simulate = Callable[["Session", "Client", str, datetime], Simulation]


class Simulator:
    """Makes simulations with the functions that really sign."""

    def __init__(self, simulate: Simulate) -> None:
        self._simulate = simulate

    def of(self, session: Session, client: Client, person_id: str, now: datetime) -> Simulation:
        """Return what *client* would receive of somebody who signs in now.

        Raises:
            NotFound: the client takes no JWT redirect.
            AccessDenied: the person cannot sign in.

        """
        return self._simulate(session, client, person_id, now)


def origin_of(address: str) -> str:
    """Return the scheme and authority of an address."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
