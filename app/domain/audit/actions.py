"""Record one event per action, chained to the previous event. Sign checkpoints of the log."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from app.core.db.base import Base, now
from app.core.errors import Conflict
from app.core.files import append_json_line
from app.domain.audit import checkpoints, queries, verify, verify_queries
from app.domain.audit.checkpoints import Checkpoint, CheckpointFile
from app.domain.audit.tables import COLUMNS, GENESIS, AuditEvent, digest_of
from app.settings import Settings

LOCK = 7_305_110_001
APPEND = insert(Base.metadata.tables[AuditEvent.__tablename__])


def record(
    session: Session,
    actor: str | None,
    action: str,
    subject_kind: str,
    subject_id: str,
    *,
    project_id: str | None = None,
    **details: Any,
) -> AuditEvent:
    """Append one event in the caller's transaction. Writers take a lock here, so the chain cannot fork.

    Pending changes are flushed first: row locks are always taken before the lock of the chain, never after it.
    """
    session.flush()
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
    number, head = queries.newest(session) or (0, GENESIS)
    event = AuditEvent(
        id=number + 1,
        at=now(),
        actor=actor,
        action=action,
        subject_kind=subject_kind,
        subject_id=subject_id,
        project_id=project_id,
        details=json.loads(json.dumps(details, allow_nan=False)),  # as a JSON column returns them
        previous_hash=head,
    )
    event.hash = digest_of(event)
    # A plain insert: every write runs it, and the row never changes afterwards.
    session.execute(APPEND, {name: getattr(event, name) for name in COLUMNS})
    return event


def make_checkpoint(session: Session, settings: Settings, *, only_if_due: bool = False) -> Checkpoint | None:
    """Sign the current state of the log and append the checkpoint to the file. None when there is nothing new to sign.

    Raises Conflict when the log does not continue the last checkpoint.
    """
    key = checkpoints.private_key(settings)
    last = verify.read_checkpoints(settings, [], key.public_key()).last
    result = verify_queries.verify_events(session, CheckpointFile(genuine=[last] if last else []), since=last)
    if result.problem:
        raise Conflict(f"No checkpoint was signed. {result.problem} Find the cause before you do anything else.")
    is_due = not only_if_due or checkpoints.is_due(last, result.count, now())
    if result.count == (last.count if last else 0) or not is_due:
        return None
    checkpoint = checkpoints.sign(
        key, origin=queries.digest_at(session, 1) or "", count=result.count, head=result.head, at=now()
    )
    append_json_line(settings.audit_checkpoints_path, checkpoint)
    return checkpoint
