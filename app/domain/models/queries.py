"""Reads of model versions."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.models.tables import ModelVersion
from app.domain.runs.tables import TrainingRun


def of_run(session: Session, run: TrainingRun) -> ModelVersion | None:
    """Return the model that a run produced, or None."""
    return session.scalar(select(ModelVersion).where(ModelVersion.run_id == run.id))
