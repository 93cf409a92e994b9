"""The ledger of work that outlives a request: leases, fencing tokens, bounded attempts, one accepted completion.

Execution is at least once; a completion is accepted once, from the holder of the current token only.
Knows nothing of what the jobs do.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Float, ForeignKey, Index, String, Text, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.core.database import Base, Identified, now
from app.core.errors import Conflict, NotFound

MAX_ATTEMPTS = 4
OPEN = ("queued", "running")


class Job(Identified, Base):
    """One unit of work. `token` rises with every claim, so that a worker that slept through its lease is told so."""

    __tablename__ = "jobs"
    __table_args__ = (Index("ix_jobs_claim", "state", "kind", "id"),)

    kind: Mapped[str] = mapped_column(String(40))
    payload: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(16), default="queued")
    attempt: Mapped[int] = mapped_column(default=0)
    token: Mapped[int] = mapped_column(default=0)
    beat: Mapped[int] = mapped_column(default=0)
    worker: Mapped[str | None] = mapped_column(String(100))
    lease_until: Mapped[datetime | None]
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    progress_done: Mapped[float] = mapped_column(Float, default=0.0)
    progress_total: Mapped[float] = mapped_column(Float, default=0.0)
    eta_seconds: Mapped[float | None] = mapped_column(Float)
    result: Mapped[dict[str, Any] | None]
    error: Mapped[str] = mapped_column(Text, default="")
    reason: Mapped[str | None] = mapped_column(String(40))
    project_id: Mapped[str | None] = mapped_column(String(32), index=True)
    created_by: Mapped[str | None] = mapped_column(String(32))
    finished_at: Mapped[datetime | None]


class JobFile(Base):
    """A file that a job may read: the worker that holds the job may fetch these and no other."""

    __tablename__ = "job_files"
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)


def enqueue(
    session: Session,
    kind: str,
    payload: dict[str, Any],
    *,
    project_id: str | None = None,
    created_by: str | None = None,
    files: list[str] | None = None,
) -> Job:
    """Queue a job in the caller's transaction: the job exists exactly when what it belongs to does."""
    job = Job(kind=kind, payload=payload, project_id=project_id, created_by=created_by)
    session.add(job)
    session.flush()
    session.add_all(JobFile(job_id=job.id, sha256=sha) for sha in sorted(set(files or [])))
    return job


def by_id(session: Session, job_id: str) -> Job:
    job = session.get(Job, job_id)
    if job is None:
        raise NotFound()
    return job


def claim(session: Session, kinds: list[str], worker: str, lease_seconds: float) -> Job | None:
    """Lease the oldest job that waits, or whose lease ran out. A job out of attempts fails here as `worker_lost`."""
    while (job := _next_claimable(session, kinds)) is not None:
        if job.cancel_requested:
            _end(job, "cancelled")
        elif job.attempt >= MAX_ATTEMPTS:
            _end(job, "failed", reason="worker_lost", error=f"The worker was lost {job.attempt} times; see its log.")
        else:
            job.state, job.worker = "running", worker
            job.attempt += 1
            job.token += 1
            job.lease_until = now() + timedelta(seconds=lease_seconds)
            session.flush()
            return job
        session.flush()
    return None


def _next_claimable(session: Session, kinds: list[str]) -> Job | None:
    lapsed = (Job.state == "running") & (Job.lease_until < now())
    statement = (
        select(Job)
        .where(Job.kind.in_(kinds), or_(Job.state == "queued", lapsed))
        .order_by(Job.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return session.scalar(statement)


def held(session: Session, job_id: str, token: int) -> Job:
    """The job, when `token` is its current one and it runs; otherwise Conflict, and nothing may be written."""
    job = session.scalar(select(Job).where(Job.id == job_id).with_for_update())
    if job is None:
        raise NotFound()
    if job.token != token or job.state != "running":
        raise Conflict("This job is held by another worker, or has ended; drop it.", code="stale_token")
    return job


def heartbeat(
    session: Session,
    job_id: str,
    token: int,
    lease_seconds: float,
    *,
    done: float = 0.0,
    total: float = 0.0,
    eta_seconds: float | None = None,
) -> Job:
    """Renew the lease and record progress. The job's `cancel_requested` tells the worker to stop."""
    job = held(session, job_id, token)
    job.lease_until = now() + timedelta(seconds=lease_seconds)
    job.progress_done, job.progress_total, job.eta_seconds = done, total, eta_seconds
    return job


def finish(
    session: Session,
    job_id: str,
    token: int,
    state: str,
    *,
    result: dict[str, Any] | None = None,
    error: str = "",
    reason: str | None = None,
) -> Job:
    """Accept a completion from the holder of the token, once."""
    job = held(session, job_id, token)
    _end(job, state, result=result, error=error, reason=reason)
    return job


def request_cancel(session: Session, job_id: str) -> Job:
    """Cancel now when it waits; ask the worker to stop when it runs. Conflict when it has ended."""
    job = session.scalar(select(Job).where(Job.id == job_id).with_for_update())
    if job is None:
        raise NotFound()
    if job.state not in OPEN:
        raise Conflict(f"This job has ended already ({job.state}).")
    job.cancel_requested = True
    if job.state == "queued":
        _end(job, "cancelled")
    return job


def may_read_file(session: Session, job_id: str, sha256: str) -> bool:
    return session.get(JobFile, (job_id, sha256)) is not None


def _end(
    job: Job, state: str, *, result: dict[str, Any] | None = None, error: str = "", reason: str | None = None
) -> None:
    job.state, job.result, job.error, job.reason = state, result, error, reason
    job.lease_until, job.eta_seconds, job.finished_at = None, None, now()
    if state == "done":
        job.progress_done = job.progress_total = max(job.progress_total, 1.0)
