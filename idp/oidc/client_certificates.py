"""Clients that prove themselves by a TLS certificate (RFC 8705), which a trusted proxy hands on in a header.

The proxy has made the other side prove that it holds the private key. For ``tls_client_auth`` it has also verified the
chain; for ``self_signed_tls_client_auth`` the certificate's key must be among the client's registered ones.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from flask import request

from idp.clients import certificates
from idp.errors import InvalidClient
from idp.oidc import secret_limits
from idp.oidc.client_keys import ClientKeys, ClientKeysUnavailable
from idp.settings import Settings
from idp.web.addresses import peer_is_trusted
from idp.web.current import service

if TYPE_CHECKING:
    from datetime import datetime

    from idp.clients.store import Client

METHODS: Final = ("tls_client_auth", "self_signed_tls_client_auth")
_LONGEST = 16 * 1024
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


def presented() -> x509.Certificate | None:
    """Return the certificate of this request's other side; ``None`` when there is none, or nobody trusted says so.

    Raises:
        InvalidClient: the header holds something else.

    """
    name = service(Settings).client_certificate_header
    value = request.headers.get(name, "").strip() if name and peer_is_trusted() else ""
    # Apache writes the second where there is no certificate.
    if value in ("", "(null)"):
        return None
    try:
        return x509.load_der_x509_certificate(_der(value))
    except (ValueError, binascii.Error):
        # Two values in one header, as from a proxy that adds to what a client sent, end here, too.
        raise InvalidClient(
            "The client's certificate cannot be read.", detail=f"{name} holds no single certificate"
        ) from None


def prove(client: Client, now: datetime) -> None:
    """Check that this request came with the certificate that *client* registered.

    May fetch the client's keys: no transaction may be open.

    Raises:
        InvalidClient: there is none, or another one.

    """
    certificate = presented()
    fault = "no certificate came along" if certificate is None else _fault(client, certificate, now)
    if fault:
        raise InvalidClient(secret_limits.REFUSED, detail=f"client {client.client_id}: {fault}")


def _fault(client: Client, certificate: x509.Certificate, now: datetime) -> str | None:
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        return "the certificate has run out, or is not valid yet"
    if client.metadata.token_endpoint_auth_method == "tls_client_auth":
        is_named = certificates.is_named(certificate, client.metadata)
        return None if is_named else f"the certificate is for {certificate.subject.rfc4514_string()}"
    try:
        is_registered = _is_registered(client, certificate, now)
    except (ClientKeysUnavailable, UnsupportedAlgorithm, ValueError) as error:
        return str(error)
    return None if is_registered else "the certificate's key is not registered"


def _is_registered(client: Client, certificate: x509.Certificate, now: datetime) -> bool:
    key, service_keys = certificate.public_key(), service(ClientKeys)
    known = service_keys.known(client, now)
    newer = None
    if not any(one.use != "enc" and one.key.public_key == key for one in known):
        newer = service_keys.refreshed(client, known, now)
        return newer is not None and any(one.use != "enc" and one.key.public_key == key for one in newer)
    return True


def _der(value: str) -> bytes:
    """Read a certificate as proxies write it: URL-encoded PEM (nginx), `:base64:` (RFC 9440), or bare base64 of DER."""
    text = unquote(value[:_LONGEST])
    if text.startswith(_BEGIN) and text.count(_BEGIN) == 1:
        body, end, rest = text.removeprefix(_BEGIN).partition(_END)
        if not end or rest.strip():
            raise ValueError("malformed PEM")
    elif text.startswith(":"):
        body = text.removeprefix(":").removesuffix(":")
    else:
        body = text
    return base64.b64decode("".join(body.split()), validate=True)
