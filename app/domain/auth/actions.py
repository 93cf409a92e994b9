"""Sign-in by a link, a password or single sign-on; browser sessions; and how admins manage accounts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.core.db.base import now
from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.security import digest, new_secret
from app.domain.accounts import actions as accounts_actions, queries as accounts_queries
from app.domain.accounts.permissions import Permission, require_global
from app.domain.accounts.tables import User
from app.domain.audit import actions as audit_actions
from app.domain.auth import passwords, queries
from app.domain.auth.single_sign_on import Claims
from app.domain.auth.tables import Identity, Password, RecoveryCode, SecondFactor, SignInLink, WebSession

NO_ACCOUNT = "There is no account here for you, or your address is not verified. Ask an admin to invite you."
SESSION_DAYS = 7
FRESH = timedelta(minutes=10)


# --- the first factor ---


def create_sign_in_link(session: Session, *, user: User, actor: User | None = None, days: int = 1) -> str:
    """Create a one-time link and return its raw secret, which is stored nowhere."""
    raw = new_secret()
    session.add(SignInLink(digest=digest(raw), user_id=user.id, expires_at=now() + timedelta(days=days)))
    audit_actions.record(session, actor.id if actor else None, "sign_in_link.created", "user", user.id)
    return raw


def redeem_sign_in_link(session: Session, raw: str) -> User:
    """Use a link once and return its user. Raises NotFound when it is unknown, used or expired."""
    link = session.scalar(select(SignInLink).where(SignInLink.digest == digest(raw)).with_for_update())
    user = queries.user_by_link(session, raw)
    if link is None or user is None:
        raise NotFound("This sign-in link has been used or has expired; ask an admin for a new one.")
    link.used_at = now()
    _record_sign_in(session, user, "link")
    return user


def sign_in_with_password(session: Session, *, email: str, password: str, right: bool) -> User | None:
    """Return the user when the password was `right`, which is checked before this transaction because it takes a while.

    Otherwise return None. A failure is recorded, with the account if there is one; it takes as long with and without
    an account. What the user typed is recorded nowhere.
    """
    user = accounts_queries.user_by_email(session, email)
    stored = queries.password_of(session, user) if user else None
    if user is None or stored is None or not right or not user.active:
        subject = ("user", user.id) if user else ("installation", "sign-in")
        audit_actions.record(session, None, "sign_in.failed", *subject, way="password")
        return None
    if passwords.is_outdated(stored.hash):
        stored.hash = passwords.hashed(password)
    _record_sign_in(session, user, "password")
    return user


def sign_in_with_identity(session: Session, claims: Claims, *, new_people: bool) -> User:
    """Return the user of a provider's account, linked at the first sign-in by the verified address. Raises Forbidden.

    Afterwards the provider's own identifier (issuer and subject) decides; the address may change.
    """
    user = queries.user_by_identity(session, claims.issuer, claims.subject)
    known = user is not None
    if user is None and claims.email and claims.email_verified:
        user = accounts_queries.user_by_email(session, claims.email)
        if user is None and new_people:
            user = accounts_actions.create_user(session, email=claims.email, name=claims.name or None)
    if user is None or not user.active:
        raise Forbidden(NO_ACCOUNT, denied=False)
    if not known:
        session.add(Identity(issuer=claims.issuer, subject=claims.subject, user_id=user.id))
    _record_sign_in(session, user, "oidc", linked=not known)
    return user


def sign_in_refused(session: Session, way: str) -> None:
    """Record that a person without an account tried to sign in, without saying who."""
    audit_actions.record(session, None, "sign_in.refused", "installation", "sign-in", way=way)


def _record_sign_in(session: Session, user: User, way: str, **details: Any) -> None:
    action = "user.first_factor_passed" if queries.has_factor(session, user) else "user.signed_in"
    audit_actions.record(session, user.id, action, "user", user.id, way=way, **details)


# --- browser sessions ---


def start_session(
    session: Session, user: User, *, user_agent: str = "", way: str = "", pending: bool = False, replaces: str = ""
) -> str:
    """Start a browser session and return its raw cookie; the earlier session of this browser (`replaces`) ends."""
    raw = new_secret()
    ended = (WebSession.expires_at < now()) | (WebSession.last_seen_at < now() - queries.IDLE)
    session.execute(delete(WebSession).where(ended | (WebSession.digest == digest(replaces))))
    browser = WebSession(digest=digest(raw), user_id=user.id, user_agent=user_agent[:200], way=way, pending=pending)
    browser.expires_at = now() + (FRESH if pending else timedelta(days=SESSION_DAYS))
    session.add(browser)
    session.flush()
    return raw


def rotate_session(session: Session, raw: str) -> str:
    """Move a browser session to a new cookie and return it."""
    fresh = new_secret()
    session.execute(update(WebSession).where(WebSession.digest == digest(raw)).values(digest=digest(fresh)))
    return fresh


def sign_out(session: Session, user: User, raw: str) -> None:
    _end(session, user, WebSession.digest == digest(raw))
    audit_actions.record(session, user.id, "user.signed_out", "user", user.id)


def revoke_session(session: Session, user: User, session_id: str) -> None:
    """End a session of the user. Raises NotFound."""
    if not _end(session, user, WebSession.id == session_id):
        raise NotFound("This browser is signed out already.")
    audit_actions.record(session, user.id, "session.revoked", "session", session_id)


def sign_out_everywhere(session: Session, user: User, *, by: User | None = None) -> int:
    """End all sessions of the user and return their number."""
    ended = _end(session, user)
    audit_actions.record(session, (by or user).id, "sessions.ended", "user", user.id, sessions=ended)
    return ended


def _end(session: Session, user: User, *conditions: Any) -> int:
    statement = delete(WebSession).where(WebSession.user_id == user.id, *conditions)
    return len(session.scalars(statement.returning(WebSession.id)).all())


# --- the password ---


def is_fresh_by_link(web_session: WebSession) -> bool:
    """Return whether a one-time link started this session within FRESH, which counts like the current password."""
    return web_session.way == "link" and web_session.created_at > now() - FRESH


def set_password(session: Session, user: User, *, raw: str, current: str, password: str) -> str:
    """Set or change the user's password, end all other sessions, and return the cookie that replaces `raw`.

    Raises Invalid when the current password is wrong or the new one is not allowed.
    """
    stored = queries.password_of(session, user)
    user_session = queries.session_of(session, raw)
    fresh = user_session is not None and is_fresh_by_link(user_session[1])
    if stored is not None and not fresh and not passwords.matches(stored.hash, current):
        audit_actions.record(session, user.id, "password.refused", "user", user.id)
        raise Invalid("The current password is wrong.", field="current")
    passwords.check_allowed(password, email=user.email, name=user.name)
    if stored is None:
        session.add(Password(user_id=user.id, hash=passwords.hashed(password)))
    else:
        stored.hash, stored.changed_at = passwords.hashed(password), now()
    ended = _end(session, user, WebSession.digest != digest(raw))
    audit_actions.record(session, user.id, "password.set", "user", user.id, sessions_ended=ended)
    return rotate_session(session, raw)


# --- what admins do with accounts ---


def invite(session: Session, actor: User, *, email: str, name: str = "", is_admin: bool = False) -> tuple[User, str]:
    """Create an account and return it with the secret of its one-time link. Raises Forbidden, Invalid, Conflict."""
    require_global(session, actor, Permission.MANAGE_PEOPLE)
    user = accounts_actions.create_user(session, email=email, name=name.strip() or None, is_admin=is_admin, actor=actor)
    return user, create_sign_in_link(session, user=user, actor=actor)


def new_link(session: Session, actor: User, user_id: str) -> tuple[User, str]:
    """Create another one-time link. Raises Forbidden, NotFound, Conflict for a deactivated account."""
    user = user_for(session, actor, user_id)
    if not user.active:
        raise Conflict("This account is deactivated; reactivate it first.")
    return user, create_sign_in_link(session, user=user, actor=actor)


def end_sessions(session: Session, actor: User, user_id: str) -> int:
    """Sign a user out of all browsers and return their number."""
    return sign_out_everywhere(session, user_for(session, actor, user_id), by=actor)


def deactivate(session: Session, actor: User, user_id: str) -> User:
    """End sessions, revoke tokens and links, refuse sign-ins. Raises Conflict for oneself and the last admin."""
    user = user_for(session, actor, user_id)
    if user.id == actor.id:
        raise Conflict("You cannot deactivate yourself; ask another admin.")
    _require_another_admin(session, user)
    user.active = False
    ended = _end(session, user)
    tokens = accounts_actions.revoke_all_tokens(session, user)
    session.execute(delete(SignInLink).where(SignInLink.user_id == user.id, SignInLink.used_at.is_(None)))
    audit_actions.record(session, actor.id, "user.deactivated", "user", user.id, sessions=ended, tokens=tokens)
    return user


def reactivate(session: Session, actor: User, user_id: str) -> User:
    """Allow sign-in again by a new link, the old password or single sign-on; old tokens stay revoked."""
    user = user_for(session, actor, user_id)
    if user.person.erased_at is not None:
        raise Conflict("This person's data were erased; invite them again.")
    user.active = True
    audit_actions.record(session, actor.id, "user.reactivated", "user", user.id)
    return user


def set_admin(session: Session, actor: User, user_id: str, *, is_admin: bool) -> User:
    """Grant or remove the admin role. The user signs in again, so that no session outlives its rights."""
    user = user_for(session, actor, user_id)
    if user.id == actor.id:
        raise Conflict("You cannot change your own role; ask another admin.")
    if not is_admin:
        _require_another_admin(session, user)
    user.is_admin = is_admin
    ended = _end(session, user)
    audit_actions.record(session, actor.id, "user.role_changed", "user", user.id, is_admin=is_admin, sessions=ended)
    return user


def reset_factor(session: Session, actor: User, user_id: str) -> User:
    """Switch off the second factor of a user who lost it and the recovery codes."""
    user = user_for(session, actor, user_id)
    if not queries.has_factor(session, user):
        raise Conflict("This person has no second factor.")
    session.execute(delete(SecondFactor).where(SecondFactor.user_id == user.id))
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    ended = _end(session, user)
    audit_actions.record(session, actor.id, "second_factor.reset", "user", user.id, sessions=ended)
    return user


def user_for(session: Session, actor: User, user_id: str) -> User:
    """Return the account, for an admin. Raises Forbidden, NotFound."""
    require_global(session, actor, Permission.MANAGE_PEOPLE)
    return accounts_queries.get_user(session, user_id)


def _require_another_admin(session: Session, user: User) -> None:
    """Raise Conflict for the last admin. Locks the admins' rows, so that two cannot remove each other at once."""
    admins = select(User.id).where(User.is_admin.is_(True), User.active.is_(True)).order_by(User.id).with_for_update()
    if user.is_admin and set(session.scalars(admins)) <= {user.id}:
        raise Conflict("This is the last admin; make another person admin first.")
