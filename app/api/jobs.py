"""Jobs: the state of work that outlives its request, and the bad rows of an import."""

from __future__ import annotations

from typing import Annotated

from fastapi.responses import Response
from pydantic import AliasChoices, BeforeValidator, Field

from app.api import downloads
from app.api.deps import CurrentUser, DbSession, StorageDep, requires
from app.api.schemas import Json, Model, file_response
from app.api.strict_route import strict_router
from app.core import jobs
from app.domain.accounts.permissions import Permission
from app.domain.imports import queries as imports_queries

router = strict_router("jobs")


class JobProgress(Model):
    done: float = Field(validation_alias=AliasChoices("done", "progress_done"))
    total: float = Field(validation_alias=AliasChoices("total", "progress_total"))
    eta_seconds: float | None


class JobOut(Model):
    id: str
    kind: str
    state: str
    progress: JobProgress
    result: Json | None
    error: Annotated[str | None, BeforeValidator(lambda error: error or None)]
    attempt: int


@router.get("/jobs/{job_id}", dependencies=[requires(Permission.READ_PROJECT)])
def show(job_id: str, session: DbSession) -> JobOut:
    job = jobs.by_id(session, job_id)
    return JobOut.of(job, progress=job)


@router.get(
    "/jobs/{job_id}/errors", dependencies=[requires(Permission.WRITE_PAIR)], **file_response("application/x-ndjson")
)
def bad_rows(job_id: str, session: DbSession, user: CurrentUser, storage: StorageDep) -> Response:
    """The bad rows of an import, one JSON object per line: {row, error, field, text}."""
    job = jobs.by_id(session, job_id)
    sha256 = imports_queries.errors_file_of(session, user, job)
    name = f"bad-rows-{job.id[:12]}.jsonl"
    return downloads.attachment(storage.bytes_of(sha256), name, "application/x-ndjson", etag=sha256)
