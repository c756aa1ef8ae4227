"""Signing in with a password."""

from __future__ import annotations

from idp.login.method import Method
from idp.protocol import acr

METHOD = Method("password", amr=("pwd",), acr=acr.PASSWORD)
