"""Delivers one message to a webhook."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from app.bootstrap import Installation
from app.core import jobs
from app.core.errors import AppError, Conflict
from app.domain.webhooks import actions as webhooks_actions, delivery, queries as webhooks_queries
from app.worker.lease import ClaimedJob, Stopped

log = logging.getLogger("preceptor.jobs")


def run(installation: Installation, job: ClaimedJob) -> Callable[[Session], dict[str, Any]]:
    """Send the message outside any transaction. Return the step that records it.

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
