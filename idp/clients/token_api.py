"""What the app of the token API registers: from which origins its pages may call, and how its refresh tokens live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from idp.clients import values
from idp.errors import FieldErrors
from idp.protocol.redirect_uris import origin_of

_MEMBERS = ("origins", "rotate", "refresh_cookie")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenApi:
    """That a client signs people in by the token API.

    ``origins`` are those of its pages, exactly; without any only programs that are no pages can call. With ``rotate``
    every refresh hands out the next refresh token, and the one before is used up. With ``refresh_cookie`` its pages get
    the refresh token in a cookie that they cannot read, and never in the body.
    """

    origins: tuple[str, ...] = ()
    rotate: bool = True
    refresh_cookie: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the same as plain JSON values."""
        return {"origins": list(self.origins), "rotate": self.rotate, "refresh_cookie": self.refresh_cookie}


def from_stored(stored: Mapping[str, Any]) -> TokenApi:
    """Return what was validated when it was stored."""
    return TokenApi(
        origins=tuple(stored.get("origins", ())),
        rotate=bool(stored.get("rotate", True)),
        refresh_cookie=bool(stored.get("refresh_cookie", False)),
    )


def read(value: object) -> TokenApi:
    """Read the object ``token_api`` of client metadata.

    Raises:
        FieldErrors: naming each member that cannot be registered, and why.
        BadValue: it is not an object.

    """
    if not isinstance(value, Mapping):
        raise values.BadValue(f"Write this as an object with {', '.join(_MEMBERS)}.")
    faults = {str(name): f"There is no such member; there are {', '.join(_MEMBERS)}." for name in value}
    found: dict[str, Any] = {}
    for name, reader in zip(_MEMBERS, (values.several(_origin), values.flag, values.flag), strict=True):
        faults.pop(name, None)
        try:
            found |= {name: reader(value[name])} if name in value else {}
        except values.BadValue as error:
            faults[name] = str(error)
    if found.get("refresh_cookie") and not found.get("origins"):
        faults.setdefault("refresh_cookie", "Name the origins of the pages that are to have the cookie.")
    if faults:
        raise FieldErrors(faults)
    return TokenApi(**found)


def _origin(value: object) -> str:
    if not isinstance(value, str) or origin_of(value) != value:
        raise values.BadValue("Write an origin: scheme, host and port, without a path, as in https://app.example.com.")
    values.receiving_address(f"{value}/")
    return value
