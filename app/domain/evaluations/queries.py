"""Reads of reports and answers."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import Invalid
from app.core.paging import Page, parse_position, require_limit
from app.domain.evaluations.run_report import BASE, TUNED, answer_view, is_right, report_view
from app.domain.evaluations.tables import EvaluationAnswer, EvaluationReport
from app.domain.runs.tables import TrainingRun

ONLY = ("gained", "lost", "wrong")


def report_of(session: Session, run: TrainingRun) -> dict[str, Any] | None:
    """Return the run's report in its public shape (`run_report.report_view`), or None while there is none."""
    payload = session.scalar(select(EvaluationReport.payload).where(EvaluationReport.run_id == run.id))
    return report_view(payload) if payload else None


def answers_page(
    session: Session,
    run: TrainingRun,
    *,
    limit: int = 50,
    cursor: str | None = None,
    only: str | None = None,
    tag: str | None = None,
    value: str | None = None,
) -> Page[dict[str, Any]]:
    """Return answers in test order. `only`: gained (now right), lost (now wrong) or wrong; `tag` and `value` select a
    slice. Raises Invalid."""
    if only and only not in ONLY:
        raise Invalid(f"only is one of {', '.join(ONLY)}.", field="only")
    require_limit(limit)
    after = parse_position(cursor, 9) if cursor else -1
    report = session.scalar(select(EvaluationReport).where(EvaluationReport.run_id == run.id))
    if report is None:
        return Page([], None)
    statement = (
        select(EvaluationAnswer)
        .where(EvaluationAnswer.report_id == report.id, EvaluationAnswer.position > after)
        .order_by(EvaluationAnswer.position)
    )
    rows = [
        row
        for row in session.scalars(statement)
        if (not tag or row.payload["tags"].get(tag) == value) and _matches(row.payload, only, report.payload["primary"])
    ]
    more = len(rows) > limit
    return Page([answer_view(row.payload) for row in rows[:limit]], str(rows[limit - 1].position) if more else None)


def _matches(answer: dict[str, Any], only: str | None, metric: str) -> bool:
    base, tuned = is_right(answer, BASE, metric), is_right(answer, TUNED, metric)
    return {"gained": tuned and not base, "lost": base and not tuned, "wrong": not tuned}.get(only or "", True)
