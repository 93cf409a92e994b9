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


def webhooks_of(session: Session, project: Project) -> list[Webhook]:
    """Oldest first."""
    return list(session.scalars(select(Webhook).where(Webhook.project_id == project.id).order_by(Webhook.id)))


class Waiting(NamedTuple):
    """Deliveries that have not arrived yet, and when the next of them is tried again; None: as soon as possible."""

    messages: int
    due: datetime | None


def waiting(session: Session, project: Project) -> dict[str, Waiting]:
    """By the id of the webhook; those with nothing to deliver are left out."""
    webhook = jobs.Job.payload["webhook"].as_string()
    rows = session.execute(
        select(webhook, func.count(), func.count(jobs.Job.lease_until), func.min(jobs.Job.lease_until))
        .where(jobs.Job.kind == DELIVERY, jobs.Job.project_id == project.id, jobs.Job.state.in_(jobs.OPEN))
        .group_by(webhook)
    )
    return {id_: Waiting(count, due if dated == count else None) for id_, count, dated, due in rows}


def webhook_by_id(session: Session, webhook_id: str) -> Webhook:
    webhook = session.get(Webhook, webhook_id)
    if webhook is None:
        raise NotFound()
    return webhook
