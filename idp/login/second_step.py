"""What is asked for after a first proof: by who the person is, what they have, and where they are going."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from idp import registry
from idp.accounts import store as accounts
from idp.db import db
from idp.factors import policy
from idp.login import left_out
from idp.login.factor import factors
from idp.login.passkey_party import party
from idp.protocol import acr
from idp.settings import Settings
from idp.web.current import service

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from idp.accounts.models import Person
    from idp.clients.store import Client
    from idp.login.factor import Factor
    from idp.sessions.pending import Proven
    from idp.sessions.store import SessionView

# The steps that a half-finished sign-in can still have before it, and the page that asks for each.
SECOND_FACTOR: Final = "second_factor"
ENROL: Final = "enrol"
SAVE_CODES: Final = "save_codes"
NEW_PASSWORD: Final = "new_password"
STEPS: Final = {
    SECOND_FACTOR: "login_second.index",
    ENROL: "login_enrol.index",
    SAVE_CODES: "login_enrol.codes",
    NEW_PASSWORD: "login_new_password.index",
}


def outstanding(
    session: Session, person: Person, proven: Proven, client: Client | None, *, may_skip: bool = True
) -> tuple[str, ...]:
    """Return what *person* has to do beside what was *proven*, on the way to *client* or to a page of this site.

    ``may_skip`` is false where it does not count that this browser is remembered; else the person is held locked.
    """
    if acr.reaches(proven.acr, acr.TWO_FACTORS):
        return ()
    if may_skip and left_out.passes(session, person):
        return ()
    if has_factor(session, person):
        return (SECOND_FACTOR,)
    required = policy.is_required(session, person.id, client, service(Settings).sign_in)
    return raising(session, person, beside=proven.method.split()) if required else ()


def password_due(person: Person) -> tuple[str, ...]:
    """Return the step in which *person* chooses another password, where one is asked for: the last one of a sign-in.

    Whoever knows the password alone cannot replace it: everything else is proven before.
    """
    return (NEW_PASSWORD,) if person.must_change_password and person.password_hash is not None else ()


def raising(session: Session, person: Person, *, beside: Sequence[str] = ()) -> tuple[str, ...]:
    """Return what *person*, who has proven one factor, has to do to reach two; none of *beside*, which that was."""
    can = any(factor.name not in beside for factor in _fulfilling(session, person))
    return (SECOND_FACTOR,) if can else (ENROL, SAVE_CODES)


def levels() -> tuple[str, ...]:
    """Return the levels that some sign-in here can reach, from the weakest to the strongest."""
    methods = [module.METHOD for module in registry.modules_in("idp.login.methods")]
    return _up_to([method.acr for method in methods] + [acr.TWO_FACTORS for _ in factors()])


def levels_of(session: Session, person: Person, *, by_enrolling: bool) -> tuple[str, ...]:
    """Return the levels that *person* can reach with what they have, or could set up on the way."""
    # For what a client can do without, nobody is asked for more than after every password.
    had = [factor for factor in _fulfilling(session, person) if factor.demands or by_enrolling]
    reached = [acr.PASSWORD, *(acr.stronger(acr.TWO_FACTORS, factor.method.acr) for factor in had)]
    return _up_to([*reached, acr.TWO_FACTORS] if by_enrolling else reached)


def may_add_passkey() -> bool:
    """Tell whether there can be passkeys here, for whoever has none and goes where one is needed."""
    return party() is not None


def has_factor(session: Session, person: Person) -> bool:
    """Tell whether *person* has set up anything that they are to be asked for."""
    return bool(demanded(session, person))


def demanded(session: Session, person: Person) -> list[str]:
    """Return the names of what *person* has set up and is to be asked for, the best first."""
    return [factor.name for factor in factors() if factor.demands and factor.has(session, person)]


def _fulfilling(session: Session, person: Person) -> list[Factor]:
    """Return the second factors of *person* that are enough where two factors are asked for."""
    return [factor for factor in factors() if factor.fulfils and factor.has(session, person)]


def lacks_factor(session: Session, view: SessionView, person: Person | None, client: Client | None) -> bool:
    """Tell whether the session *view* is too weak for *client*, or for this site, by the policy as it is now."""
    if person is None or acr.reaches(view.acr, acr.TWO_FACTORS):
        return False
    required = policy.is_required(session, person.id, client, service(Settings).sign_in)
    return required and not left_out.is_here(session, person)


def is_half_shown(view: SessionView) -> bool:
    """Tell whether the session *view* rests on one factor of a person who has two: this browser is left out of asking.

    It lets them in, and into apps; what matters asks for the other one first.
    """
    if acr.reaches(view.acr, acr.TWO_FACTORS):
        return False
    person = accounts.find(db.session(), view.person_id)
    return person is not None and has_factor(db.session(), person)


def is_too_weak(view: SessionView) -> bool:
    """Tell whether the session *view* is too weak for the pages of this site, by the policy as it is now."""
    if acr.reaches(view.acr, acr.TWO_FACTORS):
        return False
    session = db.session()
    return lacks_factor(session, view, accounts.find(session, view.person_id), None)


def _up_to(reached: list[str]) -> tuple[str, ...]:
    highest = max(acr.LEVELS.index(level) for level in reached)
    return acr.LEVELS[: highest + 1]
