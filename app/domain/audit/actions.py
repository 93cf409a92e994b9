"""Recording: one event for one action, chained to the one before. Signing what was recorded."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from app.core.db.base import Base, now
from app.core.errors import Conflict
from app.domain.audit import checkpoints, queries, verify
from app.domain.audit.chain import GENESIS, as_stored, digest_of
from app.domain.audit.checkpoints import Checkpoint, Signed
from app.domain.audit.tables import AuditEvent
from app.settings import Settings

LOCK = 7_305_110_001
COLUMNS = AuditEvent.__table__.columns.keys()
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
    """Append one event in the caller's transaction. Writers queue here, so that the chain has no fork.

    What the action changed is flushed first: its row locks come before the lock of the chain, never after it.
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
        details=as_stored(details),
        previous_hash=head,
    )
    event.hash = digest_of(event)
    # A plain insert: it is in every write, and nobody changes the row afterwards.
    session.execute(APPEND, {name: getattr(event, name) for name in COLUMNS})
    return event


def make_checkpoint(session: Session, settings: Settings, *, only_if_due: bool = False) -> Checkpoint | None:
    """Sign what the log is now and append it to the file. None when nothing new is there to sign.

    Nothing is signed that does not continue the last checkpoint: raises Conflict instead.
    """
    key = checkpoints.private_key(settings)
    last = verify.read_all(settings, [], key.public_key()).last
    found = verify.verify(session, Signed(genuine=[last] if last else []), since=last)
    if found.problem:
        raise Conflict(f"No checkpoint was signed. {found.problem} Find out why before anything else is done.")
    if found.count == (last.count if last else 0) or (only_if_due and not checkpoints.is_due(last, found.count, now())):
        return None
    made = checkpoints.sign(
        key,
        origin=queries.digest_at(session, 1) or "",
        count=found.count,
        head=found.head,
        at=now(),
    )
    checkpoints.append(settings.audit_checkpoints_path, made)
    return made
