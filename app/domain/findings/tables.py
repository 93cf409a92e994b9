"""Finding: a weakness that an evaluation showed, with its failing examples and the round that it opened."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.base import Base, IdTimestampMixin


class Finding(IdTimestampMixin, Base):
    """`state` is open, in_round or closed. `failing` holds answers as GET /runs/{id}/answers shows them."""

    __tablename__ = "findings"
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), index=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("training_runs.id"))
    tag: Mapped[str] = mapped_column(String(60))
    value: Mapped[str] = mapped_column(String(120))
    title: Mapped[str] = mapped_column(String(160))
    note: Mapped[str] = mapped_column(Text, default="")
    failing: Mapped[list[dict[str, Any]]]
    state: Mapped[str] = mapped_column(String(16), default="open")
    round_id: Mapped[str | None] = mapped_column(ForeignKey("rounds.id"))
    created_by: Mapped[str] = mapped_column(String(32))
