"""Roles and permissions. Admin is a global role; expert and editor are memberships of a project.

Every route requires one permission before its handler runs, and every action requires it again: `require_global` here,
or `projects.access.require`.
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


ONLY_PROJECT = "only project"  # session.info: id of the only project that the request's token may reach
GLOBAL = frozenset({Permission.OPEN_PROJECT, Permission.MANAGE_PEOPLE, Permission.MANAGE_TERMS, Permission.READ_AUDIT})
_MEMBER = frozenset({Permission.USE, Permission.READ_PROJECT, Permission.WRITE_PAIR})

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.EXPERT: _MEMBER,
    Role.EDITOR: _MEMBER | {Permission.REVIEW_PAIR, Permission.APPROVE_IMPORT},
    Role.ADMIN: frozenset(Permission),
}


def require_global(session: Session, user: User, permission: Permission) -> None:
    """Require a permission outside projects. Raises Forbidden for users who are not admins, and for project tokens."""
    if session.info.get(ONLY_PROJECT):
        raise Forbidden("This token is limited to one project.")
    if permission not in GLOBAL or not user.is_admin:
        raise Forbidden("Only an admin can do this.")
