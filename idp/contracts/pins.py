"""The contracts that are kept: how a change would alter them, and agreeing to it.

Nothing of a client's registration changes but by ``change``, so that every change finds its contracts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, exists, select, update

from idp import opaque
from idp.audit.contract_events import ContractAccepted
from idp.audit.declared import Change
from idp.audit.log import record
from idp.cache import bump
from idp.clients import administration, defaults, store
from idp.clients.models import ClientRow, TokenContract
from idp.contracts import schema
from idp.contracts.frames import Frames, narrowed
from idp.contracts.schema import KINDS
from idp.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from idp.audit.log import Actor
    from idp.clients.metadata import ClientMetadata
    from idp.clients.store import Client, Created
    from idp.vault import Vault

# A line of a comparison: "same", "removed" (before only) or "added" (after only), and the text.
Line = tuple[str, str]
_ORDER: Final = {kind: place for place, kind in enumerate(KINDS)}
_SAME: Final = "same"
# What was read stays as it was, for whoever tells of it; ``of`` reads anew.
_APART: Final = {"synchronize_session": False}
_ENDS: Final = "none are issued any more"


@dataclass(frozen=True, slots=True)
class Difference:
    """What tokens of one kind hold, and what they would hold."""

    kind: str
    scope: str
    before: tuple[Line, ...]
    after: tuple[Line, ...]

    @property
    def title(self) -> str:
        """What people call these tokens."""
        return KINDS[self.kind]

    @property
    def told_before(self) -> list[Line]:
        """What the tokens hold now, for a page: what stays is counted."""
        return _told(self.before)

    @property
    def told_after(self) -> list[Line]:
        """What they would hold, in the same way."""
        return _told(self.after)

    @property
    def removed(self) -> list[str]:
        """What the tokens hold now alone."""
        return [text for kind, text in self.before if kind != _SAME]

    @property
    def added(self) -> list[str]:
        """What they would hold alone."""
        return [text for kind, text in self.after if kind != _SAME]


@dataclass(frozen=True, slots=True)
class Examined:
    """One client: its contracts, where its tokens differ from them already, and what waits to be agreed to."""

    client: Client
    contracts: Sequence[TokenContract]
    # What this release, its settings and the registration make of the tokens already, without anybody's consent.
    differs: Sequence[Difference]
    # What new defaults and settings would make of them.
    waits: Sequence[Difference]

    @property
    def broken(self) -> list[TokenContract]:
        """The contracts that tokens were issued against."""
        return [one for one in self.contracts if one.faults]

    @property
    def is_kept(self) -> bool:
        """Tell whether there is nothing to look at."""
        return not (self.differs or self.waits or self.broken)


@dataclass(frozen=True, slots=True)
class Changing:
    """What a change of a client needs, who makes it, and when."""

    vault: Vault
    frames: Frames
    actor: Actor
    now: datetime


def of(session: Session, client_id: str) -> list[TokenContract]:
    """Return the contracts of a client, in the order of the pages."""
    query = select(TokenContract).where(TokenContract.client_id == client_id)
    found = session.execute(query.execution_options(populate_existing=True)).scalars()
    return sorted(found, key=lambda one: (_ORDER.get(one.kind, 0), one.scope))


def altered(session: Session, frames: Frames, target: Client) -> list[Difference]:
    """Return how the tokens of *target*, a client as it is or would be, differ from what is pinned."""
    return _compared(frames, target, of(session, target.client_id))


def with_latest(client: Client) -> Client:
    """Return *client* as it would be with the defaults and settings of today."""
    return replace(client, defaults_version=defaults.latest().version, lifetimes={})


def examine(session: Session, frames: Frames, client: Client) -> Examined:
    """Return what there is to say of the contracts of *client*."""
    contracts = of(session, client.client_id)
    differs = _compared(frames, client, contracts)
    # What differs already is named once.
    known = {(one.kind, one.scope, tuple(one.added)) for one in differs}
    waits = [
        one
        for one in _compared(frames, with_latest(client), contracts)
        if (one.kind, one.scope, tuple(one.added)) not in known
    ]
    return Examined(client, contracts, differs, waits)


def differing(session: Session, frames: Frames) -> list[Examined]:
    """Return the clients that there is something to look at of."""
    client_ids = session.execute(select(TokenContract.client_id).distinct().order_by(TokenContract.client_id)).scalars()
    clients = [store.read(session, client_id) for client_id in client_ids.all()]
    found = [examine(session, frames, client) for client in clients if client is not None]
    return [one for one in found if not one.is_kept]


def fingerprint(differences: Sequence[Difference]) -> str:
    """Return what a consent names: these differences and no others."""
    told = [[one.kind, one.scope, one.before, one.after] for one in differences]
    return opaque.fingerprint(json.dumps(told))[:24]


def change(session: Session, how: Changing, client_id: str, metadata: ClientMetadata) -> Created:
    """Replace a client's metadata, see ``administration.change``; whoever asks has agreed to what that alters."""
    changed = administration.change(session, how.vault, client_id, metadata, actor=how.actor, now=how.now)
    _settle(session, how, changed.client)
    return changed


