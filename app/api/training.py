"""Runs: start, follow, cancel, report and answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse
from pydantic import Field

from app.api.deps import Body, Db, InProject, Limit, Me, asks, limited
from app.api.once import Once
from app.api.strict import StrictRoute
from app.core import jobs
from app.core.errors import NotFound
from app.core.limits import COSTLY
from app.domain.accounts.permissions import Permission
from app.domain.evaluation import queries as evaluation
from app.domain.projects import access
from app.domain.training import actions, queries, stream
from app.domain.training.tables import TrainingRun

router = APIRouter(tags=["runs"], route_class=StrictRoute)


class NewRun(Body):
    version: str
    recipe: dict[str, Any] = Field(default_factory=dict)


def run_json(session: Db, run: TrainingRun) -> dict[str, Any]:
    job = jobs.by_id(session, run.job_id)
    names = (
        "id",
        "number",
        "version_id",
        "recipe",
        "seed",
        "state",
        "attempt",
        "error",
        "created_at",
        "started_at",
        "finished_at",
    )
    progress = {"done": job.progress_done, "total": job.progress_total, "eta_seconds": job.eta_seconds}
    return {
        **{name: getattr(run, name) for name in names},
        "job": job.id,
        "progress": progress,
        "latest": queries.latest_event(session, run),
    }


def _run(session: Db, user: Me, run_id: str) -> TrainingRun:
    run = queries.by_id(session, run_id)
    access.project_of(session, user, run.project_id)
    return run


@router.post("/projects/{slug}/runs", status_code=202, dependencies=[limited(COSTLY, "runs"), asks(Permission.TRAIN)])
def start(project: InProject, body: NewRun, session: Db, user: Me, once: Once) -> Any:
    def request() -> dict[str, Any]:
        run = actions.request_run(session, user, project, version_id=body.version, recipe=body.recipe)
        return run_json(session, run)

    return once(body, lambda: access.require(session, user, Permission.TRAIN, project), request, 202)


@router.get("/projects/{slug}/runs", dependencies=[asks(Permission.READ_PROJECT)])
def list_runs(project: InProject, session: Db) -> dict[str, Any]:
    return {"items": [run_json(session, run) for run in queries.runs(session, project)], "next": None}


@router.get("/runs/{run_id}", dependencies=[asks(Permission.READ_PROJECT)])
def show(run_id: str, session: Db, user: Me) -> dict[str, Any]:
    return run_json(session, _run(session, user, run_id))


@router.post("/runs/{run_id}/cancel", dependencies=[asks(Permission.TRAIN)])
def cancel(run_id: str, session: Db, user: Me) -> dict[str, Any]:
    return run_json(session, actions.cancel_run(session, user, _run(session, user, run_id)))


@router.get("/runs/{run_id}/events", dependencies=[asks(Permission.READ_PROJECT)])
def events(
    run_id: str, request: Request, session: Db, user: Me, last_event_id: Annotated[int, Header(ge=0)] = 0
) -> StreamingResponse:
    """Server-sent events, gap-free from `Last-Event-ID`."""
    _run(session, user, run_id)
    return StreamingResponse(_stream(request, run_id, last_event_id), media_type="text/event-stream")


async def _stream(request: Request, run_id: str, after: int) -> AsyncIterator[str]:
    async for item in stream.follow(request.app.state.database, run_id, after):
        yield f"id: {item[0]}\ndata: {json.dumps(item[1])}\n\n" if item else ": waiting\n\n"
    yield "event: end\ndata: {}\n\n"


@router.get("/runs/{run_id}/report", dependencies=[asks(Permission.READ_PROJECT)])
def report(run_id: str, session: Db, user: Me) -> dict[str, Any]:
    found = evaluation.report_of(session, _run(session, user, run_id))
    if found is None:
        raise NotFound("This run has no report; it has one when its state is done.")
    return found


@router.get("/runs/{run_id}/answers", dependencies=[asks(Permission.READ_PROJECT)])
def answers(
    run_id: str,
    session: Db,
    user: Me,
    limit: Limit = 50,
    cursor: str | None = None,
    only: str | None = None,
    tag: str | None = None,
    value: str | None = None,
) -> dict[str, Any]:
    page = evaluation.answers_page(
        session, _run(session, user, run_id), limit=limit, cursor=cursor, only=only, tag=tag, value=value
    )
    return {"items": page.items, "next": page.next}
