"""Import a file of pairs: all rows or none, or all good rows. Bulk approval needs an editor and is audited."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from typing import IO, Any

from sqlalchemy.orm import Session

from app.core import jobs
from app.core.db import bulk
from app.core.db.base import Base, new_id
from app.core.errors import Invalid, NotFound
from app.core.storage import CHUNK, Storage
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.audit import actions as audit_actions
from app.domain.consent import queries as consent_queries
from app.domain.guidelines import queries as guidelines_queries
from app.domain.imports import reader_process
from app.domain.imports.prepare_rows import PreparedRows
from app.domain.imports.reading import mapping as column_mapping
from app.domain.imports.tables import Upload
from app.domain.pairs.indexes import index_actions
from app.domain.projects import access
from app.domain.projects.tables import Project

KIND = "import"
LARGE_FILE_ROWS = 1_000
"""Rows of a file for which the database gets more memory while they are written."""


class BadRows(Invalid):
    """The file has bad rows that must not be skipped; `result` is the job's result."""

    def __init__(self, detail: str, result: dict[str, Any]) -> None:
        super().__init__(detail, field="file")
        self.result = result


def create_upload(
    session: Session, user: User, project: Project, *, storage: Storage, data: IO[bytes], filename: str, format: str
) -> Upload:
    """Store a file until its user has mapped its columns. Raises Forbidden, Invalid, TooLarge."""
    access.require(session, user, Permission.WRITE_PAIR, project)
    consent_queries.require_current(session, user)
    reader_process.scan(_chunks(data), format, filename=filename, head=1, complete=False)
    sha256, size = storage.put(_chunks(data))
    upload = Upload(
        id=new_id(), project_id=project.id, user_id=user.id, sha256=sha256, filename=filename[-200:], size=size
    )
    session.add(upload)
    audit_actions.record(session, user.id, "import.uploaded", "upload", upload.id, project_id=project.id, file=sha256)
    return upload


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
    license: str,
    submit: bool = False,
    approve: bool = False,
    skip_bad: bool = False,
    mapping: Any = None,
) -> jobs.Job:
    """Store the file and queue its import. This reads only the first rows; the job reads all. An upload is deleted.

    Raises Forbidden, TooLarge, and Invalid when one of the first rows is bad or the source or license is missing.
    """
    access.require(session, user, Permission.WRITE_PAIR, project)
    if approve:
        access.require(session, user, Permission.APPROVE_IMPORT, project)
    terms_id = consent_queries.require_current(session, user)
    names = column_mapping.parse(mapping or {})
    for name, value, word in (("source", source, "source"), ("licence", license, "license")):
        if not value.strip() and not names.get(name):
            raise Invalid(f"Enter the {word}: every row needs a source and a license.", field=name)
    origin = {"source": source.strip(), "licence": license.strip()}
    options = {"format": format, **origin, "map": names, "skip_bad": skip_bad}
    filename, sha256, rows = _store_file(storage, data, filename, options)
    if isinstance(data, Upload):
        session.delete(data)
    payload = {
        "project": project.id,
        "user": user.id,
        "file": sha256,
        "filename": filename[:200],
        **options,
        "submit": submit or approve,
        "approve": approve,
        "rows": rows,
        "terms": terms_id,
    }
    job = jobs.enqueue(session, KIND, payload, project_id=project.id, created_by=user.id)
    job.progress_total = float(rows or 0)
    details = {"rows": rows, "file": sha256, "approve": approve, "skip_bad": skip_bad}
    audit_actions.record(session, user.id, "import.requested", "job", job.id, project_id=project.id, **details)
    return job


def _store_file(
    storage: Storage, data: bytes | IO[bytes] | Upload, filename: str, options: dict[str, Any]
) -> tuple[str, str, int | None]:
    """Return the file's name, its address in the storage, and its number of rows if the first rows are all."""
    if isinstance(data, Upload):
        return data.filename, data.sha256, _check_head(storage.read(data.sha256), options, data.filename)
    rows = _check_head(_chunks(data), options, filename)
    return filename, storage.put(_chunks(data))[0], rows


