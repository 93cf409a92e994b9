"""The first accounts, and the commands for users and tokens."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.domain.accounts import actions as accounts_actions, queries as accounts_queries
from app.domain.accounts.tables import User
from app.domain.auth import actions as auth_actions


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
TRAINER_TOKEN, TRAINER_TOKEN_DAYS = "trainer started here", 365


def create_first(session: Session) -> None:
    """Create the three accounts of FIRST if no account exists yet."""
    if accounts_queries.any_user(session):
        return
    for account in FIRST:
        accounts_actions.create_user(session, email=account.email, name=account.name, is_admin=account.role == "admin")


def first_user(session: Session, role: str) -> User | None:
    """Return the account of FIRST with this role if it is active."""
    email = next(account.email for account in FIRST if account.role == role)
    user = accounts_queries.user_by_email(session, email)
    return user if user and user.active else None


def sign_in_links(session: Session, url: str) -> list[tuple[str, str, str]]:
    """Return (role, name, one-time URL) of each first account that is active."""
    links = []
    for account in FIRST:
        if user := first_user(session, account.role):
            links.append((account.role, user.name, link(session, user, url)))
    return links


def link(session: Session, user: User, url: str, *, days: int = 1) -> str:
    return f"{url.rstrip('/')}/sign-in/{auth_actions.create_sign_in_link(session, user=user, days=days)}"


def user_named(session: Session, email: str) -> User:
    user = accounts_queries.user_by_email(session, email)
    if user is None:
        raise NotFound(f"{email} has no account. Create one with: preceptor user add {email}")
    return user


def acting_user(session: Session, email: str | None) -> User:
    """Return the user a command acts as: the given email, or else the oldest admin."""
    if email:
        return user_named(session, email)
    user = accounts_queries.oldest_admin(session)
    if user is None:
        raise NotFound("There is no admin yet. Create one with: preceptor user add EMAIL --admin")
    return user


def trainer_token(session: Session) -> str:
    """Issue a token for the local trainer and revoke those of earlier starts."""
    user = acting_user(session, None)
    accounts_actions.revoke_tokens_named(session, user, TRAINER_TOKEN)
    return accounts_actions.issue_token(session, user=user, name=TRAINER_TOKEN, days=TRAINER_TOKEN_DAYS, scope="worker")


def token_lines(session: Session, email: str) -> list[str]:
    """Return one line for each active token: ID, expiry, access, name."""
    lines = []
    for token in accounts_queries.tokens_of(session, user_named(session, email)):
        access = token.scope if token.scope == "worker" else ("read" if token.read_only else "read, write")
        lines.append(f"{token.id}  expires {token.expires_at:%Y-%m-%d}  {access:<11}  {token.name or '(no name)'}")
    return lines


def revoke_token(session: Session, token_id: str) -> None:
    """Raises NotFound."""
    token = accounts_queries.token_by_id(session, token_id)
    owner = accounts_queries.user_by_id(session, token.user_id) if token else None
    if owner is None:
        raise NotFound(f"Token {token_id} not found. List tokens with: preceptor token list --user EMAIL")
    accounts_actions.revoke_token(session, owner, token_id)


def deactivate(session: Session, email: str, acting: str | None) -> User:
    """Deactivate an account. Raises NotFound; Conflict for the last admin and for the acting user."""
    return auth_actions.deactivate(session, acting_user(session, acting), user_named(session, email).id)
