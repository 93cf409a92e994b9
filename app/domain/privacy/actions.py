"""Request an erasure, erase a person, and afterwards remove what the database file and the storage still hold.

Erasures are also logged outside the database: people whom a restored backup brings back are erased again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from app.core import jobs
from app.core.db.base import Base, now
from app.core.db.database import Database
from app.core.errors import Conflict, Invalid
from app.core.files import append_json_line
from app.core.rate_limits import RateWindow
from app.core.storage import Storage
from app.domain.accounts import actions as accounts_actions, queries as accounts_queries
from app.domain.accounts.permissions import Permission, require_global
from app.domain.accounts.tables import User
from app.domain.audit import actions as audit_actions
from app.domain.imports import actions as imports_actions, queries as imports_queries
from app.domain.imports.tables import Upload
from app.domain.privacy import erasure_log, queries, withdrawal_actions, withdrawal_queries
from app.domain.privacy.erasure_log import Entry
from app.domain.privacy.personal_data_map import PLAN
from app.domain.privacy.tables import Erasure
from app.domain.privacy.withdrawal import WithdrawalResult

CHOICES = ("keep", "withdraw")
UPLOAD_KEYS = ("filename", "source", "licence")
"""Keys of an import job's payload that may name a person."""


def request_erasure(session: Session, user: User) -> None:
    """Ask the admins to erase the user's own account. Raises Conflict when this was requested before."""
    if queries.has_requested_erasure(session, user):
        raise Conflict("You have already requested this; an admin will erase your data.")
    audit_actions.record(session, user.id, "erasure.requested", "user", user.id)


def erase(session: Session, storage: Storage, actor: User, user: User, *, content: str) -> Erasure:
    """Blank the person; keep or withdraw their content. Raises Forbidden, Invalid, Conflict. Then call `sweep`.

    The caller's transaction blanks the person and up to CHUNK pairs. If there are more, `sweep` blanks the rest in
    further transactions, and `report["left"]` counts them. `sweep` also deletes the files.
    """
    require_global(session, actor, Permission.MANAGE_PEOPLE)
    if content not in CHOICES:
        raise Invalid(f"content must be one of {', '.join(CHOICES)}.", field="content")
    session.refresh(user, with_for_update={"of": User})
    if user.person.erased_at is not None:
        raise Conflict("This person is already erased.")
    if user.is_admin and not queries.has_other_admin(session, user):
        raise Conflict("This is the last admin; make another user an admin first.")
    return _erase(session, storage, user, content, requested_by=actor.id)


def erase_again(session: Session, storage: Storage, entries: Sequence[Entry]) -> list[Erasure]:
    """Erase the people in the log whom a backup has brought back, with the same choice of content. Then call `sweep`.

    Raises Conflict while a version is being frozen. The last admin is erased too: this was decided before.
    """
    decided = {entry.contributor: entry for entry in entries if entry.content in CHOICES}
    return [
        _erase(session, storage, user, entry.content, requested_by=entry.by, again=True)
        for user in accounts_queries.people(session)
        if (entry := decided.get(user.contributor_id))
    ]


def _erase(
    session: Session, storage: Storage, user: User, content: str, *, requested_by: str, again: bool = False
) -> Erasure:
    """Begin the erasure and record it. Raises Conflict while a version is being frozen or the user's import runs."""
    if queries.has_running_job(session, user):
        raise Conflict("A version is being frozen, or an import of this person is running; erase when it has ended.")
    erasure = _begin(session, storage, user, content, requested_by=requested_by)
    details: dict[str, Any] = {"content": content, "erasure": erasure.id, **({"again": True} if again else {})}
    audit_actions.record(session, None if again else requested_by, "person.erased", "user", user.id, **details)
    return erasure


