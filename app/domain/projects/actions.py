"""Create projects, manage their members and change their settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import Conflict, Invalid
from app.domain.accounts import actions as accounts_actions, queries as accounts_queries
from app.domain.accounts.permissions import Permission, Role, require_global
from app.domain.accounts.tables import User
from app.domain.audit import actions as audit_actions
from app.domain.projects import access, criteria as project_criteria, queries, settings as project_settings
from app.domain.projects.tables import Membership, Project

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")
TASKS = ("generation", "classification", "extraction", "translation", "regression", "code")


def create_project(
    session: Session,
    user: User,
    *,
    slug: str,
    name: str,
    task: str,
    languages: list[str],
    domains: list[str],
    criteria: list[Any] | None = None,
    overlap: int = 1,
    base_model: str = "starter",
) -> Project:
    """Create a project. Raises Forbidden, Invalid, or Conflict when the slug is taken."""
    require_global(session, user, Permission.OPEN_PROJECT)
    if not SLUG.fullmatch(slug):
        raise Invalid("A URL slug has at most 60 lowercase letters, digits and inner hyphens.", field="slug")
    if not name.strip() or len(name) > 120:
        raise Invalid("A project needs a name of at most 120 characters.", field="name")
    if task not in TASKS:
        raise Invalid(f"The task must be one of {', '.join(TASKS)}.", field="task")
    require_overlap(overlap)
    parsed = project_criteria.parse(criteria)
    if queries.by_slug(session, slug):
        raise Conflict(f"The URL slug {slug!r} is taken; choose another.", field="slug")
    project = Project(
        slug=slug,
        name=name.strip(),
        task=task,
        languages=languages,
        domains=domains,
        criteria=parsed,
        overlap=overlap,
        base_model=base_model,
        created_by=user.id,
    )
    session.add(project)
    session.flush()
    audit_actions.record(session, user.id, "project.opened", "project", project.id, project_id=project.id, slug=slug)
    return project


def add_member(session: Session, user: User, project: Project, *, email: str, role: str) -> Membership:
    """Give a user a role, and an account if they have none. A second call changes the role.

    Raises Forbidden, Invalid.
    """
    access.require(session, user, Permission.MANAGE_PROJECT, project)
    if role not in (Role.EXPERT, Role.EDITOR):
        raise Invalid("The role must be expert or editor.", field="role")
    member = accounts_queries.user_by_email(session, email) or accounts_actions.create_user(
        session, email=email, actor=user
    )
    membership = session.scalar(
        select(Membership).where(Membership.project_id == project.id, Membership.user_id == member.id)
    )
    action = "member.role_changed" if membership else "member.added"
    if membership is None:
        membership = Membership(project_id=project.id, user_id=member.id, role=role)
        session.add(membership)
    membership.role = role
    session.flush()
    access.forget_roles(session)
    audit_actions.record(session, user.id, action, "user", member.id, project_id=project.id, role=role)
    return membership


def remove_membership(session: Session, user: User, project: Project, member_id: str) -> None:
    """Delete a membership. `reviews.actions.remove_member` also releases the user's leases; call that one.

    A project is never left without a manager: admins manage it, and need no membership.
    Raises Forbidden, NotFound for a user who is not a member.
    """
    access.require(session, user, Permission.MANAGE_PROJECT, project)
    membership = queries.membership_of(session, project, member_id)
    session.delete(membership)
    session.flush()
    access.forget_roles(session)
    audit_actions.record(
        session, user.id, "member.removed", "user", member_id, project_id=project.id, role=membership.role
    )


def set_review_settings(
    session: Session, user: User, project: Project, *, overlap: int | None = None, criteria: list[Any] | None = None
) -> None:
    """Set the overlap of future submissions, the criteria, or both. Raises Forbidden, Invalid.

    `reviews.settings_actions.change_review_settings` also protects earlier submissions and ratings; call that one.
    """
    access.require(session, user, Permission.MANAGE_PROJECT, project)
    changed: dict[str, Any] = {}
    if overlap is not None and overlap != project.overlap:
        require_overlap(overlap)
        changed["overlap"] = [project.overlap, overlap]
        project.overlap = overlap
    if criteria is not None:
        parsed = project_criteria.parse(criteria, project.criteria)
        changed |= project_criteria.changes(project.criteria, parsed)
        project.criteria = parsed
    if changed:
        audit_actions.record(
            session, user.id, "project.judging_changed", "project", project.id, project_id=project.id, **changed
        )


def require_overlap(overlap: int) -> None:
    if not 1 <= overlap <= 9:
        raise Invalid("The overlap must be between 1 and 9 reviews per pair.", field="overlap")


def change_settings(session: Session, user: User, project: Project, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Replace these settings, keep the others and return all. Raises Forbidden, and Invalid that names the key."""
    access.require(session, user, Permission.MANAGE_PROJECT, project)
    session.refresh(project, with_for_update=True)
    before = project_settings.of(project.settings)
    after = project_settings.parse({**before, **settings})
    if changed := sorted(key for key in after if after[key] != before[key]):
        project.settings = after
        audit_actions.record(
            session, user.id, "project.settings_changed", "project", project.id, project_id=project.id, keys=changed
        )
    return after
