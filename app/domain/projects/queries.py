"""Reads of projects and memberships."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.domain.accounts.permissions import ONLY_PROJECT
from app.domain.accounts.tables import User
from app.domain.projects.tables import Membership, Project


def projects_of(session: Session, user: User) -> list[Project]:
    """All projects for an admin; for other users those they are a member of."""
    statement = select(Project).order_by(Project.name)
    if not user.is_admin:
        statement = statement.join(Membership).where(Membership.user_id == user.id)
    if only := session.info.get(ONLY_PROJECT):
        statement = statement.where(Project.id == only)
    return list(session.scalars(statement))


def members(session: Session, project: Project) -> list[tuple[Membership, User]]:
    """Oldest membership first."""
    rows = session.execute(
        select(Membership, User)
        .join(User, User.id == Membership.user_id)
        .where(Membership.project_id == project.id)
        .order_by(Membership.id)
    )
    return [(membership, user) for membership, user in rows]


def role_of(session: Session, user: User, project: Project) -> str | None:
    """The role of the membership; None for a user without one, even an admin."""
    return session.scalar(
        select(Membership.role).where(Membership.project_id == project.id, Membership.user_id == user.id)
    )


def membership_of(session: Session, project: Project, user_id: str) -> Membership:
    """Raises NotFound for a user who is not a member."""
    membership = session.scalar(
        select(Membership).where(Membership.project_id == project.id, Membership.user_id == user_id)
    )
    if membership is None:
        raise NotFound("This user is not a member of the project.")
    return membership


def member_ids(session: Session, project_id: str) -> list[str]:
    """User ids of the project's members."""
    return list(session.scalars(select(Membership.user_id).where(Membership.project_id == project_id)))


def readers(session: Session, project_id: str, people: Iterable[str]) -> list[str]:
    """Ids of those users who may open the project: its members and admins."""
    is_member = exists().where(Membership.project_id == project_id, Membership.user_id == User.id)
    statement = select(User.id).where(User.id.in_(list(people)), or_(User.is_admin, is_member))
    return list(session.scalars(statement.order_by(User.id)))


def roles_by_user(session: Session) -> dict[str, list[tuple[str, str]]]:
    """User id -> (name of a project, role in it)."""
    statement = select(Membership.user_id, Project.name, Membership.role).join(Project).order_by(Project.name)
    roles: dict[str, list[tuple[str, str]]] = {}
    for user_id, name, role in session.execute(statement):
        roles.setdefault(user_id, []).append((name, role))
    return roles


def slug_of(session: Session, project_id: str) -> str:
    return session.get_one(Project, project_id).slug


def by_slug(session: Session, slug: str) -> Project | None:
    return session.scalar(select(Project).where(Project.slug == slug))


def next_number(session: Session, table: Any, project_id: str) -> int:
    """Return the number of the next row of a table whose rows are numbered within each project."""
    last = session.scalar(select(func.max(table.number)).where(table.project_id == project_id))
    return (last or 0) + 1