def _begin(session: Session, storage: Storage, user: User, content: str, *, requested_by: str) -> Erasure:
    """Blank the person and their comments, and, if they are few, the pairs with all copies."""
    at, email = now(), user.person.email
    withdrawal_actions.anonymize_comments(session, user.id, (user.person.name, email))
    files = _cancel_imports(session, user)
    drafts = len(withdrawal_queries.pairs_to_blank(session, user.id, "keep"))
    pairs = withdrawal_queries.pairs_to_blank(session, user.id, content)
    if content == "withdraw":
        withdrawal_actions.blank_comments(session, user.id)
    report: dict[str, Any] = {"drafts": drafts, "uploads": len(files), "files": sorted(files)}
    report |= {"rows": _apply_plan(session, user), "left": len(pairs)}
    report |= _counts(WithdrawalResult(at), report)
    _blank_person(session, user, email, at)
    erasure = Erasure(
        contributor_id=user.contributor_id, requested_by=requested_by, content=content, report=report, created_at=at
    )
    session.add(erasure)
    if len(pairs) <= withdrawal_actions.CHUNK:
        withdrawal_actions.blank(session, user.id, content, at, pairs)
        result = withdrawal_queries.blanked_at(session, user.id, at)
        withdrawal_actions.remove_copies(lambda: nullcontext(session), lambda: nullcontext(session), storage, result)
        erasure.report = _without({**report, **_counts(result, report)}, "left")
    session.flush()
    return erasure


def sweep(database: Database, storage: Storage, log_path: Path) -> int:
    """After the commit: write the erasure log, blank the remaining pairs, delete files, compact the database.

    Returns the number of deleted files. Can be repeated: when a process dies before this, the erasure's report holds
    what is left, and the next sweep does it.
    """
    with database.read() as session:
        logged = {entry.contributor for entry in erasure_log.read(log_path)}
        erasures = queries.erasures(session)
        for erasure in erasures:
            if erasure.contributor_id not in logged:
                at = erasure.created_at.isoformat(timespec="seconds")
                append_json_line(log_path, Entry(erasure.contributor_id, erasure.content, erasure.requested_by, at))
        unfinished = [erasure.id for erasure in erasures if "left" in erasure.report]
    for erasure_id in unfinished:
        with suppress(Conflict):  # another process continues it; the next sweep does what that leaves
            _continue(database, storage, erasure_id)
    with database.read() as session:
        files = {erasure.id: erasure.report["files"] for erasure in queries.erasures_to_sweep(session)}
        used = queries.files_in_use(session)
    if not files:
        return 0
    unused = {sha256 for addresses in files.values() for sha256 in addresses} - used
    deleted = sum(storage.delete(sha256) for sha256 in sorted(unused))
    if not compact(database):
        return deleted
    with database.session() as session:
        for erasure in queries.erasures_to_sweep(session):
            if erasure.id in files:
                erasure.report = {**_without(erasure.report, "files"), "files_deleted": len(files[erasure.id])}
    return deleted


def _continue(database: Database, storage: Storage, erasure_id: str) -> None:
    """Blank some pairs per transaction, with equally long pauses for other writers; then remove the copies.

    Two processes that do this at once take turns at the erasure's row. Raises Conflict when the other has finished.
    """
    with database.read() as session:
        erasure = session.get_one(Erasure, erasure_id)
        content, at = erasure.content, erasure.created_at
        user_id = session.scalars(select(User.id).where(User.contributor_id == erasure.contributor_id)).one()
        pairs = withdrawal_queries.pairs_to_blank(session, user_id, content)
    for start in range(0, len(pairs), withdrawal_actions.CHUNK):
        began, chunk = time.monotonic(), pairs[start : start + withdrawal_actions.CHUNK]
        with database.session() as session:
            erasure = _lock_unfinished(session, erasure_id)
            withdrawal_actions.blank(session, user_id, content, at, chunk)
            erasure.report = {**erasure.report, "left": len(pairs) - start - len(chunk)}
        time.sleep(time.monotonic() - began)
    with database.read() as session:
        result = withdrawal_queries.blanked_at(session, user_id, at)

    @contextmanager
    def write() -> Iterator[Session]:
        with database.session() as session:
            erasure = _lock_unfinished(session, erasure_id)
            yield session
            erasure.report = {**erasure.report, **_counts(result, erasure.report)}

    withdrawal_actions.remove_copies(database.read, write, storage, result)
    with database.session() as session:
        erasure = _lock_unfinished(session, erasure_id)
        erasure.report = _without({**erasure.report, **_counts(result, erasure.report)}, "left")


