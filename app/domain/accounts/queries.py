"""Read users and their API tokens."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.orm import Session

from app.core.db import fast_rows
from app.core.db.base import columns, now
from app.core.errors import NotFound
from app.core.security import digest
from app.domain.accounts.tables import ApiToken, Person, User

USE_INTERVAL = timedelta(minutes=1)
TOKENS, USERS = columns(ApiToken), columns(User)


class Token(NamedTuple):
    """The columns of a token that a request needs."""

    id: str
    scope: str
    read_only: bool
    project_id: str | None
    expires_at: datetime
    last_used_at: datetime | None


# Every request runs this statement. It is built once, because building it takes longer than running it.
BY_TOKEN = select(*(TOKENS[name] for name in Token._fields), *USERS).where(
    TOKENS.user_id == USERS.id,
    TOKENS.digest == bindparam("digest"),
    TOKENS.expires_at > bindparam("moment"),
    TOKENS.revoked_at.is_(None),
    USERS.active.is_(True),
)


def user_by_id(session: Session, user_id: str) -> User | None:
    return session.get(User, user_id)


def user_by_email(session: Session, email: str) -> User | None:
    return session.scalar(select(User).join(Person).where(Person.email == email.strip().lower()))


def user_by_token(database: Session | Connection, raw: str) -> tuple[User, Token] | None:
    """Return the active user of a valid token, or None; the user is not attached to a session."""
    row = database.execute(BY_TOKEN, {"digest": digest(raw), "moment": now()}).first()
    if row is None:
        return None
    width = len(Token._fields)
    return fast_rows.restored(User, dict(zip(USERS.keys(), row[width:], strict=True))), Token(*row[:width])


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


def get_user(session: Session, user_id: str) -> User:
    """Return the user. Raises NotFound."""
    user = session.get(User, user_id)
    if user is None:
        raise NotFound()
    return user
