"""Reads of people, erasure requests and erasures."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session, aliased

from app.core import jobs
from app.domain.accounts.tables import Person, User
from app.domain.audit.tables import AuditEvent
from app.domain.imports import actions as imports_actions
from app.domain.imports.tables import Upload
from app.domain.models.tables import ModelVersion
from app.domain.privacy.tables import Erasure
from app.domain.versions import queries as versions_queries

UPLOADED = ("file", "errors_file")
"""Keys of a job's payload that name a stored file."""


def has_asked(session: Session, user: User) -> bool:
    """Whether the person has asked to be erased."""
    statement = select(AuditEvent.id).where(AuditEvent.subject_id == user.id, AuditEvent.subject_kind == "user")
    return session.scalar(statement.where(AuditEvent.action == "erasure.requested").limit(1)) is not None


def who_asked(session: Session) -> list[User]:
    """People who asked to be erased and are not yet, oldest request first."""
    request = aliased(AuditEvent)
    return list(
        session.scalars(
            select(User)
            .join(request, and_(request.subject_id == User.id, request.action == "erasure.requested"))
            .join(Person, Person.id == User.person_id)
            .where(Person.erased_at.is_(None))
            .order_by(request.id)
        )
    )


def erasure_of(session: Session, user: User) -> Erasure | None:
    return session.scalar(select(Erasure).where(Erasure.contributor_id == user.contributor_id))


def erasures(session: Session) -> list[Erasure]:
    """Oldest first."""
    return list(session.scalars(select(Erasure).order_by(Erasure.id)))


def unfinished(session: Session) -> list[Erasure]:
    """Erasures of which not everything is blanked yet."""
    return [one for one in erasures(session) if "left" in one.report]


def unswept(session: Session) -> list[Erasure]:
    """Erasures whose files may still be there, and of which nothing else is left to do."""
    return [one for one in erasures(session) if "files" in one.report and "left" not in one.report]


def files_in_use(session: Session) -> set[str]:
    """Addresses that a version, a model or somebody's upload points at."""
    artifacts = {file["sha256"] for files in session.scalars(select(ModelVersion.artifacts)) for file in files}
    return versions_queries.blobs(session) | artifacts | _uploads(session, User.active.is_(True))


def uploads_of_others(session: Session, user: User) -> set[str]:
    return _uploads(session, User.id != user.id)


def _uploads(session: Session, whose: ColumnElement[bool]) -> set[str]:
    """Imported files, their bad rows, and files that wait."""
    statement = select(jobs.Job.payload).join(User, User.id == jobs.Job.created_by)
    payloads = list(session.scalars(statement.where(jobs.Job.kind == imports_actions.KIND, whose)))
    waiting = session.scalars(select(Upload.sha256).join(User, User.id == Upload.user_id).where(whose))
    named = {payload[key] for payload in payloads for key in UPLOADED if payload.get(key)}
    return named | set(waiting)
