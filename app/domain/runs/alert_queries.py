"""Alerts for admins: failed jobs, runs without a trainer, and jobs without a worker process."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app.core.db.base import now
from app.core.jobs import Job
from app.domain.accounts.tables import ApiToken
from app.domain.runs.tables import TRAIN

PATIENCE = timedelta(minutes=5)
"""A job that has waited longer needs an admin: a live worker claims within seconds."""
RECENT = timedelta(days=7)


class IdleTrainer(NamedTuple):
    """Queued runs without a trainer; `since` is when a trainer last claimed, None for never."""

    waiting: int
    since: datetime | None


def failed(session: Session, project_ids: Sequence[str], limit: int = 5) -> list[Job]:
    """Return the jobs of these projects that failed in the last week, newest first."""
    statement = select(Job).where(
        Job.state == "failed", Job.project_id.in_(project_ids), Job.finished_at >= now() - RECENT
    )
    return list(session.scalars(statement.order_by(Job.id.desc()).limit(limit)))


def idle_trainer(session: Session) -> IdleTrainer | None:
    """Return the queued runs if no trainer has claimed work for a while, otherwise None."""
    oldest = now() - PATIENCE
    waiting = _queued(session, Job.kind == TRAIN)
    since = session.scalar(select(func.max(ApiToken.last_used_at)).where(ApiToken.scope == "worker"))
    return IdleTrainer(waiting, since) if waiting and (since is None or since < oldest) else None


def untaken(session: Session) -> int:
    """Count the other jobs (imports, versions, indexes) that the worker process should have claimed long ago."""
    running = select(Job.id).where(Job.kind != TRAIN, Job.state == "running", Job.lease_until > now())
    return 0 if session.scalar(running.limit(1)) else _queued(session, Job.kind != TRAIN)


def _queued(session: Session, which: ColumnElement[bool]) -> int:
    statement = select(func.count()).where(
        which, Job.state == "queued", Job.created_at < now() - PATIENCE, Job.cancel_requested.is_(False)
    )
    return session.scalar(statement) or 0
