"""Who is asking."""

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

NOTED = timedelta(minutes=1)
TOKENS, USERS = columns(ApiToken), columns(User)


class Token(NamedTuple):
    """What a request needs to know of its token."""

    id: str
    scope: str
    read_only: bool
    project_id: str | None
    expires_at: datetime
    last_used_at: datetime | None


# Asked with every request: made once, since making a statement takes longer than running it.
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
    """The active user of a token that is neither expired nor revoked; the user is of no session yet."""
    row = database.execute(BY_TOKEN, {"digest": digest(raw), "moment": now()}).first()
    if row is None:
        return None
    of_token = len(Token._fields)
    return fast_rows.restored(User, dict(zip(USERS.keys(), row[of_token:], strict=True))), Token(*row[:of_token])


def names(session: Session, user_ids: Iterable[str]) -> dict[str, str]:
    """user id -> display name."""
    users = session.scalars(select(User).where(User.id.in_(set(user_ids))))
    return {user.id: user.name for user in users}


def is_stale(used_at: datetime | None) -> bool:
    """A use is written down at most once a minute."""
    return used_at is None or used_at < now() - NOTED


def tokens_of(session: Session, user: User) -> list[ApiToken]:
    """Tokens that are not revoked, the newest first; some may have expired."""
    statement = select(ApiToken).where(ApiToken.user_id == user.id, ApiToken.revoked_at.is_(None))
    return list(session.scalars(statement.order_by(ApiToken.id.desc())))


def people(session: Session) -> list[User]:
    """Everybody whose data were not erased, those who may sign in first."""
    statement = select(User).join(Person).where(Person.erased_at.is_(None))
    return list(session.scalars(statement.order_by(User.active.desc(), Person.name, User.id)))


def get_user(session: Session, user_id: str) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise NotFound()
    return user
