"""What a client is told of a person, place by place: the standard claims, and those it knows by names of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from idp.oidc.subjects import subject_for
from idp.protocol.claims import claims_for, with_mapping

if TYPE_CHECKING:
    from collections.abc import Collection

    from idp.clients.claim_mapping import Pairs
    from idp.clients.store import Client
    from idp.protocol.claims import PersonView


def in_id_token(
    client: Client, person: PersonView, scopes: Collection[str], names: Collection[str] = (), *, profile: bool
) -> dict[str, Any]:
    """Return the claims about *person* in an ID token: those in *names*, and with *profile* those of *scopes*."""
    standard = claims_for(person, scopes if profile else (), names, version=client.defaults_version)
    return standard | _mapped(client, person, scopes, client.metadata.claim_mapping.id_token)


def in_access_token(client: Client, person: PersonView, scopes: Collection[str]) -> dict[str, Any]:
    """Return the claims about *person* in an access token.

    An API that decides by group need not ask (RFC 9068 section 2.2.3.1); there are none without the scope.
    """
    groups = {"groups": list(person.groups)} if "groups" in scopes and person.groups else {}
    return groups | _mapped(client, person, scopes, client.metadata.claim_mapping.access_token)


def at_userinfo(
    client: Client, person: PersonView, scopes: Collection[str], names: Collection[str] = ()
) -> dict[str, Any]:
    """Return what the UserInfo endpoint tells of *person* (OpenID Connect Core section 5.3.2)."""
    standard = claims_for(person, scopes, names, version=client.defaults_version)
    told = standard | _mapped(client, person, scopes, client.metadata.claim_mapping.userinfo)
    return {"sub": subject_for(client, person.subject), **told}


def _mapped(client: Client, person: PersonView, scopes: Collection[str], pairs: Pairs) -> dict[str, Any]:
    if not pairs:
        return {}
    return with_mapping(replace(person, subject=subject_for(client, person.subject)), scopes, pairs)
