"""The worker of the short jobs: claims a job, runs its handler, records the result.

The result and the completion are written in one transaction that requires the fencing token, so a worker that lost its
lease writes nothing. Knows nothing of training runs, which the trainer claims over HTTP.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from typing import Any

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.bootstrap import Installation
from app.core import jobs
from app.core.db.database import Database
from app.core.db.errors import as_app_error
from app.core.errors import AppError, StorageFull, Unavailable
from app.domain.imports import actions as imports_actions
from app.domain.notifications import actions as notifications_actions
from app.domain.versions import actions as versions_actions
from app.domain.webhooks import delivery, safe_http
from app.domain.webhooks.tables import DELIVERY
from app.worker import handlers, housekeeping
from app.worker.handlers import HANDLERS
from app.worker.lease import ClaimedJob, Stopped

WEBHOOK_KINDS = [DELIVERY]
DATA_KINDS = [kind for kind in HANDLERS if kind not in WEBHOOK_KINDS]
NOTIFICATION_NAMES = {imports_actions.KIND: "import", versions_actions.KIND: "version"}
"""Kinds whose requester is notified of the end."""
ATTEMPTS = {DELIVERY: delivery.ATTEMPTS}
LEASE_SECONDS = 60.0
SWEEP_SECONDS = 3600.0
IDLE_SECONDS = 0.5
LONGEST_IDLE_SECONDS = 30.0
log = logging.getLogger("preceptor.jobs")


def claim(
    database: Database, worker: str, monitor: jobs.LeaseMonitor, kinds: list[str] | None = None
) -> ClaimedJob | None:
    """Claim the oldest job that is due. None when there is none."""
    with database.session() as session:
        row = jobs.claim(session, kinds or list(HANDLERS), worker, monitor, attempts=ATTEMPTS, on_lost=_notify)
        if row is None:
            return None
        lease = monitor.lease_seconds
        job = ClaimedJob(database, row.id, row.token, row.kind, dict(row.payload), lease, row.attempt)
        job.total = row.progress_total
        return job


def work_once(
    installation: Installation,
    worker: str = "",
    monitor: jobs.LeaseMonitor | None = None,
    kinds: list[str] | None = None,
) -> bool:
    """Do the oldest job that is due. Return False when there is none.

    Without a `monitor` no other worker's job is taken over.
    """
    monitor = monitor or jobs.LeaseMonitor(LEASE_SECONDS)
    job = claim(installation.database, worker or worker_name(), monitor, kinds)
    if job is None:
        return False
    log.info("%s %s started", job.kind, job.id)
    try:
        run(installation, job)
        log.info("%s %s done", job.kind, job.id)
    except Stopped:
        _end(job, "cancelled", error="Cancelled.")
    except safe_http.NotDelivered as error:
        handlers.retry_or_fail(job, str(error))
    except imports_actions.BadRows as error:
        _end(job, "failed", error=error.detail, reason="user_error", result=error.result)
    except AppError as error:
        _end(job, "failed", error=error.detail, reason="user_error")
    except (OperationalError, OSError) as error:
        _end_interrupted(job, error)
    except Exception as error:
        log.exception("%s %s failed", job.kind, job.id)
        _end(job, "failed", error=_described(error), reason="crash")
    finally:
        if job.kind == imports_actions.KIND:
            handlers.clean_up_import(installation.database)
    return True


def run(installation: Installation, job: ClaimedJob) -> None:
    """Run the handler, then write its result and the completion in one transaction."""
    write = HANDLERS[job.kind](installation, job)
    with installation.database.session() as session:
        # Require the lease before the first write; this also locks the job's row.
        if jobs.require_lease(session, job.id, job.token).cancel_requested:
            raise Stopped()
        _notify(session, jobs.finish(session, job.id, job.token, "done", result=write(session)))


def _end(
    job: ClaimedJob, state: str, *, error: str, reason: str | None = None, result: dict[str, Any] | None = None
) -> None:
    """Record the end of a job that is not done, unless another worker holds it by now."""
    try:
        with job.database.session() as session:
            row = jobs.finish(session, job.id, job.token, state, error=error, reason=reason, result=result)
            if state == "failed":
                _notify(session, row)
        log.warning("%s %s %s: %s", job.kind, job.id, state, error)
    except AppError as stale:
        log.warning("%s %s dropped: %s", job.kind, job.id, stale.detail)


def _end_interrupted(job: ClaimedJob, error: Exception) -> None:
    """The disk or the database failed, not the job. If the end cannot be written, the lease runs out and it reruns."""
    known = as_app_error(error)
    if isinstance(known, Unavailable):
        log.exception("%s %s: the database failed; the job is retried when its lease ends", job.kind, job.id)
        return
    reason = "disk_full" if isinstance(known, StorageFull) else "crash"
    log.exception("%s %s failed: %s", job.kind, job.id, reason)
    try:
        _end(job, "failed", error=known.detail if known else _described(error), reason=reason)
    except OperationalError as again:
        log.warning("%s %s: the end could not be written (%s); the job is retried", job.kind, job.id, again.orig)


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:2000]


def _notify(session: Session, row: jobs.Job) -> None:
    """Notify the user who requested the job of its end, with a link to what it made."""
    if row.kind not in NOTIFICATION_NAMES or row.project_id is None:
        return
    kind = f"{NOTIFICATION_NAMES[row.kind]}.{'done' if row.state == 'done' else 'failed'}"
    version = (row.result or {}).get("version")
    subject = ("version", version) if version else ("job", row.id)
    notifications_actions.notify(session, [row.created_by], row.project_id, kind, *subject, job=row.id)


def drain(installation: Installation) -> None:
    """Do every job that is due, then return."""
    while work_once(installation):
        pass


def work(installation: Installation, stop: threading.Event) -> None:
    """Until `stop`: do the jobs, sign audit checkpoints, do the housekeeping. Wait for an unreachable database."""
    monitor, pause, swept = jobs.LeaseMonitor(installation.settings.lease_seconds), IDLE_SECONDS, float("-inf")
    signer = housekeeping.CheckpointSigner(installation)
    deliveries = threading.Thread(target=_deliver, args=(installation, stop), name="webhooks", daemon=True)
    deliveries.start()
    while not stop.is_set():
        signer.sign_if_due()
        if time.monotonic() - swept > SWEEP_SECONDS:
            swept = time.monotonic()
            housekeeping.sweep(installation)
        try:
            busy, pause = work_once(installation, monitor=monitor, kinds=DATA_KINDS), IDLE_SECONDS
        except OperationalError as error:
            busy, pause = False, min(pause * 2, LONGEST_IDLE_SECONDS)
            log.warning("the database does not answer (%s); trying again in %.0f s", error.orig, pause)
        if not busy:
            stop.wait(pause)
    signer.sign_if_due(closing=True)
    deliveries.join(safe_http.SECONDS)


def _deliver(installation: Installation, stop: threading.Event) -> None:
    """Deliver webhooks, in a thread of their own: a receiver that does not answer delays no import."""
    monitor = jobs.LeaseMonitor(installation.settings.lease_seconds)
    while not stop.is_set():
        try:
            busy = work_once(installation, monitor=monitor, kinds=WEBHOOK_KINDS)
        except OperationalError:
            busy = False  # the other thread logs it
        if not busy:
            stop.wait(4 * IDLE_SECONDS)


def worker_name() -> str:
    return f"jobs-{socket.gethostname()[:60]}-{os.getpid()}"
