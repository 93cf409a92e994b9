"""Registering what a run produced."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.domain.audit import actions as audit
from app.domain.registry import queries
from app.domain.registry.tables import ModelVersion
from app.domain.training.tables import TrainingRun


def register(session: Session, run: TrainingRun, artifacts: list[dict[str, Any]]) -> ModelVersion:
    """A candidate, one a run (the database refuses a second)."""
    model = ModelVersion(
        project_id=run.project_id,
        number=queries.next_number(session, run.project_id),
        run_id=run.id,
        artifacts=artifacts,
    )
    session.add(model)
    session.flush()
    audit.record(session, None, "model.registered", "model", model.id, project_id=run.project_id, run=run.id)
    return model
