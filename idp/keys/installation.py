"""The installation's own secret: made once, kept encrypted under the master key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from idp import opaque
from idp.keys.models import Installation
from idp.vault import Secrets, Vault, VaultError, create_master_key, parse_master_key, read_master_key

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.settings import Settings

PLACE = "installation/1/secret"


def open_vault(settings: Settings, *, may_create: bool = False) -> Vault:
    """Return the vault under the configured master key.

    ``may_create`` is for the first start alone: with encrypted data there, a missing key must stop the start.

    Raises:
        VaultError: the key is missing or malformed.

    """
    other = settings.other_master_key.get_secret_value()
    others = [parse_master_key(other)] if other else []
    given = settings.master_key.get_secret_value()
    if given:
        return Vault(parse_master_key(given), *others)
    path = settings.data_dir / "master.key"
    if may_create and not path.exists():
        return Vault(create_master_key(path), *others)
    return Vault(read_master_key(path), *others)


def create(session: Session, vault: Vault, settings: Settings, now: datetime) -> None:
    """Make the installation secret."""
    sealed = vault.encrypt(opaque.random_bytes(32), place=PLACE)
    session.add(Installation(id=1, secret=sealed, issuer=settings.issuer, created_at=now))


def exists(session: Session) -> bool:
    """Tell whether this database has been set up."""
    return session.execute(select(Installation.id)).first() is not None


def open_secrets(session: Session, vault: Vault) -> Secrets:
    """Return the keys derived from the installation secret.

    Raises:
        VaultError: there is no installation yet, or the master key is not its own.

    """
    row = session.execute(select(Installation.secret)).first()
    if row is None:
        message = "This database has not been set up yet. Run `idp migrate` or `idp serve`."
        raise VaultError(message)
    return Secrets(vault.decrypt(row.secret, place=PLACE))
