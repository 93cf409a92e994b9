"""Webhook: an address that receives a project's events as signed messages."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.base import Base, IdTimestampMixin

DELIVERY = "webhook"
"""The kind of the job that sends one message to one webhook."""


class Webhook(IdTimestampMixin, Base):
    """An address that receives signed messages of the named `kinds`. The secret is encrypted."""

    __tablename__ = "webhooks"
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), index=True)
    url: Mapped[str] = mapped_column(String(500))
    secret: Mapped[str] = mapped_column(Text)
    kinds: Mapped[list[str]]
    active: Mapped[bool] = mapped_column(default=True)
    created_by: Mapped[str] = mapped_column(String(32))
    last_sent_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(String(200), default="")
