"""Reading and verifying the chain."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.paging import Page, page_of
from app.domain.audit.tables import AuditEvent


def page(
    session: Session,
    *,
    subject: str | None = None,
    actor: str | None = None,
    project_id: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[AuditEvent]:
    """Events, newest first."""
    statement = select(AuditEvent)
    for column, value in (
        (AuditEvent.subject_id, subject),
        (AuditEvent.actor, actor),
        (AuditEvent.project_id, project_id),
    ):
        if value:
            statement = statement.where(column == value)
    return page_of(session, statement, AuditEvent.id, limit=limit, cursor=cursor)
