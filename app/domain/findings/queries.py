"""Reads of findings, and which slices of a report are weak."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.domain.findings.tables import Finding
from app.domain.projects.tables import Project
from trainer.protocol import LOWER_IS_BETTER


def of_project(session: Session, project: Project) -> list[Finding]:
    """Newest first."""
    return list(session.scalars(select(Finding).where(Finding.project_id == project.id).order_by(Finding.id.desc())))


def by_id(session: Session, finding_id: str) -> Finding:
    finding = session.get(Finding, finding_id)
    if finding is None:
        raise NotFound()
    return finding


def weak_slices(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Slices that are worse than the whole, weakest first, each with its `reason`.

    `surely` weak: the slice's 95 % interval ends before the overall score. Otherwise it may be chance, and says so.
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
    words = f"surely {side}" if surely else f"{side} (within chance)"
    return f"{value:.3g} on {n}, {words} {overall:.3g}" if errors else f"{value:.0%} of {n}, {words} {overall:.0%}"
