"""Create accounts and API tokens, revoke tokens, rename users."""

from __future__ import annotations

import re
import secrets
from contextlib import suppress
from datetime import timedelta
from typing import Any

from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.core.db.base import now
from app.core.db.database import Database
from app.core.errors import Conflict, Invalid, NotFound
from app.core.security import digest, new_secret
from app.domain.accounts import queries
from app.domain.accounts.tables import ApiToken, Contributor, Person, User
from app.domain.audit import actions as audit_actions

MAX_TOKEN_DAYS = 365
"""Longest lifetime of a token that users create for themselves."""
MAX_ISSUED_DAYS = 3650
"""Longest lifetime of any token."""
EMAIL = re.compile(r"[^@\s<>\"']{1,64}@[A-Za-z0-9.-]{1,189}")


def create_user(
    session: Session, *, email: str, name: str | None = None, is_admin: bool = False, actor: User | None = None
) -> User:
    """Create a user. Raises Invalid for a malformed address, Conflict when it is taken."""
    address = email.strip().lower()
    if not EMAIL.fullmatch(address):
        raise Invalid(f"{email!r} is not an email address; write it as name@example.org.", field="email")
    if queries.user_by_email(session, address):
        raise Conflict(f"{address} already has an account.", field="email")
    contributor = Contributor(pseudonym=f"contributor-{secrets.token_hex(6)}")
    session.add(contributor)
    session.flush()
    person = Person(contributor_id=contributor.id, email=address, name=(name or address.split("@")[0])[:120])
    session.add(person)
    session.flush()
    user = User(contributor_id=contributor.id, person_id=person.id, is_admin=is_admin, person=person)
    session.add(user)
    session.flush()
    audit_actions.record(session, actor.id if actor else None, "user.created", "user", user.id, is_admin=is_admin)
    return user


def issue_token(
    session: Session,
    *,
    user: User,
    name: str = "",
    days: int = 90,
    read_only: bool = False,
    scope: str = "api",
    project_id: str | None = None,
    actor: User | None = None,
) -> str:
    """Create a token and return its raw secret, which is shown once. Raises Invalid for a lifetime out of range."""
    if not 1 <= days <= MAX_ISSUED_DAYS:
        raise Invalid(f"A token expires in 1 to {MAX_ISSUED_DAYS:,} days.", field="days")
    raw, expires_at = new_secret("prc_"), now() + timedelta(days=days)
    limits: dict[str, Any] = {"project_id": project_id, "scope": scope, "read_only": read_only}
    token = ApiToken(digest=digest(raw), user_id=user.id, name=name[:80], expires_at=expires_at, **limits)
    session.add(token)
    session.flush()
    issuer = actor.id if actor else None
    audit_actions.record(session, issuer, "token.issued", "token", token.id, user=user.id, **limits)
    return raw


def create_token(
    session: Session, user: User, *, name: str, days: int, read_only: bool = False, project_id: str | None = None
) -> str:
    """Create a named token for the user's own scripts, for at most a year. Raises Invalid."""
    if not name.strip():
        raise Invalid("Enter a name that says what the token is for.", field="name")
    if not 1 <= days <= MAX_TOKEN_DAYS:
        raise Invalid(f"A token expires in 1 to {MAX_TOKEN_DAYS} days.", field="days")
    return issue_token(
        session, user=user, name=name.strip(), days=days, read_only=read_only, project_id=project_id, actor=user
    )


def revoke_token(session: Session, user: User, token_id: str, *, actor: User | None = None) -> None:
    """Revoke a token of this user. Raises NotFound when it belongs to another user or is already revoked."""
    token = session.get(ApiToken, token_id)
    if token is None or token.user_id != user.id or token.revoked_at is not None:
        raise NotFound("There is no such token, or it is already revoked.")
    token.revoked_at = now()
    audit_actions.record(session, actor.id if actor else None, "token.revoked", "token", token.id, user=user.id)


def revoke_all_tokens(session: Session, user: User) -> int:
    """Revoke all tokens of a user and return their number. The caller writes the audit event."""
    statement = update(ApiToken).where(ApiToken.user_id == user.id, ApiToken.revoked_at.is_(None))
    return len(session.scalars(statement.values(revoked_at=now()).returning(ApiToken.id)).all())


def revoke_tokens_named(session: Session, user: User, name: str) -> None:
    """Revoke the tokens of a user that have this name; each gets its own audit event."""
    for token in queries.tokens_of(session, user):
        if token.name == name:
            revoke_token(session, user, token.id)


def save_last_use(database: Database, column: InstrumentedAttribute[Any], row_id: str) -> None:
    """Save when a session or a token was last used, after the response is sent. Database errors are ignored."""
    with suppress(SQLAlchemyError), database.session() as session:
        session.execute(update(column.class_).where(column.class_.id == row_id).values({column: now()}))


def rename(session: Session, user: User, name: str) -> None:
    """Change the user's own display name. Raises Invalid."""
    if not name.strip() or len(name) > 120:
        raise Invalid("A name has between 1 and 120 characters.", field="name")
    user.person.name = name.strip()
    audit_actions.record(session, user.id, "user.renamed", "user", user.id)
