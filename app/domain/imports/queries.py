"""Read uploads, error files, and what an import job needs before it writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import jobs, process
from app.core.errors import NotFound
from app.core.storage import Storage
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.checks.problem import Neighbor
from app.domain.imports import batch_checks, prepare_rows, reader_process
from app.domain.imports.prepare_rows import PreparedRows
from app.domain.imports.tables import Upload
from app.domain.pairs import queries as pairs_queries
from app.domain.pairs.content import Content
from app.domain.pairs.indexes import near_duplicate_queries
from app.domain.projects import access
from app.domain.projects.tables import Project

PROGRESS_SECONDS = 0.5
UPLOADS_MAX_AGE = timedelta(days=1)
"""How long a file waits until its user has mapped its columns."""
ERRORS_MAX_AGE = timedelta(days=30)
"""How long the bad rows of an import can be downloaded."""
MIN_ROWS_FOR_PROCESSES = 4_000
"""Rows of a file that justify the second in which child processes start."""
Progress = Callable[[float, float], None]


def upload_of(session: Session, user: User, project: Project, upload_id: str) -> Upload:
    """Return a waiting file of this user. Raises NotFound for other users, and once it was imported or is a day old."""
    access.require(session, user, Permission.WRITE_PAIR, project)
    upload = session.get(Upload, upload_id)
    if upload is None or upload.user_id != user.id or upload.project_id != project.id:
        raise NotFound("This file is no longer here: it was imported, or is older than a day. Upload it again.")
    return upload


def errors_file_of(session: Session, user: User, job: jobs.Job) -> str:
    """Return the address of an import's bad rows, for the user who requested it and for managers of the project."""
    project = access.project_of(session, user, job.project_id or "")
    access.require(session, user, Permission.WRITE_PAIR, project)
    if job.created_by != user.id and not access.allows(session, user, Permission.MANAGE_PROJECT, project):
        raise NotFound()
    address = (job.result or {}).get("errors_file")
    if not address:
        raise NotFound("This job has no bad rows, or they were deleted after 30 days.")
    return str(address)


def stale_uploads(session: Session, before: datetime) -> list[Upload]:
    """Return the files uploaded before this time."""
    return list(session.scalars(select(Upload).where(Upload.created_at < before)))


def stale_errors(session: Session, kind: str, before: datetime) -> list[jobs.Job]:
    """Return imports whose bad rows have expired: cancelled, or finished before this time."""
    ended = session.scalars(select(jobs.Job).where(jobs.Job.kind == kind, jobs.Job.state.not_in(jobs.OPEN)))
    return [
        job
        for job in ended
        if job.payload.get("errors_file") and (job.state == "cancelled" or (job.finished_at or before) < before)
    ]


# --- an import job, before it writes ---


def check_rows(session: Session, storage: Storage, payload: dict[str, Any], progress: Progress) -> PreparedRows:
    """Compute all rows that the import will write; save nothing. The result also holds the file's bad rows.

    Where bad rows must not be skipped, it holds only those and `error`.
    """
    project = session.get_one(Project, payload["project"])
    progress = _throttled(progress)
    scan = reader_process.scan(
        storage.read(payload["file"]),
        payload["format"],
        filename=payload["filename"],
        source=payload["source"],
        license=payload["licence"],
        names=payload.get("map"),
        tick=lambda: progress(0, payload.get("rows") or 0),
    )
    if scan.bad and not (payload.get("skip_bad") and scan.contents):
        return PreparedRows(bad_lines=scan.bad_lines, error=scan.as_error())
    prepared = _check_contents(session, project, payload, scan.contents, progress)
    prepared.bad_lines = scan.bad_lines
    return prepared


def _check_contents(
    session: Session, project: Project, payload: dict[str, Any], contents: Sequence[Content], progress: Progress
) -> PreparedRows:
    """Check every content against the project and against the contents above it; return the rows to write.

    A large file is checked by child processes, one per core, while this one looks up the neighbors.
    """
    options = pairs_queries.check_options(project)
    processes = process.cores() if len(contents) >= MIN_ROWS_FOR_PROCESSES else 1
    batches = (
        list(map(prepare_rows.text_of, batch)) for batch in near_duplicate_queries.batched(contents, batch_checks.BATCH)
    )
    has_pairs = bool(pairs_queries.counts_by_state(session, project))
    checked, neighbors = list[batch_checks.CheckedText](), list[list[Neighbor]]()
    progress(0, len(contents))
    for texts in process.map_ordered(partial(batch_checks.check_batch, options), batches, processes):
        checked += texts
        grams, keys = [text.grams for text in texts], [text.keys for text in texts]
        neighbors += (
            near_duplicate_queries.neighbors_of_many(session, project, grams, keys) if has_pairs else [[] for _ in keys]
        )
        progress(len(neighbors), len(contents))
    return prepare_rows.prepare_rows(
        project, options, payload, contents, checked, neighbors, lambda: progress(len(contents), len(contents))
    )


def _throttled(progress: Progress) -> Progress:
    """Report progress at most twice a second, since each report is a transaction."""
    last = float("-inf")

    def report(done: float, total: float) -> None:
        nonlocal last
        if time.monotonic() - last > PROGRESS_SECONDS:
            progress(done, total)
            last = time.monotonic()

    return report
