"""Asking for a version, and freezing it (a job): read, group, split, write the files, record."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import jobs
from app.core.db.base import new_id
from app.core.errors import Conflict, Invalid, NotFound
from app.core.storage import Storage
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.audit import actions as audit_actions
from app.domain.checks.similarity.minhash import THRESHOLD, normalise
from app.domain.pairs.tables import Pair, Revision
from app.domain.projects import access
from app.domain.projects.tables import Project
from app.domain.versions import distribution, export, queries
from app.domain.versions import splits as version_splits
from app.domain.versions.tables import DatasetVersion, VersionItem

KIND = "version"
MIN_PAIRS = 10
Row = tuple[Pair, Revision]


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
    """Queue a freeze. Raises Forbidden, Invalid, or Conflict when too little is approved."""
    access.require(session, user, Permission.FREEZE_VERSION, project)
    if not name.strip() or len(name) > 120:
        raise Invalid("A version needs a name of at most 120 characters.", field="name")
    _check_filters(filters or {})
    shares = version_splits.parse(splits or {"train": 0.8, "validation": 0.1, "test": 0.1})
    count = len(queries.approved(session, project, filters or {}))
    if count < MIN_PAIRS:
        raise Conflict(f"{count} approved pairs match; a version needs at least {MIN_PAIRS}.")
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


def cancel_job(session: Session, user: User, job: jobs.Job) -> None:
    """Ask a job to stop: whoever started it may, and who manages the project. Raises Conflict when it has ended."""
    if job.project_id is None:
        raise NotFound()
    project = access.project_of(session, user, job.project_id)
    access.require(session, user, Permission.WRITE_PAIR, project)
    if job.created_by != user.id:
        access.require(session, user, Permission.MANAGE_PROJECT, project)
    jobs.request_cancel(session, job.id)
    audit_actions.record(session, user.id, "job.cancelled", "job", job.id, project_id=project.id, kind=job.kind)


@dataclass(frozen=True)
class Prepared:
    """A version that is worked out but not recorded: the slow part, done outside any write transaction."""

    version: DatasetVersion
    items: list[VersionItem]


def prepare(session: Session, storage: Storage, payload: dict[str, Any]) -> Prepared:
    """Group, split and write the files of the version that a request named; reads one snapshot, records nothing."""
    project = session.get_one(Project, payload["project"])
    rows = queries.approved(session, project, payload["filters"])
    kept = _without_copies(rows) if payload["deduplicate"] else rows
    prompts = [revision.prompt for _, revision in kept]
    grouped = version_splits.group(prompts)
    split = version_splits.assign(grouped.cluster, _strata(project, kept), payload["splits"], payload["seed"])
    tags = [_tags(project, revision) for _, revision in kept]
    files = _write_files(storage, kept, split, tags)
    version = DatasetVersion(
        id=new_id(),
        project_id=project.id,
        name=payload["name"],
        seed=payload["seed"],
        splits=payload["splits"],
        filters=payload["filters"],
        deduplicate=payload["deduplicate"],
        files=files,
        created_by=payload["user"],
        hash=_hash(payload, kept, split, files),
        leak_report=_leak_report(grouped, split, removed=len(rows) - len(kept)),
        counts={"total": len(kept), **{name: split.count(name) for name in version_splits.SPLITS}},
        distribution=distribution.of_tags(
            (name, {**values, **_origin(revision)})
            for name, values, (_, revision) in zip(split, tags, kept, strict=True)
        ),
    )
    return Prepared(version, _items(version, kept, split, grouped.cluster))


def freeze(session: Session, prepared: Prepared) -> DatasetVersion:
    """Record a prepared version under the project's next number. Raises Conflict when an example was withdrawn."""
    version = prepared.version
    _refuse_withdrawn(session, prepared.items)
    version.number = queries.next_number(session, version.project_id)
    session.add(version)
    session.flush()
    session.add_all(prepared.items)
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


def redact(session: Session, storage: Storage, version: DatasetVersion) -> set[str]:
    """Replace the files that hold withdrawn examples by files without them; returns the addresses left behind.

    The version's hash and `files` stay: they say what it was. What it is today stands in `redactions`.
    """
    withdrawn = set(
        session.scalars(
            select(Revision.id)
            .join(VersionItem, VersionItem.revision_id == Revision.id)
            .where(VersionItem.version_id == version.id, Revision.withdrawn_at.is_not(None))
        )
    )
    redactions, left = dict(version.redactions or {}), set()
    for split in queries.withdrawn_by_split(session, version):
        present = queries.files_of(version)[split]
        lines = [
            line
            for line in storage.bytes_of(present["sha256"]).splitlines(keepends=True)
            if json.loads(line)["id"] not in withdrawn
        ]
        if len(lines) == present["examples"]:
            continue
        sha256, size = storage.put(lines)
        removed = version.files[split]["examples"] - len(lines)
        redactions[split] = {"sha256": sha256, "size": size, "examples": len(lines), "removed": removed}
        left.add(present["sha256"])
    version.redactions = redactions
    version.distribution = _present_distribution(session, version)
    return left


