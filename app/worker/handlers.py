"""What the worker does for each kind of job. A handler works outside any write transaction, so that no writer waits,
and returns the step that writes its result.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.bootstrap import Installation
from app.core import jobs
from app.core.db import bulk
from app.core.db.database import Database
from app.core.errors import AppError, Conflict
from app.domain.imports import actions as imports_actions, queries as imports_queries
from app.domain.pairs.indexes import index_actions
from app.domain.versions import actions as versions_actions, queries as versions_queries
from app.domain.webhooks import actions as webhooks_actions, delivery, queries as webhooks_queries
from app.domain.webhooks.tables import DELIVERY
from app.worker.lease import ClaimedJob, Stopped

WriteResult = Callable[[Session], dict[str, Any]]
BEFORE_EMBEDDINGS = (imports_actions.KIND, versions_actions.KIND)
"""While a job of these kinds waits, the rest of the embeddings is queued as a new job."""
log = logging.getLogger("preceptor.jobs")


def import_rows(installation: Installation, job: ClaimedJob) -> WriteResult:
    """Check the rows of a file, then write them."""
    with job, installation.database.read() as session:
        prepared = imports_queries.check_rows(session, installation.storage, job.payload, job.progress)
    job.require_running()
    if prepared.bad_lines:
        with installation.database.session() as session:
            imports_actions.note_error_file(jobs.require_lease(session, job.id, job.token), prepared)
    bad = imports_actions.store_error_rows(installation.storage, prepared)
    return lambda session: {**imports_actions.save_rows(session, job.payload, prepared), **bad}


def clean_up_import(database: Database) -> None:
    """Refresh the statistics of the query planner and release memory, after an import or a try. Errors are ignored."""
    with suppress(SQLAlchemyError):
        database.update_statistics()
        with database.session() as session:
            bulk.restore_cache_size(session)


def freeze_version(installation: Installation, job: ClaimedJob) -> WriteResult:
    with job, installation.database.read() as session:
        prepared = versions_queries.prepare_version(session, installation.storage, job.payload)
    job.require_running()
    return lambda session: {"version": versions_actions.freeze(session, prepared).id}


def embed_prompts(installation: Installation, job: ClaimedJob) -> WriteResult:
    """Write the embeddings in many short transactions, each of which requires the lease."""

    def write(change: Callable[[Session], None]) -> None:
        with installation.database.session() as session:
            jobs.require_lease(session, job.id, job.token)
            change(session)

    with job:
        read = installation.database.read
        counts = index_actions.fill(read, write, job.payload, job.progress, before=BEFORE_EMBEDDINGS)
    return lambda session: index_actions.finished(session, job.payload, counts)


def deliver_webhook(installation: Installation, job: ClaimedJob) -> WriteResult:
    """Send one message.

    Raises AppError for a message that can never be delivered, NotDelivered for one that is tried again.
    """
    settings, webhook_id = installation.settings, job.payload["webhook"]
    with installation.database.read() as session:
        webhook = webhooks_queries.find_webhook(session, webhook_id)
    if webhook is None:
        raise Stopped()
    try:
        with job:
            delivery.send(webhook, job.payload["message"], key=settings.key, allowed=settings.webhook_hosts)
    except AppError as error:
        with installation.database.session() as session:
            webhooks_actions.record_delivery(session, webhook_id, error.detail)
        raise

    def record(session: Session) -> dict[str, Any]:
        webhooks_actions.record_delivery(session, webhook_id)
        return {"webhook": webhook_id}

    return record


def retry_or_fail(job: ClaimedJob, error: str) -> None:
    """Record why a delivery failed. The job is tried again after a growing pause, until its attempts are used up."""
    reason = f"{error} (attempt {job.attempt} of {delivery.ATTEMPTS})"
    log.warning("%s %s: %s", job.kind, job.id, reason)
    try:
        with job.database.session() as session:
            if job.attempt >= delivery.ATTEMPTS:
                jobs.finish(session, job.id, job.token, "failed", error=error, reason="not_delivered")
            else:
                jobs.retry_later(session, job.id, job.token, delivery.pause_after(job.attempt))
            webhooks_actions.record_delivery(session, job.payload["webhook"], reason)
    except Conflict as stale:
        log.warning("%s %s dropped: %s", job.kind, job.id, stale.detail)


HANDLERS: dict[str, Callable[[Installation, ClaimedJob], WriteResult]] = {
    imports_actions.KIND: import_rows,
    versions_actions.KIND: freeze_version,
    index_actions.KIND: embed_prompts,
    DELIVERY: deliver_webhook,
}