def _lock_unfinished(session: Session, erasure_id: str) -> Erasure:
    """Lock the erasure until the transaction ends. Raises Conflict when it is finished."""
    erasure = session.get_one(Erasure, erasure_id, with_for_update=True)
    if "left" not in erasure.report:
        raise Conflict("Another process has finished this erasure.")
    return erasure


def _counts(result: WithdrawalResult, report: dict[str, Any]) -> dict[str, Any]:
    """Return the report's counts of withdrawn content; files that it named before are still to be deleted."""
    return {
        "pairs": len(result.pairs),
        "revisions": len(result.revisions),
        "answers": result.answers,
        "versions": result.versions,
        "models": result.models,
        "files": sorted({*result.files, *report["files"]}),
    }


def _without(values: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != name}


def sweep_uploads(database: Database, storage: Storage) -> int:
    """Delete files that waited for a day, and bad rows after 30 days. Returns the number of deleted files.

    The files are deleted before the commit that forgets them: a process that dies in between does it again.
    """
    with database.session() as session:
        at, addresses = now(), set()
        for upload in imports_queries.stale_uploads(session, at - imports_queries.UPLOADS_MAX_AGE):
            addresses.add(upload.sha256)
            session.delete(upload)
        for job in imports_queries.stale_errors(session, imports_actions.KIND, at - imports_queries.ERRORS_MAX_AGE):
            addresses.add(job.payload["errors_file"])
            job.payload = _without(job.payload, "errors_file")
            job.result = _without(job.result or {}, "errors_file") or None
        session.flush()
        return sum(storage.delete(sha256) for sha256 in sorted(addresses - queries.files_in_use(session)))


def compact(database: Database) -> bool:
    """Rewrite the database without its freed pages. False when a reader kept SQLite's write-ahead log from emptying."""
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


def _cancel_imports(session: Session, user: User) -> set[str]:
    """Cancel waiting imports, blank file names in the user's jobs, and return the files that only this user needs."""
    files = set()
    for job in session.scalars(select(jobs.Job).where(jobs.Job.created_by == user.id)).all():
        if job.kind == imports_actions.KIND:
            if job.state == "queued":
                jobs.request_cancel(session, job.id)
            files |= {job.payload[key] for key in queries.FILE_KEYS if job.payload.get(key)}
            job.payload = {**job.payload, **dict.fromkeys(UPLOAD_KEYS, "")}
            job.result = _without(job.result or {}, "errors_file") or None
        job.error = ""
    files |= set(session.scalars(select(Upload.sha256).where(Upload.user_id == user.id)))
    session.flush()
    return files - queries.uploads_of_others(session, user)


def _apply_plan(session: Session, user: User) -> dict[str, int]:
    """Delete and blank rows as the personal data map says. Returns table -> number of rows."""
    owner = {"user": user.id, "contributor": user.contributor_id, "person": user.person_id}
    counts = {}
    for column in PLAN:
        table = Base.metadata.tables[column.table]
        matches = table.columns[column.column] == owner[column.owner]
        if column.fate == "delete":
            counts[column.table] = session.execute(delete(table).where(matches)).rowcount  # type: ignore[attr-defined]
        elif column.fate == "blank" and column.blanked:
            counts[column.table] = session.execute(update(table).where(matches).values(**column.blanked)).rowcount  # type: ignore[attr-defined]
    accounts_actions.revoke_all_tokens(session, user)
    session.expire_all()
    return {table: count for table, count in counts.items() if count}


def _blank_person(session: Session, user: User, email: str, at: datetime) -> None:
    """Blank name and email address in their row, and delete rate counters that may be named by the address."""
    person = user.person
    person.email, person.name, person.erased_at = f"erased-{person.id}@erased.invalid", "", at
    session.execute(
        delete(RateWindow).where(or_(RateWindow.key.contains(email, autoescape=True), RateWindow.key.contains(user.id)))
    )
    session.flush()
