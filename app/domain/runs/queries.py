"""Reads of runs and their progress, and alerts for admins: failed jobs, and jobs that nobody takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app.core.db.base import now
from app.core.db.database import Database
from app.core.errors import NotFound
from app.core.jobs import OPEN, Job
from app.domain.accounts.tables import ApiToken
from app.domain.projects.tables import Project
from app.domain.runs.tables import TRAIN, RunEvent, TrainingRun

MAX_POINTS = 1000
MAX_EVENTS = 500
POLL_SECONDS = 0.7
PATIENCE = timedelta(minutes=5)
"""A job that has waited longer needs an admin: a live worker claims within seconds."""
RECENT = timedelta(days=7)


class IdleTrainer(NamedTuple):
    """Queued runs without a trainer; `since` is when a trainer last claimed, None for never."""

    waiting: int
    since: datetime | None


def runs(session: Session, project: Project) -> list[TrainingRun]:
    """Return the runs of a project, newest first."""
    of_project = select(TrainingRun).where(TrainingRun.project_id == project.id)
    return list(session.scalars(of_project.order_by(TrainingRun.number.desc())))


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


def latest_event(session: Session, run: TrainingRun) -> dict[str, Any] | None:
    """Return the payload of the latest event."""
    of_run = select(RunEvent.payload).where(RunEvent.run_id == run.id)
    return session.scalar(of_run.order_by(RunEvent.seq.desc()).limit(1))


def curve(session: Session, run: TrainingRun) -> dict[str, list[list[float]]]:
    """Return {"train": [[step, loss], …], "validation": […]}: nats per label token, at most 1,000 points each."""
    points: dict[str, list[list[float]]] = {"train": [], "validation": []}
    for payload in session.scalars(select(RunEvent.payload).where(RunEvent.run_id == run.id).order_by(RunEvent.seq)):
        if payload["kind"] in points and payload["loss"] is not None:
            points[payload["kind"]].append([payload["step"], payload["loss"]])
    return {kind: line[:: max(1, len(line) // MAX_POINTS)] for kind, line in points.items()}


async def follow(database: Database, run_id: str, after: int) -> AsyncIterator[tuple[int, dict[str, Any]] | None]:
    """Yield (seq, event) above `after` without gaps, and None for a poll without news; end with the run."""
    while True:
        events, is_open = await asyncio.to_thread(_poll, database, run_id, after)
        for seq, payload in events:
            after = seq
            yield seq, payload
        if not events:
            if not is_open:
                return
            yield None
            await asyncio.sleep(POLL_SECONDS)


def _poll(database: Database, run_id: str, after: int) -> tuple[list[tuple[int, dict[str, Any]]], bool]:
    with database.read() as session:
        state = by_id(session, run_id).state
        statement = select(RunEvent.seq, RunEvent.payload).where(RunEvent.run_id == run_id, RunEvent.seq > after)
        rows = session.execute(statement.order_by(RunEvent.seq).limit(MAX_EVENTS))
        return [(seq, payload) for seq, payload in rows], state in OPEN


# --- alerts for admins ---


def failed_jobs(session: Session, project_ids: Sequence[str]) -> list[Job]:
    """Return the last five jobs of these projects that failed in the last week, newest first."""
    statement = select(Job).where(
        Job.state == "failed", Job.project_id.in_(project_ids), Job.finished_at >= now() - RECENT
    )
    return list(session.scalars(statement.order_by(Job.id.desc()).limit(5)))


def idle_trainer(session: Session) -> IdleTrainer | None:
    """Return the queued runs if no trainer has claimed work for a while, otherwise None."""
    oldest = now() - PATIENCE
    waiting = _queued(session, Job.kind == TRAIN)
    since = session.scalar(select(func.max(ApiToken.last_used_at)).where(ApiToken.scope == "worker"))
    return IdleTrainer(waiting, since) if waiting and (since is None or since < oldest) else None


def untaken_jobs(session: Session) -> int:
    """Count the other jobs (imports, versions, indexes) that the worker process should have claimed long ago."""
    running = select(Job.id).where(Job.kind != TRAIN, Job.state == "running", Job.lease_until > now())
    return 0 if session.scalar(running.limit(1)) else _queued(session, Job.kind != TRAIN)


def _queued(session: Session, which: ColumnElement[bool]) -> int:
    statement = select(func.count()).where(
        which, Job.state == "queued", Job.created_at < now() - PATIENCE, Job.cancel_requested.is_(False)
    )
    return session.scalar(statement) or 0
