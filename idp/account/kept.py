"""Everything that is kept about a person, for themselves: which columns are told, and which are not, and why.

Every table that names a person stands here; a test fails for one that does not.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import or_, select

from idp.accounts import groups
from idp.audit import entries
from idp.db import Base

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.orm import Session

# Of each table: the columns that are told, in their order.
TOLD: Final[dict[str, tuple[str, ...]]] = {
    "people": (
        *("id", "username", "email", "email_verified", "name", "claims", "is_admin", "theme"),
        *(
            "password_changed_at",
            "must_change_password",
            "last_sign_in_at",
            "disabled_at",
            "deletion_asked_at",
            "created_at",
            "updated_at",
        ),
    ),
    "pinned_apps": ("client_id", "pinned_at"),
    "sessions": (
        *("id", "user_agent", "address", "auth_time", "amr", "acr"),
        *("created_at", "last_seen_at", "expires_at", "ended_at"),
    ),
    "known_devices": ("first_at", "last_at"),
    "consents": ("client_id", "scopes", "granted_at", "updated_at"),
    "grants": (
        *("id", "client_id", "session_id", "redirect_uri", "scope", "resources", "claims"),
        *("auth_time", "amr", "acr", "created_at", "expires_at", "last_used_at", "revoked_at"),
    ),
    "redirect_tokens": ("client_id", "issued_at", "expires_at"),
    "sign_outs": ("session_id", "reached", "created_at"),
    "deliveries": ("kind", "client_id", "state", "attempts", "created_at", "finished_at"),
    "single_use_links": ("purpose", "created_at", "expires_at", "consumed_at"),
    # Those that the person sent, and the one that they came by.
    "invitations": (
        *("kind", "email", "inviter_name", "message"),
        *("created_at", "expires_at", "asked_at", "used_at", "revoked_at"),
    ),
    "second_factors": ("kind", "created_at", "last_used_at", "paused_at"),
    "recovery_codes": ("created_at", "used_at"),
    "remembered_browsers": ("user_agent", "created_at", "last_used_at", "expires_at"),
    "pending_sign_ins": ("created_at", "expires_at"),
    "passkeys": (
        *("name", "aaguid", "transports", "backup_eligible", "backed_up"),
        *("created_at", "last_used_at", "last_used_on"),
    ),
    "passkey_offers": ("offered_at",),
    "group_members": (),
}
# The columns that say whose a row is, where it is not person_id alone.
_WHOSE: Final[dict[str, tuple[str, ...]]] = {"people": ("id",), "invitations": ("inviter_id", "used_by")}
# What is left out: fingerprints and hashes of secrets, keys that only find a row, and what is about a request.
WITHHELD: Final[dict[str, frozenset[str]]] = {
    "people": frozenset({"username_key", "email_key", "password_hash"}),
    "pinned_apps": frozenset({"person_id"}),
    "sessions": frozenset({"fingerprint", "person_id", "securing"}),
    "known_devices": frozenset({"browser", "person_id"}),
    "consents": frozenset({"person_id"}),
    "grants": frozenset(
        {"person_id", "code_fingerprint", "code_expires_at", "code_consumed_at", "nonce", "code_challenge"}
    ),
    "redirect_tokens": frozenset({"jti", "person_id"}),
    "sign_outs": frozenset(
        {"id", "fingerprint", "person_id", "client_id", "continue_to", "continues_itself", "fault", "request_id"}
    ),
    "deliveries": frozenset(
        {"id", "person_id", "sign_out_id", "facts", "sealed", "due_at", "claim", "tried_at", "fault", "expires_at"}
    ),
    "single_use_links": frozenset({"fingerprint", "person_id", "data", "made_by"}),
    "invitations": frozenset(
        {
            *("id", "fingerprint", "inviter_id", "used_by", "parent_id", "delivery_id", "interaction_id"),
            *("group_ids", "client_ids"),
        }
    ),
    "second_factors": frozenset({"id", "person_id", "secret", "last_step"}),
    "recovery_codes": frozenset({"id", "person_id", "fingerprint"}),
    "remembered_browsers": frozenset({"id", "person_id", "browser", "validator", "previous", "password_changed_at"}),
    "pending_sign_ins": frozenset(
        {
            *("id", "person_id", "fingerprint", "browser", "interaction_id", "session_id", "method", "amr", "acr"),
            *("stage", "outstanding", "is_fresh", "known_device", "failures", "password_changed_at", "consumed_at"),
        }
    ),
    "passkeys": frozenset({"id", "person_id", "credential_id", "public_key", "sign_count"}),
    "passkey_offers": frozenset({"person_id"}),
    # The groups are told by name.
    "group_members": frozenset({"group_id", "person_id"}),
}


def about(session: Session, person_id: str, now: datetime) -> dict[str, Any]:
    """Return everything that is kept about the person, ready to be written as JSON; no secret is in it."""
    found: dict[str, Any] = {"exported_at": now, "groups": list(groups.names_of(session, person_id))}
    for name, columns in TOLD.items():
        if columns:
            found[name] = _rows(session, Base.metadata.tables[name], columns, person_id)
    # There is one of it.
    found["profile"] = found.pop("people")[0]
    activity = entries.stream(session, entries.Filter(own=person_id))
    found["activity"] = [
        {
            "at": row.at,
            "type": row.type,
            "outcome": row.outcome,
            "by": row.actor_name if row.actor_id != person_id else "you",
            "about": row.target_name,
            "address": row.address,
            "detail": row.detail,
        }
        for row in activity
    ]
    plain: dict[str, Any] = _plain(found)
    return plain


def _rows(session: Session, table: Table, columns: tuple[str, ...], person_id: str) -> list[dict[str, Any]]:
    whose = or_(*(table.c[name] == person_id for name in _WHOSE.get(table.name, ("person_id",))))
    query = select(*(table.c[name] for name in columns)).where(whose)
    return [dict(row._mapping) for row in session.execute(query)]  # noqa: SLF001 - the documented name of a row's mapping


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a JSON document is made of
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value
