"""Reads of versions and of what may enter one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from app.core.errors import NotFound
from app.domain.pairs import queries as pairs_queries
from app.domain.pairs.tables import Pair, PairTag, Revision
from app.domain.projects.tables import Project
from app.domain.versions.tables import DatasetVersion, VersionItem


def versions(session: Session, project: Project) -> list[DatasetVersion]:
    """Newest first."""
    return list(
        session.scalars(
            select(DatasetVersion).where(DatasetVersion.project_id == project.id).order_by(DatasetVersion.number.desc())
        )
    )


def files_of(version: DatasetVersion) -> dict[str, Any]:
    """split -> {sha256, size, examples} of the file to read today: the redacted one once an example was withdrawn."""
    return {**version.files, **(version.redactions or {})}


def withdrawn_by_split(session: Session, version: DatasetVersion) -> dict[str, int]:
    """split -> how many of its examples were withdrawn since it was frozen; splits without one are left out."""
    rows = session.execute(
        select(VersionItem.split, func.count())
        .join(Revision, Revision.id == VersionItem.revision_id)
        .where(VersionItem.version_id == version.id, Revision.withdrawn_at.is_not(None))
        .group_by(VersionItem.split)
    )
    return dict(rows.all())


def withdrawn_since(session: Session, version_id: str, moment: datetime, splits: Iterable[str]) -> int:
    """How many examples of these splits were withdrawn after the moment."""
    return (
        session.scalar(
            select(func.count())
            .select_from(VersionItem)
            .join(Revision, Revision.id == VersionItem.revision_id)
            .where(
                VersionItem.version_id == version_id,
                VersionItem.split.in_(list(splits)),
                Revision.withdrawn_at > moment,
            )
        )
        or 0
    )


def blobs(session: Session) -> set[str]:
    """The SHA-256 of every split file that some version reads."""
    return {
        file["sha256"] for version in session.scalars(select(DatasetVersion)) for file in files_of(version).values()
    }


def by_id(session: Session, version_id: str) -> DatasetVersion:
    version = session.get(DatasetVersion, version_id)
    if version is None:
        raise NotFound()
    return version


def approved(session: Session, project: Project, filters: dict[str, Any]) -> list[tuple[Pair, Revision]]:
    """Approved pairs with the revision that was approved, oldest first. `filters` maps a tag to its value or values.

    Two names are no tags: `licence` (one or several) and `accepted_terms` (true: given under accepted terms).
    """
    statement = (
        select(Pair, Revision)
        .join(Revision, Revision.id == Pair.submitted_revision_id)
        .where(Pair.project_id == project.id, Pair.state == "approved", Pair.is_gold.is_(False))
        .where(Revision.withdrawn_at.is_(None))
        .order_by(Pair.id)
    )
    for tag, wanted in filters.items():
        match = aliased(PairTag)
        values = wanted if isinstance(wanted, list) else [wanted]
        if tag == "licence":
            statement = statement.where(Revision.licence.in_(values))
            continue
        if tag == "accepted_terms":
            statement = statement.where(Revision.terms_id.is_not(None)) if wanted else statement
            continue
        statement = statement.where(
            select(match.pair_id)
            .where(match.pair_id == Pair.id, pairs_queries.spelt(session, project, match, tag, values))
            .exists()
        )
    return [(pair, revision) for pair, revision in session.execute(statement)]


def next_number(session: Session, project_id: str) -> int:
    last = session.scalar(select(func.max(DatasetVersion.number)).where(DatasetVersion.project_id == project_id))
    return (last or 0) + 1
