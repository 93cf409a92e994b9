"""Recording: one event for one action, chained to the one before."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.core.database import now
from app.domain.audit.tables import AuditEvent

GENESIS = "0" * 64
LOCK = 7_305_110_001


def digest_of(event: AuditEvent) -> str:
    """SHA-256 of the event's canonical JSON (sorted keys, no spaces, UTF-8)."""
    body = {
        "id": event.id,
        "at": event.at.isoformat(timespec="microseconds"),
        "actor": event.actor,
        "action": event.action,
        "subject": [event.subject_kind, event.subject_id],
        "project": event.project_id,
        "details": event.details,
        "previous": event.previous_hash,
    }
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


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
    """Append one event in the caller's transaction. Writers queue here, so that the chain has no fork."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
    session.flush()
    last = session.execute(select(AuditEvent.id, AuditEvent.hash).order_by(AuditEvent.id.desc()).limit(1)).first()
    event = AuditEvent(
        id=(last.id if last else 0) + 1,
        at=now(),
        actor=actor,
        action=action,
        subject_kind=subject_kind,
        subject_id=subject_id,
        project_id=project_id,
        details=details,
        previous_hash=last.hash if last else GENESIS,
    )
    event.hash = digest_of(event)
    session.add(event)
    session.flush()
    return event
