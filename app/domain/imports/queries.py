"""Reads of uploads and error files."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import jobs
from app.core.errors import NotFound
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.imports.tables import Upload
from app.domain.projects import access
from app.domain.projects.tables import Project


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
