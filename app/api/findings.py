"""Findings, and the rounds opened for them."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.deps import CurrentProject, CurrentUser, requires
from app.api.rounds import round_out
from app.api.schemas.base import Items
from app.api.schemas.findings import FindingOut, NewFinding, RoundOfFinding
from app.api.schemas.rounds import RoundOut
from app.api.strict_route import StrictRoute
from app.domain.accounts.permissions import Permission
from app.domain.findings import actions as findings_actions, queries as findings_queries
from app.http.transactions import DbSession

router = APIRouter(tags=["findings"], route_class=StrictRoute)


@router.post("/projects/{slug}/findings", status_code=201, dependencies=[requires(Permission.OPEN_ROUND)])
def create(project: CurrentProject, body: NewFinding, session: DbSession, user: CurrentUser) -> FindingOut:
    return FindingOut.model_validate(findings_actions.create(session, user, project, **body.model_dump()))


@router.get("/projects/{slug}/findings", dependencies=[requires(Permission.READ_PROJECT)])
def list_findings(project: CurrentProject, session: DbSession) -> Items[FindingOut]:
    findings = findings_queries.of_project(session, project)
    return Items(items=[FindingOut.model_validate(finding) for finding in findings])


@router.post(
    "/findings/{finding_id}/round",
    status_code=201,
    dependencies=[requires(Permission.OPEN_ROUND)],
    response_model_exclude_unset=True,
)
def open_round(finding_id: str, session: DbSession, user: CurrentUser, body: RoundOfFinding | None = None) -> RoundOut:
    finding = findings_queries.by_id(session, finding_id)
    fields = body.model_dump() if body else {}
    return round_out(session, findings_actions.open_round(session, user, finding, **fields))
