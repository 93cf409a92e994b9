"""Request a version, and freeze and redact it. The slow part of a freeze is in `queries.prepare_version`."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.core import jobs
from app.core.errors import Conflict, Invalid
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.audit import actions as audit_actions
from app.domain.projects import access, queries as projects_queries
from app.domain.projects.tables import Project
from app.domain.versions import queries, splits as version_splits
from app.domain.versions.queries import Redaction
from app.domain.versions.tables import DatasetVersion, VersionItem

KIND = "version"
MIN_PAIRS = 10


def request_version(
    session: Session,
    user: User,
    project: Project,
    *,
    name: str,
    splits: dict[str, float] | None = None,
    seed: int = 0,
    filters: dict[str, Any] | None = None,
    deduplicate: bool = True,
) -> jobs.Job:
    """Queue a freeze. Raises Forbidden, Invalid, or Conflict when too few approved pairs match."""
    access.require(session, user, Permission.FREEZE_VERSION, project)
    if not name.strip() or len(name) > 120:
        raise Invalid("A version needs a name of at most 120 characters.", field="name")
    _check_filters(filters or {})
    shares = version_splits.parse(splits or {"train": 0.8, "validation": 0.1, "test": 0.1})
    count = len(queries.approved_pairs(session, project, filters or {}))
    if count < MIN_PAIRS:
        raise Conflict(f"{count:,} approved pairs match; a version needs at least {MIN_PAIRS}.")
    payload = {
        "project": project.id,
        "user": user.id,
        "name": name.strip(),
        "splits": shares,
        "seed": seed,
        "filters": filters or {},
        "deduplicate": deduplicate,
    }
    job = jobs.enqueue(session, KIND, payload, project_id=project.id, created_by=user.id)
    audit_actions.record(session, user.id, "version.requested", "job", job.id, project_id=project.id)
    return job


def freeze(session: Session, prepared: tuple[DatasetVersion, list[VersionItem]]) -> DatasetVersion:
    """Save a prepared version under the project's next number. Raises Conflict when an example was withdrawn."""
    version, items = prepared
    # A freeze reads at one time and saves at a later one; an erasure may have come between.
    if queries.any_withdrawn(session, {item.revision_id for item in items}):
        raise Conflict("An example was withdrawn while the version was being prepared; freeze it again.")
    version.number = projects_queries.next_number(session, DatasetVersion, version.project_id)
    session.add(version)
    session.flush()
    session.add_all(items)
    audit_actions.record(
        session,
        version.created_by,
        "version.frozen",
        "version",
        version.id,
        project_id=version.project_id,
        hash=version.hash,
        counts=version.counts,
    )
    return version


def redact(session: Session, version_id: str, redaction: Redaction) -> None:
    """Save the files that replace those with withdrawn examples. Raises Conflict when the version has changed.

    The version's `hash` and `files` stay: they describe it as frozen. `redactions` describe it today.
    """
    version = session.get_one(DatasetVersion, version_id, with_for_update=True)
    if version.redactions not in (redaction.before, redaction.redactions):
        raise Conflict("Another erasure is changing this version; the rest follows automatically.")
    version.redactions, version.distribution = redaction.redactions, redaction.distribution


def _check_filters(filters: dict[str, Any]) -> None:
    for name, value in filters.items():
        if name == "accepted_terms":
            if not isinstance(value, bool):
                raise Invalid("accepted_terms must be true or false.", field="filters")
        elif not (isinstance(value, str) or (isinstance(value, list) and all(isinstance(text, str) for text in value))):
            raise Invalid(f"The filter {name!r} must be a text or a list of texts.", field="filters")
