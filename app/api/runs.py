"""Runs: start, follow, cancel, report and answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse

from app.api.deps import CurrentProject, CurrentUser, Limit, rate_limited, requires
from app.api.idempotency import Idempotent
from app.api.schemas.base import EVENT_STREAM, Items
from app.api.schemas.runs import Answer, NewRun, RunOut, RunReport
from app.api.strict_route import StrictRoute
from app.core import jobs
from app.core.errors import NotFound
from app.core.rate_limits import COSTLY
from app.domain.accounts.permissions import Permission
from app.domain.evaluations import queries as evaluations_queries
from app.domain.runs import actions as runs_actions, queries as runs_queries, stream
from app.domain.runs.tables import TrainingRun
from app.http.transactions import DbSession

router = APIRouter(tags=["runs"], route_class=StrictRoute)


def run_out(session: DbSession, run: TrainingRun) -> RunOut:
    return RunOut.of(run, jobs.by_id(session, run.job_id), runs_queries.latest_event(session, run))


@router.post(
    "/projects/{slug}/runs",
    status_code=202,
    dependencies=[rate_limited(COSTLY, "runs"), requires(Permission.TRAIN)],
    response_model=RunOut,
)
def start(project: CurrentProject, body: NewRun, session: DbSession, user: CurrentUser, once: Idempotent) -> Any:
    def produce() -> RunOut:
        run = runs_actions.request_run(session, user, project, version_id=body.version, recipe=body.recipe)
        return run_out(session, run)

    return once(body, produce, 202)


@router.get("/projects/{slug}/runs", dependencies=[requires(Permission.READ_PROJECT)])
def list_runs(project: CurrentProject, session: DbSession) -> Items[RunOut]:
    return Items(items=[run_out(session, run) for run in runs_queries.runs(session, project)])


@router.get("/runs/{run_id}", dependencies=[requires(Permission.READ_PROJECT)])
def show(run_id: str, session: DbSession, user: CurrentUser) -> RunOut:
    return run_out(session, runs_queries.by_id(session, run_id))


@router.post("/runs/{run_id}/cancel", dependencies=[requires(Permission.TRAIN)])
def cancel(run_id: str, session: DbSession, user: CurrentUser) -> RunOut:
    return run_out(session, runs_actions.cancel_run(session, user, runs_queries.by_id(session, run_id)))


@router.get(
    "/runs/{run_id}/events",
    dependencies=[requires(Permission.READ_PROJECT)],
    response_class=StreamingResponse,
    responses=EVENT_STREAM,
)
def events(
    run_id: str,
    request: Request,
    session: DbSession,
    user: CurrentUser,
    last_event_id: Annotated[int, Header(ge=0)] = 0,
) -> StreamingResponse:
    """Server-sent events, gap-free from `Last-Event-ID`."""
    return StreamingResponse(_stream(request, run_id, last_event_id), media_type="text/event-stream")


async def _stream(request: Request, run_id: str, after: int) -> AsyncIterator[str]:
    async for item in stream.follow(request.app.state.database, run_id, after):
        yield f"id: {item[0]}\ndata: {json.dumps(item[1])}\n\n" if item else ": waiting\n\n"
    yield "event: end\ndata: {}\n\n"


@router.get("/runs/{run_id}/report", dependencies=[requires(Permission.READ_PROJECT)])
def report(run_id: str, session: DbSession) -> RunReport:
    payload = evaluations_queries.report_of(session, runs_queries.by_id(session, run_id))
    if payload is None:
        raise NotFound("This run has no report yet; it gets one when its state is done.")
    return RunReport.model_validate(payload)


@router.get("/runs/{run_id}/answers", dependencies=[requires(Permission.READ_PROJECT)])
def answers(
    run_id: str,
    session: DbSession,
    user: CurrentUser,
    limit: Limit = 50,
    cursor: str | None = None,
    only: str | None = None,
    tag: str | None = None,
    value: str | None = None,
) -> Items[Answer]:
    page = evaluations_queries.answers_page(
        session, runs_queries.by_id(session, run_id), limit=limit, cursor=cursor, only=only, tag=tag, value=value
    )
    return Items(items=[Answer.model_validate(answer) for answer in page.items], next=page.next)
