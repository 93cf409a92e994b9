"""Upload a file of pairs, preview it, import it; and the page of any background job."""

from __future__ import annotations

from fastapi import APIRouter, Response
from starlette.datastructures import UploadFile

from app.core import jobs
from app.core.errors import AppError, Invalid, TooLarge
from app.core.rate_limits import COSTLY
from app.domain.accounts.permissions import Permission
from app.domain.imports import actions as imports_actions, queries as imports_queries
from app.domain.imports.reading import limits, mapping as column_mapping
from app.domain.imports.tables import Upload
from app.web import imports_preview
from app.web.deps import Page, rate_limited, requires

router = APIRouter()
DOWNLOAD_HEADERS = {"Content-Security-Policy": "sandbox; default-src 'none'", "X-Content-Type-Options": "nosniff"}
FORMATS = {
    "auto": "Auto-detect",
    "jsonl": "JSON Lines or a JSON array",
    "csv": "CSV",
    "parquet": "Parquet",
    **imports_preview.PLATFORMS,
    "labelstudio": "Label Studio tasks (JSON)",
}


@router.get("/projects/{slug}/imports", dependencies=[requires(Permission.WRITE_PAIR)])
def new(page: Page) -> Response:
    return _form(page, {})


@router.post(
    "/projects/{slug}/imports", dependencies=[rate_limited(COSTLY, "imports"), requires(Permission.WRITE_PAIR)]
)
def create(page: Page) -> Response:
    file = page.form.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        raise Invalid("Choose a file.", field="file")
    if (file.size or 0) > page.settings.max_upload_bytes:
        raise TooLarge("This file is too large. Split it and upload the parts.", field="file")
    form_name, storage = page.form.text("format") or "auto", page.storage
    try:
        upload = imports_actions.create_upload(
            page.session,
            page.user,
            page.project,
            storage=storage,
            data=file.file,
            filename=file.filename,
            format=form_name,
        )
    except (Invalid, TooLarge) as error:
        return _form(page, {"format": form_name, "filename": file.filename}, error)
    query = f"?format={form_name}" if form_name != "auto" else ""
    return page.redirect(f"{page.root}/imports/{upload.id}{query}")


def _form(page: Page, values: dict[str, str], error: AppError | None = None) -> Response:
    """Render the form, with the values typed and the error if there is one."""
    return page.render(
        "imports/new.html",
        tab="/pairs",
        values=values,
        error=error,
        formats=list(FORMATS.items()),
        max_rows=limits.MAX_ROWS,
        max_bytes=page.settings.max_upload_bytes,
        max_decoded=limits.MAX_DECODED,
    )


@router.get("/projects/{slug}/imports/{upload_id}", dependencies=[requires(Permission.WRITE_PAIR)])
def show_upload(page: Page, upload_id: str) -> Response:
    """Preview the first rows. The query maps the columns: c0=prompt&c1=completion."""
    upload = imports_queries.upload_of(page.session, page.user, page.project, upload_id)
    form = page.request.query_params.get("format", "auto")
    preview = imports_preview.of(page.storage, upload, form, page.request.query_params)
    return _preview(page, upload, preview, {})


@router.post("/projects/{slug}/imports/{upload_id}", dependencies=[requires(Permission.WRITE_PAIR)])
def import_upload(page: Page, upload_id: str) -> Response:
    upload = imports_queries.upload_of(page.session, page.user, page.project, upload_id)
    values = page.form.texts("format", "map", "source", "license", "submit", "approve", "skip_bad")
    storage, form_name = page.storage, values["format"] or "auto"
    try:
        job = imports_actions.request_import(
            page.session,
            page.user,
            page.project,
            storage=storage,
            data=upload,
            format=form_name,
            source=values["source"],
            license=values["license"],
            submit=values["submit"] == "yes",
            approve=values["approve"] == "yes",
            skip_bad=values["skip_bad"] == "yes",
            mapping=column_mapping.from_text(values["map"]),
        )
    except (Invalid, TooLarge) as error:
        preview = imports_preview.of_map(storage, upload, form_name, values["map"])
        return _preview(page, upload, preview, values, error)
    return page.redirect(f"/jobs/{job.id}")


def _preview(
    page: Page, upload: Upload, preview: imports_preview.Preview, values: dict[str, str], error: AppError | None = None
) -> Response:
    return page.render(
        "imports/mapping.html",
        tab="/pairs",
        upload=upload,
        preview=preview,
        values=values,
        error=error,
        formats=list(FORMATS.items()),
        targets=imports_preview.TARGETS,
        licenses=imports_preview.LICENSES,
    )


@router.get("/jobs/{job_id}", dependencies=[requires(Permission.READ_PROJECT)])
def show(page: Page, job_id: str) -> Response:
    job = jobs.by_id(page.session, job_id)
    url = _result_url(job)
    if url and job.kind != "import":
        return page.redirect(url)
    return page.render("imports/job.html", job=job)


@router.get("/jobs/{job_id}/progress", dependencies=[requires(Permission.READ_PROJECT)])
def progress(page: Page, job_id: str) -> Response:
    """The fragment that the page polls every second. When the job has ended, redirect to its result."""
    job = jobs.by_id(page.session, job_id)
    response = page.render("imports/_progress.html", job=job)
    if job.state not in jobs.OPEN:
        response.headers["HX-Redirect"] = _result_url(job) or f"/jobs/{job.id}"
    return response


@router.get("/jobs/{job_id}/errors", dependencies=[requires(Permission.WRITE_PAIR)])
def errors(page: Page, job_id: str) -> Response:
    """Download the bad rows of an import, to fix and upload again."""
    job = jobs.by_id(page.session, job_id)
    address = imports_queries.errors_file_of(page.session, page.user, job)
    headers = {"Content-Disposition": f'attachment; filename="bad-rows-{job.id[:12]}.jsonl"', **DOWNLOAD_HEADERS}
    return Response(page.storage.bytes_of(address), media_type="application/x-ndjson", headers=headers)


@router.post("/jobs/{job_id}/cancel", dependencies=[requires(Permission.WRITE_PAIR)])
def cancel(page: Page, job_id: str) -> Response:
    job = jobs.by_id(page.session, job_id)
    imports_actions.cancel_job(page.session, page.user, job)
    return page.redirect(f"/jobs/{job.id}", "Cancellation requested.")


def _result_url(job: jobs.Job) -> str | None:
    """Return the page of what the job made, if it has one."""
    version = (job.result or {}).get("version")
    if job.state != "done" or version is None:
        return None
    return f"/versions/{version['id'] if isinstance(version, dict) else version}"
