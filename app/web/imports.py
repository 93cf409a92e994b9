"""Uploading a file of pairs, and the page of any job that outlives its request."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session
from starlette.datastructures import UploadFile

from app.core import jobs
from app.core.errors import Invalid, NotFound, TooLarge
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.datasets import imports
from app.domain.projects import access
from app.domain.projects.tables import Project
from app.web.deps import Db, Me, Posted, go, in_project, text
from app.web.render import page

router = APIRouter()
FORMATS = ["auto", "jsonl", "csv", "parquet", "openai", "sharegpt", "alpaca", "argilla", "labelstudio"]


@router.get("/projects/{slug}/import")
def new(request: Request, session: Db, user: Me, slug: str) -> Response:
    project = access.visible_project(session, user, slug)
    access.require(session, user, Permission.WRITE_PAIR, project)
    return page(request, "datasets/import.html", **in_project(session, user, project, "/pairs"), formats=FORMATS)


@router.post("/projects/{slug}/import")
def upload(request: Request, session: Db, user: Me, form: Posted, slug: str) -> Response:
    project = access.visible_project(session, user, slug)
    file = form.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        raise Invalid("Choose a file first.", field="file")
    if (file.size or 0) > request.app.state.settings.max_upload_bytes:
        raise TooLarge("This file is larger than the server takes; split it.", field="file")
    job = imports.request_import(
        session,
        user,
        project,
        storage=request.app.state.storage,
        data=file.file.read(),
        filename=file.filename,
        format=text(form, "format", "auto"),
        source=text(form, "source"),
        licence=text(form, "licence"),
        submit=text(form, "submit") == "yes",
        approve=text(form, "approve") == "yes",
    )
    return go(request, f"/jobs/{job.id}")


@router.get("/jobs/{job_id}")
def show(request: Request, session: Db, user: Me, job_id: str) -> Response:
    job, project = _open_job(session, user, job_id)
    done = _where(job, project)
    if done and job.kind != "import":
        return go(request, done)
    return page(request, "datasets/job.html", **in_project(session, user, project), job=job, done=done)


@router.get("/jobs/{job_id}/progress")
def progress(request: Request, session: Db, user: Me, job_id: str) -> Response:
    """The fragment that the page asks for every second; at the end it sends the browser on."""
    job, project = _open_job(session, user, job_id)
    response = page(request, "datasets/_progress.html", job=job)
    if job.state not in jobs.OPEN:
        response.headers["HX-Redirect"] = _where(job, project) or f"/jobs/{job.id}"
    return response


@router.post("/jobs/{job_id}/cancel")
def cancel(request: Request, session: Db, user: Me, form: Posted, job_id: str) -> Response:
    job, project = _open_job(session, user, job_id)
    if job.created_by != user.id:
        access.require(session, user, Permission.MANAGE_PROJECT, project)
    jobs.request_cancel(session, job.id)
    return go(request, f"/jobs/{job.id}", "Asked to stop.")


def _open_job(session: Session, user: User, job_id: str) -> tuple[jobs.Job, Project]:
    job = jobs.by_id(session, job_id)
    if not job.project_id:
        raise NotFound()
    return job, access.project_of(session, user, job.project_id)


def _where(job: jobs.Job, project: Project) -> str | None:
    """Where what the job made can be seen."""
    if job.state != "done":
        return None
    result = job.result or {}
    if "version" in result:
        made = result["version"]
        return f"/versions/{made['id'] if isinstance(made, dict) else made}"
    return None
