"""Accepting a trainer's completion: run, model and report in one transaction, once."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.core.errors import Invalid
from app.domain.audit import actions as audit
from app.domain.evaluation.tables import EvaluationAnswer, EvaluationReport
from app.domain.registry import actions as registry
from app.domain.training import actions as training
from app.domain.training.tables import TrainingRun
from trainer import protocol


def accept_completion(session: Session, finish: protocol.Finish) -> TrainingRun:
    """End the run; when it is done, register its model and keep its report. Raises Conflict for a stale token."""
    if finish.outcome == "done" and finish.report is None:
        raise Invalid("A run that is done brings its report.", field="report")
    run = training.end(session, finish)
    if finish.report is not None and finish.outcome == "done":
        registry.register(session, run, [artifact.model_dump() for artifact in finish.artifacts])
        _keep_report(session, run, finish.report, finish.answers)
    audit.record(session, None, f"run.{run.state}", "run", run.id, project_id=run.project_id, reason=finish.reason)
    return run


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
