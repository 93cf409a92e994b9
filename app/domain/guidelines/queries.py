"""Reads of guideline versions."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.guidelines.tables import Guideline
from app.domain.projects.tables import Project


def all_versions(session: Session, project: Project) -> list[Guideline]:
    """Newest first."""
    return list(
        session.scalars(select(Guideline).where(Guideline.project_id == project.id).order_by(Guideline.number.desc()))
    )


def current(session: Session, project: Project) -> Guideline | None:
    return session.scalar(
        select(Guideline).where(Guideline.project_id == project.id).order_by(Guideline.number.desc()).limit(1)
    )
