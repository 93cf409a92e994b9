"""TrainingRun: a version, a recipe and a seed. RunEvent: a numbered event of its progress."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.base import Base, IdTimestampMixin, now

TRAIN = "train"
"""The job kind of a run."""


class TrainingRun(IdTimestampMixin, Base):
    """`state` is queued, running, done, failed or cancelled, as its job's.

    `recipe` is a `trainer.protocol.Recipe`; `resolved_recipe` is what the trainer used, without "auto".
    """

    __tablename__ = "training_runs"
    __table_args__ = (UniqueConstraint("project_id", "number"),)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    number: Mapped[int]
    version_id: Mapped[str] = mapped_column(ForeignKey("dataset_versions.id"), index=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), unique=True)
    recipe: Mapped[dict[str, Any]]
    resolved_recipe: Mapped[dict[str, Any] | None]
    seed: Mapped[int]
    state: Mapped[str] = mapped_column(String(16), default="queued")
    attempt: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(Text, default="")
    created_by: Mapped[str] = mapped_column(String(32))
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class RunEvent(Base):
    """`payload` is a `trainer.protocol.Event`."""

    __tablename__ = "run_events"
    run_id: Mapped[str] = mapped_column(ForeignKey("training_runs.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(default=now)
    payload: Mapped[dict[str, Any]]
