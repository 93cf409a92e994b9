"""Notify users of what happened to their work, and mark notifications as read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, insert, update
from sqlalchemy.orm import Session

from app.core.db.base import Base, new_id, now
from app.core.errors import Invalid
from app.domain.accounts.tables import User
from app.domain.notifications import queries
from app.domain.notifications.tables import Notification
from app.domain.projects import queries as projects_queries
from app.domain.webhooks import actions as webhooks_actions

INSERT = insert(Base.metadata.tables[Notification.__tablename__])
RETENTION = timedelta(days=90)
"""How long a notification is kept after it was read."""


def notify(
    session: Session,
    people: Iterable[str | None],
    project_id: str,
    kind: str,
    subject_kind: str,
    subject_id: str,
    *,
    but: str | None = None,
    **details: Any,
) -> None:
    """Notify each of these users once, and the project's webhooks, in the transaction of the event.

    Left out are `but`, the user who caused the event, and users who cannot open the project: they could not open the
    subject. The event itself is in the audit log.
    """
    session.flush()  # a member who was added in this transaction counts
    candidates = {user_id for user_id in people if user_id} - {but}
    readers = projects_queries.readers(session, project_id, candidates) if candidates else []
    event = {"project_id": project_id, "kind": kind, "subject_kind": subject_kind, "subject_id": subject_id}
    rows = [{"id": new_id(), "user_id": user_id, **event, "details": details} for user_id in readers]
    if rows:  # one plain insert, since most decisions write one row and nothing here reads it again
        session.execute(INSERT, rows)
    webhooks_actions.enqueue_deliveries(session, project_id, kind, subject_kind, subject_id, details)


def mark_read(session: Session, user: User, ids: list[str] | None = None) -> int:
    """Mark the user's notifications as read, all of them without `ids`; ids of other users are ignored.

    Returns how many were marked. Raises Invalid for more than 500 ids.
    """
    if ids is not None and len(ids) > 500:
        raise Invalid("Mark at most 500 notifications at once, or all of them.", field="ids")
    unread = update(Notification).where(*queries.of_user(session, user), Notification.read_at.is_(None))
    if ids is not None:
        unread = unread.where(Notification.id.in_(ids))
    return session.execute(unread.values(read_at=now())).rowcount  # type: ignore[attr-defined, no-any-return]


def sweep(session: Session) -> int:
    """Delete notifications read more than RETENTION ago, and deliveries that ended as long ago.

    Returns how many notifications were deleted.
    """
    webhooks_actions.delete_old_deliveries(session, now() - RETENTION)
    old = delete(Notification).where(Notification.read_at < now() - RETENTION)
    return session.execute(old).rowcount  # type: ignore[attr-defined, no-any-return]
