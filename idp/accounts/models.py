"""People, groups, and what people keep at hand."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from idp.db import Base


class Person(Base):
    """Somebody who can sign in; ``id`` is the subject of every token, never reused."""

    __tablename__ = "people"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    username: Mapped[str] = mapped_column(String(150))
    # Sign-in compares the NFKC + casefold form, so that two spellings cannot be two people.
    username_key: Mapped[str] = mapped_column(String(300), unique=True)
    email: Mapped[str] = mapped_column(String(320))
    email_key: Mapped[str] = mapped_column(String(640), unique=True)
    email_verified: Mapped[bool] = mapped_column(default=False)
    name: Mapped[str] = mapped_column(String(200), default="")
    claims: Mapped[dict[str, Any]] = mapped_column(default=dict)
    is_admin: Mapped[bool] = mapped_column(default=False)
    password_hash: Mapped[str | None] = mapped_column(Text)
    password_changed_at: Mapped[datetime | None]
    # Another password has to be chosen before the next sign-in ends.
    must_change_password: Mapped[bool] = mapped_column(default=False, server_default=false())
    last_sign_in_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    # How pages look to them: system, light or dark.
    theme: Mapped[str] = mapped_column(String(16), default="system", server_default="system")
    # When they asked an administrator to delete the account.
    deletion_asked_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Group(Base):
    """A named set of people; its name is the value in the ``groups`` claim."""

    __tablename__ = "groups"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(150))
    name_key: Mapped[str] = mapped_column(String(300), unique=True)
    # Its members sign in with two factors.
    requires_second_factor: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime]


class Membership(Base):
    """One person in one group."""

    __tablename__ = "group_members"
    __table_args__ = (Index("ix_group_members_person_id", "person_id"),)

    group_id: Mapped[str] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), primary_key=True)


class SingleUseLink(Base):
    """A link that was sent to somebody and does one thing once, kept as the fingerprint of its token."""

    __tablename__ = "single_use_links"
    __table_args__ = (
        Index("ix_single_use_links_person_id_purpose", "person_id", "purpose"),
        Index("ix_single_use_links_expires_at", "expires_at"),
    )

    fingerprint: Mapped[str] = mapped_column(String(64), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(32))
    # An invitation is for somebody who has no account yet.
    person_id: Mapped[str | None] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    data: Mapped[dict[str, Any]]
    made_by: Mapped[str] = mapped_column(String(128), default="")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    consumed_at: Mapped[datetime | None]


class PinnedApp(Base):
    """An app that a person put at the top of their launcher."""

    __tablename__ = "pinned_apps"

    person_id: Mapped[str] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("clients.client_id", ondelete="CASCADE"), primary_key=True)
    pinned_at: Mapped[datetime]
