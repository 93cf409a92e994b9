"""Naming a weakness, and opening the round that mends it."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.core.errors import Conflict, Invalid, NotFound
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.audit import actions as audit_actions
from app.domain.evaluations import queries as evaluations_queries
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
    """A finding with the failing answers of its slice. Raises NotFound, Conflict without a report, Invalid."""
    access.require(session, user, Permission.OPEN_ROUND, project)
    run = runs_queries.by_id(session, run_id)
    if run.project_id != project.id:
        raise NotFound()
    if evaluations_queries.report_of(session, run) is None:
        raise Conflict("This run has no report yet; wait until it is done.")
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
    """The next round, with a brief and targets drawn from the finding where none are given. Raises Conflict."""
    project = access.project_of(session, user, finding.project_id)
    access.require(session, user, Permission.OPEN_ROUND, project)
    if finding.state != "open":
        raise Conflict("This finding has opened a round already.")
    round_ = rounds_actions.create_round(
        session,
        user,
        project,
        title=title or finding.title,
        brief=brief or draft_brief(session, finding),
        targets=targets or [{"tag": finding.tag, "value": finding.value, "count": DEFAULT_COUNT}],
    )
    finding.state, finding.round_id = "in_round", round_.id
    audit_actions.record(
        session, user.id, "finding.opened_round", "finding", finding.id, project_id=project.id, round=round_.id
    )
    return round_


def draft_brief(session: Session, finding: Finding) -> str:
    """What an expert should write, in Markdown. It holds no test example: who copies one spoils the next test."""
    weak = f"The tuned model is weak where **{finding.tag}** is **{finding.value}**"
    lines = [
        weak + (f": {numbers}." if (numbers := _numbers(session, finding)) else "."),
        finding.note,
        "Write realistic new cases of this kind, each with other people, other details and other words than before. "
        "The examples that failed are not quoted: they belong to the test, which would tell nothing if they were "
        "written again.",
    ]
    return "\n\n".join(line for line in lines if line)


def _numbers(session: Session, finding: Finding) -> str:
    """How the slice scored beside the whole test; "" where the report has no such slice, having too few examples."""
    report = evaluations_queries.report_of(session, runs_queries.by_id(session, finding.run_id))
    slices = report["slices"] if report else []
    found = next((one for one in slices if (one["tag"], one["value"]) == (finding.tag, finding.value)), None)
    if report is None or found is None:
        return ""
    tuned, whole = found["tuned"], report["metrics"][report["primary"]]["tuned"]
    return (
        f"{found['metric'].replace('_', ' ')} {tuned['value']:.2f} (95 % interval {tuned['low']:.2f} to "
        f"{tuned['high']:.2f}) on {found['n']} test examples, {whole['value']:.2f} on all {report['n']}"
    )
