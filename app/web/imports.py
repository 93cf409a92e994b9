"""Upload a file of pairs, preview it, import it; and the page of any background job."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session
from starlette.datastructures import UploadFile

from app.core import jobs
from app.core.errors import AppError, Invalid, TooLarge
from app.core.rate_limits import COSTLY
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.imports import actions as imports_actions, queries as imports_queries
from app.domain.imports.reading import file_types, limits, mapping as column_mapping
from app.domain.imports.tables import Upload
from app.domain.projects.tables import Project
from app.domain.versions import actions as versions_actions
from app.http.transactions import DbSession
from app.web import imports_preview
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
from app.web.forms import form_errors
from app.web.render import render

router = APIRouter()
DOWNLOAD_HEADERS = {"Content-Security-Policy": "sandbox; default-src 'none'", "X-Content-Type-Options": "nosniff"}
FORMATS = {
    "auto": "Auto-detect",
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
def create(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject
) -> Response:
    file = form.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        raise Invalid("Choose a file.", field="file")
    if (file.size or 0) > request.app.state.settings.max_upload_bytes:
        raise TooLarge("This file is too large. Split it and upload the parts.", field="file")
    form_name, storage = form_str(form, "format") or "auto", request.app.state.storage
    with form_errors(413, 422) as result:
        upload = imports_actions.create_upload(
            session, user, project, storage=storage, data=file.file, filename=file.filename, format=form_name
        )
    if result.error:
        return _form(request, session, user, project, {"format": form_name, "filename": file.filename}, result.error)
    query = f"?format={form_name}" if form_name != "auto" else ""
    return redirect(request, f"/projects/{project.slug}/imports/{upload.id}{query}")


def _form(
    request: Request,
    session: Session,
    user: User,
    project: Project,
    values: dict[str, str],
    error: AppError | None = None,
) -> Response:
    """Render the form, with the values typed and the error if there is one."""
    return render(
        request,
        "imports/new.html",
        **project_context(session, user, project, "/pairs"),
        values=values,
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
    """Preview the first rows. The query maps the columns: c0=prompt&c1=completion."""
    upload = imports_queries.upload_of(session, user, project, upload_id)
    form = request.query_params.get("format", "auto")
    preview = imports_preview.of(request.app.state.storage, upload, form, request.query_params)
    return _preview(request, session, user, project, upload, preview, {})


@router.post("/projects/{slug}/imports/{upload_id}", dependencies=[requires(Permission.WRITE_PAIR)])
def import_upload(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject, upload_id: str
) -> Response:
    upload = imports_queries.upload_of(session, user, project, upload_id)
    values = {
        name: form_str(form, name) for name in ("format", "map", "source", "licence", "submit", "approve", "skip_bad")
    }
    storage, form_name = request.app.state.storage, values["format"] or "auto"
    with form_errors(413, 422) as result:
        job = imports_actions.request_import(
            session,
            user,
            project,
            storage=storage,
            data=upload,
            format=form_name,
            source=values["source"],
            license=values["licence"],
            submit=values["submit"] == "yes",
            approve=values["approve"] == "yes",
            skip_bad=values["skip_bad"] == "yes",
            mapping=column_mapping.from_text(values["map"]),
        )
    if result.error:
        preview = imports_preview.of_map(storage, upload, form_name, values["map"])
        return _preview(request, session, user, project, upload, preview, values, result.error)
    return redirect(request, f"/jobs/{job.id}")


def _preview(
    request: Request,
    session: Session,
    user: User,
    project: Project,
    upload: Upload,
    preview: imports_preview.Preview,
    values: dict[str, str],
    error: AppError | None = None,
) -> Response:
    return render(
        request,
        "imports/mapping.html",
        **project_context(session, user, project, "/pairs"),
        upload=upload,
        preview=preview,
        values=values,
        error=error,
        formats=[(name, FORMATS[name]) for name in file_types.FORMATS],
        targets=imports_preview.TARGETS,
        licenses=imports_preview.LICENSES,
    )


@router.get("/jobs/{job_id}", dependencies=[requires(Permission.READ_PROJECT)])
def show(request: Request, session: DbSession, user: CurrentUser, project: CurrentProject, job_id: str) -> Response:
    job = jobs.by_id(session, job_id)
    url = _result_url(job)
    if url and job.kind != "import":
        return redirect(request, url)
    return render(request, "imports/job.html", **project_context(session, user, project), job=job)


@router.get("/jobs/{job_id}/progress", dependencies=[requires(Permission.READ_PROJECT)])
def progress(request: Request, session: DbSession, user: CurrentUser, project: CurrentProject, job_id: str) -> Response:
    """The fragment that the page polls every second. When the job has ended, redirect to its result."""
    job = jobs.by_id(session, job_id)
    response = render(request, "imports/_progress.html", job=job, project=project)
    if job.state not in jobs.OPEN:
        response.headers["HX-Redirect"] = _result_url(job) or f"/jobs/{job.id}"
    return response


@router.get("/jobs/{job_id}/errors", dependencies=[requires(Permission.WRITE_PAIR)])
def errors(request: Request, session: DbSession, user: CurrentUser, job_id: str) -> Response:
    """Download the bad rows of an import, to fix and upload again."""
    job = jobs.by_id(session, job_id)
    address = imports_queries.errors_file_of(session, user, job)
    headers = {"Content-Disposition": f'attachment; filename="bad-rows-{job.id[:12]}.jsonl"', **DOWNLOAD_HEADERS}
    return Response(request.app.state.storage.bytes_of(address), media_type="application/x-ndjson", headers=headers)


@router.post("/jobs/{job_id}/cancel", dependencies=[requires(Permission.WRITE_PAIR)])
def cancel(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, job_id: str) -> Response:
    job = jobs.by_id(session, job_id)
    versions_actions.cancel_job(session, user, job)
    return redirect(request, f"/jobs/{job.id}", "Cancellation requested.")


def _result_url(job: jobs.Job) -> str | None:
    """Return the page of what the job made, if it has one."""
    if job.state != "done":
        return None
    result = job.result or {}
    if "version" in result:
        version = result["version"]
        return f"/versions/{version['id'] if isinstance(version, dict) else version}"
    return None
