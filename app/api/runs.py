"""Runs: start, follow, cancel, report and answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Header, Request
from fastapi.responses import StreamingResponse
from pydantic import ConfigDict, Field

from app.api.deps import CurrentProject, CurrentUser, DbSession, Limit, rate_limited, requires
from app.api.idempotency import Idempotent
from app.api.jobs import JobProgress
from app.api.schemas import Body, Items, Json, Model, StoredModel, Timestamp, other_response
from app.api.strict_route import strict_router
from app.core import jobs
from app.core.errors import NotFound
from app.core.rate_limits import COSTLY
from app.domain.accounts.permissions import Permission
from app.domain.evaluations import queries as evaluations_queries
from app.domain.runs import actions as runs_actions, queries as runs_queries
from app.domain.runs.tables import TrainingRun

router = strict_router("runs")
EVENT = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("id", "event", "data")},
    "required": ["data"],
}


class NewRun(Body):
    version: str
    recipe: Json = Field(default_factory=dict)


class RunOut(StoredModel):
    number: int
    version_id: str
    recipe: Json
    resolved_recipe: Json | None = Field(description='What the trainer used for "auto"; null until the run is done.')
    seed: int
    state: str
    attempt: int
    error: str
    started_at: Timestamp | None
    finished_at: Timestamp | None
    job: str
    progress: JobProgress
    latest: Json | None = Field(description="The trainer's last event.")


class RunReport(Model):
    """What the trainer computed: metric -> {base, tuned, delta}, each with its interval."""

    model_config = ConfigDict(extra="allow")
    n: int
    primary: str
    metrics: dict[str, Json]
    slices: list[Json]


class Answer(Model):
    """One test example with the answers of the base model and of the tuned model."""

    model_config = ConfigDict(extra="allow")
    prompt: str
    reference: str


def run_out(session: DbSession, run: TrainingRun) -> RunOut:
    progress, latest = jobs.by_id(session, run.job_id), runs_queries.latest_event(session, run)
    return RunOut.of(run, job=run.job_id, progress=progress, latest=latest)


@router.post(
    "/projects/{slug}/runs", status_code=202, dependencies=[rate_limited(COSTLY, "runs"), requires(Permission.TRAIN)]
)
def start(project: CurrentProject, body: NewRun, session: DbSession, user: CurrentUser, once: Idempotent) -> RunOut:
    def produce() -> RunOut:
        run = runs_actions.request_run(session, user, project, version_id=body.version, recipe=body.recipe)
        return run_out(session, run)

    return once(body, RunOut, produce, 202)


@router.get("/projects/{slug}/runs", dependencies=[requires(Permission.READ_PROJECT)])
def list_runs(project: CurrentProject, session: DbSession) -> Items[RunOut]:
    return Items[RunOut](items=[run_out(session, run) for run in runs_queries.runs(session, project)])


@router.get("/runs/{run_id}", dependencies=[requires(Permission.READ_PROJECT)])
def show(run_id: str, session: DbSession) -> RunOut:
    return run_out(session, runs_queries.by_id(session, run_id))


@router.post("/runs/{run_id}/cancel", dependencies=[requires(Permission.TRAIN)])
def cancel(run_id: str, session: DbSession, user: CurrentUser) -> RunOut:
    return run_out(session, runs_actions.cancel_run(session, user, runs_queries.by_id(session, run_id)))


@router.get(
    "/runs/{run_id}/events",
    dependencies=[requires(Permission.READ_PROJECT)],
    **other_response("Server-sent events; `data` is JSON", EVENT, "text/event-stream"),
)
def events(run_id: str, request: Request, last_event_id: Annotated[int, Header(ge=0)] = 0) -> StreamingResponse:
    """Server-sent events, gap-free from `Last-Event-ID`."""
    return StreamingResponse(_stream(request, run_id, last_event_id), media_type="text/event-stream")


async def _stream(request: Request, run_id: str, after: int) -> AsyncIterator[str]:
    async for item in runs_queries.follow(request.app.state.database, run_id, after):
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
    limit: Limit = 50,
    cursor: str | None = None,
    only: str | None = None,
    tag: str | None = None,
    value: str | None = None,
) -> Items[Answer]:
    page = evaluations_queries.answers_page(
        session, runs_queries.by_id(session, run_id), limit=limit, cursor=cursor, only=only, tag=tag, value=value
    )
    return Items[Answer].of(page)
