"""The worker of the short jobs, imports and freezes: claim, keep the lease alive, write result and completion at once.

The write and the accepted completion are one transaction behind the fencing token: a worker that lost its lease
writes nothing. Knows nothing of training runs, which the trainer claims over HTTP.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from app.bootstrap import Installation
from app.core import jobs
from app.core.db import bulk
from app.core.db.database import Database
from app.core.db.errors import as_app_error
from app.core.errors import AppError, Conflict, StorageFull, Unavailable
from app.domain.imports import actions as imports_actions
from app.domain.notifications import actions as notifications_actions
from app.domain.pairs.indexes import embedding_index
from app.domain.privacy import actions as privacy_actions
from app.domain.versions import actions as versions_actions
from app.domain.webhooks import actions as webhooks_actions
from app.domain.webhooks import delivery, safe_http
from app.domain.webhooks import tables as webhooks_tables
from app.domain.webhooks.tables import Webhook
from app.worker import erasure_sweep
from app.worker.checkpoint_signer import CheckpointSigner

KINDS = [imports_actions.KIND, versions_actions.KIND, embedding_index.KIND, webhooks_tables.DELIVERY]
TELLS = {imports_actions.KIND: "import", versions_actions.KIND: "version"}
"""Kinds of which the person who asked hears how they ended."""
ATTEMPTS = {webhooks_tables.DELIVERY: delivery.ATTEMPTS}
LEASE_SECONDS = 60.0
SWEEP_SECONDS = 3600.0
IDLE_SECONDS = 0.5
log = logging.getLogger("preceptor.jobs")


class Stopped(Exception):
    """The job was cancelled, or another worker holds it now: drop it."""


@dataclass
class ClaimedJob:
    """A claimed job, renewed from a thread of its own while the work goes on."""

    database: Database
    id: str
    token: int
    kind: str
    payload: dict[str, Any]
    lease_seconds: float = LEASE_SECONDS
    attempt: int = 1
    done: float = 0.0
    total: float = 0.0
    cancelled: bool = False
    lost: bool = False
    began: float = field(default_factory=time.monotonic)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> ClaimedJob:
        self._thread = threading.Thread(target=self._keep, name=f"lease-{self.id[:8]}", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._over.set()
        if self._thread:
            self._thread.join()

    def _keep(self) -> None:
        while not self._over.wait(self.lease_seconds / 6):
            self.beat()

    def beat(self) -> None:
        """Renew once. A busy database is no reason to give up: the next beat comes before the lease ends."""
        try:
            with self.database.session() as session:
                job = jobs.heartbeat(
                    session,
                    self.id,
                    self.token,
                    self.lease_seconds,
                    done=self.done,
                    total=self.total,
                    eta_seconds=self.eta(),
                )
                self.cancelled = job.cancel_requested
        except Conflict:
            self.lost = True
        except OperationalError as error:
            log.warning("heartbeat of %s missed: %s", self.id, error.orig)

    def eta(self) -> float | None:
        """Seconds to go at the pace since the first progress."""
        spent = time.monotonic() - self.began
        return spent / self.done * (self.total - self.done) if self.done and spent > 1 else None

    def progress(self, done: float, total: float) -> None:
        """What the work calls between rows; raises Stopped when it should not go on."""
        self.began = self.began if self.done else time.monotonic()
        self.done, self.total = done, total
        self.beat()
        if self.cancelled or self.lost:
            raise Stopped()


def claim(
    database: Database, worker: str, watch: jobs.LeaseMonitor, kinds: list[str] | None = None
) -> ClaimedJob | None:
    with database.session() as session:
        job = jobs.claim(session, kinds or KINDS, worker, watch, attempts=ATTEMPTS, on_lost=_tell)
        if job is None:
            return None
        held = ClaimedJob(database, job.id, job.token, job.kind, dict(job.payload), watch.lease_seconds, job.attempt)
        held.total = job.progress_total
        return held


def work_once(
    installation: Installation, worker: str = "", watch: jobs.LeaseMonitor | None = None, kinds: list[str] | None = None
) -> bool:
    """Do the oldest job that waits. False when none does. Without a watch no other worker's job is taken over."""
    held = claim(installation.database, worker or worker_name(), watch or jobs.LeaseMonitor(LEASE_SECONDS), kinds)
    if held is None:
        return False
    log.info("%s %s started", held.kind, held.id)
    try:
        _do(installation, held)
        log.info("%s %s done", held.kind, held.id)
    except Stopped:
        _end(held, "cancelled", error="Cancelled.")
    except safe_http.NotDelivered as error:
        _not_delivered(held, str(error))
    except imports_actions.BadRows as error:
        _end(held, "failed", error=error.detail, reason="user_error", result=error.result)
    except AppError as error:
        _end(held, "failed", error=error.detail, reason="user_error")
    except (OperationalError, OSError) as error:
        _interrupted(held, error)
    except Exception as error:
        log.exception("%s %s failed", held.kind, held.id)
        _end(held, "failed", error=f"{type(error).__name__}: {error}"[:2000], reason="crash")
    finally:
        if held.kind == imports_actions.KIND:
            _settle(installation.database)
    return True


