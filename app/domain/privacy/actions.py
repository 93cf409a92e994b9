"""Asking for erasure, erasing a person, and clearing away afterwards what a database and a storage keep of it.

Who was erased is also written down outside of the database: whom a backup brings back is erased again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from app.core import jobs
from app.core.db.base import Base, now
from app.core.db.database import Database
from app.core.errors import Conflict, Invalid
from app.core.rate_limits import RateWindow
from app.core.storage import Storage
from app.domain.accounts.permissions import Permission, require_global
from app.domain.accounts.tables import ApiToken, Person, User
from app.domain.audit import actions as audit_actions
from app.domain.imports import actions as imports_actions
from app.domain.imports import queries as imports_queries
from app.domain.imports import uploads
from app.domain.imports.tables import Upload
from app.domain.privacy import erasure_log, queries, withdrawal
from app.domain.privacy.erasure_log import Entry
from app.domain.privacy.personal_data_map import PLAN
from app.domain.privacy.tables import Erasure
from app.domain.privacy.withdrawal import WithdrawalResult
from app.domain.versions import actions as versions_actions

CHOICES = ("keep", "withdraw")
UPLOAD_KEYS = ("filename", "source", "licence")


def request_erasure(session: Session, user: User) -> None:
    """Ask the admins to erase one's own account; they see it on their home page."""
    if queries.has_asked(session, user):
        raise Conflict("You have asked already; an admin will see to it.")
    audit_actions.record(session, user.id, "erasure.requested", "user", user.id)


def erase(session: Session, storage: Storage, actor: User, user: User, *, content: str) -> Erasure:
    """Blank the person; keep or withdraw what they gave. Raises Forbidden, Invalid, Conflict. Then call `sweep`.

    The caller's transaction holds the person, and up to CHUNK pairs; of more, `sweep` blanks the rest in transactions
    of its own, and `report["left"]` counts what is still to come. Files are deleted by `sweep`, too.
    """
    require_global(session, actor, Permission.MANAGE_PEOPLE)
    if content not in CHOICES:
        raise Invalid(f"content is one of {', '.join(CHOICES)}.", field="content")
    session.refresh(user, with_for_update={"of": User})
    _require_erasable(session, user)
    erasure = _begin(session, storage, user, content, by=actor.id)
    audit_actions.record(session, actor.id, "person.erased", "user", user.id, content=content, erasure=erasure.id)
    return erasure


def erase_again(session: Session, storage: Storage, listed: Sequence[Entry]) -> list[Erasure]:
    """Erase those of the list whom a backup has brought back, as it was done the first time. Then call `sweep`.

    Raises Conflict while a version is being frozen. The last admin goes, too: this was decided once.
    """
    decided = {entry.contributor: entry for entry in listed if entry.content in CHOICES}
    people = select(User).join(Person, Person.id == User.person_id).where(Person.erased_at.is_(None)).order_by(User.id)
    done = []
    for user in [one for one in session.scalars(people) if one.contributor_id in decided]:
        _require_nothing_runs(session, user)
        entry = decided[user.contributor_id]
        erasure = _begin(session, storage, user, entry.content, by=entry.by)
        audit_actions.record(
            session, None, "person.erased", "user", user.id, content=entry.content, erasure=erasure.id, again=True
        )
        done.append(erasure)
    return done


def _begin(session: Session, storage: Storage, user: User, content: str, *, by: str) -> Erasure:
    """The person, their words on others' work, and a first share of the pairs; all of it where they are few."""
    moment, email = now(), user.person.email
    withdrawal.unsign_comments(session, user.id, (user.person.name, email))
    uploads = _stop_and_forget_uploads(session, user)
    drafts = len(withdrawal.waiting(session, user.id, "keep"))
    waiting = withdrawal.waiting(session, user.id, content)
    if content == "withdraw":
        withdrawal.silence(session, user.id)
    report: dict[str, Any] = {"drafts": drafts, "uploads": len(uploads), "files": sorted(uploads)}
    report |= {"rows": _carry_out_plan(session, user, moment), "left": len(waiting)}
    report |= _counted(WithdrawalResult(moment), report)
    _forget_address(session, user, email, moment)
    erasure = Erasure(
        contributor_id=user.contributor_id, requested_by=by, content=content, report=report, created_at=moment
    )
    session.add(erasure)
    if len(waiting) <= withdrawal.CHUNK:
        withdrawal.blank(session, user.id, content, moment, waiting)
        gone = withdrawal.found(session, user.id, moment)
        withdrawal.forget_copies(lambda: nullcontext(session), lambda: nullcontext(session), storage, gone)
        erasure.report = _done({**report, **_counted(gone, report)})
    session.flush()
    return erasure


