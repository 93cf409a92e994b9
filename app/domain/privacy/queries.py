"""Read erasure requests, erasures, and what decides whether a person can be erased."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from app.core import jobs
from app.domain.accounts.tables import Person, User
from app.domain.audit.tables import AuditEvent
from app.domain.imports import actions as imports_actions
from app.domain.imports.tables import Upload
from app.domain.models.tables import ModelVersion
from app.domain.privacy.tables import Erasure
from app.domain.versions import actions as versions_actions, queries as versions_queries

FILE_KEYS = ("file", "errors_file")
"""Keys of a job's payload that name a stored file."""


def has_requested_erasure(session: Session, user: User) -> bool:
    """Whether the user has requested erasure."""
    statement = select(AuditEvent.id).where(AuditEvent.subject_id == user.id, AuditEvent.subject_kind == "user")
    return session.scalar(statement.where(AuditEvent.action == "erasure.requested").limit(1)) is not None


def users_requesting_erasure(session: Session) -> list[User]:
    """Return users who requested erasure and are not erased yet, oldest request first."""
    is_request = and_(AuditEvent.subject_id == User.id, AuditEvent.action == "erasure.requested")
    users = select(User).join(AuditEvent, is_request).join(Person, Person.id == User.person_id)
    return list(session.scalars(users.where(Person.erased_at.is_(None)).order_by(AuditEvent.id)))


def erasure_by_id(session: Session, erasure_id: str) -> Erasure:
    return session.get_one(Erasure, erasure_id)


def erasure_of(session: Session, user: User) -> Erasure | None:
    """Return the erasure of a user, or None."""
    return session.scalar(select(Erasure).where(Erasure.contributor_id == user.contributor_id))


def erasures(session: Session) -> list[Erasure]:
    """Return all erasures, oldest first."""
    return list(session.scalars(select(Erasure).order_by(Erasure.id)))


def erasures_to_sweep(session: Session) -> list[Erasure]:
    """Return erasures of which only files may be left to delete."""
    return [erasure for erasure in erasures(session) if "files" in erasure.report and "left" not in erasure.report]


def files_in_use(session: Session) -> set[str]:
    """Return the addresses of files that a version, a model or an active user's upload needs."""
    artifacts = {file["sha256"] for files in session.scalars(select(ModelVersion.artifacts)) for file in files}
    return versions_queries.stored_files(session) | artifacts | _uploads(session, User.active.is_(True))


def uploads_of_others(session: Session, user: User) -> set[str]:
    """Return the addresses of files that other users uploaded."""
    return _uploads(session, User.id != user.id)


def _uploads(session: Session, condition: ColumnElement[bool]) -> set[str]:
    """Return imported files, their bad rows, and waiting files of the users that match."""
    statement = select(jobs.Job.payload).join(User, User.id == jobs.Job.created_by)
    payloads = list(session.scalars(statement.where(jobs.Job.kind == imports_actions.KIND, condition)))
    waiting = session.scalars(select(Upload.sha256).join(User, User.id == Upload.user_id).where(condition))
    imported = {payload[key] for payload in payloads for key in FILE_KEYS if payload.get(key)}
    return imported | set(waiting)


def has_other_admin(session: Session, user: User) -> bool:
    """Whether another active user is an admin."""
    others = select(User.id).where(User.is_admin.is_(True), User.active.is_(True), User.id != user.id)
    return session.scalar(others.limit(1)) is not None


def has_running_job(session: Session, user: User) -> bool:
    """Whether a version is being frozen, or an import of this user is running."""
    is_own_import = and_(jobs.Job.kind == imports_actions.KIND, jobs.Job.created_by == user.id)
    running = select(jobs.Job.kind).where(
        jobs.Job.state == "running", or_(jobs.Job.kind == versions_actions.KIND, is_own_import)
    )
    return session.scalar(running.limit(1)) is not None
