"""Who may do what: the one page. Admin is global; expert and editor are memberships of a project.

Every route declares one permission of this page, and every action asks for it: `require_global` here, or `require` at
the door of projects. A request that ends without having asked for what its route declares is not answered.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy.orm import Session

from app.core.errors import Forbidden
from app.domain.accounts.tables import User


class Role(StrEnum):
    EXPERT = "expert"
    EDITOR = "editor"
    ADMIN = "admin"


class Permission(StrEnum):
    USE = "app:use"
    OPEN_PROJECT = "project:open"
    MANAGE_PEOPLE = "person:manage"
    MANAGE_TERMS = "terms:manage"
    READ_PROJECT = "project:read"
    MANAGE_PROJECT = "project:manage"
    WRITE_PAIR = "pair:write"
    REVIEW_PAIR = "pair:review"
    APPROVE_IMPORT = "import:approve"
    FREEZE_VERSION = "version:freeze"
    TRAIN = "run:start"
    OPEN_ROUND = "round:open"
    READ_AUDIT = "audit:read"


ONLY_PROJECT = "only project"  # session.info: the request's token reaches this project and nothing else
GLOBAL = frozenset({Permission.OPEN_PROJECT, Permission.MANAGE_PEOPLE, Permission.MANAGE_TERMS, Permission.READ_AUDIT})
_MEMBER = frozenset({Permission.USE, Permission.READ_PROJECT, Permission.WRITE_PAIR})

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.EXPERT: _MEMBER,
    Role.EDITOR: _MEMBER | {Permission.REVIEW_PAIR, Permission.APPROVE_IMPORT},
    Role.ADMIN: frozenset(Permission),
}


def asked(session: Session, permission: Permission) -> None:
    """Note that the request asked for this permission, whatever the answer."""
    session.info.setdefault("asked", set()).add(permission)


def declare(session: Session, permission: Permission) -> None:
    """Say what the request's route is to ask before it ends."""
    session.info["declared"] = permission


def require_asked(session: Session) -> None:
    """Raises RuntimeError when the route has not asked what it declares: it forgot somebody."""
    declared = session.info.get("declared", Permission.USE)
    if declared is not Permission.USE and declared not in session.info.get("asked", ()):
        raise RuntimeError(f"the route declares {declared} and did not ask for it")


def require_global(session: Session, user: User, permission: Permission) -> None:
    """Raises Forbidden for everybody but admins."""
    asked(session, permission)
    if session.info.get(ONLY_PROJECT):
        raise Forbidden("This token is for one project.")
    if permission not in GLOBAL or not user.is_admin:
        raise Forbidden("Only an admin may do this.")
