"""Project: a task and its criteria. Membership: a user's role in a project."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.base import Base, IdTimestampMixin


class Project(IdTimestampMixin, Base):
    """`criteria` is a list of {name, question, levels, good, bad}; levels maps "1".."5" to its anchor.

    `settings` holds what an admin set, such as checks, rules and gold; settings.py has the keys and defaults.
    """

    __tablename__ = "projects"
    slug: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    task: Mapped[str] = mapped_column(String(20))
    languages: Mapped[list[str]]
    domains: Mapped[list[str]]
    criteria: Mapped[list[dict[str, Any]]]
    overlap: Mapped[int] = mapped_column(default=1)
    base_model: Mapped[str] = mapped_column(String(200), default="starter")
    created_by: Mapped[str] = mapped_column(ForeignKey("users.id"))
    settings: Mapped[dict[str, Any] | None] = mapped_column(JSON)


class Membership(IdTimestampMixin, Base):
    __tablename__ = "memberships"
    __table_args__ = (UniqueConstraint("project_id", "user_id"),)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), index=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    role: Mapped[str] = mapped_column(String(16))
