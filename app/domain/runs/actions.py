"""Starting and canceling runs, and the trainer's calls while it holds the job."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from sqlalchemy.orm import Session

from app.core import jobs
from app.core.db.base import now
from app.core.errors import Conflict, Invalid, NotFound
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.audit import actions as audit_actions
from app.domain.notifications import actions as notifications_actions
from app.domain.projects import access, queries as projects_queries
from app.domain.projects.tables import Project
from app.domain.runs import queries
from app.domain.runs.tables import TRAIN, RunEvent, TrainingRun
from app.domain.versions import queries as versions_queries
from app.domain.versions.splits import SPLITS
from trainer import protocol


def request_run(
    session: Session, user: User, project: Project, *, version_id: str, recipe: dict[str, Any]
) -> TrainingRun:
    """Queue a run. Raises Forbidden, NotFound for a version of another project, Invalid that names the recipe's field,
    Conflict for an empty split."""
    access.require(session, user, Permission.TRAIN, project)
    version = versions_queries.by_id(session, version_id)
    if version.project_id != project.id:
        raise NotFound()
    parsed = parse_recipe({"base_model": project.base_model, **recipe})
    files = versions_queries.files_of(version)
    if empty := [name for name in SPLITS if not files[name]["examples"]]:
        raise Conflict(f"The {empty[0]} split of this version is empty; create a version with more pairs.")
    job = jobs.enqueue(
        session,
        TRAIN,
        {"version": version.id},
        project_id=project.id,
        created_by=user.id,
        files=[file["sha256"] for file in files.values()],
    )
    run = TrainingRun(
        project_id=project.id,
        number=projects_queries.next_number(session, TrainingRun, project.id),
        version_id=version.id,
        job_id=job.id,
        recipe=parsed.model_dump(),
        seed=parsed.seed,
        created_by=user.id,
    )
    session.add(run)
    session.flush()
    audit_actions.record(session, user.id, "run.requested", "run", run.id, project_id=project.id, version=version.id)
    return run


def parse_recipe(recipe: dict[str, Any]) -> protocol.Recipe:
    """Raises Invalid that names the field."""
    try:
        return protocol.Recipe.model_validate(recipe)
    except ValidationError as error:
        field, problem = protocol.first_problem(error)
        raise Invalid(f"recipe.{field}: {problem}.", field=f"recipe.{field}") from error


def cancel_run(session: Session, user: User, run: TrainingRun) -> TrainingRun:
    """Cancel a queued run, or ask the trainer to stop a running one. Raises Forbidden, Conflict for an ended run."""
    project = access.project_of(session, user, run.project_id)
    access.require(session, user, Permission.TRAIN, project)
    job = jobs.request_cancel(session, run.job_id)
    if job.state == "cancelled":
        run.state, run.finished_at = "cancelled", now()
    audit_actions.record(session, user.id, "run.cancelled", "run", run.id, project_id=project.id)
    return run


def claim(session: Session, worker: str, watch: jobs.LeaseMonitor) -> protocol.Claim | None:
    """Lease the next run to a trainer; None when no run is queued."""
    job = jobs.claim(session, [TRAIN], worker, watch)
    _copy_ended_jobs(session)
    if job is None:
        return None
    run = queries.of_job(session, job.id)
    version = versions_queries.by_id(session, run.version_id)
    project = session.get_one(Project, run.project_id)
    run.state, run.attempt, run.started_at = "running", job.attempt, run.started_at or now()
    files = versions_queries.files_of(version)
    work = protocol.TrainWork(
        recipe=protocol.Recipe.model_validate(run.recipe),
        task=project.task,
        output_dir="",
        contamination=version.leak_report,
        **{name: protocol.DataFile(sha256=files[name]["sha256"]) for name in SPLITS},
    )
    return protocol.Claim(
        job=job.id, token=job.token, subject=run.id, attempt=job.attempt, lease_seconds=watch.lease_seconds, work=work
    )


def _copy_ended_jobs(session: Session) -> None:
    """End the runs whose job the queue ended: no attempts left, or canceled while queued."""
    rows = (
        session.query(TrainingRun, jobs.Job)
        .join(jobs.Job, jobs.Job.id == TrainingRun.job_id)
        .where(TrainingRun.state.in_(jobs.OPEN), jobs.Job.state.not_in(jobs.OPEN))
    )
    for run, job in rows:
        run.state, run.error, run.finished_at = job.state, job.error, job.finished_at
        notify_finished(session, run)


def notify_finished(session: Session, run: TrainingRun) -> None:
    """Notify the user who started the run, unless it was canceled."""
    if run.state in ("done", "failed"):
        notifications_actions.notify(
            session, [run.created_by], run.project_id, f"run.{run.state}", "run", run.id, number=run.number
        )


def heartbeat(session: Session, beat: protocol.Heartbeat, lease_seconds: float) -> protocol.HeartbeatReply:
    """Renew the lease and store the progress. Raises Conflict for a stale token."""
    job = jobs.heartbeat(
        session, beat.job, beat.token, lease_seconds, done=beat.done, total=beat.total, eta_seconds=beat.eta_seconds
    )
    return protocol.HeartbeatReply(cancel=job.cancel_requested)


def record_events(session: Session, message: protocol.Events) -> int:
    """Append the events above the last stored number, so that a repeated delivery changes nothing.

    Returns the new last number. Raises Conflict for a stale token.
    """
    jobs.require_lease(session, message.job, message.token)
    run = queries.of_job(session, message.job)
    last: int = (queries.latest_event(session, run) or {}).get("seq", 0)
    for event in sorted(message.events, key=lambda event: event.seq):
        if event.seq > last:
            session.add(RunEvent(run_id=run.id, seq=event.seq, payload=event.model_dump()))
            last = event.seq
    session.flush()
    return last


def end(session: Session, finish: protocol.Finish) -> TrainingRun:
    """Accept the fenced completion of a run. Raises Conflict for a stale token."""
    job = jobs.finish(session, finish.job, finish.token, finish.outcome, error=finish.error, reason=finish.reason)
    run = queries.of_job(session, job.id)
    run.state, run.error, run.finished_at = finish.outcome, finish.error, now()
    run.resolved_recipe = finish.recipe.model_dump() if finish.recipe else None
    return run
