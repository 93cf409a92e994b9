"""Fine-tuning runs: the list, the form, and one run, with its live curve while it trains and its report once done."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request, Response
from sse_starlette.sse import EventSourceResponse
from starlette.concurrency import run_in_threadpool

from app.core import jobs
from app.core.errors import AppError, Conflict, Invalid
from app.core.rate_limits import COSTLY
from app.domain.accounts.permissions import Permission
from app.domain.evaluations import queries as evaluations_queries
from app.domain.findings import queries as findings_queries
from app.domain.lineage import queries as lineage_queries
from app.domain.models import queries as models_queries
from app.domain.runs import actions as runs_actions, queries as runs_queries
from app.domain.runs.tables import TrainingRun
from app.domain.versions import queries as versions_queries
from app.web import evaluations, runs_recipe
from app.web.deps import Page, rate_limited, requires
from app.web.render import with_query

router = APIRouter()
FILTERS = ("gained", "lost", "wrong")


@router.get("/projects/{slug}/runs", dependencies=[requires(Permission.READ_PROJECT)])
def index(page: Page) -> Response:
    versions = {version.id: version for version in versions_queries.versions(page.session, page.project)}
    rows = [
        (run, versions.get(run.version_id), _primary_metric(page, run))
        for run in runs_queries.runs(page.session, page.project)
    ]
    return page.render("runs/list.html", tab="/runs", rows=rows, versions=versions)


def _primary_metric(page: Page, run: TrainingRun) -> dict[str, Any] | None:
    report = evaluations_queries.report_of(page.session, run) if run.state == "done" else None
    return evaluations.metric_row(report["primary"], report["metrics"][report["primary"]]) if report else None


@router.get("/projects/{slug}/runs/new", dependencies=[requires(Permission.TRAIN)])
def new(page: Page, version: str = "") -> Response:
    return _form(page, {"version": version, "base_model": page.project.base_model})


@router.post("/projects/{slug}/runs", dependencies=[rate_limited(COSTLY, "runs"), requires(Permission.TRAIN)])
def start(page: Page) -> Response:
    recipe, version_id = runs_recipe.read(page.form), page.form.text("version")
    try:
        run = runs_actions.request_run(page.session, page.user, page.project, version_id=version_id, recipe=recipe)
    except (Conflict, Invalid) as error:
        return _form(page, {name: str(value) for name, value in page.form.multi_items()}, error)
    return page.redirect(f"/runs/{run.id}")


def _form(page: Page, values: dict[str, str], error: AppError | None = None) -> Response:
    return page.render(
        "runs/new.html",
        error=error,
        values=values,
        tab="/runs",
        versions=versions_queries.versions(page.session, page.project),
        basic_fields=runs_recipe.fields(basic=True),
        more_fields=runs_recipe.fields(basic=False),
    )


@router.get("/runs/{run_id}", dependencies=[requires(Permission.READ_PROJECT)])
def show(
    page: Page, run_id: str, only: str = "", tag: str = "", value: str = "", cursor: str | None = None
) -> Response:
    run = runs_queries.by_id(page.session, run_id)
    common: dict[str, Any] = {
        "tab": "/runs",
        "run": run,
        "version": versions_queries.by_id(page.session, run.version_id),
        "curve": runs_queries.curve(page.session, run),
        "job": jobs.by_id(page.session, run.job_id) if run.job_id else None,
    }
    report = evaluations_queries.report_of(page.session, run) if run.state == "done" else None
    if report is None:
        latest = runs_queries.latest_event(page.session, run) or {}
        return page.render("runs/live.html", **common, latest=latest, last_seq=latest.get("seq", 0))
    chosen = {name: text for name, text in {"only": only, "tag": tag, "value": value}.items() if text}
    answers = evaluations_queries.answers_page(
        page.session,
        run,
        limit=10,
        cursor=cursor,
        only=only if only in FILTERS else None,
        tag=tag or None,
        value=value or None,
    )
    return page.render(
        "evaluations/report.html",
        **common,
        report=report,
        headline=evaluations.headline(report),
        rows=evaluations.rows(report),
        baselines=evaluations.baselines(report),
        answers=answers,
        slices=evaluations.slice_rows(report, findings_queries.weak_slices(report)),
        chosen=chosen,
        filters=FILTERS,
        model=models_queries.of_run(page.session, run),
        withdrawn=lineage_queries.withdrawn_training_examples(page.session, run),
        link=lambda **more: with_query(f"/runs/{run.id}", chosen | more) + "#answers",
        findings={
            (finding.tag, finding.value): finding
            for finding in findings_queries.of_project(page.session, page.project)
            if finding.run_id == run.id
        },
    )


@router.post("/runs/{run_id}/cancel", dependencies=[requires(Permission.TRAIN)])
def cancel(page: Page, run_id: str) -> Response:
    run = runs_queries.by_id(page.session, run_id)
    runs_actions.cancel_run(page.session, page.user, run)
    return page.redirect(f"/runs/{run.id}", "Cancellation requested. The trainer stops after the current step.")


@router.get("/runs/{run_id}/events", dependencies=[requires(Permission.READ_PROJECT)])
async def events(request: Request, run_id: str, after: int = 0) -> Response:
    """Stream numbered progress events. A browser that reconnects continues after its Last-Event-ID."""
    last = request.headers.get("last-event-id", "")
    start = int(last) if last.isdigit() else after
    return EventSourceResponse(_event_stream(request, run_id, start), ping=15)


async def _event_stream(request: Request, run_id: str, seq: int) -> AsyncIterator[dict[str, Any]]:
    """Yield events as they arrive, then the final state of the run."""
    database = request.app.state.database
    async for event in runs_queries.follow(database, run_id, seq):
        if await request.is_disconnected():
            return
        if event is not None:
            yield {"event": "progress", "id": str(event[0]), "data": json.dumps(event[1])}
    yield {"event": "end", "data": await run_in_threadpool(_state, request, run_id)}


def _state(request: Request, run_id: str) -> str:
    """Read the state in a short transaction, so that an open stream holds no connection."""
    with request.app.state.database.read() as session:
        return str(runs_queries.by_id(session, run_id).state)
