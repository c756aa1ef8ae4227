"""What is audited of token contracts; ``idp.audit.events`` has every event."""

from __future__ import annotations

from idp.audit.declared import REFUSED, Change, Event


class ContractAccepted(Event, type="contract.accepted", title="Agreed to other tokens for an app", about="apps"):
    """Somebody agreed that the tokens of a client hold something else from now on."""

    changes: tuple[Change, ...] = ()


class ContractBroken(
    Event, type="contract.broken", title="Issued other tokens than before", about="apps", outcome=REFUSED
):
    """Tokens for a client did not hold what was pinned, and nobody had agreed to that; noted once a difference."""

    token: str = ""
    scope: str = ""
    differences: tuple[str, ...] = ()
