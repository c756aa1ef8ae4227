"""Requests that wait for a person: kept here whole, resumed by their id, bound to one browser."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import CursorResult, delete, select, update

from idp import opaque
from idp.diagnosis import reasons
from idp.errors import InteractionExpired, InteractionForeign, InvalidRequest
from idp.interactions.models import Interaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

LIFETIME = timedelta(hours=24)
# One that has run out still names the app that a forgotten tab belongs to.
KEPT = timedelta(days=7)
MOST_PER_BROWSER = 50
LARGEST = 20 * 1024


def begin(
    session: Session,
    *,
    resume_endpoint: str,
    client_id: str | None,
    parameters: Mapping[str, Any],
    browser: str | None,
    now: datetime,
) -> Interaction:
    """Keep a validated request for 24 hours; of one browser's, the oldest beyond fifty are dropped.

    ``browser`` is the fingerprint of the browser cookie, or nothing for a request that came by a cross-site POST: the
    first browser that loads it is bound to it.

    Raises:
        InvalidRequest: the parameters take more than 20 KiB.

    """
    if len(json.dumps(parameters, ensure_ascii=False).encode("utf-8", "surrogatepass")) > LARGEST:
        raise InvalidRequest("The request is too large.", reason=reasons.TOO_LARGE)
    interaction = Interaction(
        id=opaque.token(),
        resume_endpoint=resume_endpoint,
        client_id=client_id,
        parameters=dict(parameters),
        browser=browser,
        created_at=now,
        expires_at=now + LIFETIME,
    )
    session.add(interaction)
    session.flush()
    if browser is not None:
        _drop_oldest(session, browser)
    return interaction


def load(session: Session, interaction_id: str, *, browser: str | None, now: datetime) -> Interaction:
    """Return the waiting (or already completed) request, binding it to *browser* when it is bound to none yet.

    Raises:
        InteractionExpired: it is unknown, or older than 24 hours.
        InteractionForeign: it was started in another browser, or this one keeps no cookies.

    """
    found = session.get(Interaction, interaction_id) if 0 < len(interaction_id) <= 64 else None  # noqa: PLR2004 - the column
    if found is None or found.expires_at <= now:
        raise InteractionExpired(
            reasons.INTERACTION_EXPIRED.public,
            reason=reasons.INTERACTION_EXPIRED,
            facts={"client_id": (found.client_id if found else None) or ""},
        )
    if found.browser is None and browser is not None:
        _bind(session, found, browser)
    if browser is None or found.browser is None or not opaque.same(found.browser, browser):
        raise InteractionForeign(
            reasons.INTERACTION_FOREIGN.public,
            reason=reasons.INTERACTION_FOREIGN,
            facts={"client_id": found.client_id or ""},
        )
    return found


def complete(session: Session, interaction_id: str, now: datetime) -> bool:
    """Mark the request as answered; of any number of tries, one gets ``True``."""
    changed = session.execute(
        update(Interaction)
        .where(Interaction.id == interaction_id, Interaction.completed_at.is_(None), Interaction.expires_at > now)
        .values(completed_at=now)
        .execution_options(synchronize_session="evaluate")
    )
    return _count(changed) > 0


def consented(session: Session, interaction: Interaction, scopes: Iterable[str], person_id: str) -> None:
    """Note that *person_id* allowed *scopes* for this request."""
    interaction.consented_scopes = sorted(scopes)
    interaction.consented_by = person_id
    interaction.denied_at = None
    session.flush()


def denied(session: Session, interaction: Interaction, person_id: str, now: datetime) -> None:
    """Note that *person_id* refused this request."""
    interaction.consented_scopes = None
    interaction.consented_by = person_id
    interaction.denied_at = now
    session.flush()


def chose(session: Session, interaction: Interaction, person_id: str) -> None:
    """Note that *person_id* goes on with this request."""
    interaction.chosen_person = person_id
    session.flush()


def is_chosen(interaction: Interaction, person_id: str) -> bool:
    """Tell whether *person_id*, and nobody else, was chosen to go on with this request."""
    return interaction.chosen_person == person_id


def consent_of(interaction: Interaction, person_id: str) -> frozenset[str] | None:
    """Return the scopes that *person_id*, and nobody before, allowed for this request; nothing when not asked yet."""
    if interaction.consented_by != person_id or interaction.consented_scopes is None:
        return None
    return frozenset(interaction.consented_scopes)


def is_denied(interaction: Interaction, person_id: str) -> bool:
    """Tell whether *person_id*, and nobody before, refused this request."""
    return interaction.denied_at is not None and interaction.consented_by == person_id


def end_of_browser(session: Session, browser: str, now: datetime, *, keep: str | None = None) -> int:
    """End what waits in *browser* but *keep*: another person takes over, who must not inherit it; return how many."""
    ending = update(Interaction).where(Interaction.browser == browser, Interaction.expires_at > now)
    if keep is not None:
        ending = ending.where(Interaction.id != keep)
    ended = ending.values(expires_at=now).execution_options(synchronize_session="evaluate")
    return _count(session.execute(ended))


def purge(session: Session, now: datetime) -> int:
    """Delete requests that ran out a week ago; return how many."""
    return _count(session.execute(delete(Interaction).where(Interaction.expires_at <= now - KEPT)))


def _bind(session: Session, interaction: Interaction, browser: str) -> None:
    session.execute(
        update(Interaction)
        .where(Interaction.id == interaction.id, Interaction.browser.is_(None))
        .values(browser=browser)
        .execution_options(synchronize_session=False)
    )
    # Another browser may have been first.
    session.refresh(interaction)
    _drop_oldest(session, browser)


def _drop_oldest(session: Session, browser: str) -> None:
    of_browser = select(Interaction.id).where(Interaction.browser == browser)
    beyond = session.execute(
        of_browser.order_by(Interaction.created_at.desc(), Interaction.id.desc()).offset(MOST_PER_BROWSER)
    ).scalars()
    old = list(beyond)
    if old:
        session.execute(
            delete(Interaction).where(Interaction.id.in_(old)).execution_options(synchronize_session="evaluate")
        )


def _count(result: object) -> int:
    return result.rowcount if isinstance(result, CursorResult) else 0
