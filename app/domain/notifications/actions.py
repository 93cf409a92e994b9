"""Telling people what happened to their work, and marking what they have seen."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from app.core.db.base import Base, new_id, now
from app.core.errors import Invalid
from app.domain.accounts.tables import User
from app.domain.notifications import queries
from app.domain.notifications.tables import Notification
from app.domain.projects import queries as projects_queries
from app.domain.projects.tables import Membership
from app.domain.webhooks import actions as webhooks_actions

LINE = insert(Base.metadata.tables[Notification.__tablename__])
KEPT = timedelta(days=90)
"""How long a line stays that was read."""


def notify_user(
    session: Session, user_id: str, project_id: str, kind: str, subject_kind: str, subject_id: str, **details: Any
) -> str:
    """A line for one person, in the transaction of what it tells; its id. The event itself is in the audit log."""
    session.flush()
    (line,) = _write(session, [user_id], project_id, kind, subject_kind, subject_id, details)
    return line


def _write(
    session: Session,
    people: Iterable[str],
    project_id: str,
    kind: str,
    subject_kind: str,
    subject_id: str,
    details: dict[str, Any],
) -> list[str]:
    """The lines by one plain insert, since most verdicts write one and nobody here looks at it again; their ids."""
    what = {"project_id": project_id, "kind": kind, "subject_kind": subject_kind, "subject_id": subject_id}
    lines: list[dict[str, Any]] = [{"id": new_id(), "user_id": one, **what, "details": details} for one in people]
    if lines:
        session.execute(LINE, lines)
    webhooks_actions.enqueue_deliveries(session, project_id, kind, subject_kind, subject_id, details)
    return [line["id"] for line in lines]


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
    """A line for each of the people, once, but not for who did it (`but`), nor for who may not open the project (any
    more): they could not open what the line speaks of. The project's webhooks hear of it, too."""
    session.flush()  # who was added a moment ago belongs to the project as well
    concerned = {one for one in people if one} - {but}
    heard = projects_queries.readers(session, project_id, concerned) if concerned else []
    _write(session, heard, project_id, kind, subject_kind, subject_id, details)


def notify_members(
    session: Session,
    project_id: str,
    kind: str,
    subject_kind: str,
    subject_id: str,
    *,
    but: str | None = None,
    **details: Any,
) -> None:
    """As `tell`, for everybody who belongs to the project."""
    members = session.scalars(select(Membership.user_id).where(Membership.project_id == project_id))
    notify(session, list(members), project_id, kind, subject_kind, subject_id, but=but, **details)


def mark_read(session: Session, user: User, ids: list[str] | None = None) -> int:
    """Mark one's own lines, all of them without `ids`; ids of others' lines are passed over. Returns how many."""
    if ids is not None and len(ids) > 500:
        raise Invalid("Mark at most 500 lines at once, or all of them.", field="ids")
    lines = update(Notification).where(*queries.mine(session, user), Notification.read_at.is_(None))
    if ids is not None:
        lines = lines.where(Notification.id.in_(ids))
    return session.execute(lines.values(read_at=now())).rowcount  # type: ignore[attr-defined, no-any-return]


def sweep(session: Session) -> int:
    """Delete what was read more than 90 days ago, and deliveries that ended as long ago. Returns how many lines."""
    webhooks_actions.delete_old_deliveries(session, now() - KEPT)
    old = delete(Notification).where(Notification.read_at < now() - KEPT)
    return session.execute(old).rowcount  # type: ignore[attr-defined, no-any-return]
