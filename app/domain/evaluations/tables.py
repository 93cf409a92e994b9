"""EvaluationReport: the scores of systems on a test set. EvaluationAnswer: every system's answer to one example."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.base import Base, IdTimestampMixin


class EvaluationReport(IdTimestampMixin, Base):
    """`payload` is a `trainer.protocol.Report`. The test set is a split of a version.

    `run_id` is set for the report that a training run brought along.
    """

    __tablename__ = "evaluation_reports"
    run_id: Mapped[str | None] = mapped_column(ForeignKey("training_runs.id"), unique=True)
    version_id: Mapped[str | None] = mapped_column(ForeignKey("dataset_versions.id"), index=True)
    split: Mapped[str | None] = mapped_column(String(16))
    payload: Mapped[dict[str, Any]]


class EvaluationAnswer(Base):
    """`payload` is a `trainer.protocol.Answer`."""

    __tablename__ = "evaluation_answers"
    report_id: Mapped[str] = mapped_column(ForeignKey("evaluation_reports.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    example_id: Mapped[str] = mapped_column(String(64))
    payload: Mapped[dict[str, Any]]
