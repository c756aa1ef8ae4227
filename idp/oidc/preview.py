"""What OpenID Connect would tell a client of a person: the same claims that are issued, not signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp.oidc import disclosure, encryption, issuing, people
from idp.protocol import acr
from idp.protocol.scopes import OPENID
from idp.tokens.codes import GrantView
from idp.tokens.previews import ACCESS_TOKEN, ID_TOKEN, USERINFO, Asked, Preview

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

# No grant has this name, so that nothing in a preview leads to one.
_NO_GRANT = "preview"


def made(session: Session, asked: Asked) -> list[Preview]:
    """Return the ID token, the answer of userinfo and the access token for *asked*, as far as the client gets them."""
    metadata = asked.client.metadata
    person = people.find_enabled(session, asked.person_id, asked.scopes)
    if person is None or not metadata.signs_people_in:
        return []
    issue = issuing.Issue(
        client=asked.client,
        grant=_grant(asked),
        person=person,
        scopes=asked.scopes,
        resources=(),
        refresh_token=None,
        now=asked.now,
    )
    found = []
    only_id_token = set(metadata.response_types) == {"id_token"}
    if OPENID in asked.scopes:
        token = issuing.id_token_of(issue, profile=metadata.id_token_profile_claims or only_id_token)
        found.append(Preview(ID_TOKEN, token.claims(asked.now)))
    if OPENID in asked.scopes and not only_id_token:
        told = disclosure.at_userinfo(asked.client, person, asked.scopes)
        found.append(Preview(USERINFO, encryption.userinfo_claims(asked.client, told)))
    if not only_id_token:
        found.append(Preview(ACCESS_TOKEN, issuing.access_token_of(issue).claims(asked.now)))
    return found


def _grant(asked: Asked) -> GrantView:
    """Return a grant that nobody made: of a person who has just signed in with their password."""
    return GrantView(
        id=_NO_GRANT,
        client_id=asked.client.client_id,
        person_id=asked.person_id,
        session_id=_NO_GRANT,
        scope=" ".join(asked.scopes),
        resources=(),
        nonce=None,
        auth_time=asked.now,
        amr=("pwd",),
        acr=acr.PASSWORD,
        created_at=asked.now,
    )
