"""Importing a file of pairs: all of it or nothing, or all good rows. Bulk approval is an editor's recorded act."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import IO, Any

from sqlalchemy.orm import Session

from app.core import jobs
from app.core.db import bulk
from app.core.db.base import Base, new_id
from app.core.errors import Invalid
from app.core.storage import CHUNK, Storage
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.audit import actions as audit_actions
from app.domain.consent import queries as consent_queries
from app.domain.guidelines import queries as guidelines_queries
from app.domain.imports import prepare_rows, reader_process, uploads
from app.domain.imports.reading import mapping as column_mapping
from app.domain.imports.tables import Upload
from app.domain.pairs.indexes import embedding_index, near_duplicates, search
from app.domain.projects import access
from app.domain.projects.tables import Project

KIND = "import"
BEAT_SECONDS = 0.5
VERY_MANY = 1_000
"""Rows of a file for which the database gets more memory while they are written."""
Progress = Callable[[float, float], None]


class BadRows(Invalid):
    """Rows are wrong and were not to be skipped; `result` is what the job keeps of it."""

    def __init__(self, detail: str, result: dict[str, Any]) -> None:
        super().__init__(detail, field="file")
        self.result = result


def request_import(
    session: Session,
    user: User,
    project: Project,
    *,
    storage: Storage,
    data: bytes | IO[bytes] | Upload,
    filename: str = "",
    format: str = "auto",
    source: str,
    licence: str,
    submit: bool = False,
    approve: bool = False,
    skip_bad: bool = False,
    mapping: Any = None,
) -> jobs.Job:
    """Keep the file and queue its import; the job reads all of it, this only its head. An upload is used up.

    Raises Forbidden, Invalid when one of the first rows is wrong or source or licence lack, TooLarge.
    """
    access.require(session, user, Permission.WRITE_PAIR, project)
    if approve:
        access.require(session, user, Permission.APPROVE_IMPORT, project)
    terms_id = consent_queries.require_current(session, user)
    names = column_mapping.parse(mapping or {})
    for name, value in (("source", source), ("licence", licence)):
        if not value.strip() and not names.get(name):
            raise Invalid(f"Say the {name}: nothing enters a data set without source and licence.", field=name)
    how = {"format": format, "source": source.strip(), "licence": licence.strip(), "map": names, "skip_bad": skip_bad}
    filename, sha256, rows = _taken_in(storage, data, filename, how)
    if isinstance(data, Upload):
        session.delete(data)
    payload = {
        "project": project.id,
        "user": user.id,
        "file": sha256,
        "filename": filename[:200],
        **how,
        "submit": submit or approve,
        "approve": approve,
        "rows": rows,
        "terms": terms_id,
    }
    job = jobs.enqueue(session, KIND, payload, project_id=project.id, created_by=user.id)
    job.progress_total = float(rows or 0)
    said = {"rows": rows, "file": sha256, "approve": approve, "skip_bad": skip_bad}
    audit_actions.record(session, user.id, "import.requested", "job", job.id, project_id=project.id, **said)
    return job


def _taken_in(
    storage: Storage, data: bytes | IO[bytes] | Upload, filename: str, how: dict[str, Any]
) -> tuple[str, str, int | None]:
    """Its name, where it is stored, and the number of its rows where its head holds them all."""
    if isinstance(data, Upload):
        with uploads.opened(storage, data.sha256) as file:
            return data.filename, data.sha256, _look(file, how, data.filename)
    rows = _look(data, how, filename)
    sha256, _ = storage.put([data] if isinstance(data, bytes) else iter(partial(data.read, CHUNK), b""))
    return filename, sha256, rows


def _look(data: bytes | IO[bytes], how: dict[str, Any], filename: str) -> int | None:
    """The number of rows where the head holds them all. Raises Invalid when a row of it is wrong, or every one."""
    found = reader_process.scan(
        data,
        how["format"],
        filename=filename,
        source=how["source"],
        licence=how["licence"],
        names=how["map"],
        head=reader_process.HEAD_ROWS,
        every=how["skip_bad"],
    )
    if found.bad and not (how["skip_bad"] and found.contents):
        raise found.refusal()
    return found.rows if found.rows < reader_process.HEAD_ROWS else None


def check_rows(
    session: Session, storage: Storage, payload: dict[str, Any], progress: Progress
) -> prepare_rows.Prepared:
    """All that the import will write, worked out; nothing saved. With bad rows it holds their lines.

    Where those are not to be skipped, it holds nothing else, but `refusal`.
    """
    project = session.get_one(Project, payload["project"])
    progress = _now_and_then(progress)
    found = _read(storage, payload, progress)
    if found.bad and not (payload.get("skip_bad") and found.contents):
        return prepare_rows.Prepared(bad_lines=found.bad_lines, refusal=found.refusal())
    prepared = prepare_rows.prepare(session, project, payload, found.contents, progress)
    prepared.bad_lines = found.bad_lines
    return prepared


def name_bad(job: jobs.Job, prepared: prepare_rows.Prepared) -> None:
    """Say in the job where its bad rows will be, before they are there: the sweep finds them whatever happens."""
    if prepared.bad_lines:
        job.payload = {**job.payload, "errors_file": prepared.bad_address}


def keep_bad(storage: Storage, prepared: prepare_rows.Prepared) -> dict[str, Any]:
    """Store the bad rows; what the job's result says of them. Raises BadRows when the import ends with that."""
    said: dict[str, Any] = {}
    if prepared.bad_lines:
        storage.put(prepared.bad_lines, expected=prepared.bad_address)
        said = {"bad_rows": len(prepared.bad_lines), "errors_file": prepared.bad_address}
    if prepared.refusal:
        raise BadRows(prepared.refusal.detail, said)
    return said


