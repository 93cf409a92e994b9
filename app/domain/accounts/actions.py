"""Making accounts, and tokens for scripts."""

from __future__ import annotations

import re
import secrets
from datetime import timedelta

from sqlalchemy.orm import Session

from app.core.database import now
from app.core.errors import Conflict, Invalid
from app.core.security import digest, new_secret
from app.domain.accounts import queries
from app.domain.accounts.tables import ApiToken, Contributor, Person, User
from app.domain.audit import actions as audit

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
    audit.record(session, actor.id if actor else None, "user.created", "user", user.id, is_admin=is_admin)
    return user


def issue_token(
    session: Session,
    *,
    user: User,
    name: str = "",
    days: int = 90,
    read_only: bool = False,
    scope: str = "api",
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
        expires_at=now() + timedelta(days=days),
    )
    session.add(token)
    session.flush()
    audit.record(
        session,
        actor.id if actor else None,
        "token.issued",
        "token",
        token.id,
        scope=scope,
        read_only=read_only,
        user=user.id,
    )
    return raw
