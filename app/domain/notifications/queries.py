"""What a person has not seen yet."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.accounts.tables import User
from app.domain.notifications.tables import Notification


def unread(session: Session, user: User) -> int:
    statement = select(func.count()).where(Notification.user_id == user.id, Notification.read_at.is_(None))
    return session.scalar(statement) or 0
