"""Imports, versions, exports and jobs."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import FormData, UploadFile

from app.api import downloads
from app.api.deps import Body, CurrentProject, CurrentUser, StorageDep, rate_limited, requires
from app.api.idempotency import Idempotent
from app.api.strict_route import StrictRoute
from app.core import jobs
from app.core.errors import Invalid, TooLarge
from app.core.rate_limits import COSTLY
from app.domain.accounts.permissions import Permission
from app.domain.imports import actions as imports_actions
from app.domain.imports import queries as imports_queries
from app.domain.imports.reading import mapping as column_mapping
from app.domain.versions import actions as versions_actions
from app.domain.versions import export
from app.domain.versions import queries as versions_queries
from app.domain.versions.tables import DatasetVersion
from app.http.transactions import BodyRead, DbSession

router = APIRouter(tags=["datasets"], route_class=StrictRoute)


class NewVersion(Body):
    name: str
    splits: dict[str, float] = Field(default_factory=lambda: {"train": 0.8, "validation": 0.1, "test": 0.1})
    seed: int = 0
    filters: dict[str, str | list[str] | bool] = Field(default_factory=dict)
    deduplicate: bool = True


class ImportForm(BaseModel):
    """The fields beside the file; `map` is JSON: {"prompt": "question", "completion": "answer", "tags": ["topic"]}."""

    model_config = ConfigDict(extra="forbid")
    source: str = ""
    licence: str = ""
    format: str = "auto"
    submit: bool = False
    approve: bool = False
    skip_bad: bool = False
    map: str = ""


IMPORT_SCHEMA = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": {"type": "string", "format": "binary"}, **ImportForm.model_json_schema()["properties"]},
}


async def uploaded(request: Request, _: BodyRead) -> FormData:
    return await request.form()


def _fields(given: dict[str, Any]) -> ImportForm:
    try:
        return ImportForm.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise Invalid(f"{name}: {first['msg']}.", field=name) from error


def job_json(job: jobs.Job) -> dict[str, Any]:
    progress = {"done": job.progress_done, "total": job.progress_total, "eta_seconds": job.eta_seconds}
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "progress": progress,
        "result": job.result,
        "error": job.error or None,
        "attempt": job.attempt,
    }


def version_json(version: DatasetVersion) -> dict[str, Any]:
    names = (
        "id",
        "number",
        "name",
        "seed",
        "splits",
        "filters",
        "deduplicate",
        "hash",
        "files",
        "counts",
        "distribution",
        "leak_report",
        "redactions",
        "created_at",
    )
    return {name: getattr(version, name) for name in names}


@router.post(
    "/projects/{slug}/imports",
    status_code=202,
    dependencies=[rate_limited(COSTLY, "imports"), requires(Permission.WRITE_PAIR)],
    openapi_extra={"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": IMPORT_SCHEMA}}}},
)
def import_file(
    project: CurrentProject,
    request: Request,
    session: DbSession,
    user: CurrentUser,
    storage: StorageDep,
    form: Annotated[FormData, Depends(uploaded)],
    once: Idempotent,
) -> Any:
    file, limit = form.get("file"), request.app.state.settings.max_upload_bytes
    if not isinstance(file, UploadFile):
        raise Invalid("Send the file in the field `file`.", field="file")
    if (file.size or 0) > limit:
        raise TooLarge(f"The file is larger than {limit} bytes; split it.", field="file")
    given = _fields({name: value for name, value in form.items() if name != "file"}).model_dump()
    given["license"] = given.pop("licence")
    mapped = column_mapping.from_text(given.pop("map"))

    def ask() -> dict[str, Any]:
        data, name = file.file, file.filename or ""
        return job_json(
            imports_actions.request_import(
                session, user, project, storage=storage, data=data, filename=name, mapping=mapped, **given
            )
        )

    digest = hashlib.file_digest(file.file, "sha256").hexdigest() if once.key else ""  # type: ignore[arg-type]
    file.file.seek(0)
    body = {**given, "map": mapped, "file": digest, "filename": file.filename}
    return once(body, ask, 202)


@router.post("/projects/{slug}/versions", status_code=202, dependencies=[requires(Permission.FREEZE_VERSION)])
def freeze(project: CurrentProject, body: NewVersion, session: DbSession, user: CurrentUser, once: Idempotent) -> Any:
    return once(
        body,
        lambda: job_json(versions_actions.request_version(session, user, project, **body.model_dump())),
        202,
    )


@router.get("/projects/{slug}/versions", dependencies=[requires(Permission.READ_PROJECT)])
def list_versions(project: CurrentProject, session: DbSession) -> dict[str, Any]:
    return {"items": [version_json(version) for version in versions_queries.versions(session, project)], "next": None}


@router.get("/versions/{version_id}", dependencies=[requires(Permission.READ_PROJECT)])
def show(version_id: str, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    version = versions_queries.by_id(session, version_id)
    return version_json(version)


@router.get("/versions/{version_id}/export", dependencies=[requires(Permission.READ_PROJECT)])
def export_split(
    version_id: str,
    session: DbSession,
    user: CurrentUser,
    storage: StorageDep,
    format: str = "jsonl",
    split: Literal["train", "validation", "test"] = "train",
) -> Response:
    version = versions_queries.by_id(session, version_id)
    body = export.convert(storage.bytes_of(versions_queries.files_of(version)[split]["sha256"]), format)
    name = export.file_name(f"{version.name}-{version.number}-{split}", format)
    return downloads.attachment(body, name, export.media_type(format), etag=f"{version.hash}-{split}-{format}")


@router.get("/jobs/{job_id}", dependencies=[requires(Permission.READ_PROJECT)])
def show_job(job_id: str, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    job = jobs.by_id(session, job_id)
    return job_json(job)


@router.get("/jobs/{job_id}/errors", dependencies=[requires(Permission.WRITE_PAIR)])
def bad_rows(job_id: str, session: DbSession, user: CurrentUser, storage: StorageDep) -> Response:
    """The bad rows of an import, a line of JSON each: {row, error, field, text}."""
    job = jobs.by_id(session, job_id)
    address = imports_queries.errors_file_of(session, user, job)
    name = f"bad-rows-{job.id[:12]}.jsonl"
    return downloads.attachment(storage.bytes_of(address), name, "application/x-ndjson", etag=address)
