"""Links that make an account."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from idp.db import Base


class Invitation(Base):
    """A link that makes one account, or gives groups to one that is there; kept as its fingerprint.

    ``kind`` is ``invitation`` (somebody made it for somebody else) or ``sign_up`` (it was mailed to whoever gave their
    address, to see that it is theirs). A sign-up by an invitation without an address has that one as its ``parent``,
    and both are used together.
    """

    __tablename__ = "invitations"
    __table_args__ = (
        Index("ix_invitations_kind_created_at", "kind", "created_at", "id"),
        Index("ix_invitations_expires_at", "expires_at"),
        Index("ix_invitations_parent_id", "parent_id"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True)
    kind: Mapped[str] = mapped_column(String(16))
    # The address that the account gets; empty: whoever has the link says it, and it is verified first.
    email: Mapped[str] = mapped_column(String(320), default="")
    # The mail that carried the link. Was it sent, then whoever has the link reads mail to the address.
    delivery_id: Mapped[str | None] = mapped_column(String(64))
    inviter_id: Mapped[str | None] = mapped_column(ForeignKey("people.id", ondelete="SET NULL"))
    inviter_name: Mapped[str] = mapped_column(String(200), default="")
    message: Mapped[str] = mapped_column(Text, default="")
    # Identifiers of groups, and of the apps that are named; the first app is where it leads to.
    group_ids: Mapped[list[str]]
    client_ids: Mapped[list[str]]
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("invitations.id", ondelete="CASCADE"))
    # The request that waited in the browser where the address was given.
    interaction_id: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    used_by: Mapped[str | None] = mapped_column(ForeignKey("people.id", ondelete="SET NULL"))
    revoked_at: Mapped[datetime | None]
    # When the inviter was last asked for another one.
    asked_at: Mapped[datetime | None]
