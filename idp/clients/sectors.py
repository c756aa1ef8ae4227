"""Apps that share the identifiers of people: the list behind ``sector_identifier_uri``."""

from __future__ import annotations

import json

from idp.clients.metadata import ClientMetadata
from idp.db import end_reading
from idp.errors import FieldErrors
from idp.outbound import Outbound, OutboundError

_NAME = "sector_identifier_uri"


def check(outbound: Outbound, wanted: ClientMetadata, before: ClientMetadata | None = None) -> None:
    """Fetch the list, and see that it names every redirect URI (OpenID Connect Registration section 5).

    Nothing is fetched where neither has changed since *before*. Never call it while a transaction is open.

    Raises:
        FieldErrors: naming ``sector_identifier_uri``.

    """
    uri = wanted.sector_identifier_uri
    if uri is None:
        return
    if before is not None and (before.sector_identifier_uri, before.redirect_uris) == (uri, wanted.redirect_uris):
        return
    end_reading()
    try:
        listed = json.loads(outbound.fetch(uri).body)
    except OutboundError as error:
        raise FieldErrors({_NAME: f"The list of redirect URIs could not be fetched. {error}"}) from None
    except (ValueError, RecursionError):
        raise FieldErrors({_NAME: "What is there is not JSON."}) from None
    if not isinstance(listed, list) or not all(isinstance(entry, str) for entry in listed):
        raise FieldErrors({_NAME: "What is there is not a JSON list of redirect URIs."})
    missing = [address for address in wanted.redirect_uris if address not in listed]
    if missing:
        raise FieldErrors({_NAME: f"The list there lacks the redirect URI {missing[0]}."})
