"""The first accounts, and the commands that make users and tokens."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.domain.accounts import actions, queries
from app.domain.accounts.tables import User
from app.domain.signin import actions as signin


@dataclass(frozen=True)
class FirstAccount:
    role: str
    email: str
    name: str


FIRST = (
    FirstAccount("expert", "expert@example.org", "Erwin Expert"),
    FirstAccount("editor", "editor@example.org", "Edith Editor"),
    FirstAccount("admin", "admin@example.org", "Ada Admin"),
)
TRAINER_TOKEN_DAYS = 365


def make_first(session: Session) -> None:
    """The three accounts of FIRST where nobody has an account yet; nothing on later starts."""
    if session.scalar(select(User.id).limit(1)) is not None:
        return
    for account in FIRST:
        actions.create_user(session, email=account.email, name=account.name, is_admin=account.role == "admin")


def first_user(session: Session, role: str) -> User | None:
    """The account of FIRST with this role, when it still may sign in."""
    email = next(account.email for account in FIRST if account.role == role)
    user = queries.user_by_email(session, email)
    return user if user and user.active else None


def sign_in_links(session: Session, url: str) -> list[tuple[str, str, str]]:
    """(role, name, one-time address) of each first account that is still there."""
    links = []
    for account in FIRST:
        if user := first_user(session, account.role):
            links.append((account.role, user.name, link(session, user, url)))
    return links


def link(session: Session, user: User, url: str, *, days: int = 1) -> str:
    return f"{url.rstrip('/')}/sign-in/{signin.create_sign_in_link(session, user=user, days=days)}"


def user_named(session: Session, email: str) -> User:
    user = queries.user_by_email(session, email)
    if user is None:
        raise NotFound(f"{email} has no account; make one with: preceptor user add {email}")
    return user


def acting_user(session: Session, email: str | None) -> User:
    """Who a command acts for: the one named, else the oldest admin."""
    if email:
        return user_named(session, email)
    statement = select(User).where(User.is_admin.is_(True), User.active.is_(True)).order_by(User.id).limit(1)
    user = session.scalar(statement)
    if user is None:
        raise NotFound("There is no admin yet; make one with: preceptor user add EMAIL --admin")
    return user


def trainer_token(session: Session) -> str:
    """A worker token for a trainer that this machine starts itself."""
    return actions.issue_token(
        session, user=acting_user(session, None), name="trainer started here", days=TRAINER_TOKEN_DAYS, scope="worker"
    )
