"""Where a passkey lives, told from the AAGUID of its authenticator, and what it is to its owner.

The table holds what providers publish about themselves; see docs/reference/third-party.md. An authenticator may claim
any AAGUID: it names a passkey on a page, and nothing is decided by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from idp.wording import say

if TYPE_CHECKING:
    from idp.passkeys.models import Passkey

_PROVIDERS = {
    "08987058-cadc-4b81-b6e1-30de50dcbe96": "Windows Hello",
    "0ea242b4-43c4-4a1b-8b17-dd6d0b6baec6": "Keeper",
    "2fc0579f-8113-47ea-b116-bb5a8db9202a": "YubiKey 5 NFC",
    "50726f74-6f6e-5061-7373-50726f746f6e": "Proton Pass",
    "531126d6-e717-415c-9320-3d9aa6981239": "Dashlane",
    "53414d53-554e-4700-0000-000000000000": "Samsung Pass",
    "6028b017-b1d4-4c02-b4b3-afcdafc96bb2": "Windows Hello",
    "771b48fd-d3d4-4f74-9232-fc157ab0507a": "Edge on Mac",
    "9ddd1817-af5a-4672-a2b9-3e3dd95000a9": "Windows Hello",
    "a11a5faa-9f32-4b8c-8c5d-2f7d13e8c942": "AliasVault",
    "adce0002-35bc-c60a-648b-0b25f1f05503": "Chrome on Mac",
    "b35a26b2-8f6e-4697-ab1d-d44db4da28c6": "Zoho Vault",
    "b5397666-4885-aa6b-cebf-e52262a439a2": "Chromium",
    "b78a0a55-6ef8-d246-a042-ba0f6d55050c": "LastPass",
    "b84e4048-15dc-4dd0-8640-f4f60813c8af": "NordPass",
    "bada5566-a7aa-401f-bd96-45619a55120d": "1Password",
    "c5ef55ff-ad9a-4b9f-b580-adebafe026d0": "YubiKey 5Ci",
    "cb69481e-8ff7-4039-93ec-0a2729a154a8": "YubiKey 5",
    "d3452668-01fd-4c12-926c-83a4204853aa": "Microsoft Password Manager",
    "d548826e-79b4-db40-a3d8-11116f7e8349": "Bitwarden",
    "d8522d9f-575b-4866-88a9-ba99fa02f35b": "YubiKey Bio",
    "dd4ec289-e01d-41c9-bb89-70fa845d4bf2": "Apple Passwords (managed)",
    "de503f9c-21a4-4f76-b4b7-558eb55c6f89": "Devolutions",
    "ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4": "Google Password Manager",
    "eaecdef2-1c31-5634-8639-f1cbd9c00a08": "KeePassDX",
    "ee882879-721c-4913-9775-3dfcce97072a": "YubiKey 5",
    "f3809540-7f14-49c1-a8b3-8f813b225541": "Enpass",
    "fa2b99dc-9e39-4257-8f92-4a30d23c4118": "YubiKey 5 NFC",
    "fbfc3007-154e-4ecc-8c0b-6e020557d7bd": "Apple Passwords",
    "fdb141b2-5d84-443e-8a35-4698c205a502": "KeePassXC",
}
_PLUGGED_IN = frozenset({"usb", "nfc", "ble", "smart-card"})


@dataclass(frozen=True, slots=True)
class Kind:
    """How a page shows what a passkey is: a badge, its colour, an icon."""

    label: str
    badge: str
    icon: str


SYNCED = Kind(say("Synced"), "next", "cloud")
SECURITY_KEY = Kind(say("Security key"), "off", "usb")
ONE_DEVICE = Kind(say("One device only"), "off", "scan-face")


def provider_of(aaguid: str) -> str:
    """Return who keeps passkeys with this AAGUID; empty where that is not known."""
    return _PROVIDERS.get(aaguid, "")


def kind_of(passkey: Passkey) -> Kind:
    """Return whether *passkey* is on several devices, on a key to carry, or on the one device that made it."""
    if passkey.backup_eligible:
        return SYNCED
    transports = set(passkey.transports)
    return SECURITY_KEY if transports & _PLUGGED_IN and "internal" not in transports else ONE_DEVICE
