"""Imports, versions, exports and jobs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Request, UploadFile
from fastapi.responses import Response
from pydantic import Field

from app.api.deps import Body, Db, Files, InProject, Me
from app.core import jobs
from app.core.errors import NotFound, TooLarge
from app.domain.datasets import actions, export, imports, queries
from app.domain.datasets.tables import DatasetVersion
from app.domain.projects import access

router = APIRouter(tags=["datasets"])


class NewVersion(Body):
    name: str
    splits: dict[str, float] = Field(default_factory=lambda: {"train": 0.8, "validation": 0.1, "test": 0.1})
    seed: int = 0
    filters: dict[str, str | list[str]] = Field(default_factory=dict)
    deduplicate: bool = True


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
        "created_at",
    )
    return {name: getattr(version, name) for name in names}


@router.post("/projects/{slug}/imports", status_code=202)
def import_file(
    project: InProject,
    request: Request,
    session: Db,
    user: Me,
    storage: Files,
    file: UploadFile,
    source: Annotated[str, Form()] = "",
    licence: Annotated[str, Form()] = "",
    format: Annotated[str, Form()] = "auto",
    submit: Annotated[bool, Form()] = False,
    approve: Annotated[bool, Form()] = False,
) -> dict[str, Any]:
    limit = request.app.state.settings.max_upload_bytes
    data = file.file.read(limit + 1)
    if len(data) > limit:
        raise TooLarge(f"The file is larger than {limit} bytes; split it.", field="file")
    job = imports.request_import(
        session,
        user,
        project,
        storage=storage,
        data=data,
        filename=file.filename or "",
        format=format,
        source=source,
        licence=licence,
        submit=submit,
        approve=approve,
    )
    return job_json(job)


@router.post("/projects/{slug}/versions", status_code=202)
def freeze(project: InProject, body: NewVersion, session: Db, user: Me) -> dict[str, Any]:
    return job_json(actions.request_version(session, user, project, **body.model_dump()))


@router.get("/projects/{slug}/versions")
def list_versions(project: InProject, session: Db) -> dict[str, Any]:
    return {"items": [version_json(version) for version in queries.versions(session, project)], "next": None}


@router.get("/versions/{version_id}")
def show(version_id: str, session: Db, user: Me) -> dict[str, Any]:
    version = queries.by_id(session, version_id)
    access.project_of(session, user, version.project_id)
    return version_json(version)


@router.get("/versions/{version_id}/export")
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
    body = export.convert(storage.bytes_of(version.files[split]["sha256"]), format)
    name = f"{split}.{format}.jsonl"
    return Response(
        body,
        media_type="application/jsonl",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "ETag": f'"{version.hash}"'},
    )


@router.get("/jobs/{job_id}")
def show_job(job_id: str, session: Db, user: Me) -> dict[str, Any]:
    job = jobs.by_id(session, job_id)
    if job.project_id is None:
        raise NotFound()
    access.project_of(session, user, job.project_id)
    return job_json(job)
