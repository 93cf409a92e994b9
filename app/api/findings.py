"""Findings and the rounds they open."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from app.api.deps import Body, CurrentProject, CurrentUser, requires
from app.api.rounds import round_json
from app.api.strict_route import StrictRoute
from app.domain.accounts.permissions import Permission
from app.domain.findings import actions as findings_actions
from app.domain.findings import queries as findings_queries
from app.domain.findings.tables import Finding
from app.http.transactions import DbSession

router = APIRouter(tags=["findings"], route_class=StrictRoute)


class NewFinding(Body):
    run_id: str
    tag: str
    value: str
    title: str = ""
    note: str = ""


class RoundOfFinding(Body):
    title: str | None = None
    brief: str | None = None
    targets: list[dict[str, Any]] | None = None


def finding_json(finding: Finding) -> dict[str, Any]:
    names = ("id", "run_id", "tag", "value", "title", "note", "failing", "state", "round_id", "created_at")
    return {name: getattr(finding, name) for name in names}


@router.post("/projects/{slug}/findings", status_code=201, dependencies=[requires(Permission.OPEN_ROUND)])
def create(project: CurrentProject, body: NewFinding, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    return finding_json(findings_actions.create(session, user, project, **body.model_dump()))


@router.get("/projects/{slug}/findings", dependencies=[requires(Permission.READ_PROJECT)])
def list_findings(project: CurrentProject, session: DbSession) -> dict[str, Any]:
    return {"items": [finding_json(finding) for finding in findings_queries.of_project(session, project)], "next": None}


@router.post("/findings/{finding_id}/round", status_code=201, dependencies=[requires(Permission.OPEN_ROUND)])
def open_round(
    finding_id: str, session: DbSession, user: CurrentUser, body: RoundOfFinding | None = None
) -> dict[str, Any]:
    finding = findings_queries.by_id(session, finding_id)
    given = body.model_dump() if body else {}
    return round_json(session, findings_actions.open_round(session, user, finding, **given))