def _present_distribution(session: Session, version: DatasetVersion) -> dict[str, Any]:
    """The distribution of the examples that are still there: a tag may have held a withdrawn text."""
    project = session.get_one(Project, version.project_id)
    rows = session.execute(
        select(VersionItem.split, Revision.tags, Revision.completion, Revision.licence, Revision.source)
        .join(Revision, Revision.id == VersionItem.revision_id)
        .where(VersionItem.version_id == version.id, Revision.withdrawn_at.is_(None))
        .order_by(VersionItem.position)
    )
    return distribution.of_tags((row.split, {**_tags(project, row), **_origin(row)}) for row in rows)


def _refuse_withdrawn(session: Session, items: list[VersionItem]) -> None:
    """A freeze reads one moment and is recorded at a later one; an erasure may have come between."""
    frozen = {item.revision_id for item in items}
    withdrawn = session.scalars(select(Revision.id).where(Revision.withdrawn_at.is_not(None)))
    if any(revision_id in frozen for revision_id in withdrawn):
        raise Conflict("An example was withdrawn while the version was being made; freeze it again.")


def _check_filters(filters: dict[str, Any]) -> None:
    for name, wanted in filters.items():
        if name == "accepted_terms":
            if not isinstance(wanted, bool):
                raise Invalid("accepted_terms is true or false.", field="filters")
        elif not (
            isinstance(wanted, str) or (isinstance(wanted, list) and all(isinstance(one, str) for one in wanted))
        ):
            raise Invalid(f"The filter {name!r} is a text or a list of texts.", field="filters")


def _hash(payload: dict[str, Any], kept: list[Row], split: list[str], files: dict[str, Any]) -> str:
    """SHA-256 of what the version is: its files, items, seed, shares and filters."""
    manifest = {
        "files": files,
        "items": [[r.id, s] for (_, r), s in zip(kept, split, strict=True)],
        "seed": payload["seed"],
        "splits": payload["splits"],
        "filters": payload["filters"],
    }
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _leak_report(grouped: version_splits.Groups, split: list[str], *, removed: int) -> dict[str, Any]:
    return {
        "near_duplicates_across_splits": version_splits.leaks(grouped, split),
        "threshold": THRESHOLD,
        "method": "Jaccard of character 5-grams of the prompts, exact",
        "groups": len(set(grouped.cluster)),
        "duplicates_removed": removed,
    }


def _items(version: DatasetVersion, kept: list[Row], split: list[str], cluster: list[int]) -> list[VersionItem]:
    return [
        VersionItem(
            version_id=version.id,
            position=index,
            revision_id=revision.id,
            pair_id=pair.id,
            split=split[index],
            cluster=cluster[index],
        )
        for index, (pair, revision) in enumerate(kept)
    ]


def _without_copies(rows: list[Row]) -> list[Row]:
    """The first of each set of rows with the same normalised prompt and completion."""
    seen: dict[tuple[str, str], Row] = {}
    for row in rows:
        seen.setdefault((normalise(row[1].prompt), normalise(row[1].completion)), row)
    return list(seen.values())


def _strata(project: Project, rows: list[Row]) -> list[str]:
    """What is shared out evenly: the answer of a classification, the category of anything else."""
    if project.task == "classification":
        return [revision.completion for _, revision in rows]
    return [str(revision.tags.get("category", "")) for _, revision in rows]


def _tags(project: Project, revision: Any) -> dict[str, str]:
    """A revision's tags; in a classification the answer is a slice too."""
    if project.task == "classification" and "category" not in revision.tags:
        return {**revision.tags, "answer": revision.completion[:120]}
    return dict(revision.tags)


def _origin(revision: Any) -> dict[str, str]:
    """Licence and source count like tags, unless a tag has taken the name."""
    origin = {"licence": revision.licence, "source": revision.source}
    return {name: value for name, value in origin.items() if name not in revision.tags}


def _write_files(storage: Storage, rows: list[Row], split: list[str], tags: list[dict[str, str]]) -> dict[str, Any]:
    files = {}
    for name in version_splits.SPLITS:
        lines = [
            export.example_line(revision.id, revision.messages, tags[index])
            for index, (_, revision) in enumerate(rows)
            if split[index] == name
        ]
        sha256, size = storage.put(lines)
        files[name] = {"sha256": sha256, "size": size, "examples": len(lines)}
    return files
