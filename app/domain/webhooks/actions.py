"""Create and delete webhooks, and queue a delivery for each event.

A delivery is a job, written in the transaction of its event.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.core import jobs
from app.core.db.base import now
from app.core.errors import Conflict, Invalid
from app.core.security import cipher, new_secret
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.audit import actions as audit_actions
from app.domain.projects import access
from app.domain.projects.tables import Project
from app.domain.webhooks import delivery, queries, safe_http
from app.domain.webhooks.event_types import KINDS
from app.domain.webhooks.tables import DELIVERY, Webhook

TEST = "webhook.test"
MAX_WEBHOOKS = 10
QUEUED_EVENTS = "webhook events queued"  # session.info: an event is one delivery, however many users are notified


def create(
    session: Session, user: User, project: Project, *, url: str, kinds: Sequence[str], key: str, allowed: Sequence[str]
) -> tuple[Webhook, str]:
    """Create a webhook; returns it with its secret, which is shown only now.

    Raises Forbidden, AddressNotAllowed, Invalid, Conflict.
    """
    access.require(session, user, Permission.MANAGE_PROJECT, project)
    safe_http.permit(url, allowed)
    if not kinds or set(kinds) - set(KINDS):
        raise Invalid(f"Choose at least one of {', '.join(KINDS)}.", field="kinds")
    if len(queries.webhooks_of(session, project)) >= MAX_WEBHOOKS:
        raise Conflict(f"A project has at most {MAX_WEBHOOKS} webhooks; delete one first.")
    secret = new_secret("whsec_")
    sealed = cipher(key, "webhook").encrypt(secret.encode()).decode()
    webhook = Webhook(project_id=project.id, url=url, secret=sealed, kinds=sorted(set(kinds)), created_by=user.id)
    session.add(webhook)
    session.flush()
    audit_actions.record(
        session, user.id, "webhook.created", "webhook", webhook.id, project_id=project.id, kinds=webhook.kinds
    )
    return webhook, secret


def remove(session: Session, user: User, webhook: Webhook) -> None:
    """Delete a webhook. Its queued deliveries are dropped when they are due. Raises Forbidden."""
    project = access.project_of(session, user, webhook.project_id)
    access.require(session, user, Permission.MANAGE_PROJECT, project)
    session.delete(webhook)
    audit_actions.record(session, user.id, "webhook.deleted", "webhook", webhook.id, project_id=project.id)


def send_test(session: Session, user: User, webhook: Webhook, *, allowed: Sequence[str]) -> None:
    """Queue one test message. Raises Forbidden, AddressNotAllowed."""
    project = access.project_of(session, user, webhook.project_id)
    access.require(session, user, Permission.MANAGE_PROJECT, project)
    safe_http.permit(webhook.url, allowed)
    _enqueue(session, webhook.id, project.id, delivery.message(project.id, TEST, "webhook", webhook.id, {}))
    audit_actions.record(session, user.id, "webhook.tested", "webhook", webhook.id, project_id=project.id)


def enqueue_deliveries(
    session: Session, project_id: str, kind: str, subject_kind: str, subject_id: str, details: dict[str, Any]
) -> None:
    """Queue one delivery for each webhook of the project that receives this kind, in the transaction of the event."""
    queued = session.info.setdefault(QUEUED_EVENTS, set())
    if (event := (project_id, kind, subject_id)) in queued:
        return
    queued.add(event)
    for webhook_id in queries.receivers(session, project_id, kind):
        _enqueue(session, webhook_id, project_id, delivery.message(project_id, kind, subject_kind, subject_id, details))


def record_delivery(session: Session, webhook_id: str, error: str = "") -> None:
    """Store how the last delivery went, for the webhooks page."""
    webhook = session.get(Webhook, webhook_id)
    if webhook is not None:
        webhook.last_error = error[:200]
        webhook.last_sent_at = webhook.last_sent_at if error else now()


def delete_old_deliveries(session: Session, before: datetime) -> None:
    """Delete the jobs of deliveries that ended before this moment; their events stay in the audit log."""
    session.execute(delete(jobs.Job).where(jobs.Job.kind == DELIVERY, jobs.Job.finished_at < before))


def _enqueue(session: Session, webhook_id: str, project_id: str, message: dict[str, Any]) -> None:
    jobs.enqueue(session, DELIVERY, {"webhook": webhook_id, "message": message}, project_id=project_id)
