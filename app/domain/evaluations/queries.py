"""Reads of reports and answers."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import Invalid
from app.core.paging import Page
from app.domain.evaluations.tables import EvaluationAnswer, EvaluationReport
from app.domain.runs.tables import TrainingRun

ONLY = ("gained", "lost", "wrong")


def report_of(session: Session, run: TrainingRun) -> dict[str, Any] | None:
    """The run's `trainer.protocol.Report`, or None while there is none."""
    return session.scalar(select(EvaluationReport.payload).where(EvaluationReport.run_id == run.id))


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
    """Answers in test order. `only`: gained (now right), lost (now wrong) or wrong; `tag` and `value` name a slice."""
    if only and only not in ONLY:
        raise Invalid(f"only is one of {', '.join(ONLY)}.", field="only")
    if not 1 <= limit <= 500 or (cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 10)):
        raise Invalid("limit is 1 to 500, and cursor is the `next` of the page before.", field="limit")
    statement = (
        select(EvaluationAnswer)
        .join(EvaluationReport, EvaluationReport.id == EvaluationAnswer.report_id)
        .where(EvaluationReport.run_id == run.id, EvaluationAnswer.position > (int(cursor) if cursor else -1))
        .order_by(EvaluationAnswer.position)
    )
    if only == "wrong":
        statement = statement.where(EvaluationAnswer.tuned_right.is_(False))
    elif only:
        statement = statement.where(
            EvaluationAnswer.base_right.is_(only == "lost"), EvaluationAnswer.tuned_right.is_(only == "gained")
        )
    rows = [row for row in session.scalars(statement) if not tag or row.payload["tags"].get(tag) == value]
    more = len(rows) > limit
    return Page([row.payload for row in rows[:limit]], str(rows[limit - 1].position) if more else None)
