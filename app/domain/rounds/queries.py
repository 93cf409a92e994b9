"""Reads of rounds."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.domain.projects.tables import Project
from app.domain.rounds.tables import Round


def all_rounds(session: Session, project: Project) -> list[Round]:
    """Newest first."""
    return list(session.scalars(select(Round).where(Round.project_id == project.id).order_by(Round.number.desc())))


def open_rounds(session: Session, project: Project) -> list[Round]:
    return [round_ for round_ in all_rounds(session, project) if round_.state == "open"]


def by_id(session: Session, project: Project, round_id: str) -> Round:
    """Raises NotFound for another project's round."""
    round_ = session.get(Round, round_id)
    if round_ is None or round_.project_id != project.id:
        raise NotFound()
    return round_
