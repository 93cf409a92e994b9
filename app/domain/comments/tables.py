"""Comment: a text about a pair, anchored to a quote of one revision."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.base import Base, IdTimestampMixin


class Comment(IdTimestampMixin, Base):
    """A comment on [start, end) of a field of one revision or on the whole field, or a reply to another comment."""

    __tablename__ = "comments"
    __table_args__ = (Index("ix_comments_pair", "pair_id", "id"),)
    pair_id: Mapped[str] = mapped_column(ForeignKey("pairs.id"))
    revision_id: Mapped[str] = mapped_column(String(64))
    author_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    parent_id: Mapped[str | None] = mapped_column(String(32))
    field: Mapped[str] = mapped_column(String(40))
    start: Mapped[int | None]
    end: Mapped[int | None]
    quote: Mapped[str] = mapped_column(Text, default="")
    text: Mapped[str] = mapped_column(Text)
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[str | None] = mapped_column(String(32))
