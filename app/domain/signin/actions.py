"""One-time links and browser sessions."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.core.database import now
from app.core.errors import NotFound
from app.core.security import digest, new_secret
from app.domain.accounts.tables import User
from app.domain.audit import actions as audit
from app.domain.signin import queries
from app.domain.signin.tables import SignInLink, WebSession

SESSION_DAYS = 7


def create_sign_in_link(session: Session, *, user: User, actor: User | None = None, days: int = 1) -> str:
    """The raw secret of a new one-time link."""
    raw = new_secret()
    session.add(SignInLink(digest=digest(raw), user_id=user.id, expires_at=now() + timedelta(days=days)))
    audit.record(session, actor.id if actor else None, "sign_in_link.created", "user", user.id)
    return raw


def redeem_sign_in_link(session: Session, raw: str) -> User:
    """Use up a link. Raises NotFound when it is unknown, used or expired."""
    link = session.scalar(select(SignInLink).where(SignInLink.digest == digest(raw)).with_for_update())
    user = queries.user_by_link(session, raw)
    if link is None or user is None:
        raise NotFound("This sign-in link has been used or has expired; ask an admin for a new one.")
    link.used_at = now()
    audit.record(session, user.id, "user.signed_in", "user", user.id)
    return user


def start_session(session: Session, user: User) -> str:
    """The raw cookie of a new browser session."""
    raw = new_secret()
    session.execute(delete(WebSession).where(WebSession.expires_at < now()))
    session.add(WebSession(digest=digest(raw), user_id=user.id, expires_at=now() + timedelta(days=SESSION_DAYS)))
    return raw


def end_session(session: Session, raw: str) -> None:
    session.execute(delete(WebSession).where(WebSession.digest == digest(raw)))
