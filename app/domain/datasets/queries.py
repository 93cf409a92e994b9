"""Reads of versions and of what may enter one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from app.core.errors import NotFound
from app.domain.datasets.tables import DatasetVersion
from app.domain.pairs.tables import Pair, PairTag, Revision
from app.domain.projects.tables import Project


def versions(session: Session, project: Project) -> list[DatasetVersion]:
    """Newest first."""
    return list(
        session.scalars(
            select(DatasetVersion).where(DatasetVersion.project_id == project.id).order_by(DatasetVersion.number.desc())
        )
    )


def by_id(session: Session, version_id: str) -> DatasetVersion:
    version = session.get(DatasetVersion, version_id)
    if version is None:
        raise NotFound()
    return version


def approved(session: Session, project: Project, filters: dict[str, Any]) -> list[tuple[Pair, Revision]]:
    """Approved pairs with the revision that was approved, oldest first. `filters` maps a tag to its value or values."""
    statement = (
        select(Pair, Revision)
        .join(Revision, Revision.id == Pair.submitted_revision_id)
        .where(Pair.project_id == project.id, Pair.state == "approved")
        .order_by(Pair.id)
    )
    for tag, wanted in filters.items():
        match = aliased(PairTag)
        values = wanted if isinstance(wanted, list) else [wanted]
        statement = statement.where(
            select(match.pair_id).where(match.pair_id == Pair.id, match.tag == tag, match.value.in_(values)).exists()
        )
    return [(pair, revision) for pair, revision in session.execute(statement)]


def next_number(session: Session, project_id: str) -> int:
    last = session.scalar(select(func.max(DatasetVersion.number)).where(DatasetVersion.project_id == project_id))
    return (last or 0) + 1
