"""Uploading a file of pairs, looking at it before it is imported, and the page of any job that outlives its request."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session
from starlette.datastructures import UploadFile

from app.core import jobs
from app.core.errors import AppError, Invalid, TooLarge
from app.core.rate_limits import COSTLY
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.imports import actions as imports_actions
from app.domain.imports import queries as imports_queries
from app.domain.imports.reading import file_types, limits
from app.domain.imports.reading import mapping as column_mapping
from app.domain.imports.tables import Upload
from app.domain.projects.tables import Project
from app.domain.versions import actions as versions_actions
from app.http.transactions import DbSession
from app.web import import_preview
from app.web.deps import (
    CsrfForm,
    CurrentProject,
    CurrentUser,
    form_str,
    project_context,
    rate_limited,
    redirect,
    requires,
)
from app.web.render import render

router = APIRouter()
SAVED = {"Content-Security-Policy": "sandbox; default-src 'none'", "X-Content-Type-Options": "nosniff"}
FORMATS = {
    "auto": "Find out",
    "jsonl": "JSON Lines or a JSON array",
    "csv": "CSV",
    "parquet": "Parquet",
    "openai": "OpenAI messages",
    "sharegpt": "ShareGPT conversations",
    "alpaca": "Alpaca instructions",
    "argilla": "Argilla records",
    "labelstudio": "Label Studio tasks (JSON)",
}


@router.get("/projects/{slug}/imports", dependencies=[requires(Permission.WRITE_PAIR)])
def new(request: Request, session: DbSession, user: CurrentUser, project: CurrentProject) -> Response:
    return _form(request, session, user, project, {})


@router.post(
    "/projects/{slug}/imports", dependencies=[rate_limited(COSTLY, "imports"), requires(Permission.WRITE_PAIR)]
)
def upload(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject
) -> Response:
    file = form.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        raise Invalid("Choose a file first.", field="file")
    if (file.size or 0) > request.app.state.settings.max_upload_bytes:
        raise TooLarge("This file is larger than the server takes; split it.", field="file")
    form_name, storage = form_str(form, "format") or "auto", request.app.state.storage
    try:
        kept = imports_actions.create_upload(
            session, user, project, storage=storage, data=file.file, filename=file.filename, format=form_name
        )
    except AppError as error:
        if error.status not in (413, 422):
            raise
        return _form(request, session, user, project, {"format": form_name, "filename": file.filename}, error)
    chosen = f"?format={form_name}" if form_name != "auto" else ""
    return redirect(request, f"/projects/{project.slug}/imports/{kept.id}{chosen}")


def _form(
    request: Request,
    session: Session,
    user: User,
    project: Project,
    given: dict[str, str],
    error: AppError | None = None,
) -> Response:
    """The form, again with what was typed and what is wrong with the file."""
    return render(
        request,
        "imports/new.html",
        **project_context(session, user, project, "/pairs"),
        given=given,
        error=error,
        formats=[(name, FORMATS[name]) for name in file_types.FORMATS],
        max_rows=limits.MAX_ROWS,
        max_bytes=request.app.state.settings.max_upload_bytes,
        max_decoded=limits.MAX_DECODED,
    )


@router.get("/projects/{slug}/imports/{upload_id}", dependencies=[requires(Permission.WRITE_PAIR)])
def show_upload(
    request: Request, session: DbSession, user: CurrentUser, project: CurrentProject, upload_id: str
) -> Response:
    """The first rows as they will be imported; the query says what the columns become: c0=prompt&c1=completion."""
    kept = imports_queries.upload_of(session, user, project, upload_id)
    form = request.query_params.get("format", "auto")
    shown = import_preview.of(request.app.state.storage, kept, form, request.query_params)
    return _preview(request, session, user, project, kept, shown, {})


@router.post("/projects/{slug}/imports/{upload_id}", dependencies=[requires(Permission.WRITE_PAIR)])
def import_upload(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject, upload_id: str
) -> Response:
    kept = imports_queries.upload_of(session, user, project, upload_id)
    given = {
        name: form_str(form, name) for name in ("format", "map", "source", "licence", "submit", "approve", "skip_bad")
    }
    storage, form_name = request.app.state.storage, given["format"] or "auto"
    try:
        job = imports_actions.request_import(
            session,
            user,
            project,
            storage=storage,
            data=kept,
            format=form_name,
            source=given["source"],
            license=given["licence"],
            submit=given["submit"] == "yes",
            approve=given["approve"] == "yes",
            skip_bad=given["skip_bad"] == "yes",
            mapping=column_mapping.from_text(given["map"]),
        )
    except AppError as error:
        if error.status not in (413, 422):
            raise
        shown = import_preview.of_map(storage, kept, form_name, given["map"])
        return _preview(request, session, user, project, kept, shown, given, error)
    return redirect(request, f"/jobs/{job.id}")


def _preview(
    request: Request,
    session: Session,
    user: User,
    project: Project,
    kept: Upload,
    shown: import_preview.Preview,
    given: dict[str, str],
    error: AppError | None = None,
) -> Response:
    return render(
        request,
        "imports/mapping.html",
        **project_context(session, user, project, "/pairs"),
        upload=kept,
        shown=shown,
        given=given,
        error=error,
        formats=[(name, FORMATS[name]) for name in file_types.FORMATS],
        targets=import_preview.TARGETS,
        licences=import_preview.LICENSES,
    )


@router.get("/jobs/{job_id}", dependencies=[requires(Permission.READ_PROJECT)])
def show(request: Request, session: DbSession, user: CurrentUser, project: CurrentProject, job_id: str) -> Response:
    job = jobs.by_id(session, job_id)
    done = _where(job, project)
    if done and job.kind != "import":
        return redirect(request, done)
    return render(request, "imports/job.html", **project_context(session, user, project), job=job, done=done)


@router.get("/jobs/{job_id}/progress", dependencies=[requires(Permission.READ_PROJECT)])
def progress(request: Request, session: DbSession, user: CurrentUser, project: CurrentProject, job_id: str) -> Response:
    """The fragment that the page asks for every second; at the end it sends the browser on."""
    job = jobs.by_id(session, job_id)
    response = render(request, "imports/_progress.html", job=job, project=project)
    if job.state not in jobs.OPEN:
        response.headers["HX-Redirect"] = _where(job, project) or f"/jobs/{job.id}"
    return response


@router.get("/jobs/{job_id}/errors", dependencies=[requires(Permission.WRITE_PAIR)])
def errors(request: Request, session: DbSession, user: CurrentUser, job_id: str) -> Response:
    """The bad rows of an import, to mend and send again."""
    job = jobs.by_id(session, job_id)
    address = imports_queries.errors_file_of(session, user, job)
    headers = {"Content-Disposition": f'attachment; filename="bad-rows-{job.id[:12]}.jsonl"', **SAVED}
    return Response(request.app.state.storage.bytes_of(address), media_type="application/x-ndjson", headers=headers)


@router.post("/jobs/{job_id}/cancel", dependencies=[requires(Permission.WRITE_PAIR)])
def cancel(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, job_id: str) -> Response:
    job = jobs.by_id(session, job_id)
    versions_actions.cancel_job(session, user, job)
    return redirect(request, f"/jobs/{job.id}", "Asked to stop.")


def _where(job: jobs.Job, project: Project) -> str | None:
    """Where what the job made can be seen."""
    if job.state != "done":
        return None
    result = job.result or {}
    if "version" in result:
        made = result["version"]
        return f"/versions/{made['id'] if isinstance(made, dict) else made}"
    return None
