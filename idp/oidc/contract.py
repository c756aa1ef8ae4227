"""What OpenID Connect and OAuth would issue to a client, as samples for its contract: made as the real ones are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from idp.contracts import schema
from idp.contracts.frames import AT, PEOPLE, PERSON_ID, SESSION_ID
from idp.contracts.schema import Sample
from idp.oidc import back_channel, disclosure, encryption, issuing
from idp.oidc.issuing import Issue
from idp.protocol import access_token, acr, logout_token, subjects
from idp.protocol.scopes import OPENID
from idp.tokens import access
from idp.tokens.codes import GrantView

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from idp.clients.store import Client
    from idp.protocol.claims import PersonView

# As long as any; only its form counts.
_HANDED_OUT = "x"


def samples(client: Client, kind: str, scopes: tuple[str, ...]) -> list[Sample]:
    """Return what tokens of *kind* would hold for *scopes*: for people of whom all and nothing is known."""
    make = _MAKERS.get(kind)
    if make is None:
        return []
    metadata = client.metadata
    sector = ""
    if metadata.subject_type == schema.PAIRWISE:
        sector = subjects.sector_of(metadata.sector_identifier_uri, metadata.redirect_uris)
    return [replace(one, sector=sector) for one in make(client, scopes)]


def _id_tokens(client: Client, scopes: tuple[str, ...]) -> Iterator[Sample]:
    metadata = client.metadata
    if OPENID in scopes and "authorization_code" in metadata.grant_types:
        for issue in _issues(client, scopes):
            token = issuing.id_token_of(issue, profile=metadata.id_token_profile_claims)
            yield _id_token(client, replace(token, access_token=_HANDED_OUT).claims(AT))


def _front_id_tokens(client: Client, scopes: tuple[str, ...]) -> Iterator[Sample]:
    metadata = client.metadata
    for words in (response_type.split() for response_type in metadata.response_types):
        if "id_token" not in words or OPENID not in scopes:
            continue
        profile = metadata.id_token_profile_claims or words == ["id_token"]
        handed_out, code = (_HANDED_OUT if word in words else None for word in ("token", "code"))
        for issue in _issues(client, scopes):
            token = issuing.id_token_of(issue, profile=profile, kind=schema.FRONT_ID_TOKEN)
            yield _id_token(client, replace(token, access_token=handed_out, code=code).claims(AT))


def _id_token(client: Client, claims: dict[str, object]) -> Sample:
    alg = client.metadata.id_token_signed_response_alg
    return Sample(now=AT, claims=claims, alg=alg, encryption=encryption.of_id_tokens(client))


def _userinfo(client: Client, scopes: tuple[str, ...]) -> Iterator[Sample]:
    metadata = client.metadata
    if OPENID not in scopes or not (metadata.signs_people_in and _has_access_tokens(client)):
        return
    alg, sealing = metadata.userinfo_signed_response_alg, encryption.of_userinfo(client)
    for person in PEOPLE:
        told = encryption.userinfo_claims(client, disclosure.at_userinfo(client, person, scopes))
        yield Sample(now=AT, claims=told, alg=alg or "none", typ="JWT" if alg else "", encryption=sealing)


def _has_access_tokens(client: Client) -> bool:
    return set(client.metadata.response_types) != {"id_token"}


def _access_tokens(client: Client, scopes: tuple[str, ...], resources: tuple[str, ...] = ()) -> Iterator[Sample]:
    if client.metadata.signs_people_in and _has_access_tokens(client):
        for issue in _issues(client, scopes):
            token = issuing.access_token_of(replace(issue, resources=resources))
            yield _access_token(client, token)


def _own_tokens(client: Client, scopes: tuple[str, ...], resources: tuple[str, ...] = ()) -> Iterator[Sample]:
    if "client_credentials" in client.metadata.grant_types:
        yield _access_token(client, issuing.own_token_of(client, scopes, resources))


def _for_resources(
    make: Callable[[Client, tuple[str, ...], tuple[str, ...]], Iterator[Sample]],
) -> Callable[[Client, tuple[str, ...]], Iterator[Sample]]:
    """Return what makes the same for one API that is named, and for several."""

    def made(client: Client, scopes: tuple[str, ...]) -> Iterator[Sample]:
        every = client.metadata.resources
        for named in (every[:1], every[:2])[: len(every)]:
            yield from make(client, scopes, named)

    return made


def _access_token(client: Client, token: access_token.AccessToken) -> Sample:
    return Sample(now=AT, claims=token.claims(AT), alg=access.algorithm(client, token), typ=access_token.TYP)


def _logout_tokens(client: Client, _scopes: tuple[str, ...]) -> Iterator[Sample]:
    if client.metadata.backchannel_logout_uri is not None:
        claims = back_channel.token_of(client, PERSON_ID, SESSION_ID).claims(AT)
        alg, typ = client.metadata.id_token_signed_response_alg, logout_token.HEADER["typ"]
        yield Sample(now=AT, claims=claims, alg=alg, typ=typ)


def _issues(client: Client, scopes: tuple[str, ...]) -> Iterator[Issue]:
    """Yield what would be issued to a request with all that it can have, and to one with nothing."""
    for person, nonce, amr in zip(PEOPLE, ("x", None), (("pwd",), ()), strict=True):
        yield Issue(
            client=client,
            grant=_grant(client, person, scopes, nonce, amr),
            person=person,
            scopes=scopes,
            resources=(),
            refresh_token=None,
            now=AT,
        )


def _grant(
    client: Client, person: PersonView, scopes: tuple[str, ...], nonce: str | None, amr: tuple[str, ...]
) -> GrantView:
    return GrantView(
        id=SESSION_ID,
        client_id=client.client_id,
        person_id=person.subject,
        session_id=SESSION_ID,
        scope=" ".join(scopes),
        resources=(),
        nonce=nonce,
        auth_time=AT,
        amr=amr,
        acr=acr.PASSWORD,
        created_at=AT,
    )


_MAKERS: dict[str, Callable[[Client, tuple[str, ...]], Iterator[Sample]]] = {
    schema.ID_TOKEN: _id_tokens,
    schema.FRONT_ID_TOKEN: _front_id_tokens,
    schema.USERINFO: _userinfo,
    schema.ACCESS_TOKEN: _access_tokens,
    schema.RESOURCE_TOKEN: _for_resources(_access_tokens),
    schema.CLIENT_TOKEN: _own_tokens,
    schema.CLIENT_RESOURCE_TOKEN: _for_resources(_own_tokens),
    schema.LOGOUT_TOKEN: _logout_tokens,
}
