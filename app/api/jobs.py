"""Jobs: the state of work that outlives its request, and the bad rows of an import."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from app.api import downloads
from app.api.deps import CurrentUser, StorageDep, requires
from app.api.schemas.base import file_response
from app.api.schemas.jobs import JobOut
from app.api.strict_route import StrictRoute
from app.core import jobs
from app.domain.accounts.permissions import Permission
from app.domain.imports import queries as imports_queries
from app.http.transactions import DbSession

router = APIRouter(tags=["jobs"], route_class=StrictRoute)


@router.get("/jobs/{job_id}", dependencies=[requires(Permission.READ_PROJECT)])
def show(job_id: str, session: DbSession) -> JobOut:
    return JobOut.of(jobs.by_id(session, job_id))


@router.get(
    "/jobs/{job_id}/errors",
    dependencies=[requires(Permission.WRITE_PAIR)],
    response_class=Response,
    responses=file_response("application/x-ndjson"),
)
def bad_rows(job_id: str, session: DbSession, user: CurrentUser, storage: StorageDep) -> Response:
    """The bad rows of an import, one JSON object per line: {row, error, field, text}."""
    job = jobs.by_id(session, job_id)
    sha256 = imports_queries.errors_file_of(session, user, job)
    name = f"bad-rows-{job.id[:12]}.jsonl"
    return downloads.attachment(storage.bytes_of(sha256), name, "application/x-ndjson", etag=sha256)
