"""Reads of guideline versions."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.guidelines.tables import Guideline
from app.domain.projects.tables import Project


def all_versions(session: Session, project: Project) -> list[Guideline]:
    """Newest first."""
    of_project = select(Guideline).where(Guideline.project_id == project.id)
    return list(session.scalars(of_project.order_by(Guideline.number.desc())))


def current(session: Session, project: Project) -> Guideline | None:
    """The latest version; None before the first."""
    of_project = select(Guideline).where(Guideline.project_id == project.id)
    return session.scalar(of_project.order_by(Guideline.number.desc()).limit(1))


def current_id(session: Session, project: Project) -> str | None:
    """The id of the current version, which every review stores; the text is not loaded."""
    newest = select(Guideline.id).where(Guideline.project_id == project.id).order_by(Guideline.number.desc())
    return session.scalar(newest.limit(1))
