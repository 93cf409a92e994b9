"""Publish guidelines: each publication is a new version."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.core.errors import Invalid
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.audit import actions as audit_actions
from app.domain.guidelines import queries
from app.domain.guidelines.tables import Guideline
from app.domain.notifications import actions as notifications_actions
from app.domain.projects import access, queries as projects_queries
from app.domain.projects.tables import Project

MAX_CHARACTERS = 200_000


def publish(session: Session, user: User, project: Project, *, text: str) -> Guideline:
    """Publish a new version. Raises Forbidden, or Invalid when the text is empty or too long."""
    access.require(session, user, Permission.MANAGE_PROJECT, project)
    if not text.strip() or len(text) > MAX_CHARACTERS:
        raise Invalid(f"A guideline has between 1 and {MAX_CHARACTERS:,} characters.", field="text")
    last = queries.current(session, project)
    guideline = Guideline(
        project_id=project.id, number=(last.number if last else 0) + 1, text=text, published_by=user.id
    )
    session.add(guideline)
    session.flush()
    audit_actions.record(
        session,
        user.id,
        "guideline.published",
        "guideline",
        guideline.id,
        project_id=project.id,
        number=guideline.number,
    )
    subject = (project.id, "guideline.published", "guideline", guideline.id)
    members = projects_queries.member_ids(session, project.id)
    notifications_actions.notify(session, members, *subject, but=user.id, number=guideline.number)
    return guideline
