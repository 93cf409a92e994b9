"""Whose session or link this is."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database import now
from app.core.security import digest
from app.domain.accounts.tables import User
from app.domain.signin.tables import SignInLink, WebSession


def user_by_session(session: Session, raw: str) -> User | None:
    """The active user of a browser session that has not expired."""
    return session.scalar(
        select(User)
        .join(WebSession, WebSession.user_id == User.id)
        .where(WebSession.digest == digest(raw), WebSession.expires_at > now(), User.active.is_(True))
    )


def user_by_link(session: Session, raw: str) -> User | None:
    """The user of a sign-in link that is unused and has not expired."""
    return session.scalar(
        select(User)
        .join(SignInLink, SignInLink.user_id == User.id)
        .where(
            SignInLink.digest == digest(raw),
            SignInLink.expires_at > now(),
            SignInLink.used_at.is_(None),
            User.active.is_(True),
        )
    )
