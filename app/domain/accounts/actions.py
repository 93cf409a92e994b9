"""Making accounts, and tokens for scripts."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.core.db.base import now
from app.core.db.database import Database
from app.core.errors import Conflict, Invalid, NotFound
from app.core.security import digest, new_secret
from app.domain.accounts import queries
from app.domain.accounts.tables import ApiToken, Contributor, Person, User
from app.domain.audit import actions as audit_actions

LONGEST_DAYS = 365
EMAIL = re.compile(r"[^@\s<>\"']{1,64}@[A-Za-z0-9.-]{1,189}")


def create_user(
    session: Session, *, email: str, name: str | None = None, is_admin: bool = False, actor: User | None = None
) -> User:
    """A new user. Raises Invalid for an address that is none, Conflict when it is taken."""
    address = email.strip().lower()
    if not EMAIL.fullmatch(address):
        raise Invalid(f"{email!r} is not an e-mail address; write it as name@example.org.", field="email")
    if queries.user_by_email(session, address):
        raise Conflict(f"{address} has an account already.", field="email")
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
    """The raw secret of a new token, shown once. Raises Invalid when the lifetime is out of range."""
    if not 1 <= days <= 3650:
        raise Invalid("A token lives between 1 and 3650 days.", field="days")
    raw = new_secret("prc_")
    token = ApiToken(
        digest=digest(raw),
        user_id=user.id,
        name=name[:80],
        scope=scope,
        read_only=read_only,
        project_id=project_id,
        expires_at=now() + timedelta(days=days),
    )
    session.add(token)
    session.flush()
    audit_actions.record(
        session,
        actor.id if actor else None,
        "token.issued",
        "token",
        token.id,
        project_id=project_id,
        scope=scope,
        read_only=read_only,
        user=user.id,
    )
    return raw


def make_token(
    session: Session, user: User, *, name: str, days: int, read_only: bool = False, project_id: str | None = None
) -> str:
    """A token that a person makes for a script of their own: named, and for a year at most. Raises Invalid."""
    if not name.strip():
        raise Invalid("Say what the token is for, so that you know later whether it may go.", field="name")
    if not 1 <= days <= LONGEST_DAYS:
        raise Invalid(f"A token lives between 1 and {LONGEST_DAYS} days.", field="days")
    return issue_token(
        session, user=user, name=name.strip(), days=days, read_only=read_only, project_id=project_id, actor=user
    )


def revoke_token(session: Session, user: User, token_id: str, *, actor: User | None = None) -> None:
    """End a token of this user. Raises NotFound for one that is another's or revoked already."""
    token = session.get(ApiToken, token_id)
    if token is None or token.user_id != user.id or token.revoked_at is not None:
        raise NotFound("There is no such token, or it has been revoked already.")
    token.revoked_at = now()
    audit_actions.record(session, actor.id if actor else None, "token.revoked", "token", token.id, user=user.id)


def revoke_all(session: Session, user: User) -> int:
    """All tokens of a user at once; how many. The caller records why."""
    statement = update(ApiToken).where(ApiToken.user_id == user.id, ApiToken.revoked_at.is_(None))
    return len(session.scalars(statement.values(revoked_at=now()).returning(ApiToken.id)).all())


def revoke_named(session: Session, user: User, name: str) -> None:
    """The tokens of a user with this name, each recorded."""
    statement = select(ApiToken.id).where(ApiToken.user_id == user.id, ApiToken.name == name)
    for token_id in session.scalars(statement.where(ApiToken.revoked_at.is_(None))).all():
        revoke_token(session, user, token_id)


def note_use(database: Database, change: Callable[[Session, str], None], row_id: str) -> None:
    """After the answer has left: write down that a session or a token was used. What fails here fails nobody."""
    with suppress(SQLAlchemyError), database.session() as session:
        change(session, row_id)


def used(session: Session, token_id: str) -> None:
    session.execute(update(ApiToken).where(ApiToken.id == token_id).values(last_used_at=now()))


def rename(session: Session, user: User, name: str) -> None:
    """Change one's own shown name. Raises Invalid."""
    if not name.strip() or len(name) > 120:
        raise Invalid("A name has between 1 and 120 characters.", field="name")
    user.person.name = name.strip()
    audit_actions.record(session, user.id, "user.renamed", "user", user.id)
