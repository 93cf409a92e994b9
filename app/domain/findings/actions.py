"""Creating a finding, and opening the round that fixes it."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.core.errors import Conflict, Invalid, NotFound
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.audit import actions as audit_actions
from app.domain.evaluations import queries as evaluations_queries
from app.domain.findings import queries
from app.domain.findings.tables import Finding
from app.domain.projects import access
from app.domain.projects.tables import Project
from app.domain.rounds import actions as rounds_actions
from app.domain.rounds.tables import Round
from app.domain.runs import queries as runs_queries

MAX_FAILING = 20
DEFAULT_COUNT = 20


def create(
    session: Session,
    user: User,
    project: Project,
    *,
    run_id: str,
    tag: str,
    value: str,
    title: str = "",
    note: str = "",
) -> Finding:
    """Create a finding with the failing answers of its slice. Raises NotFound, Conflict without a report, Invalid."""
    access.require(session, user, Permission.OPEN_ROUND, project)
    run = runs_queries.by_id(session, run_id)
    if run.project_id != project.id:
        raise NotFound()
    if evaluations_queries.report_of(session, run) is None:
        raise Conflict("This run has no report yet. Wait until it is done.")
    title = title.strip() or f"Weak on {tag} = {value}"
    if not tag or not value or len(tag) > 60 or len(value) > 120 or len(title) > 160:
        raise Invalid("A finding names a slice (tag and value) and has a title of at most 160 characters.", field="tag")
    failing = evaluations_queries.answers_page(session, run, only="wrong", tag=tag, value=value, limit=MAX_FAILING)
    finding = Finding(
        project_id=project.id,
        run_id=run.id,
        tag=tag,
        value=value,
        title=title,
        note=note,
        failing=failing.items,
        created_by=user.id,
    )
    session.add(finding)
    session.flush()
    audit_actions.record(session, user.id, "finding.created", "finding", finding.id, project_id=project.id, run=run.id)
    return finding


def open_round(
    session: Session,
    user: User,
    finding: Finding,
    *,
    title: str | None = None,
    brief: str | None = None,
    targets: list[dict[str, Any]] | None = None,
) -> Round:
    """Open the next round; a missing brief or target comes from the finding. Raises Conflict."""
    project = access.project_of(session, user, finding.project_id)
    access.require(session, user, Permission.OPEN_ROUND, project)
    if finding.state != "open":
        raise Conflict("This finding has already opened a round.")
    round_ = rounds_actions.create_round(
        session,
        user,
        project,
        title=title or finding.title,
        brief=brief or queries.draft_brief(session, finding),
        targets=targets or [{"tag": finding.tag, "value": finding.value, "count": DEFAULT_COUNT}],
    )
    finding.state, finding.round_id = "in_round", round_.id
    audit_actions.record(
        session, user.id, "finding.opened_round", "finding", finding.id, project_id=project.id, round=round_.id
    )
    return round_
