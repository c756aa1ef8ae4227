"""Who this installation is to authenticators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp.passkeys import ceremonies
from idp.settings import Settings
from idp.web.current import service

if TYPE_CHECKING:
    from idp.passkeys.ceremonies import RelyingParty


def party() -> RelyingParty | None:
    """Return who this installation is to authenticators; nothing where no passkey can be for it."""
    settings = service(Settings)
    return ceremonies.relying_party(settings.issuer, settings.site_name)
