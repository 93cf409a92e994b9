"""Reads of versions and of what may enter one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from app.core import jobs
from app.core.errors import NotFound
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.datasets.tables import DatasetVersion, Upload, VersionItem
from app.domain.pairs import queries as pair_queries
from app.domain.pairs.tables import Pair, PairTag, Revision
from app.domain.projects import access
from app.domain.projects.tables import Project


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
            .where(match.pair_id == Pair.id, pair_queries.spelt(session, project, match, tag, values))
            .exists()
        )
    return [(pair, revision) for pair, revision in session.execute(statement)]


def next_number(session: Session, project_id: str) -> int:
    last = session.scalar(select(func.max(DatasetVersion.number)).where(DatasetVersion.project_id == project_id))
    return (last or 0) + 1


def upload_of(session: Session, user: User, project: Project, upload_id: str) -> Upload:
    """A file that waits, for whoever sent it. Raises NotFound for anybody else, and once it is used or a day old."""
    access.require(session, user, Permission.WRITE_PAIR, project)
    upload = session.get(Upload, upload_id)
    if upload is None or upload.user_id != user.id or upload.project_id != project.id:
        raise NotFound("This file is not there any more: it was imported, or has waited for a day. Send it again.")
    return upload


def errors_file_of(session: Session, user: User, job: jobs.Job) -> str:
    """Where the bad rows of an import are kept: for whoever asked for it, and who manages the project."""
    project = access.project_of(session, user, job.project_id or "")
    access.require(session, user, Permission.WRITE_PAIR, project)
    if job.created_by != user.id and not access.allows(session, user, Permission.MANAGE_PROJECT, project):
        raise NotFound()
    address = (job.result or {}).get("errors_file")
    if not address:
        raise NotFound("This job has no bad rows, or they were deleted: they are kept for 30 days.")
    return str(address)


def stale_uploads(session: Session, before: datetime) -> list[Upload]:
    return list(session.scalars(select(Upload).where(Upload.created_at < before)))


def stale_errors(session: Session, kind: str, before: datetime) -> list[jobs.Job]:
    """Ended imports whose bad rows nobody may fetch any more."""
    ended = session.scalars(select(jobs.Job).where(jobs.Job.kind == kind, jobs.Job.state.not_in(jobs.OPEN)))
    return [
        job
        for job in ended
        if job.payload.get("errors_file") and (job.state == "cancelled" or (job.finished_at or before) < before)
    ]
