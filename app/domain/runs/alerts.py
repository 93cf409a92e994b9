"""What an admin must hear of without asking: jobs that failed, and work that no trainer asks for. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app.core.db.base import now
from app.core.jobs import Job
from app.domain.accounts.tables import ApiToken
from app.domain.runs.actions import KIND

PATIENCE = timedelta(minutes=5)
"""Work that has waited longer with nobody in sight is a matter for a person: those alive ask every few seconds."""
RECENT = timedelta(days=7)


class IdleTrainer(NamedTuple):
    """Runs that wait for a trainer; `since` is when one last asked for work, None when none ever did."""

    waiting: int
    since: datetime | None


def failed(session: Session, project_ids: Sequence[str], limit: int = 5) -> list[Job]:
    """Jobs of these projects that failed in the last week, newest first."""
    statement = select(Job).where(
        Job.state == "failed", Job.project_id.in_(project_ids), Job.finished_at >= now() - RECENT
    )
    return list(session.scalars(statement.order_by(Job.id.desc()).limit(limit)))


def idle_trainer(session: Session) -> IdleTrainer | None:
    """Runs wait, and no trainer has asked for work for a while. None when all is well."""
    oldest = now() - PATIENCE
    waiting = _queued(session, Job.kind == KIND)
    since = session.scalar(select(func.max(ApiToken.last_used_at)).where(ApiToken.scope == "worker"))
    return IdleTrainer(waiting, since) if waiting and (since is None or since < oldest) else None


def untaken(session: Session) -> int:
    """Other jobs (imports, versions, indexes) that the jobs process should have taken long ago, and that are due."""
    running = select(Job.id).where(Job.kind != KIND, Job.state == "running", Job.lease_until > now())
    return 0 if session.scalar(running.limit(1)) else _queued(session, Job.kind != KIND)


def _queued(session: Session, which: ColumnElement[bool]) -> int:
    statement = select(func.count()).where(
        which, Job.state == "queued", Job.created_at < now() - PATIENCE, Job.cancel_requested.is_(False)
    )
    return session.scalar(statement) or 0
