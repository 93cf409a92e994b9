"""Reads of webhooks and their pending deliveries."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core import jobs
from app.core.errors import NotFound
from app.domain.projects.tables import Project
from app.domain.webhooks.tables import DELIVERY, Webhook


class PendingDeliveries(NamedTuple):
    """How many messages are not delivered yet, and when the next is tried again; None: as soon as possible."""

    messages: int
    due: datetime | None


def webhooks_of(session: Session, project: Project) -> list[Webhook]:
    """Oldest first."""
    return list(session.scalars(select(Webhook).where(Webhook.project_id == project.id).order_by(Webhook.id)))


def find_webhook(session: Session, webhook_id: str) -> Webhook | None:
    return session.get(Webhook, webhook_id)


def webhook_by_id(session: Session, webhook_id: str) -> Webhook:
    """Raises NotFound."""
    webhook = find_webhook(session, webhook_id)
    if webhook is None:
        raise NotFound()
    return webhook


def receivers(session: Session, project_id: str, kind: str) -> list[str]:
    """Ids of the project's active webhooks that receive events of this kind."""
    rows = session.execute(select(Webhook.id, Webhook.kinds).where(Webhook.project_id == project_id, Webhook.active))
    return [webhook_id for webhook_id, kinds in rows if kind in kinds]


def pending_deliveries(session: Session, project: Project) -> dict[str, PendingDeliveries]:
    """By webhook id; a webhook without pending deliveries is left out."""
    webhook = jobs.Job.payload["webhook"].as_string()
    rows = session.execute(
        select(webhook, func.count(), func.count(jobs.Job.lease_until), func.min(jobs.Job.lease_until))
        .where(jobs.Job.kind == DELIVERY, jobs.Job.project_id == project.id, jobs.Job.state.in_(jobs.OPEN))
        .group_by(webhook)
    )
    return {
        webhook_id: PendingDeliveries(count, due if dated == count else None) for webhook_id, count, dated, due in rows
    }
