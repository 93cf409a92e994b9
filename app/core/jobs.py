"""The job queue: leases, fencing tokens, bounded attempts, one accepted completion.

Execution is at least once; a completion is accepted once, from the holder of the current token. A holder is alive while
its heartbeat count rises, timed by the observer's own monotonic clock: no wall clock can end a lease.
Knows nothing of what the jobs do.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Float, ForeignKey, Index, String, Text, and_, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.core.db.base import Base, IdTimestampMixin, now
from app.core.errors import Conflict, NotFound

MAX_ATTEMPTS = 4  # counted at the claim; a lease that must run out first spaces them
LONGEST_PAUSE = timedelta(hours=12)
"""An attempt due later than this was scheduled by a clock that has jumped since; it is due now."""
MAX_TAKEOVERS = 50
OPEN = ("queued", "running")


class Job(IdTimestampMixin, Base):
    """One unit of work. `token` rises with every claim, so a worker that outlived its lease is rejected.

    `beat` rises with every heartbeat. `lease_until` of a running job is for display only. That of a queued job is
    the time of its next attempt.
    """

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


class HeartbeatSnapshot(NamedTuple):
    """The last heartbeat of a running job. The holder is dead when it stops changing."""

    id: str
    token: int
    beat: int


@dataclass
class LeaseMonitor:
    """The heartbeats that one process saw of running jobs, timed by its own monotonic clock.

    Each claiming process has one for its lifetime. It starts empty, so that after a restart every holder has a full
    lease to send a heartbeat. A dead holder's job is taken over after one to two leases and a poll.
    """

    lease_seconds: float
    clock: Callable[[], float] = time.monotonic
    _seen: dict[HeartbeatSnapshot, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def lapsed(self, signs: Iterable[HeartbeatSnapshot], read_after: float) -> list[HeartbeatSnapshot]:
        """Return the heartbeats unchanged for a full lease. `read_after` is the clock before they were read."""
        with self._lock:
            moment = self.clock()
            self._seen = {sign: min(self._seen.get(sign, moment), moment) for sign in signs}
            return [sign for sign, since in self._seen.items() if read_after - since >= self.lease_seconds]


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


def by_id(session: Session, job_id: str, *, lock: bool = False) -> Job:
    """The job, as it is now and locked until the transaction ends where `lock`. Raises NotFound."""
    job = session.get(Job, job_id, with_for_update=lock, populate_existing=lock)
    if job is None:
        raise NotFound()
    return job


def claim(
    session: Session,
    kinds: list[str],
    worker: str,
    watch: LeaseMonitor,
    *,
    attempts: Mapping[str, int] | None = None,
    on_lost: Callable[[Session, Job], None] | None = None,
) -> Job | None:
    """Claim the oldest job that is due, or whose holder stopped sending heartbeats.

    Out of attempts (MAX_ATTEMPTS, or those of its kind) it fails here as `worker_lost`, and `on_lost` is called with it
    in the same transaction.
    """
    silent = _silent(session, kinds, watch)
    while (job := _next_claimable(session, kinds, silent)) is not None:
        if job.cancel_requested:
            _end(job, "cancelled")
        elif job.attempt >= (attempts or {}).get(job.kind, MAX_ATTEMPTS):
            _end(job, "failed", reason="worker_lost", error=f"The worker was lost {job.attempt} times; see its log.")
            if on_lost is not None:
                on_lost(session, job)
        else:
            job.state, job.worker = "running", worker
            job.attempt += 1
            job.token += 1
            job.lease_until = now() + timedelta(seconds=watch.lease_seconds)
            session.flush()
            return job
        session.flush()
    return None


def _silent(session: Session, kinds: list[str], watch: LeaseMonitor) -> list[HeartbeatSnapshot]:
    before = watch.clock()
    running = select(Job.id, Job.token, Job.beat).where(Job.state == "running", Job.kind.in_(kinds))
    return watch.lapsed([HeartbeatSnapshot(*row) for row in session.execute(running)], before)[:MAX_TAKEOVERS]


def _next_claimable(session: Session, kinds: list[str], silent: list[HeartbeatSnapshot]) -> Job | None:
    """Check the heartbeats again under the lock: a holder that sent one meanwhile keeps its job."""
    still = [and_(Job.id == sign.id, Job.token == sign.token, Job.beat == sign.beat) for sign in silent]
    moment = now()
    is_due = or_(Job.lease_until.is_(None), Job.lease_until <= moment, Job.lease_until > moment + LONGEST_PAUSE)
    waits = and_(Job.state == "queued", is_due)
    statement = (
        select(Job)
        .where(Job.kind.in_(kinds), or_(waits, and_(Job.state == "running", or_(False, *still))))
        .order_by(Job.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return session.scalar(statement)


def require_lease(session: Session, job_id: str, token: int) -> Job:
    """The job, when `token` is its current one and it runs; otherwise Conflict, and nothing may be written."""
    job = by_id(session, job_id, lock=True)
    if job.token != token or job.state != "running":
        raise Conflict("Another worker has this job, or it has ended; drop it.", code="stale_token")
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
    job = require_lease(session, job_id, token)
    job.beat += 1
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
    job = require_lease(session, job_id, token)
    _end(job, state, result=result, error=error, reason=reason)
    return job


def retry_later(session: Session, job_id: str, token: int, pause: timedelta) -> Job:
    """Requeue the job for another attempt after `pause` (at most LONGEST_PAUSE). The attempt stays counted."""
    job = require_lease(session, job_id, token)
    job.state, job.worker = "queued", None
    job.lease_until, job.eta_seconds = now() + min(pause, LONGEST_PAUSE), None
    return job


def requeue_running(session: Session) -> int:
    """Requeue jobs that were running when a backup was made. Return how many."""
    statement = update(Job).where(Job.state == "running").values(state="queued", worker=None, lease_until=None)
    return session.execute(statement).rowcount  # type: ignore[attr-defined, no-any-return]


def request_cancel(session: Session, job_id: str) -> Job:
    """Cancel a queued job; ask the worker of a running one to stop. Raises Conflict when it has ended."""
    job = by_id(session, job_id, lock=True)
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
