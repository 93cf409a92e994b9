"""Who may do what: the one page. Admin is global; expert and editor are memberships of a project."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    EXPERT = "expert"
    EDITOR = "editor"
    ADMIN = "admin"


class Permission(StrEnum):
    READ_PROJECT = "project:read"
    MANAGE_PROJECT = "project:manage"
    WRITE_PAIR = "pair:write"
    REVIEW_PAIR = "pair:review"
    APPROVE_IMPORT = "import:approve"
    FREEZE_VERSION = "version:freeze"
    TRAIN = "run:start"
    OPEN_ROUND = "round:open"
    READ_AUDIT = "audit:read"


_MEMBER = frozenset({Permission.READ_PROJECT, Permission.WRITE_PAIR})

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.EXPERT: _MEMBER,
    Role.EDITOR: _MEMBER | {Permission.REVIEW_PAIR, Permission.APPROVE_IMPORT},
    Role.ADMIN: frozenset(Permission),
}
