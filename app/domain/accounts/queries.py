"""Read users and their API tokens."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.db.base import now
from app.core.errors import NotFound
from app.core.security import digest
from app.domain.accounts.tables import ApiToken, Person, User

USE_INTERVAL = timedelta(minutes=1)


def user_by_email(session: Session, email: str) -> User | None:
    return session.scalar(select(User).join(Person).where(Person.email == email.strip().lower()))


def user_by_token(session: Session, raw: str) -> tuple[User, ApiToken] | None:
    """Return the active user of a token, and the token, or None when it expired or was revoked."""
    valid = select(User, ApiToken).join(ApiToken, ApiToken.user_id == User.id)
    valid = valid.where(ApiToken.digest == digest(raw), ApiToken.expires_at > now(), ApiToken.revoked_at.is_(None))
    return session.execute(valid.where(User.active)).first()


def display_names(session: Session, user_ids: Iterable[str]) -> dict[str, str]:
    """Return user id -> display name."""
    users = session.scalars(select(User).where(User.id.in_(set(user_ids))))
    return {user.id: user.name for user in users}


def is_use_stale(used_at: datetime | None) -> bool:
    """Whether a use should be saved: at most one is saved per minute."""
    return used_at is None or used_at < now() - USE_INTERVAL


def tokens_of(session: Session, user: User) -> list[ApiToken]:
    """Return the tokens that are not revoked, newest first; some may have expired."""
    statement = select(ApiToken).where(ApiToken.user_id == user.id, ApiToken.revoked_at.is_(None))
    return list(session.scalars(statement.order_by(ApiToken.id.desc())))


def people(session: Session) -> list[User]:
    """Return all users that are not erased, active users first."""
    statement = select(User).join(Person).where(Person.erased_at.is_(None))
    return list(session.scalars(statement.order_by(User.active.desc(), Person.name, User.id)))


def any_user(session: Session) -> bool:
    """Whether at least one account exists."""
    return session.scalar(select(User.id).limit(1)) is not None


def oldest_admin(session: Session) -> User | None:
    """Return the active admin whose account is oldest."""
    admins = select(User).where(User.is_admin.is_(True), User.active.is_(True))
    return session.scalar(admins.order_by(User.id).limit(1))


def token_owner(session: Session, token_id: str) -> User | None:
    return session.scalar(select(User).join(ApiToken, ApiToken.user_id == User.id).where(ApiToken.id == token_id))


def get_user(session: Session, user_id: str) -> User:
    """Return the user. Raises NotFound."""
    user = session.get(User, user_id)
    if user is None:
        raise NotFound()
    return user
