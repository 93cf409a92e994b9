"""EvaluationReport: a run's scores on the test split. EvaluationAnswer: both models' answers to one example."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.base import Base, IdTimestampMixin


class EvaluationReport(IdTimestampMixin, Base):
    """`payload` is a `trainer.protocol.Report`."""

    __tablename__ = "evaluation_reports"
    run_id: Mapped[str] = mapped_column(ForeignKey("training_runs.id"), unique=True)
    payload: Mapped[dict[str, Any]]


class EvaluationAnswer(Base):
    """`payload` is a `trainer.protocol.Answer`; the two flags say whether the primary score is full."""

    __tablename__ = "evaluation_answers"
    report_id: Mapped[str] = mapped_column(ForeignKey("evaluation_reports.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    example_id: Mapped[str] = mapped_column(String(64))
    base_right: Mapped[bool] = mapped_column(Boolean)
    tuned_right: Mapped[bool] = mapped_column(Boolean)
    payload: Mapped[dict[str, Any]]
