"""Publish guidelines: each publication is a new version."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.core.errors import Invalid
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.audit import actions as audit_actions
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
    number = projects_queries.next_number(session, Guideline, project.id)
    guideline = Guideline(project_id=project.id, number=number, text=text, published_by=user.id)
    session.add(guideline)
    session.flush()
    event = ("guideline.published", "guideline", guideline.id)
    audit_actions.record(session, user.id, *event, project_id=project.id, number=number)
    members = projects_queries.member_ids(session, project.id)
    notifications_actions.notify(session, members, project.id, *event, but=user.id, number=number)
    return guideline
