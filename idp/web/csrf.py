"""Cross-site request forgery: every POST carries a token, but for the routes that say they are called by machines."""

from __future__ import annotations

from flask_wtf.csrf import CSRFProtect

csrf = CSRFProtect()
