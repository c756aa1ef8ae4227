"""Client certificates: how a registered name is compared with what a certificate says (RFC 8705 section 2.1)."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from idp.clients.values import BadValue, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from idp.clients.metadata import ClientMetadata

# A distinguished name, ready to be compared: its parts in order, each the set of its attributes and values.
Name = tuple[frozenset[tuple[str, str]], ...]

# What certificate tools write beyond the few names of RFC 4514.
_NAMES: Final = {
    "E": NameOID.EMAIL_ADDRESS,
    "EMAILADDRESS": NameOID.EMAIL_ADDRESS,
    "SERIALNUMBER": NameOID.SERIAL_NUMBER,
    "SN": NameOID.SURNAME,
    "GN": NameOID.GIVEN_NAME,
    "T": NameOID.TITLE,
    "TITLE": NameOID.TITLE,
    "S": NameOID.STATE_OR_PROVINCE_NAME,
    "ORGANIZATIONIDENTIFIER": NameOID.ORGANIZATION_IDENTIFIER,
    "BUSINESSCATEGORY": NameOID.BUSINESS_CATEGORY,
}
# Spaces beside separators are how people and tools like to read it; the name of an attribute has no letter case.
_SPACES: Final = re.compile(r"(?<!\\)([,+])\s+|(?<!\\)\s+(?=[,+]|$)")
_ATTRIBUTE: Final = re.compile(r"((?:^|(?<!\\)[,+])[A-Za-z0-9.-]+)\s*=\s*")


def subject_dn(value: object) -> str:
    """Read the registered subject of a certificate (RFC 4514), as ``tls_client_auth_subject_dn`` holds it."""
    read = text(1000)(value)
    if not parse_name(read):
        raise BadValue("Write the subject as RFC 4514 does, for example CN=notes,O=Example,C=DE.")
    return read


def parse_name(written: str) -> Name | None:
    """Return a distinguished name for comparison; ``None`` when *written* is none, or an empty one."""
    tidy = _SPACES.sub(lambda found: found[1] or "", written.strip())
    tidy = _ATTRIBUTE.sub(lambda found: f"{found[1].upper()}=", tidy)
    try:
        return _comparable(x509.Name.from_rfc4514_string(tidy, _NAMES)) or None
    except ValueError:
        return None


def is_named(certificate: x509.Certificate, metadata: ClientMetadata) -> bool:
    """Tell whether *certificate* is the one that the client registered by name, exactly one of five ways."""
    if metadata.tls_client_auth_subject_dn is not None:
        expected = parse_name(metadata.tls_client_auth_subject_dn)
        return expected is not None and expected == _comparable(certificate.subject)
    for name, matches in _ALTERNATIVES.items():
        registered = getattr(metadata, name)
        if registered is not None:
            return any(matches(entry, registered) for entry in _alternatives(certificate))
    return False


def _comparable(name: x509.Name) -> Name:
    # Letter case and runs of spaces make no other name (RFC 4517 section 4.2.11); the kind of string does not either.
    return tuple(
        frozenset((part.oid.dotted_string, " ".join(str(part.value).split()).casefold()) for part in several)
        for several in name.rdns
    )


def _alternatives(certificate: x509.Certificate) -> list[x509.GeneralName]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return []
    return list(found.value)


def _is_dns(entry: x509.GeneralName, registered: str) -> bool:
    return isinstance(entry, x509.DNSName) and entry.value.lower() == registered.lower()


def _is_uri(entry: x509.GeneralName, registered: str) -> bool:
    return isinstance(entry, x509.UniformResourceIdentifier) and entry.value == registered


def _is_email(entry: x509.GeneralName, registered: str) -> bool:
    return isinstance(entry, x509.RFC822Name) and entry.value == registered


def _is_ip(entry: x509.GeneralName, registered: str) -> bool:
    try:
        return isinstance(entry, x509.IPAddress) and entry.value == ipaddress.ip_address(registered)
    except ValueError:
        return False


_ALTERNATIVES: Final[dict[str, Callable[[x509.GeneralName, str], bool]]] = {
    "tls_client_auth_san_dns": _is_dns,
    "tls_client_auth_san_uri": _is_uri,
    "tls_client_auth_san_ip": _is_ip,
    "tls_client_auth_san_email": _is_email,
}
