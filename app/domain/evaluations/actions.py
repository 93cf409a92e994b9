"""Accepting a trainer's completion: run, model and report in one transaction, once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import Conflict, Invalid
from app.domain.audit import actions as audit_actions
from app.domain.evaluations.tables import EvaluationAnswer, EvaluationReport
from app.domain.models import actions as models_actions
from app.domain.runs import actions as runs_actions
from app.domain.runs.tables import TrainingRun
from app.domain.versions import queries as versions_queries
from app.domain.versions.splits import SPLITS
from trainer import protocol


def accept_completion(session: Session, finish: protocol.Finish) -> TrainingRun:
    """End the run; when it is done, register its model and keep its report. Raises Conflict for a stale token.

    Raises Conflict, too, when an example was withdrawn while the run trained on it: no model may come of that.
    """
    if finish.outcome == "done" and finish.report is None:
        raise Invalid("A run that is done brings its report.", field="report")
    run = runs_actions.end(session, finish)
    if finish.outcome == "done":
        _refuse_withdrawn(session, run)
    if finish.report is not None and finish.outcome == "done":
        models_actions.register(session, run, [artifact.model_dump() for artifact in finish.artifacts])
        _keep_report(session, run, finish.report, finish.answers)
    audit_actions.record(
        session, None, f"run.{run.state}", "run", run.id, project_id=run.project_id, reason=finish.reason
    )
    runs_actions.notify_finished(session, run)
    return run


def forget(session: Session, run: TrainingRun, revisions: set[str], left: set[tuple[str, str]]) -> int:
    """Blank the answers to these examples, and drop slices that no example is `left` in. Returns how many."""
    report = session.scalar(select(EvaluationReport).where(EvaluationReport.run_id == run.id))
    if report is None:
        return 0
    report.payload = {**report.payload, "slices": slices_left(report.payload["slices"], left)}
    rows = session.scalars(select(EvaluationAnswer).where(EvaluationAnswer.report_id == report.id))
    blanked = [answer for answer in rows if answer.example_id in revisions]
    for answer in blanked:
        answer.payload = blank(answer.payload)
    session.flush()
    return len(blanked)


def blank(answer: dict[str, Any]) -> dict[str, Any]:
    """A `trainer.protocol.Answer` less its texts; the scores stay, for the report counts them."""
    texts = {side: {**answer[side], "text": ""} for side in ("base", "tuned")}
    return {**answer, "prompt": "", "reference": "", "tags": {}, **texts}


def slices_left(slices: list[dict[str, Any]], left: set[tuple[str, str]]) -> list[dict[str, Any]]:
    return [one for one in slices if (one["tag"], one["value"]) in left]


def _refuse_withdrawn(session: Session, run: TrainingRun) -> None:
    if run.started_at and versions_queries.withdrawn_since(session, run.version_id, run.started_at, SPLITS):
        raise Conflict("An example was withdrawn while this run trained on it; start the run again.", code="withdrawn")


def _keep_report(session: Session, run: TrainingRun, report: protocol.Report, answers: list[protocol.Answer]) -> None:
    kept = EvaluationReport(run_id=run.id, payload=report.model_dump())
    session.add(kept)
    session.flush()
    for position, answer in enumerate(answers):
        primary = answer.scores.get(report.primary, {})
        session.add(
            EvaluationAnswer(
                report_id=kept.id,
                position=position,
                example_id=answer.id,
                payload=answer.model_dump(),
                base_right=primary.get("base", 0.0) >= 1.0,
                tuned_right=primary.get("tuned", 0.0) >= 1.0,
            )
        )
    session.flush()
