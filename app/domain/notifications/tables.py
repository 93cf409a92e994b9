"""Notification: a line for one person. Webhook: where a project's notifications are sent besides."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base, Identified

DELIVERY = "webhook"
"""The kind of the job that sends one message to one webhook."""


class Notification(Identified, Base):
    """What happened to which thing; pages find the words. `details` holds ids and numbers, no authored text."""

    __tablename__ = "notifications"
    __table_args__ = (Index("ix_notifications_user", "user_id", "read_at", "id"),)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    kind: Mapped[str] = mapped_column(String(40))
    subject_kind: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[str] = mapped_column(String(64))
    details: Mapped[dict[str, Any]]
    read_at: Mapped[datetime | None]


class Webhook(Identified, Base):
    """An address that gets signed messages of the `kinds` named. The secret is encrypted."""

    __tablename__ = "webhooks"
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), index=True)
    url: Mapped[str] = mapped_column(String(500))
    secret: Mapped[str] = mapped_column(Text)
    kinds: Mapped[list[str]]
    active: Mapped[bool] = mapped_column(default=True)
    created_by: Mapped[str] = mapped_column(String(32))
    last_sent_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(String(200), default="")
