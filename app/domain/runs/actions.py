"""Asking for a run, cancelling it, and what the trainer tells while it holds the job."""

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
from app.domain.projects import access
from app.domain.projects.tables import Project
from app.domain.runs import queries
from app.domain.runs.tables import RunEvent, TrainingRun
from app.domain.versions import queries as versions_queries
from trainer import protocol

KIND = "train"


def request_run(
    session: Session, user: User, project: Project, *, version_id: str, recipe: dict[str, Any]
) -> TrainingRun:
    """Queue a run. Raises Forbidden, NotFound for another project's version, Invalid that names the recipe's field."""
    access.require(session, user, Permission.TRAIN, project)
    version = versions_queries.by_id(session, version_id)
    if version.project_id != project.id:
        raise NotFound()
    checked = parse_recipe({"base_model": project.base_model, **recipe})
    present = versions_queries.files_of(version)
    if empty := [name for name in ("train", "validation", "test") if not present[name]["examples"]]:
        raise Conflict(f"The {empty[0]} split of this version is empty; freeze one with more pairs.")
    files = [file["sha256"] for file in present.values()]
    number = queries.next_number(session, project)
    job = jobs.enqueue(session, KIND, {"version": version.id}, project_id=project.id, created_by=user.id, files=files)
    run = TrainingRun(
        project_id=project.id,
        number=number,
        version_id=version.id,
        job_id=job.id,
        recipe=checked.model_dump(),
        seed=checked.seed,
        created_by=user.id,
    )
    session.add(run)
    session.flush()
    audit_actions.record(session, user.id, "run.requested", "run", run.id, project_id=project.id, version=version.id)
    return run


def parse_recipe(recipe: dict[str, Any]) -> protocol.Recipe:
    try:
        return protocol.Recipe.model_validate(recipe)
    except ValidationError as error:
        first = error.errors()[0]
        field = "recipe." + ".".join(str(part) for part in first["loc"])
        raise Invalid(f"{field}: {first['msg']}.", field=field) from error


def cancel_run(session: Session, user: User, run: TrainingRun) -> TrainingRun:
    """Raises Conflict when the run has ended."""
    project = access.project_of(session, user, run.project_id)
    access.require(session, user, Permission.TRAIN, project)
    job = jobs.request_cancel(session, run.job_id)
    if job.state == "cancelled":
        run.state, run.finished_at = "cancelled", now()
    audit_actions.record(session, user.id, "run.cancelled", "run", run.id, project_id=project.id)
    return run


def claim(session: Session, worker: str, watch: jobs.LeaseMonitor) -> protocol.Claim | None:
    """Lease the next run to a trainer; None when none waits."""
    job = jobs.claim(session, [KIND], worker, watch)
    _mirror_lost(session)
    if job is None:
        return None
    run = queries.of_job(session, job.id)
    version = versions_queries.by_id(session, run.version_id)
    project = session.get_one(Project, run.project_id)
    run.state, run.attempt, run.started_at = "running", job.attempt, run.started_at or now()
    present = versions_queries.files_of(version)
    files = {name: protocol.DataFile(sha256=present[name]["sha256"]) for name in ("train", "validation", "test")}
    spec = protocol.RunSpec(
        recipe=protocol.Recipe.model_validate(run.recipe),
        task=project.task,
        output_dir="",
        contamination=version.leak_report,
        **files,
    )
    return protocol.Claim(
        job=job.id, token=job.token, run=run.id, attempt=job.attempt, lease_seconds=watch.lease_seconds, spec=spec
    )


def _mirror_lost(session: Session) -> None:
    """Runs whose job the ledger ended by itself (attempts used up, cancelled while waiting)."""
    rows = (
        session.query(TrainingRun, jobs.Job)
        .join(jobs.Job, jobs.Job.id == TrainingRun.job_id)
        .where(TrainingRun.state.in_(jobs.OPEN), jobs.Job.state.not_in(jobs.OPEN))
    )
    for run, job in rows:
        run.state, run.error, run.finished_at = job.state, job.error, job.finished_at
        notify_finished(session, run)


def notify_finished(session: Session, run: TrainingRun) -> None:
    """Who asked for the run hears how it ended, unless they cancelled it."""
    if run.state in ("done", "failed"):
        notifications_actions.notify(
            session, [run.created_by], run.project_id, f"run.{run.state}", "run", run.id, number=run.number
        )


def heartbeat(session: Session, beat: protocol.Heartbeat, lease_seconds: float) -> protocol.HeartbeatReply:
    job = jobs.heartbeat(
        session, beat.job, beat.token, lease_seconds, done=beat.done, total=beat.total, eta_seconds=beat.eta_seconds
    )
    return protocol.HeartbeatReply(cancel=job.cancel_requested)


def record_events(session: Session, message: protocol.Events) -> int:
    """Append events above the last number seen, so that a repeated delivery changes nothing. Returns that number."""
    jobs.require_lease(session, message.job, message.token)
    run = queries.of_job(session, message.job)
    last = queries.last_seq(session, run)
    for event in sorted(message.events, key=lambda event: event.seq):
        if event.seq > last:
            session.add(RunEvent(run_id=run.id, seq=event.seq, payload=event.model_dump()))
            last = event.seq
    session.flush()
    return last


def end(session: Session, finish: protocol.Finish) -> TrainingRun:
    """Accept the fenced completion of a run."""
    state = "done" if finish.outcome == "done" else finish.outcome
    job = jobs.finish(session, finish.job, finish.token, state, error=finish.error, reason=finish.reason)
    run = queries.of_job(session, job.id)
    run.state, run.error, run.finished_at = state, finish.error, now()
    return run
