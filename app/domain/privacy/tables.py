"""Erasure: a record that a person was erased, and how."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.base import Base, IdTimestampMixin


class Erasure(IdTimestampMixin, Base):
    """`content` is `keep` or `withdraw`. `report` counts the erased rows and lists the changed versions and models."""

    __tablename__ = "erasures"
    contributor_id: Mapped[str] = mapped_column(ForeignKey("contributors.id"), unique=True)
    requested_by: Mapped[str] = mapped_column(String(32))
    content: Mapped[str] = mapped_column(String(16))
    report: Mapped[dict[str, Any]]
