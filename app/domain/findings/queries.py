"""Reads of findings, the weak slices of a report, and the draft of a brief."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.domain.evaluations import queries as evaluations_queries
from app.domain.findings.tables import Finding
from app.domain.projects.tables import Project
from app.domain.runs import queries as runs_queries
from trainer.protocol import LOWER_IS_BETTER


def of_project(session: Session, project: Project) -> list[Finding]:
    """Return the findings of a project, newest first."""
    return list(session.scalars(select(Finding).where(Finding.project_id == project.id).order_by(Finding.id.desc())))


def by_id(session: Session, finding_id: str) -> Finding:
    """Raises NotFound."""
    finding = session.get(Finding, finding_id)
    if finding is None:
        raise NotFound()
    return finding


def weak_slices(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the slices that score worse than the whole test, weakest first, each with its `reason`.

    `surely` is true if the slice's 95% interval excludes the overall score; otherwise the difference may be chance.
    """
    errors = report["primary"] in LOWER_IS_BETTER
    overall = report["metrics"][report["primary"]]["tuned"]["value"]
    weak = []
    for part in report["slices"]:
        tuned = part["tuned"]
        if tuned["value"] > overall if errors else tuned["value"] < overall:
            sure = tuned["low"] > overall if errors else tuned["high"] < overall
            weak.append({**part, "surely": sure, "reason": _reason(tuned["value"], part["n"], overall, sure, errors)})
    worst = -1 if errors else 1
    return sorted(weak, key=lambda part: (not part["surely"], worst * part["tuned"]["value"], -part["n"]))


def _reason(value: float, n: int, overall: float, surely: bool, errors: bool) -> str:
    side = "above" if errors else "below"
    average = f"{overall:.3g}" if errors else f"{overall:.1%}"
    words = f"significantly {side} average ({average})" if surely else f"{side} average ({average}), not significant"
    return f"{value:.3g} on {n:,}, {words}" if errors else f"{value:.1%} of {n:,}, {words}"


def draft_brief(session: Session, finding: Finding) -> str:
    """Draft what experts should write, in Markdown. It quotes no test example: a copied example would spoil the next
    test."""
    weak = f"The tuned model is weak where **{finding.tag}** is **{finding.value}**"
    lines = [
        weak + (f": {numbers}." if (numbers := _numbers(session, finding)) else "."),
        finding.note,
        "Write realistic new cases of this kind, each with different people, details, and wording. "
        "The failed examples are not quoted: they belong to the test, and copies would invalidate it.",
    ]
    return "\n\n".join(line for line in lines if line)


def _numbers(session: Session, finding: Finding) -> str:
    """Return the score of the slice and of the whole test, or "" for a slice with too few examples for the report."""
    report = evaluations_queries.report_of(session, runs_queries.by_id(session, finding.run_id))
    slices = report["slices"] if report else []
    part = next((row for row in slices if (row["tag"], row["value"]) == (finding.tag, finding.value)), None)
    if report is None or part is None:
        return ""
    tuned, whole = part["tuned"], report["metrics"][report["primary"]]["tuned"]
    form = ".3g" if part["metric"] in LOWER_IS_BETTER else ".1%"
    return (
        f"{part['metric'].replace('_', ' ')} {tuned['value']:{form}} (95% interval {tuned['low']:{form}} to "
        f"{tuned['high']:{form}}) on {part['n']:,} test examples, {whole['value']:{form}} on all {report['n']:,}"
    )
