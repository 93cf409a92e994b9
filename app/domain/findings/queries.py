"""Reads of findings, and which slices of a report are weak."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.domain.findings.tables import Finding
from app.domain.projects.tables import Project


def of_project(session: Session, project: Project) -> list[Finding]:
    """Newest first."""
    return list(session.scalars(select(Finding).where(Finding.project_id == project.id).order_by(Finding.id.desc())))


def by_id(session: Session, finding_id: str) -> Finding:
    finding = session.get(Finding, finding_id)
    if finding is None:
        raise NotFound()
    return finding


def weak_slices(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Slices below the overall score, weakest first, each with its `reason`.

    `surely` weak: the slice's 95 % interval ends below the overall score. Otherwise it may be chance, and says so.
    """
    overall = report["metrics"][report["primary"]]["tuned"]["value"]
    weak = []
    for part in report["slices"]:
        tuned = part["tuned"]
        if tuned["value"] < overall:
            sure = tuned["high"] < overall
            words = "surely below" if sure else "below (within chance)"
            weak.append(
                {**part, "surely": sure, "reason": f"{tuned['value']:.0%} of {part['n']}, {words} {overall:.0%}"}
            )
    return sorted(weak, key=lambda part: (not part["surely"], part["tuned"]["value"], -part["n"]))
