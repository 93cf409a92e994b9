"""Reads of guideline versions."""

from __future__ import annotations

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from app.core.db.base import columns
from app.domain.guidelines.tables import Guideline
from app.domain.projects.tables import Project

GUIDELINES = columns(Guideline)
CURRENT_ID = (
    select(GUIDELINES.id)
    .where(GUIDELINES.project_id == bindparam("project"))
    .order_by(GUIDELINES.number.desc())
    .limit(1)
)


def all_versions(session: Session, project: Project) -> list[Guideline]:
    """Newest first."""
    return list(
        session.scalars(select(Guideline).where(Guideline.project_id == project.id).order_by(Guideline.number.desc()))
    )


def current(session: Session, project: Project) -> Guideline | None:
    """The latest version; None before the first."""
    return session.scalar(
        select(Guideline).where(Guideline.project_id == project.id).order_by(Guideline.number.desc()).limit(1)
    )


def current_id(session: Session, project: Project) -> str | None:
    """The id of the current version, which every review stores; the text is not loaded."""
    guideline_id: str | None = session.scalar(CURRENT_ID, {"project": project.id})
    return guideline_id
