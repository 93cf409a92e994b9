"""The first accounts, and the commands for users, their tokens and their data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from sqlalchemy.orm import Session

from app.bootstrap import open_installation
from app.core.errors import NotFound
from app.core.files import SHARED, write_whole
from app.domain.accounts import actions as accounts_actions, queries as accounts_queries
from app.domain.accounts.tables import User
from app.domain.auth import actions as auth_actions
from app.domain.privacy import actions as privacy_actions, portability_queries, queries as privacy_queries
from app.worker import housekeeping


class FirstAccount(NamedTuple):
    role: str
    email: str
    name: str


FIRST = (
    FirstAccount("expert", "expert@example.org", "Erwin Expert"),
    FirstAccount("editor", "editor@example.org", "Edith Editor"),
    FirstAccount("admin", "admin@example.org", "Ada Admin"),
)
TRAINER_TOKEN, TRAINER_TOKEN_DAYS = "trainer started here", 365

users = typer.Typer(no_args_is_help=True, help="Manage accounts.")
tokens = typer.Typer(no_args_is_help=True, help="Manage API tokens for scripts and trainers.")
people = typer.Typer(no_args_is_help=True, help="Export or erase a user's data.")


def create_first(session: Session) -> None:
    """Create the three accounts of FIRST if no account exists yet."""
    if accounts_queries.any_user(session):
        return
    for role, email, name in FIRST:
        accounts_actions.create_user(session, email=email, name=name, is_admin=role == "admin")


def first_user(session: Session, role: str) -> User | None:
    """Return the account of FIRST with this role if it is active."""
    email = next(account.email for account in FIRST if account.role == role)
    user = accounts_queries.user_by_email(session, email)
    return user if user and user.active else None


def sign_in_links(session: Session, url: str) -> list[tuple[str, str, str]]:
    """Return (role, name, one-time URL) of each first account that is active."""
    active = [(role, user) for role, _, _ in FIRST if (user := first_user(session, role))]
    return [(role, user.name, link(session, user, url)) for role, user in active]


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


@users.command("add")
def add_user(
    email: str,
    name: Annotated[str | None, typer.Option(help="Display name.")] = None,
    admin: Annotated[bool, typer.Option("--admin", help="Give the admin role.")] = False,
) -> None:
    """Create an account and print its one-time sign-in link."""
    installation = open_installation()
    with installation.database.session() as session:
        added = accounts_actions.create_user(session, email=email, name=name, is_admin=admin)
        print(link(session, added, installation.settings.url))


@users.command("link")
def link_user(email: str) -> None:
    """Print a new one-time sign-in link for an account."""
    installation = open_installation()
    with installation.database.session() as session:
        print(link(session, user_named(session, email), installation.settings.url))


@users.command("deactivate")
def deactivate_user(
    email: str,
    acting: Annotated[str | None, typer.Option("--as", help="The acting admin. Default: the oldest admin.")] = None,
) -> None:
    """Deactivate an account: end its sessions and revoke its tokens and links."""
    with open_installation().database.session() as session:
        print(f"{deactivate(session, email, acting).email} can no longer sign in.")


def deactivate(session: Session, email: str, acting: str | None) -> User:
    """Raises NotFound; Conflict for the last admin and for the acting user."""
    return auth_actions.deactivate(session, acting_user(session, acting), user_named(session, email).id)


@tokens.command("create")
def create_token(
    email: Annotated[str, typer.Option("--user", help="Email of the token's owner.")],
    days: Annotated[int, typer.Option(help="Days until the token expires.")] = 90,
    read_only: Annotated[bool, typer.Option("--read-only", help="Allow reading only.")] = False,
    worker: Annotated[bool, typer.Option("--worker", help="Create a trainer token instead of an API token.")] = False,
    name: Annotated[str, typer.Option(help="Name of the token.")] = "",
) -> None:
    """Create a token and print it, alone on the last line. It is shown only once."""
    with open_installation().database.session() as session:
        owner, scope = user_named(session, email), "worker" if worker else "api"
        raw = accounts_actions.issue_token(session, user=owner, name=name, days=days, read_only=read_only, scope=scope)
    print("Save this token now; it is shown only once.")
    print(raw)


@tokens.command("list")
def list_tokens(email: Annotated[str, typer.Option("--user", help="Email of the account.")]) -> None:
    """List the active tokens of an account, without their secret values."""
    with open_installation().database.read() as session:
        for line in token_lines(session, email):
            print(line)


def token_lines(session: Session, email: str) -> list[str]:
    """Return one line for each active token: ID, expiry, access, name."""
    lines = []
    for token in accounts_queries.tokens_of(session, user_named(session, email)):
        access = token.scope if token.scope == "worker" else ("read" if token.read_only else "read, write")
        lines.append(f"{token.id}  expires {token.expires_at:%Y-%m-%d}  {access:<11}  {token.name or '(no name)'}")
    return lines


@tokens.command("revoke")
def revoke(token_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Revoke a token by the ID that `token list` prints."""
    with open_installation().database.session() as session:
        revoke_token(session, token_id)
    print("Revoked.")


def revoke_token(session: Session, token_id: str) -> None:
    """Raises NotFound."""
    owner = accounts_queries.token_owner(session, token_id)
    if owner is None:
        raise NotFound(f"Token {token_id} not found. List tokens with: preceptor token list --user EMAIL")
    accounts_actions.revoke_token(session, owner, token_id)


@people.command("export")
def export_person(email: str, out: Annotated[Path, typer.Option(help="Path of the ZIP file to write.")]) -> None:
    """Export everything a user contributed as a ZIP file."""
    with open_installation().database.read() as session:
        person = user_named(session, email)
        file = portability_queries.export_archive(session, acting_user(session, None), person)
    write_whole(out, portability_queries.archive_chunks(file), mode=SHARED)
    print(f"{out}: {out.stat().st_size:,} bytes")


@people.command("erase")
def erase_person(
    email: str,
    content: Annotated[str, typer.Option(help="keep: keep contributions, anonymized. withdraw: delete their text.")],
    yes: Annotated[bool, typer.Option("--yes", help="Skip the confirmation.")] = False,
) -> None:
    """Erase a user permanently: name, email, sign-in data and drafts. --content decides about contributions."""
    if not yes:
        typer.confirm(f"Erase {email} and {content} their contributions? This cannot be undone.", abort=True)
    installation = open_installation()
    with installation.database.session() as session:
        erased, admin = user_named(session, email), acting_user(session, None)
        erasure_id = privacy_actions.erase(session, installation.storage, admin, erased, content=content).id
    files = housekeeping.sweep_erased(installation)
    with installation.database.read() as session:
        report = privacy_queries.erasure_by_id(session, erasure_id).report
    print(f"Erased. {report['revisions']:,} revisions erased, {files:,} files deleted,", end=" ")
    print(f"{len(report['versions'])} versions changed, {len(report['models'])} models flagged.")