def _settle(database: Database) -> None:
    """Many rows are new, or would have been: plans go by old sizes, and memory that was taken to write them is not
    needed any more. What fails here fails nobody."""
    with suppress(SQLAlchemyError):
        database.optimise()
        with database.session() as session:
            bulk.restore_cache_size(session)


def _interrupted(held: ClaimedJob, error: Exception) -> None:
    """The disk or the database failed, not the job. When even that cannot be written, the job comes back by itself."""
    known = as_app_error(error)
    if isinstance(known, Unavailable):
        log.exception("%s %s: the database failed; the job comes back when its lease ends", held.kind, held.id)
        return
    reason = "disk_full" if isinstance(known, StorageFull) else "crash"
    log.exception("%s %s failed: %s", held.kind, held.id, reason)
    try:
        _end(held, "failed", error=known.detail if known else f"{type(error).__name__}: {error}"[:2000], reason=reason)
    except OperationalError as again:
        log.warning("%s %s: its end could not be written (%s); it will be tried again", held.kind, held.id, again.orig)


def _do(installation: Installation, held: ClaimedJob) -> None:
    write = DO[held.kind](installation, held)
    with installation.database.session() as session:
        # fence before the first row, and keep the job's row locked
        if jobs.require_lease(session, held.id, held.token).cancel_requested:
            raise Stopped()
        job = jobs.finish(session, held.id, held.token, "done", result=write(session))
        _tell(session, job)


def _import(installation: Installation, held: ClaimedJob) -> Callable[[Session], dict[str, Any]]:
    """Check outside any write transaction, so that nobody waits for it."""
    with held, installation.database.read() as session:
        prepared = imports_actions.check_rows(session, installation.storage, held.payload, held.progress)
    if held.cancelled or held.lost:
        raise Stopped()
    if prepared.bad_lines:
        with installation.database.session() as session:
            imports_actions.name_bad(jobs.require_lease(session, held.id, held.token), prepared)
    bad = imports_actions.keep_bad(installation.storage, prepared)
    return lambda session: {**imports_actions.save_rows(session, held.payload, prepared), **bad}


def _freeze(installation: Installation, held: ClaimedJob) -> Callable[[Session], dict[str, Any]]:
    """Prepare outside any write transaction, too."""
    with held, installation.database.read() as session:
        prepared = versions_actions.prepare(session, installation.storage, held.payload)
    if held.cancelled or held.lost:
        raise Stopped()
    return lambda session: {"version": versions_actions.freeze(session, prepared).id}


def _vectors(installation: Installation, held: ClaimedJob) -> Callable[[Session], dict[str, Any]]:
    """Many short transactions, each behind the fence; whatever else waits goes first, and the rest is queued anew."""

    def write(change: Callable[[Session], None]) -> None:
        with installation.database.session() as session:
            jobs.require_lease(session, held.id, held.token)
            change(session)

    with held:
        counts = embedding_index.fill(installation.database.read, write, held.payload, held.progress, before=KINDS[:2])
    return lambda session: embedding_index.finished(session, held.payload, counts)


def _webhook(installation: Installation, held: ClaimedJob) -> Callable[[Session], dict[str, Any]]:
    """Send outside any transaction. What cannot ever be sent ends the job; what may come right later is tried again."""
    settings, webhook_id = installation.settings, held.payload["webhook"]
    with installation.database.read() as session:
        webhook = session.get(Webhook, webhook_id)
    if webhook is None:
        raise Stopped()
    try:
        with held:
            delivery.send(webhook, held.payload["message"], key=settings.key, allowed=settings.webhook_hosts)
    except AppError as error:
        with installation.database.session() as session:
            webhooks_actions.record_delivery(session, webhook_id, error.detail)
        raise

    def write(session: Session) -> dict[str, Any]:
        webhooks_actions.record_delivery(session, webhook_id)
        return {"webhook": webhook_id}

    return write


