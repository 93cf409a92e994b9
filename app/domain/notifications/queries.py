"""What a person was told, and what they have not seen yet."""

from __future__ import annotations

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.core.paging import Page, page_of
from app.domain.accounts.permissions import ONLY_PROJECT
from app.domain.accounts.tables import User
from app.domain.notifications.tables import Notification


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
