"""Making accounts and signing people in."""

from __future__ import annotations

import re
import secrets
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.core.database import now
from app.core.errors import Conflict, Invalid, NotFound
from app.core.security import digest, new_secret
from app.domain.accounts import queries
from app.domain.accounts.tables import ApiToken, Contributor, Person, SignInLink, User, WebSession
from app.domain.audit import actions as audit

EMAIL = re.compile(r"[^@\s<>\"']{1,64}@[A-Za-z0-9.-]{1,189}")
SESSION_DAYS = 14


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