def _not_delivered(held: ClaimedJob, error: str) -> None:
    """Keep the reason. The job comes back after a pause that grows, until its attempts are used up."""
    said = f"{error} (attempt {held.attempt} of {delivery.ATTEMPTS})"
    log.warning("%s %s: %s", held.kind, held.id, said)
    try:
        with held.database.session() as session:
            if held.attempt >= delivery.ATTEMPTS:
                jobs.finish(session, held.id, held.token, "failed", error=error, reason="not_delivered")
            else:
                jobs.retry_later(session, held.id, held.token, delivery.pause_after(held.attempt))
            webhooks_actions.record_delivery(session, held.payload["webhook"], said)
    except Conflict as stale:
        log.warning("%s %s dropped: %s", held.kind, held.id, stale.detail)


def _tell(session: Session, job: jobs.Job) -> None:
    """Who asked for a job hears how it ended; what it made is named where there is a page for it."""
    if job.kind not in TELLS or job.project_id is None:
        return
    kind, name = TELLS[job.kind], "done" if job.state == "done" else "failed"
    version = (job.result or {}).get("version")
    subject = ("version", version) if version else ("job", job.id)
    notifications_actions.notify(session, [job.created_by], job.project_id, f"{kind}.{name}", *subject, job=job.id)


DO = {
    imports_actions.KIND: _import,
    versions_actions.KIND: _freeze,
    embedding_index.KIND: _vectors,
    webhooks_tables.DELIVERY: _webhook,
}


def _end(
    held: ClaimedJob, state: str, *, error: str, reason: str | None = None, result: dict[str, Any] | None = None
) -> None:
    """Tell the ledger how it ended, unless another worker holds the job by now."""
    try:
        with held.database.session() as session:
            job = jobs.finish(session, held.id, held.token, state, error=error, reason=reason, result=result)
            if state == "failed":
                _tell(session, job)
        log.warning("%s %s %s: %s", held.kind, held.id, state, error)
    except AppError as stale:
        log.warning("%s %s dropped: %s", held.kind, held.id, stale.detail)


def drain(installation: Installation) -> None:
    """Do every job that waits, then return."""
    while work_once(installation):
        pass


def work(installation: Installation, stop: threading.Event) -> None:
    """Until `stop`: do what waits, tidy up every hour; when the database is away, wait for it."""
    watch, pause, swept = jobs.LeaseMonitor(installation.settings.lease_seconds), IDLE_SECONDS, float("-inf")
    keeper = CheckpointSigner(installation)
    post = threading.Thread(target=_deliver, args=(installation, stop), name="webhooks", daemon=True)
    post.start()
    while not stop.is_set():
        keeper.look()
        if time.monotonic() - swept > SWEEP_SECONDS:
            swept = time.monotonic()
            _sweep(installation)
        try:
            busy, pause = work_once(installation, watch=watch, kinds=KINDS[:-1]), IDLE_SECONDS
        except OperationalError as error:
            busy, pause = False, min(pause * 2, 30.0)
            log.warning("the database does not answer (%s); trying again in %.0f s", error.orig, pause)
        if not busy:
            stop.wait(pause)
    keeper.look(last_time=True)
    post.join(safe_http.SECONDS)


def _deliver(installation: Installation, stop: threading.Event) -> None:
    """Webhooks, in a thread of their own: a receiver that does not answer keeps no import waiting."""
    watch = jobs.LeaseMonitor(installation.settings.lease_seconds)
    while not stop.is_set():
        try:
            busy = work_once(installation, watch=watch, kinds=[webhooks_tables.DELIVERY])
        except OperationalError:
            busy = False  # the other thread tells of it
        if not busy:
            stop.wait(4 * IDLE_SECONDS)


def _sweep(installation: Installation) -> None:
    try:
        if removed := installation.storage.sweep():
            log.info("removed %d unfinished transfers that were older than a day", removed)
        with installation.database.session() as session:
            embedding_index.request_missing(session)
            notifications_actions.sweep(session)
        if removed := privacy_actions.sweep_uploads(installation.database, installation.storage):
            log.info("removed %d uploaded files that were no longer needed", removed)
        _erase_again(installation)
        if removed := erasure_sweep.sweep(installation):
            log.info("removed %d files that an erasure had left", removed)
    except (OSError, OperationalError, Conflict) as error:
        log.warning("not everything could be tidied up: %s", error)


def _erase_again(installation: Installation) -> None:
    """However an older database came back: whoever is on the list of erasures goes again."""
    try:
        again = erasure_sweep.erase_again(installation)
    except Conflict as later:
        log.warning("people whom a backup brought back are erased in an hour: %s", later.detail)
        return
    if again:
        log.warning("erased %d people again whom a backup had brought back: %s", len(again), ", ".join(again))


def worker_name() -> str:
    return f"jobs-{socket.gethostname()[:60]}-{os.getpid()}"
