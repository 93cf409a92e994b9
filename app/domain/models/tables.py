"""ModelVersion: the result of a run, with the content addresses of its files."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.base import Base, IdTimestampMixin


class ModelVersion(IdTimestampMixin, Base):
    """`stage` is candidate, approved or retired. `artifacts` is a list of {name, sha256, size}."""

    __tablename__ = "model_versions"
    __table_args__ = (UniqueConstraint("project_id", "number"),)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    number: Mapped[int]
    run_id: Mapped[str] = mapped_column(ForeignKey("training_runs.id"), unique=True)
    stage: Mapped[str] = mapped_column(String(16), default="candidate")
    artifacts: Mapped[list[dict[str, Any]]]
