"""Reads of a user's notifications."""

from __future__ import annotations

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.core.paging import Page, page_of
from app.domain.accounts.permissions import ONLY_PROJECT
from app.domain.accounts.tables import User
from app.domain.notifications.tables import Notification


def of_user(session: Session, user: User) -> list[ColumnElement[bool]]:
    """Conditions: the user's notifications; with a token of one project only those of that project."""
    only = session.info.get(ONLY_PROJECT)
    return [Notification.user_id == user.id, *([Notification.project_id == only] if only else [])]


def unread(session: Session, user: User) -> int:
    """How many notifications the user has not read."""
    statement = select(func.count()).where(*of_user(session, user), Notification.read_at.is_(None))
    return session.scalar(statement) or 0


def page(
    session: Session, user: User, *, only_unread: bool = False, limit: int = 50, cursor: str | None = None
) -> Page[Notification]:
    """The user's notifications, newest first."""
    statement = select(Notification).where(*of_user(session, user))
    if only_unread:
        statement = statement.where(Notification.read_at.is_(None))
    return page_of(session, statement, Notification.id, limit=limit, cursor=cursor)


def by_id(session: Session, user: User, notification_id: str) -> Notification:
    """Raises NotFound for another user's notification."""
    own = select(Notification).where(*of_user(session, user))
    notification = session.scalar(own.where(Notification.id == notification_id))
    if notification is None:
        raise NotFound()
    return notification
