"""The users of sessions, links and identities, and how each user can sign in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app.core.db.base import now
from app.core.security import digest
from app.domain.accounts.tables import Person, User
from app.domain.audit.tables import AuditEvent
from app.domain.auth.tables import Identity, Password, RecoveryCode, SecondFactor, SignInLink, WebSession

IDLE = timedelta(hours=12)


def session_of(session: Session, raw: str, *, pending: bool = False) -> tuple[User, WebSession] | None:
    """Return the active user of a cookie and the browser session, unless it has ended or was idle too long."""
    statement = select(User, WebSession).join(WebSession, WebSession.user_id == User.id)
    is_own = (WebSession.digest == digest(raw), User.active.is_(True))
    return session.execute(statement.where(*is_own, *_is_open(pending=pending))).first()


def _is_open(*, pending: bool) -> tuple[ColumnElement[bool], ...]:
    """Conditions for sessions that have neither ended nor been idle too long."""
    return WebSession.pending.is_(pending), WebSession.expires_at > now(), WebSession.last_seen_at > now() - IDLE


def sessions_of(session: Session, user: User) -> list[WebSession]:
    """Return the signed-in browsers, the most recently seen first."""
    statement = select(WebSession).where(WebSession.user_id == user.id, *_is_open(pending=False))
    return list(session.scalars(statement.order_by(WebSession.last_seen_at.desc())))


def last_seen(session: Session, user_ids: Iterable[str]) -> dict[str, datetime]:
    """Return user id -> when a browser of the user was last seen, or else when the user last signed in."""
    ids = set(user_ids)
    by_users = (AuditEvent.actor.in_(ids), AuditEvent.action == "user.signed_in")
    signed_in = select(AuditEvent.actor, func.max(AuditEvent.at)).where(*by_users)
    seen = select(WebSession.user_id, func.max(WebSession.last_seen_at)).where(WebSession.user_id.in_(ids))
    times = {str(user_id): at for user_id, at in session.execute(signed_in.group_by(AuditEvent.actor))}
    for user_id, at in session.execute(seen.group_by(WebSession.user_id)):
        times[user_id] = max(at, times.get(user_id, at))
    return times


def user_by_link(session: Session, raw: str) -> User | None:
    """Return the user of a sign-in link that is unused and has not expired."""
    is_valid = (SignInLink.digest == digest(raw), SignInLink.expires_at > now(), SignInLink.used_at.is_(None))
    statement = select(User).join(SignInLink, SignInLink.user_id == User.id)
    return session.scalar(statement.where(*is_valid, User.active.is_(True)))


def user_by_identity(session: Session, issuer: str, subject: str) -> User | None:
    """Return the user of an account at an OpenID provider, active or not."""
    identity = session.get(Identity, (issuer, subject))
    return session.get(User, identity.user_id) if identity else None


def password_hash(session: Session, email: str) -> str | None:
    """Return the stored hash of the active user with this address."""
    hashes = select(Password.hash).join(User, User.id == Password.user_id).join(Person, Person.id == User.person_id)
    return session.scalar(hashes.where(Person.email == email.strip().lower(), User.active.is_(True)))


def password_of(session: Session, user: User) -> Password | None:
    return session.get(Password, user.id)


def factor_of(session: Session, user: User) -> SecondFactor | None:
    """Return the second factor, confirmed or not."""
    return session.get(SecondFactor, user.id)


def has_factor(session: Session, user: User) -> bool:
    factor = factor_of(session, user)
    return factor is not None and factor.confirmed_at is not None


def recovery_codes_left(session: Session, user: User) -> int:
    statement = select(func.count()).select_from(RecoveryCode)
    return session.scalar(statement.where(RecoveryCode.user_id == user.id, RecoveryCode.used_at.is_(None))) or 0


def ways_of(session: Session, user_ids: Iterable[str]) -> dict[str, set[str]]:
    """Return user id -> what the user has set up: password, second factor, single sign-on."""
    ids = set(user_ids)
    confirmed = SecondFactor.confirmed_at.is_not(None)
    statements = {
        "password": select(Password.user_id).where(Password.user_id.in_(ids)),
        "second factor": select(SecondFactor.user_id).where(SecondFactor.user_id.in_(ids), confirmed),
        "single sign-on": select(Identity.user_id).where(Identity.user_id.in_(ids)),
    }
    ways: dict[str, set[str]] = {user_id: set() for user_id in ids}
    for way, statement in statements.items():
        for user_id in session.scalars(statement):
            ways[user_id].add(way)
    return ways
