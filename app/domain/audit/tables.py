"""AuditEvent: a link of the hash chain, and its digest. Stores plain ids, without foreign keys."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Index, Row, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.base import Base, now

GENESIS = "0" * 64
"""What the first event follows."""


class AuditEvent(Base):
    """`hash` = SHA-256 of the canonical JSON of this event together with `previous_hash`."""

    __tablename__ = "audit_events"
    __table_args__ = (Index("ix_audit_events_subject", "subject_kind", "subject_id"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(default=now)
    actor: Mapped[str | None] = mapped_column(String(32), index=True)
    action: Mapped[str] = mapped_column(String(60))
    subject_kind: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[str] = mapped_column(String(64))
    project_id: Mapped[str | None] = mapped_column(String(32), index=True)
    details: Mapped[dict[str, Any]]
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


COLUMNS = AuditEvent.__table__.columns.keys()
Link = AuditEvent | Row[Any]
"""An event, as a table object or as a row of a query."""


def digest_of(event: Link) -> str:
    """Return the SHA-256 of the event's canonical JSON: sorted keys, no spaces, ASCII, times in UTC."""
    body = {
        "id": event.id,
        "at": _in_utc(event),
        "actor": event.actor,
        "action": event.action,
        "subject": [event.subject_kind, event.subject_id],
        "project": event.project_id,
        "details": event.details,
        "previous": event.previous_hash,
    }
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def as_dict(event: Link) -> dict[str, Any]:
    """Return every column, ready for JSON."""
    return {name: getattr(event, name) for name in COLUMNS} | {"at": _in_utc(event)}


def _in_utc(event: Link) -> str:
    return str(event.at.astimezone(UTC).isoformat(timespec="microseconds"))
