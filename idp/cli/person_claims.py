"""The claims of a person on the command line: one at a time as ``name=value``, or several as a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import click

from idp.errors import FieldErrors
from idp.protocol.standard_claims import ADDRESS_MEMBERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Command = TypeVar("Command", bound="Callable[..., Any]")

_LONGEST_FILE = 64 * 1024
_FLAGS = {"true": True, "false": False}


def claim_options(command: Command) -> Command:
    """Add ``--claims FILE`` and ``--claim NAME=VALUE`` to *command* (arguments ``claims`` and ``claim``)."""
    one: Callable[[Command], Command] = click.option(
        "--claim",
        multiple=True,
        metavar="NAME=VALUE",
        help="A standard OpenID claim, as in birthdate=1990-04-27 or address.locality=Lisbon; repeatable.",
    )
    several: Callable[[Command], Command] = click.option(
        "--claims", type=click.File("rb"), help="Standard OpenID claims as a JSON object."
    )
    return several(one(command))


def read_claims(before: Mapping[str, Any], file: BinaryIO | None, pairs: Sequence[str]) -> dict[str, Any]:
    """Return the claims *before* with those of *file* and then those of *pairs*, for ``check_standard_claims``.

    Members of the address count one by one. What is null (RFC 7396) or empty is taken away. Whether a phone number is
    verified is forgotten with the number.

    Raises:
        FieldErrors: the file or a pair cannot be read.

    """
    found = dict(before)
    for given in (_from_file(file) if file is not None else {}, _from_pairs(pairs)):
        if "phone_number" in given and given["phone_number"] != found.get("phone_number"):
            found.pop("phone_number_verified", None)
        address, before_it = given.get("address"), found.get("address", {})
        found |= given
        if isinstance(address, dict):
            found["address"] = _set({**(before_it or {}), **address})
    return _set(found)


def _set(claims: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in claims.items() if value is not None and value not in ("", {})}


def _from_file(file: BinaryIO) -> dict[str, Any]:
    try:
        found = json.loads(file.read(_LONGEST_FILE))
    except (ValueError, RecursionError) as error:
        raise FieldErrors({"claims": "The file is not JSON."}) from error
    if not isinstance(found, dict):
        raise FieldErrors({"claims": "The file must hold one JSON object."})
    return found


def _from_pairs(pairs: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    address: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise FieldErrors({"claim": f"“{pair[:80]}” is not written as name=value."})
        claim, dot, member = name.partition(".")
        if claim == "address" and dot and member in ADDRESS_MEMBERS:
            address[member] = value
        elif claim == "address":
            members = ", ".join(f"address.{one}" for one in ADDRESS_MEMBERS)
            raise FieldErrors({"claim": f"An address is given by its members: {members}."})
        else:
            # Whatever else it is, the check says what is right.
            found[name] = _FLAGS.get(value, value) if name.endswith("_verified") else value
    return found | {"address": address} if address else found
