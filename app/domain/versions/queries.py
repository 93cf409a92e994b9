"""Read versions, the pairs that can enter one, and what a freeze or a redaction will write."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.core.storage import Storage
from app.domain.pairs import queries as pairs_queries
from app.domain.pairs.tables import Pair, Revision
from app.domain.projects.tables import Project
from app.domain.versions import freeze
from app.domain.versions.tables import DatasetVersion, VersionItem


def versions(session: Session, project: Project) -> list[DatasetVersion]:
    """Return the project's versions, newest first."""
    of_project = select(DatasetVersion).where(DatasetVersion.project_id == project.id)
    return list(session.scalars(of_project.order_by(DatasetVersion.number.desc())))


def files_of(version: DatasetVersion) -> dict[str, Any]:
    """Return split -> {sha256, size, examples} of the current files: redacted ones once an example was withdrawn."""
    return {**version.files, **(version.redactions or {})}


def withdrawn_since(session: Session, version_id: str, moment: datetime, splits: Iterable[str]) -> int:
    """Count the examples of these splits that were withdrawn after this time."""
    statement = (
        select(func.count())
        .select_from(VersionItem)
        .join(Revision, Revision.id == VersionItem.revision_id)
        .where(VersionItem.version_id == version_id, VersionItem.split.in_(list(splits)))
    )
    return session.scalar(statement.where(Revision.withdrawn_at > moment)) or 0


def stored_files(session: Session) -> set[str]:
    """Return the SHA-256 of every current split file of every version."""
    return {
        file["sha256"] for version in session.scalars(select(DatasetVersion)) for file in files_of(version).values()
    }


def by_id(session: Session, version_id: str) -> DatasetVersion:
    """Return the version. Raises NotFound."""
    version = session.get(DatasetVersion, version_id)
    if version is None:
        raise NotFound()
    return version


def approved_pairs(session: Session, project: Project, filters: dict[str, Any]) -> list[tuple[Pair, Revision]]:
    """Return approved pairs with the approved revision, oldest first. `filters` maps a tag to its value or values.

    Two names are not tags: `licence` (one or several) and `accepted_terms` (true: submitted under accepted terms).
    """
    statement = (
        select(Pair, Revision)
        .join(Revision, Revision.id == Pair.submitted_revision_id)
        .where(Pair.project_id == project.id, Pair.state == "approved", Pair.is_gold.is_(False))
        .where(Revision.withdrawn_at.is_(None))
        .order_by(Pair.id)
    )
    for tag, value in filters.items():
        values = value if isinstance(value, list) else [value]
        if tag == "licence":
            statement = statement.where(Revision.licence.in_(values))
        elif tag != "accepted_terms":
            statement = statement.where(pairs_queries.has_tag(pairs_queries.spellings(session, project, tag, values)))
        elif value:
            statement = statement.where(Revision.terms_id.is_not(None))
    return [(pair, revision) for pair, revision in session.execute(statement)]


def any_withdrawn(session: Session, revision_ids: set[str]) -> bool:
    """Whether any of these revisions is withdrawn."""
    withdrawn = session.scalars(select(Revision.id).where(Revision.withdrawn_at.is_not(None)))
    return any(revision_id in revision_ids for revision_id in withdrawn)


def prepare_version(
    session: Session, storage: Storage, payload: dict[str, Any]
) -> tuple[DatasetVersion, list[VersionItem]]:
    """Compute the requested version and write its files, from one read transaction; save no row."""
    project = session.get_one(Project, payload["project"])
    return freeze.build_version(storage, project, payload, approved_pairs(session, project, payload["filters"]))


@dataclass(frozen=True)
class Redaction:
    """New values of a version's columns, the `redactions` they replace, and the files that are no longer needed."""

    before: dict[str, Any] | None
    redactions: dict[str, Any]
    distribution: dict[str, Any]
    replaced: set[str]


def redaction(session: Session, storage: Storage, version: DatasetVersion) -> Redaction:
    """Write files without the withdrawn examples and return what they change; save no row."""
    in_version = select(VersionItem.split, Revision.id).join(Revision, Revision.id == VersionItem.revision_id)
    withdrawn: dict[str, set[str]] = defaultdict(set)
    for split, revision_id in session.execute(
        in_version.where(VersionItem.version_id == version.id, Revision.withdrawn_at.is_not(None))
    ):
        withdrawn[split].add(revision_id)
    redactions, replaced = dict(version.redactions or {}), set()
    for split, revision_ids in withdrawn.items():
        current = files_of(version)[split]
        lines = [
            line
            for line in storage.bytes_of(current["sha256"]).splitlines(keepends=True)
            if json.loads(line)["id"] not in revision_ids
        ]
        if len(lines) == current["examples"]:
            continue
        sha256, size = storage.put(lines)
        removed = version.files[split]["examples"] - len(lines)
        redactions[split] = {"sha256": sha256, "size": size, "examples": len(lines), "removed": removed}
        replaced.add(current["sha256"])
    return Redaction(version.redactions, redactions, _current_distribution(session, version), replaced)


def _current_distribution(session: Session, version: DatasetVersion) -> dict[str, Any]:
    """Return the distribution of the examples that are not withdrawn: a tag may have held a withdrawn text."""
    project = session.get_one(Project, version.project_id)
    rows = session.execute(
        select(VersionItem.split, Revision.tags, Revision.completion, Revision.licence, Revision.source)
        .join(Revision, Revision.id == VersionItem.revision_id)
        .where(VersionItem.version_id == version.id, Revision.withdrawn_at.is_(None))
        .order_by(VersionItem.position)
    )
    return freeze.distribution_of(
        (row.split, {**freeze.slice_tags(project, row), **freeze.origin_tags(row)}) for row in rows
    )