def _chunks(data: bytes | IO[bytes]) -> Iterable[bytes]:
    """Return all bytes from the first one on, as often as it is called."""
    if isinstance(data, bytes):
        return [data]
    data.seek(0)
    return iter(partial(data.read, CHUNK), b"")


def _check_head(chunks: Iterable[bytes], options: dict[str, Any], filename: str) -> int | None:
    """Return the number of rows if the head holds them all. Raises Invalid for bad rows that are not skipped."""
    scan = reader_process.scan(
        chunks,
        options["format"],
        filename=filename,
        source=options["source"],
        license=options["licence"],
        names=options["map"],
        head=reader_process.HEAD_ROWS,
        every=options["skip_bad"],
    )
    if scan.bad and not (options["skip_bad"] and scan.contents):
        raise scan.as_error()
    return scan.rows if scan.rows < reader_process.HEAD_ROWS else None


def cancel_job(session: Session, user: User, job: jobs.Job) -> None:
    """Cancel a job, for the user who started it or a manager of the project. Raises Conflict when it has ended."""
    if job.project_id is None:
        raise NotFound()
    project = access.project_of(session, user, job.project_id)
    access.require(session, user, Permission.WRITE_PAIR, project)
    if job.created_by != user.id:
        access.require(session, user, Permission.MANAGE_PROJECT, project)
    jobs.request_cancel(session, job.id)
    audit_actions.record(session, user.id, "job.cancelled", "job", job.id, project_id=project.id, kind=job.kind)


def note_error_file(job: jobs.Job, prepared: PreparedRows) -> None:
    """Save the address of the bad rows in the job before they are stored: the sweep finds them after a crash."""
    if prepared.bad_lines:
        job.payload = {**job.payload, "errors_file": prepared.bad_address}


def store_error_rows(storage: Storage, prepared: PreparedRows) -> dict[str, Any]:
    """Store the bad rows and return their part of the job's result. Raises BadRows when the import must stop."""
    result: dict[str, Any] = {}
    if prepared.bad_lines:
        storage.put(prepared.bad_lines, expected=prepared.bad_address)
        result = {"bad_rows": len(prepared.bad_lines), "errors_file": prepared.bad_address}
    if prepared.error:
        raise BadRows(prepared.error.detail, result)
    return result


def save_rows(session: Session, payload: dict[str, Any], prepared: PreparedRows) -> dict[str, Any]:
    """Write all rows in the caller's transaction by plain inserts; everything slow is done in `queries.check_rows`."""
    project = session.get_one(Project, payload["project"])
    states = Counter(pair["state"] for pair in prepared.pairs)
    counts = {
        "imported": len(prepared.pairs),
        "submitted": states["submitted"],
        "approved": states["approved"],
        "drafts": states["draft"],
    }
    approvals = _approvals(project, payload, prepared, guidelines_queries.current_id(session, project))
    if len(prepared.pairs) >= LARGE_FILE_ROWS:
        bulk.raise_cache_size(session)
    for table, rows in (("pairs", prepared.pairs), ("revisions", prepared.revisions), ("reviews", approvals)):
        bulk.insert(session, Base.metadata.tables[table], rows)
    index_actions.insert_tags(session, prepared.tags)
    index_actions.insert_bands(session, project.id, prepared.bands)
    index_actions.add_texts(session, _search_rows(prepared))
    index_actions.request(session, project.id)
    _record(session, payload, counts)
    return counts


def _search_rows(prepared: PreparedRows) -> Iterator[index_actions.TextRow]:
    for pair, revision in zip(prepared.pairs, prepared.revisions, strict=True):
        texts = revision["tags"], revision["prompt"], revision["completion"]
        yield pair["id"], pair["project_id"], pair["author_id"], *texts


def _approvals(
    project: Project, payload: dict[str, Any], prepared: PreparedRows, guideline_id: str | None
) -> list[dict[str, Any]]:
    """Return the reviews of a bulk approval. Every rating is null, which means not applicable."""
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
    user_id, project_id, file = payload["user"], payload["project"], payload["file"]
    events = {"pairs.imported": counts}
    if payload["approve"]:
        events["pairs.approved_in_bulk"] = {"approved": counts["approved"]}
    for action, details in events.items():
        audit_actions.record(
            session, user_id, action, "project", project_id, project_id=project_id, file=file, **details
        )
