"""The services of the running application, by their type."""

from __future__ import annotations

from typing import TypeVar

from flask import Flask, current_app

Service = TypeVar("Service")
_KEY = "idp"


def provide(app: Flask, *services: object) -> None:
    """Make *services* available to views as ``service(Type)``."""
    known: dict[type, object] = app.extensions.setdefault(_KEY, {})
    for one in services:
        known[type(one)] = one


def service(kind: type[Service]) -> Service:
    """Return the application's one *kind* (``Settings``, ``Cache``, ``Vault``, ``Signer`` …)."""
    found: Service = current_app.extensions[_KEY][kind]
    return found
