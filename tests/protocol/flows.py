"""The flows that a test of the authorization endpoint is run for.

SQLite: every response type, each in its usual mode and as a form post (the Form Post plans of the certification are the
others once more). PostgreSQL: one type of each kind in its usual mode; nothing that differs between types or modes
differs by the database.
"""

from __future__ import annotations

import pytest

CODE = ("code",)
IMPLICIT = ("id_token", "id_token token")
HYBRID = ("code id_token", "code token", "code id_token token")
ALL = (*CODE, *IMPLICIT, *HYBRID)
_ON_POSTGRESQL = ("code", "id_token token", "code id_token token")


def of(*response_types: str):
    """Return the mark that runs a test for these types; it takes `backend`, `response_type` and `response_mode`."""
    flows = [("sqlite", kind, mode) for kind in response_types for mode in (None, "form_post")]
    flows += [("postgresql", kind, None) for kind in response_types if kind in _ON_POSTGRESQL]
    ids = [f"{backend}-{kind.replace(' ', '+')}-{mode or 'usual'}" for backend, kind, mode in flows]
    return pytest.mark.parametrize(("backend", "response_type", "response_mode"), flows, ids=ids)


def with_token(*response_types: str) -> tuple[str, ...]:
    """Return those of the types that give an access token, sooner or later."""
    return tuple(kind for kind in response_types if {"code", "token"} & set(kind.split()))


def with_code(*response_types: str) -> tuple[str, ...]:
    """Return those of the types that give a code."""
    return tuple(kind for kind in response_types if "code" in kind.split())


def with_id_token(*response_types: str) -> tuple[str, ...]:
    """Return those of the types whose ID token comes from the authorization endpoint."""
    return tuple(kind for kind in response_types if "id_token" in kind.split())


def metadata_for(response_type: str) -> dict[str, list[str]]:
    """Return what a client has to register for a response type."""
    words = set(response_type.split())
    grants = ["authorization_code"] if "code" in words else []
    return {
        "response_types": [response_type],
        "grant_types": grants + (["implicit"] if words & {"id_token", "token"} else []),
    }