def accept(session: Session, how: Changing, client_id: str) -> Client:
    """Agree to what differs and to what waits: the client gets the defaults and settings of today.

    Raises:
        NotFound: there is no such client.

    """
    client = store.read(session, client_id)
    if client is None:
        raise NotFound("There is no such app.")
    latest = with_latest(client)
    session.execute(
        update(ClientRow).where(ClientRow.client_id == client_id).values(defaults_version=latest.defaults_version)
    )
    _settle(session, how, latest)
    bump(session)
    return latest


def _settle(session: Session, how: Changing, target: Client) -> None:
    """Pin what the tokens of *target* hold from now on."""
    changes = []
    for row in of(session, target.client_id):
        scopes = tuple(row.scope.split())
        frame, kept = how.frames.of(target, row.kind, scopes), " ".join(narrowed(target, scopes))
        difference = _difference(row, kept, frame.lines() if frame else None)
        if difference is None and not row.faults:
            continue
        if difference is not None:
            field = f"{difference.title}, {row.scope}" if row.scope else difference.title
            changes.append(Change(field, "; ".join(difference.removed), "; ".join(difference.added)))
        if frame is None or (kept != row.scope and _is_pinned(session, row, kept)):
            session.execute(delete(TokenContract).where(*_is(row)).execution_options(**_APART))
            continue
        values: dict[str, Any] = {
            "scope": kept,
            "frame": frame.as_json(),
            "lifetime": frame.lifetime,
            "pinned_at": how.now,
            "accepted_by": how.actor.name or how.actor.id,
            "tokens": 0,
            "seen": {},
            "faults": [],
            "deviated_at": None,
        }
        session.execute(update(TokenContract).where(*_is(row)).values(**values).execution_options(**_APART))
    if changes:
        event = ContractAccepted(target_id=target.client_id, target_name=target.name, changes=tuple(changes))
        record(session, event, now=how.now, actor=how.actor)


def _is(row: TokenContract, scope: str | None = None) -> tuple[ColumnElement[bool], ...]:
    wanted = row.scope if scope is None else scope
    return (
        TokenContract.client_id == row.client_id,
        TokenContract.kind == row.kind,
        TokenContract.scope == wanted,
    )


def _is_pinned(session: Session, row: TokenContract, scope: str) -> bool:
    return bool(session.execute(select(exists().where(*_is(row, scope)))).scalar())


def _compared(frames: Frames, target: Client, contracts: Sequence[TokenContract]) -> list[Difference]:
    found = []
    for row in contracts:
        scopes = tuple(row.scope.split())
        frame = frames.of(target, row.kind, scopes)
        difference = _difference(row, " ".join(narrowed(target, scopes)), frame.lines() if frame else None)
        if difference is not None:
            found.append(difference)
    return found


def _difference(row: TokenContract, scope: str, lines: list[str] | None) -> Difference | None:
    before = [*_scope_line(row.scope), *schema.from_json(row.frame).lines()]
    after = [_ENDS] if lines is None else [*_scope_line(scope), *lines]
    if before == after:
        return None
    return Difference(
        row.kind,
        row.scope,
        tuple((_SAME if text in after else "removed", text) for text in before),
        tuple((_SAME if text in before else "added", text) for text in after),
    )


def _told(lines: Sequence[Line]) -> list[Line]:
    changed = [line for line in lines if line[0] != _SAME]
    same = len(lines) - len(changed)
    stays = "1 line stays as it is" if same == 1 else f"{same} lines stay as they are"
    return [*changed, *([("key", stays)] if same else [])]


def _scope_line(scope: str) -> list[str]:
    return [f"scopes {scope}"] if scope else []
