"""Asking for erasure, erasing a person, and clearing away afterwards what a database and a storage keep of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from app.core import jobs
from app.core.database import Base, Database, now
from app.core.errors import Conflict, Invalid
from app.core.limits import RateWindow
from app.core.storage import Storage
from app.domain.accounts.permissions import Permission, asked, require_global
from app.domain.accounts.tables import ApiToken, User
from app.domain.audit import actions as audit
from app.domain.datasets import actions as datasets
from app.domain.datasets import imports, uploads
from app.domain.datasets import queries as dataset_queries
from app.domain.datasets.tables import Upload
from app.domain.provenance import queries, withdrawal
from app.domain.provenance.subject_tables import PLAN
from app.domain.provenance.tables import Erasure

CHOICES = ("keep", "withdraw")
UPLOAD_KEYS = ("filename", "source", "licence")


def request_erasure(session: Session, user: User) -> None:
    """Ask the admins to erase one's own account; they see it on their home page."""
    asked(session, Permission.USE)
    if queries.has_asked(session, user):
        raise Conflict("You have asked already; an admin will see to it.")
    audit.record(session, user.id, "erasure.requested", "user", user.id)


def erase(session: Session, storage: Storage, actor: User, user: User, *, content: str) -> Erasure:
    """Blank the person; keep or withdraw what they gave. Raises Forbidden, Invalid, Conflict. Then call `sweep`.

    The caller's transaction holds all of it: a failure erases nothing. Files are deleted by `sweep`, after the commit.
    """
    require_global(session, actor, Permission.MANAGE_PEOPLE)
    if content not in CHOICES:
        raise Invalid(f"content is one of {', '.join(CHOICES)}.", field="content")
    session.refresh(user, with_for_update={"of": User})
    _require_erasable(session, user)
    moment, email = now(), user.person.email
    withdrawal.unsign_comments(session, user.id, (user.person.name, email))
    uploads = _stop_and_forget_uploads(session, user)
    gone = withdrawal.drafts(session, user.id, moment)
    report: dict[str, Any] = {"drafts": len(gone.pairs), "uploads": len(uploads)}
    if content == "withdraw":
        gone = withdrawal.everything(session, user.id, moment)
    withdrawal.forget_copies(session, storage, gone)
    report["rows"] = _carry_out_plan(session, user, moment)
    _forget_address(session, user, email, moment)
    report |= {
        "pairs": len(gone.pairs),
        "revisions": len(gone.revisions),
        "answers": gone.answers,
        "versions": gone.versions,
        "models": gone.models,
        "files": sorted(gone.files | uploads),
    }
    erasure = Erasure(contributor_id=user.contributor_id, requested_by=actor.id, content=content, report=report)
    session.add(erasure)
    session.flush()
    audit.record(session, actor.id, "person.erased", "user", user.id, content=content, erasure=erasure.id)
    return erasure


def sweep(database: Database, storage: Storage) -> int:
    """After the commit: delete the files that erasures left, and make the database forget freed pages. Repeatable.

    A process that dies before this leaves the list in the erasure's report; the next sweep finds it. Returns files.
    """
    with database.read() as session:
        waiting = {one.id: one.report["files"] for one in queries.unswept(session)}
        used = queries.files_in_use(session)
    if not waiting:
        return 0
    deleted = sum(storage.delete(sha) for sha in sorted({sha for files in waiting.values() for sha in files} - used))
    if not compact(database):
        return deleted
    with database.session() as session:
        for erasure in queries.unswept(session):
            if erasure.id in waiting:
                counted = {key: value for key, value in erasure.report.items() if key != "files"}
                erasure.report = {**counted, "files_deleted": len(waiting[erasure.id])}
    return deleted


