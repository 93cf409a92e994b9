"""Guideline: one published version of a project's guideline. Never updated."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.base import Base, IdTimestampMixin


class Guideline(IdTimestampMixin, Base):
    __tablename__ = "guidelines"
    __table_args__ = (UniqueConstraint("project_id", "number"),)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    number: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    published_by: Mapped[str] = mapped_column(String(32))

    @property
    def published_at(self) -> datetime:
        return self.created_at
