"""Round: one authoring campaign. Assignee: a user who writes in it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.base import Base, IdTimestampMixin


class Round(IdTimestampMixin, Base):
    """`targets` is a list of {tags: {name: value}, count}: how many approved pairs with these tags are wanted.

    Old rows hold {tag, value, count}; read them through targets.py. `deadline` is the first moment of the last day.
    """

    __tablename__ = "rounds"
    __table_args__ = (UniqueConstraint("project_id", "number"),)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    number: Mapped[int]
    title: Mapped[str] = mapped_column(String(160))
    brief: Mapped[str] = mapped_column(Text)
    targets: Mapped[list[dict[str, Any]]]
    state: Mapped[str] = mapped_column(String(16), default="open")
    guideline_id: Mapped[str | None] = mapped_column(ForeignKey("guidelines.id"))
    closed_at: Mapped[datetime | None]
    deadline: Mapped[datetime | None]


class Assignee(Base):
    """A user who writes in a round. `count`: how many pairs; null when the assignees share the round's targets."""

    __tablename__ = "round_assignees"
    round_id: Mapped[str] = mapped_column(ForeignKey("rounds.id"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    count: Mapped[int | None]
