"""Imports, versions, exports and jobs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import FormData, UploadFile

from app.api import downloads
from app.api.deps import Body, Db, Files, InProject, Me, asks, limited
from app.api.strict import StrictRoute
from app.core import jobs
from app.core.errors import Invalid, NotFound, TooLarge
from app.core.limits import COSTLY
from app.domain.accounts.permissions import Permission
from app.domain.datasets import actions, export, imports, queries
from app.domain.datasets.tables import DatasetVersion
from app.domain.projects import access
from app.intake import Arrived

router = APIRouter(tags=["datasets"], route_class=StrictRoute)


class NewVersion(Body):
    name: str
    splits: dict[str, float] = Field(default_factory=lambda: {"train": 0.8, "validation": 0.1, "test": 0.1})
    seed: int = 0
    filters: dict[str, str | list[str] | bool] = Field(default_factory=dict)
    deduplicate: bool = True


class ImportForm(BaseModel):
    """The fields beside the file."""

    model_config = ConfigDict(extra="forbid")
    source: str = ""
    licence: str = ""
    format: str = "auto"
    submit: bool = False
    approve: bool = False


IMPORT_SCHEMA = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": {"type": "string", "format": "binary"}, **ImportForm.model_json_schema()["properties"]},
}


async def uploaded(request: Request, _: Arrived) -> FormData:
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
    dependencies=[limited(COSTLY, "imports"), asks(Permission.WRITE_PAIR)],
    openapi_extra={"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": IMPORT_SCHEMA}}}},
)
def import_file(
    project: InProject,
    request: Request,
    session: Db,
    user: Me,
    storage: Files,
    form: Annotated[FormData, Depends(uploaded)],
) -> dict[str, Any]:
    file, limit = form.get("file"), request.app.state.settings.max_upload_bytes
    if not isinstance(file, UploadFile):
        raise Invalid("Send the file in the field `file`.", field="file")
    if (file.size or 0) > limit:
        raise TooLarge(f"The file is larger than {limit} bytes; split it.", field="file")
    fields = _fields({name: value for name, value in form.items() if name != "file"})
    job = imports.request_import(
        session,
        user,
        project,
        storage=storage,
        data=file.file,
        filename=file.filename or "",
        **fields.model_dump(),
    )
    return job_json(job)


@router.post("/projects/{slug}/versions", status_code=202, dependencies=[asks(Permission.FREEZE_VERSION)])
def freeze(project: InProject, body: NewVersion, session: Db, user: Me) -> dict[str, Any]:
    return job_json(actions.request_version(session, user, project, **body.model_dump()))


@router.get("/projects/{slug}/versions", dependencies=[asks(Permission.READ_PROJECT)])
def list_versions(project: InProject, session: Db) -> dict[str, Any]:
    return {"items": [version_json(version) for version in queries.versions(session, project)], "next": None}


@router.get("/versions/{version_id}", dependencies=[asks(Permission.READ_PROJECT)])
def show(version_id: str, session: Db, user: Me) -> dict[str, Any]:
    version = queries.by_id(session, version_id)
    access.project_of(session, user, version.project_id)
    return version_json(version)


@router.get("/versions/{version_id}/export", dependencies=[asks(Permission.READ_PROJECT)])
def export_split(
    version_id: str,
    session: Db,
    user: Me,
    storage: Files,
    format: str = "jsonl",
    split: Literal["train", "validation", "test"] = "train",
) -> Response:
    version = queries.by_id(session, version_id)
    access.project_of(session, user, version.project_id)
    body = export.convert(storage.bytes_of(queries.files_of(version)[split]["sha256"]), format)
    name = export.file_name(f"{version.name}-{version.number}-{split}", format)
    return downloads.attachment(body, name, export.media_type(format), etag=f"{version.hash}-{split}-{format}")


@router.get("/jobs/{job_id}", dependencies=[asks(Permission.READ_PROJECT)])
def show_job(job_id: str, session: Db, user: Me) -> dict[str, Any]:
    job = jobs.by_id(session, job_id)
    if job.project_id is None:
        raise NotFound()
    access.project_of(session, user, job.project_id)
    return job_json(job)
