"""Check whether a user may do something in a project. Every project permission is checked here."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from app.core.errors import Forbidden, NotFound
from app.domain.accounts.permissions import ONLY_PROJECT, ROLE_PERMISSIONS, Permission, Role
from app.domain.accounts.tables import User
from app.domain.projects.tables import Membership, Project

ROLES = "roles"


def role_in(session: Session, user: User, project: Project) -> Role | None:
    """Admin, the role of the membership, or None for an outsider; a token of another project counts as an outsider."""
    if session.info.get(ONLY_PROJECT, project.id) != project.id:
        return None
    if user.is_admin:
        return Role.ADMIN
    roles = _roles(session)
    if (user.id, project.id) not in roles:
        of_user = (Membership.project_id == project.id, Membership.user_id == user.id)
        role = session.scalar(select(Membership.role).where(*of_user))
        roles[user.id, project.id] = Role(role) if role else None
    return roles[user.id, project.id]


def _roles(session: Session) -> dict[tuple[str, str], Role | None]:
    roles: dict[tuple[str, str], Role | None] = session.info.setdefault(ROLES, {})
    return roles


def forget_roles(session: Session) -> None:
    """Call after a change of a membership: each transaction reads a role once and keeps it."""
    session.info.pop(ROLES, None)


def allows(session: Session, user: User, permission: Permission, project: Project) -> bool:
    role = role_in(session, user, project)
    return role is not None and permission in ROLE_PERMISSIONS[role]


def require(session: Session, user: User, permission: Permission, project: Project) -> None:
    """Raises NotFound for an outsider, who must not learn that the project exists, and Forbidden for a member."""
    role = role_in(session, user, project)
    if role is None:
        raise NotFound(denied=True)
    if permission not in ROLE_PERMISSIONS[role]:
        raise Forbidden(f"The role {role} does not allow this ({permission}); ask an admin.")


def visible_project(session: Session, user: User, slug: str) -> Project:
    """The project, when the user may read it; otherwise NotFound."""
    return _readable(session, user, Project.slug == slug)


def project_of(session: Session, user: User, project_id: str) -> Project:
    """The project of a row, when the user may read it; otherwise NotFound."""
    if (user.id, project_id) in _roles(session) and (project := session.get(Project, project_id)) is not None:
        require(session, user, Permission.READ_PROJECT, project)
        return project
    return _readable(session, user, Project.id == project_id)


def require_in(session: Session, user: User, permission: Permission, project_id: str) -> Project:
    """Require the permission in the project of a row, and return the project. Raises as `require` does."""
    project = project_of(session, user, project_id)
    require(session, user, permission, project)
    return project


def _readable(session: Session, user: User, is_project: ColumnElement[bool]) -> Project:
    """The project and the user's role in it, in one query."""
    of_user = and_(Membership.project_id == Project.id, Membership.user_id == user.id)
    with_role = select(Project, Membership.role).outerjoin(Membership, of_user)
    if (row := session.execute(with_role.where(is_project)).one_or_none()) is None:
        raise NotFound()
    project, role = row
    _roles(session)[user.id, project.id] = Role(role) if role else None
    require(session, user, Permission.READ_PROJECT, project)
    return project