def sweep_uploads(database: Database, storage: Storage) -> int:
    """Forget files that waited for a day, and bad rows after 30 days; returns files deleted. Repeatable.

    The files go before the rows that name them are gone for good: a process that dies between them does it again.
    """
    with database.session() as session:
        at, named = now(), set()
        for upload in dataset_queries.stale_uploads(session, at - uploads.LIFE):
            named.add(upload.sha256)
            session.delete(upload)
        for job in dataset_queries.stale_errors(session, imports.KIND, at - uploads.ERRORS_LIFE):
            named.add(job.payload["errors_file"])
            job.payload = {key: value for key, value in job.payload.items() if key != "errors_file"}
            job.result = {key: value for key, value in (job.result or {}).items() if key != "errors_file"} or None
        session.flush()
        return sum(storage.delete(sha256) for sha256 in sorted(named - queries.files_in_use(session)))


def compact(database: Database) -> bool:
    """Rewrite the database without its freed pages; False when a reader kept SQLite's write-ahead log from emptying."""
    connection = database.engine.raw_connection()
    try:
        raw: Any = connection.driver_connection
        if database.is_sqlite:
            raw.execute("VACUUM")
            return not raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        raw.autocommit = True
        raw.execute("VACUUM")
        raw.autocommit = False
        return True
    finally:
        connection.close()


def _require_erasable(session: Session, user: User) -> None:
    if user.person.erased_at is not None:
        raise Conflict("This person is erased already.")
    others = select(func.count()).where(User.is_admin.is_(True), User.active.is_(True), User.id != user.id)
    if user.is_admin and not session.scalar(others):
        raise Conflict("This is the last admin; make somebody else admin first.")
    running = select(jobs.Job.kind).where(
        jobs.Job.state == "running",
        or_(jobs.Job.kind == datasets.KIND, (jobs.Job.kind == imports.KIND) & (jobs.Job.created_by == user.id)),
    )
    if session.scalar(running.limit(1)):
        raise Conflict("A version is being frozen, or an import of this person runs; erase when it has ended.")


def _stop_and_forget_uploads(session: Session, user: User) -> set[str]:
    """Cancel imports that wait, and blank what jobs say of the uploaded files; returns the files' addresses."""
    files = set()
    for job in list(session.scalars(select(jobs.Job).where(jobs.Job.created_by == user.id))):
        if job.kind == imports.KIND:
            if job.state == "queued":
                jobs.request_cancel(session, job.id)
            files |= {job.payload[key] for key in queries.UPLOADED if job.payload.get(key)}
            job.payload = {**job.payload, **dict.fromkeys(UPLOAD_KEYS, "")}
            job.result = {key: value for key, value in (job.result or {}).items() if key != "errors_file"} or None
        job.error = ""
    files |= set(session.scalars(select(Upload.sha256).where(Upload.user_id == user.id)))
    session.flush()
    return files - queries.uploads_of_others(session, user)


def _carry_out_plan(session: Session, user: User, moment: datetime) -> dict[str, int]:
    """Delete and blank as the plan says. Returns table -> rows."""
    subject = {"user": user.id, "contributor": user.contributor_id, "person": user.person_id}
    done = {}
    for column in PLAN:
        table = Base.metadata.tables[column.table]
        matches = table.columns[column.column] == subject[column.who]
        if column.fate == "delete":
            done[column.table] = session.execute(delete(table).where(matches)).rowcount  # type: ignore[attr-defined]
        elif column.fate == "blank" and column.blanked:
            done[column.table] = session.execute(update(table).where(matches).values(**column.blanked)).rowcount  # type: ignore[attr-defined]
    session.execute(
        update(ApiToken).where(ApiToken.user_id == user.id, ApiToken.revoked_at.is_(None)).values(revoked_at=moment)
    )
    session.expire_all()
    return {table: count for table, count in done.items() if count}


def _forget_address(session: Session, user: User, email: str, moment: datetime) -> None:
    """Name and address, in the one row that holds them and in the counters that may be named by the address."""
    person = user.person
    person.email, person.name, person.erased_at = f"erased-{person.id}@erased.invalid", "", moment
    session.execute(
        delete(RateWindow).where(or_(RateWindow.key.contains(email, autoescape=True), RateWindow.key.contains(user.id)))
    )
    session.flush()
