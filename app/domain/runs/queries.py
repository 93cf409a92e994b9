"""Reads of runs and their progress."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.domain.projects.tables import Project
from app.domain.runs.tables import RunEvent, TrainingRun

MAX_POINTS = 1000


def runs(session: Session, project: Project) -> list[TrainingRun]:
    """Return the runs of a project, newest first."""
    return list(
        session.scalars(
            select(TrainingRun).where(TrainingRun.project_id == project.id).order_by(TrainingRun.number.desc())
        )
    )


def by_id(session: Session, run_id: str) -> TrainingRun:
    """Raises NotFound."""
    run = session.get(TrainingRun, run_id)
    if run is None:
        raise NotFound()
    return run


def of_job(session: Session, job_id: str) -> TrainingRun:
    """Raises NotFound."""
    run = session.scalar(select(TrainingRun).where(TrainingRun.job_id == job_id))
    if run is None:
        raise NotFound()
    return run


def next_number(session: Session, project: Project) -> int:
    last = session.scalar(select(func.max(TrainingRun.number)).where(TrainingRun.project_id == project.id))
    return (last or 0) + 1


def events_after(session: Session, run: TrainingRun, seq: int, limit: int = 500) -> list[RunEvent]:
    """Return the events numbered above `seq`, in order."""
    return list(
        session.scalars(
            select(RunEvent).where(RunEvent.run_id == run.id, RunEvent.seq > seq).order_by(RunEvent.seq).limit(limit)
        )
    )


def latest_event(session: Session, run: TrainingRun) -> dict[str, Any] | None:
    """Return the payload of the latest event."""
    return session.scalar(
        select(RunEvent.payload).where(RunEvent.run_id == run.id).order_by(RunEvent.seq.desc()).limit(1)
    )


def last_seq(session: Session, run: TrainingRun) -> int:
    return session.scalar(select(func.max(RunEvent.seq)).where(RunEvent.run_id == run.id)) or 0


def curve(session: Session, run: TrainingRun) -> dict[str, list[list[float]]]:
    """Return {"train": [[step, loss], …], "validation": […]}: nats per label token, at most 1,000 points each."""
    points: dict[str, list[list[float]]] = {"train": [], "validation": []}
    for payload in session.scalars(select(RunEvent.payload).where(RunEvent.run_id == run.id).order_by(RunEvent.seq)):
        if payload["kind"] in points and payload["loss"] is not None:
            points[payload["kind"]].append([payload["step"], payload["loss"]])
    return {kind: line[:: max(1, len(line) // MAX_POINTS)] for kind, line in points.items()}