def _read(storage: Storage, payload: dict[str, Any], progress: Progress) -> reader_process.ScanResult:
    with uploads.opened(storage, payload["file"]) as file:
        return reader_process.scan(
            file,
            payload["format"],
            filename=payload["filename"],
            source=payload["source"],
            licence=payload["licence"],
            names=payload.get("map"),
            tick=lambda: progress(0, payload.get("rows") or 0),
        )


def _now_and_then(progress: Progress) -> Progress:
    """Twice a second at most: each telling is a transaction."""
    told = float("-inf")

    def tell(done: float, total: float) -> None:
        nonlocal told
        if time.monotonic() - told > BEAT_SECONDS:
            progress(done, total)
            told = time.monotonic()

    return tell


def save_rows(session: Session, payload: dict[str, Any], prepared: prepare_rows.Prepared) -> dict[str, Any]:
    """Write all rows in the caller's transaction, by plain inserts: nothing is worked out here while others wait."""
    project = session.get_one(Project, payload["project"])
    states = Counter(pair["state"] for pair in prepared.pairs)
    counts = {
        "imported": len(prepared.pairs),
        "submitted": states["submitted"],
        "approved": states["approved"],
        "drafts": states["draft"],
    }
    guideline = guidelines_queries.current(session, project)
    approvals = _approvals(project, payload, prepared, guideline.id if guideline else None)
    if len(prepared.pairs) >= VERY_MANY:
        bulk.raise_cache_size(session)
    for table, rows in (("pairs", prepared.pairs), ("revisions", prepared.revisions), ("reviews", approvals)):
        bulk.insert(session, Base.metadata.tables[table], rows)
    near_duplicates.insert_tags(session, prepared.tags)
    near_duplicates.insert_bands(session, project.id, prepared.bands)
    search.add(session, _searched(prepared))
    embedding_index.request(session, project.id)
    _record(session, payload, counts)
    return counts


def _searched(prepared: prepare_rows.Prepared) -> Iterator[search.Row]:
    for pair, revision in zip(prepared.pairs, prepared.revisions, strict=True):
        words = revision["tags"], revision["prompt"], revision["completion"]
        yield pair["id"], pair["project_id"], pair["author_id"], *words


def _approvals(
    project: Project, payload: dict[str, Any], prepared: prepare_rows.Prepared, guideline_id: str | None
) -> list[dict[str, Any]]:
    """Not judged is null: a bulk approval rates nothing."""
    ratings = {criterion["name"]: None for criterion in project.criteria}
    return [
        {
            "id": new_id(),
            "pair_id": pair["id"],
            "revision_id": pair["current_revision_id"],
            "reviewed_revision_id": pair["current_revision_id"],
            "reviewer_id": payload["user"],
            "decision": "accept",
            "ratings": ratings,
            "comment": "Approved in bulk at import.",
            "guideline_id": guideline_id,
            "bulk": True,
        }
        for pair in prepared.pairs
        if pair["state"] == "approved"
    ]


def _record(session: Session, payload: dict[str, Any], counts: dict[str, int]) -> None:
    audit_actions.record(
        session,
        payload["user"],
        "pairs.imported",
        "project",
        payload["project"],
        project_id=payload["project"],
        file=payload["file"],
        **counts,
    )
    if payload["approve"]:
        audit_actions.record(
            session,
            payload["user"],
            "pairs.approved_in_bulk",
            "project",
            payload["project"],
            project_id=payload["project"],
            file=payload["file"],
            approved=counts["approved"],
        )
