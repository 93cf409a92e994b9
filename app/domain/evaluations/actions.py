"""Accepting a trainer's completion (run, model and report in one transaction, once), and forgetting examples."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import Conflict, Invalid
from app.domain.audit import actions as audit_actions
from app.domain.evaluations.run_report import BASE, TUNED, missing_scores
from app.domain.evaluations.tables import EvaluationAnswer, EvaluationReport
from app.domain.models import actions as models_actions
from app.domain.runs import actions as runs_actions
from app.domain.runs.tables import TrainingRun
from app.domain.versions import queries as versions_queries
from app.domain.versions.splits import SPLITS
from trainer import protocol


def accept_completion(session: Session, finish: protocol.Finish) -> TrainingRun:
    """End the run; when it is done, register its model and store its report.

    Raises Invalid for a done run without a report, and for an incomplete report. Raises Conflict for a stale token, and
    when an example was withdrawn during the run: such a run must not produce a model.
    """
    if finish.outcome == "done" and finish.report is None:
        raise Invalid("A run that is done needs a report; send it with the finish.", field="report")
    if finish.report is not None:
        _require_both_systems(finish.report)
    run = runs_actions.end(session, finish)
    if finish.report is not None and finish.outcome == "done":
        if run.started_at and versions_queries.withdrawn_since(session, run.version_id, run.started_at, SPLITS):
            raise Conflict("An example was withdrawn during this run; start the run again.", code="withdrawn")
        models_actions.register(session, run, [artifact.model_dump() for artifact in finish.artifacts])
        _store_report(session, run, finish.report, finish.answers)
    audit_actions.record(
        session, None, f"run.{run.state}", "run", run.id, project_id=run.project_id, reason=finish.reason
    )
    runs_actions.notify_finished(session, run)
    return run


def forget(session: Session, run: TrainingRun, revisions: set[str], left: set[tuple[str, str]]) -> int:
    """Blank the answers to these examples and drop the slices that are not `left`. Returns the number of answers."""
    report = session.scalar(select(EvaluationReport).where(EvaluationReport.run_id == run.id))
    if report is None:
        return 0
    slices = [part for part in report.payload["slices"] if (part["tag"], part["value"]) in left]
    report.payload = {**report.payload, "slices": slices}
    rows = session.scalars(select(EvaluationAnswer).where(EvaluationAnswer.report_id == report.id))
    blanked = [answer for answer in rows if answer.example_id in revisions]
    for answer in blanked:
        answer.payload = blank(answer.payload)
    session.flush()
    return len(blanked)


def blank(answer: dict[str, Any]) -> dict[str, Any]:
    """Return a `trainer.protocol.Answer` without texts; the scores stay because the report counts them."""
    outputs = {system: {**output, "text": ""} for system, output in answer["outputs"].items()}
    return {**answer, "prompt": "", "reference": "", "tags": {}, "outputs": outputs}


def _require_both_systems(report: protocol.Report) -> None:
    if report.systems != [BASE, TUNED]:
        raise Invalid(f"The report of a run has the systems {BASE} and {TUNED}.", field="report")
    if missing := missing_scores(report):
        raise Invalid(f"Send both scores and their comparison for each metric: {', '.join(missing)}.", field="report")


def _store_report(session: Session, run: TrainingRun, report: protocol.Report, answers: list[protocol.Answer]) -> None:
    row = EvaluationReport(run_id=run.id, version_id=run.version_id, split="test", payload=report.model_dump())
    session.add(row)
    session.flush()
    session.add_all(
        EvaluationAnswer(report_id=row.id, position=position, example_id=answer.id, payload=answer.model_dump())
        for position, answer in enumerate(answers)
    )
    session.flush()
