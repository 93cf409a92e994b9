"""Change how a project's pairs are reviewed: by how many reviewers, on which criteria."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.core.errors import Conflict
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.pairs.tables import Pair
from app.domain.projects import access, actions as projects_actions, criteria as project_criteria
from app.domain.projects.tables import Project
from app.domain.reviews import queries


def change_review_settings(
    session: Session, user: User, project: Project, *, overlap: int | None = None, criteria: list[Any] | None = None
) -> None:
    """Change the overlap, the criteria or both. `criteria` lists all of them, each in full, in part or by its name.

    Pairs submitted before keep the number of reviews that they needed. Raises Forbidden, Invalid, and Conflict when a
    removed criterion has ratings.
    """
    access.require(session, user, Permission.MANAGE_PROJECT, project)
    session.refresh(project, with_for_update=True)
    before = project.overlap
    if criteria is not None:
        names = {criterion["name"] for criterion in project_criteria.parse(criteria, project.criteria)}
        removed = [criterion["name"] for criterion in project.criteria if criterion["name"] not in names]
        _require_unrated(session, project, removed)
    if overlap is not None and overlap != before:
        projects_actions.require_overlap(overlap)
        _keep_required_reviews(session, project, before)
    projects_actions.set_review_settings(session, user, project, overlap=overlap, criteria=criteria)


def _require_unrated(session: Session, project: Project, removed: list[str]) -> None:
    if removed and (rated := queries.rated_criteria(session, project, removed)):
        names = ", ".join(repr(name) for name in removed if name in rated)
        raise Conflict(f"{names} has ratings and cannot be removed; you can change its wording.", field="criteria")


def _keep_required_reviews(session: Session, project: Project, overlap: int) -> None:
    """Store the old overlap on submitted pairs that had no number of their own."""
    submitted = update(Pair).where(Pair.project_id == project.id, Pair.reviews_needed.is_(None))
    session.execute(submitted.where(Pair.submitted_revision_id.is_not(None)).values(reviews_needed=overlap))
