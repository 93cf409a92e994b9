"""Findings, and the rounds opened for them."""

from __future__ import annotations

from app.api.deps import CurrentProject, CurrentUser, DbSession, requires
from app.api.rounds import RoundOut, round_out
from app.api.schemas import Body, Items, Json, StoredModel
from app.api.strict_route import strict_router
from app.domain.accounts.permissions import Permission
from app.domain.findings import actions as findings_actions, queries as findings_queries

router = strict_router("findings")


class NewFinding(Body):
    run_id: str
    tag: str
    value: str
    title: str = ""
    note: str = ""


class RoundOfFinding(Body):
    title: str | None = None
    brief: str | None = None
    targets: list[Json] | None = None


class FindingOut(StoredModel):
    run_id: str
    tag: str
    value: str
    title: str
    note: str
    failing: list[Json]
    state: str
    round_id: str | None


@router.post("/projects/{slug}/findings", status_code=201, dependencies=[requires(Permission.OPEN_ROUND)])
def create(project: CurrentProject, body: NewFinding, session: DbSession, user: CurrentUser) -> FindingOut:
    return FindingOut.of(findings_actions.create(session, user, project, **body.model_dump()))


@router.get("/projects/{slug}/findings", dependencies=[requires(Permission.READ_PROJECT)])
def list_findings(project: CurrentProject, session: DbSession) -> Items[FindingOut]:
    return Items[FindingOut](items=findings_queries.of_project(session, project))


@router.post("/findings/{finding_id}/round", status_code=201, dependencies=[requires(Permission.OPEN_ROUND)])
def open_round(finding_id: str, session: DbSession, user: CurrentUser, body: RoundOfFinding | None = None) -> RoundOut:
    finding = findings_queries.by_id(session, finding_id)
    fields = body.model_dump() if body else {}
    return round_out(session, findings_actions.open_round(session, user, finding, **fields))
