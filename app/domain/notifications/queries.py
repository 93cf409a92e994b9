"""What a person was told, and what they have not seen yet."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app.core import jobs
from app.core.errors import NotFound
from app.core.paging import Page, page_of
from app.domain.accounts.permissions import ONLY_PROJECT
from app.domain.accounts.tables import User
from app.domain.notifications.tables import DELIVERY, Notification, Webhook
from app.domain.projects.tables import Project


def mine(session: Session, user: User) -> list[ColumnElement[bool]]:
    """The person's own lines; through a token of one project those of that project only."""
    only = session.info.get(ONLY_PROJECT)
    return [Notification.user_id == user.id, *([Notification.project_id == only] if only else [])]


def unread(session: Session, user: User) -> int:
    statement = select(func.count()).where(*mine(session, user), Notification.read_at.is_(None))
    return session.scalar(statement) or 0


def page(
    session: Session, user: User, *, only_unread: bool = False, limit: int = 50, cursor: str | None = None
) -> Page[Notification]:
    """The newest first."""
    statement = select(Notification).where(*mine(session, user))
    if only_unread:
        statement = statement.where(Notification.read_at.is_(None))
    return page_of(session, statement, Notification.id, limit=limit, cursor=cursor)


def own(session: Session, user: User, line_id: str) -> Notification:
    """Raises NotFound for another's line."""
    line = session.scalar(select(Notification).where(*mine(session, user), Notification.id == line_id))
    if line is None:
        raise NotFound()
    return line


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