def sweep(database: Database, storage: Storage, listed: Path) -> int:
    """After the commit: write the list of erasures, blank what is left, delete files, make the database forget freed
    pages. Repeatable; returns files.

    A process that dies before this leaves all that is to do in the erasure's report; the next sweep finds it.
    """
    with database.read() as session:
        known = {entry.contributor for entry in erasure_log.read(listed)}
        erasure_log.append(
            listed, [_entry(one) for one in queries.erasures(session) if one.contributor_id not in known]
        )
        unfinished = [one.id for one in queries.unfinished(session)]
    for erasure_id in unfinished:
        with suppress(Conflict):  # another process is at it; what that leaves, the next sweep finds
            _go_on(database, storage, erasure_id)
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


def _entry(erasure: Erasure) -> Entry:
    at = erasure.created_at.isoformat(timespec="seconds")
    return Entry(erasure.contributor_id, erasure.content, erasure.requested_by, at)


def _go_on(database: Database, storage: Storage, erasure_id: str) -> None:
    """A share of the pairs in each transaction, as much rest between them as they took; then the copies.

    Two that do this at once take turns at the erasure's row. Raises Conflict when the other has ended it.
    """
    with database.read() as session:
        erasure = session.get_one(Erasure, erasure_id)
        content, moment = erasure.content, erasure.created_at
        user = session.scalars(select(User).where(User.contributor_id == erasure.contributor_id)).one()
        waiting = withdrawal.waiting(session, user.id, content)
    for start in range(0, len(waiting), withdrawal.CHUNK):
        began, some = time.monotonic(), waiting[start : start + withdrawal.CHUNK]
        with database.session() as session:
            erasure = _still_open(session, erasure_id)
            withdrawal.blank(session, user.id, content, moment, some)
            erasure.report = {**erasure.report, "left": len(waiting) - start - len(some)}
        time.sleep(time.monotonic() - began)
    with database.read() as session:
        gone = withdrawal.found(session, user.id, moment)

    @contextmanager
    def noting() -> Iterator[Session]:
        with database.session() as session:
            erasure = _still_open(session, erasure_id)
            yield session
            erasure.report = {**erasure.report, **_counted(gone, erasure.report)}

    withdrawal.forget_copies(database.read, noting, storage, gone)
    with database.session() as session:
        erasure = _still_open(session, erasure_id)
        erasure.report = _done({**erasure.report, **_counted(gone, erasure.report)})


def _still_open(session: Session, erasure_id: str) -> Erasure:
    """The erasure, ours until the transaction ends. Raises Conflict when nothing of it is left to do."""
    erasure = session.get_one(Erasure, erasure_id, with_for_update=True)
    if "left" not in erasure.report:
        raise Conflict("Another process has ended this erasure.")
    return erasure


def _counted(gone: WithdrawalResult, report: dict[str, Any]) -> dict[str, Any]:
    """What a report says of what is gone; files that were named before are still to be deleted."""
    return {
        "pairs": len(gone.pairs),
        "revisions": len(gone.revisions),
        "answers": gone.answers,
        "versions": gone.versions,
        "models": gone.models,
        "files": sorted({*gone.files, *report["files"]}),
    }


def _done(report: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in report.items() if key != "left"}


def sweep_uploads(database: Database, storage: Storage) -> int:
    """Forget files that waited for a day, and bad rows after 30 days; returns files deleted. Repeatable.

    The files go before the rows that name them are gone for good: a process that dies between them does it again.
    """
    with database.session() as session:
        at, named = now(), set()
        for upload in imports_queries.stale_uploads(session, at - uploads.LIFE):
            named.add(upload.sha256)
            session.delete(upload)
        for job in imports_queries.stale_errors(session, imports_actions.KIND, at - uploads.ERRORS_LIFE):
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
    _require_nothing_runs(session, user)


def _require_nothing_runs(session: Session, user: User) -> None:
    running = select(jobs.Job.kind).where(
        jobs.Job.state == "running",
        or_(
            jobs.Job.kind == versions_actions.KIND,
            (jobs.Job.kind == imports_actions.KIND) & (jobs.Job.created_by == user.id),
        ),
    )
    if session.scalar(running.limit(1)):
        raise Conflict("A version is being frozen, or an import of this person runs; erase when it has ended.")


def _stop_and_forget_uploads(session: Session, user: User) -> set[str]:
    """Cancel imports that wait, and blank what jobs say of the uploaded files; returns the files' addresses."""
    files = set()
    for job in list(session.scalars(select(jobs.Job).where(jobs.Job.created_by == user.id))):
        if job.kind == imports_actions.KIND:
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
