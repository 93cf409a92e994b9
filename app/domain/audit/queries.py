"""Read the log: pages, a stream for downloads, and batches for verification."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from app.core.db.database import Database
from app.core.errors import Invalid
from app.core.paging import Page, page_of
from app.domain.audit.tables import AuditEvent, as_dict

BATCH = 1000


@dataclass(frozen=True)
class Filters:
    """Filters of events. `action` is a whole name (pair.saved) or its first part (pair); `until` is exclusive."""

    subject: str = ""
    actor: str = ""
    action: str = ""
    project_id: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def narrow(self, statement: Select[Any]) -> Select[Any]:
        columns = (AuditEvent.subject_id, AuditEvent.actor, AuditEvent.project_id)
        for column, value in zip(columns, (self.subject, self.actor, self.project_id), strict=True):
            if value:
                statement = statement.where(column == value)
        if self.action:
            first_part = AuditEvent.action.startswith(f"{self.action}.", autoescape=True)
            statement = statement.where((AuditEvent.action == self.action) | first_part)
        if self.since:
            statement = statement.where(AuditEvent.at >= self.since)
        return statement.where(AuditEvent.at < self.until) if self.until else statement


def parse_moment(text: str, field: str) -> datetime | None:
    """Parse 2026-11-21 or 2026-11-21T14:00, in UTC unless an offset is given. A day as `until` includes the whole day.

    Raises Invalid.
    """
    try:
        at = datetime.fromisoformat(text) if text else None
    except ValueError:
        raise Invalid("Write a date (2026-11-21) or a time (2026-11-21T14:00).", field=field) from None
    if at is None:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    try:
        return (at + timedelta(days=1) if field == "until" and len(text) == 10 else at).astimezone(UTC)
    except OverflowError:
        raise Invalid("This date is out of range.", field=field) from None


def page(session: Session, filters: Filters, *, limit: int = 50, cursor: str | None = None) -> Page[AuditEvent]:
    """Return a page of events, newest first."""
    return page_of(session, filters.narrow(select(AuditEvent)), AuditEvent.id, limit=limit, cursor=cursor)


def is_denial(event: AuditEvent) -> bool:
    """Whether the event records a denied request."""
    return "denied" in event.action.split(".")


def newest(session: Session) -> tuple[int, str] | None:
    """Return (number, digest) of the last event, None for an empty log."""
    last = session.execute(select(AuditEvent.id, AuditEvent.hash).order_by(AuditEvent.id.desc()).limit(1)).first()
    return (last.id, last.hash) if last else None


def digest_at(session: Session, number: int) -> str | None:
    return session.scalar(select(AuditEvent.hash).where(AuditEvent.id == number))


def batches(session: Session, filters: Filters | None = None, after: int | None = None) -> Iterator[list[Row[Any]]]:
    """Yield events as plain rows, oldest first, a thousand at a time, so that a log of any length fits in memory."""
    columns = AuditEvent.__table__.columns
    statement = (filters or Filters()).narrow(select(*columns)).order_by(columns.id).limit(BATCH)
    while True:
        rows = list(session.execute(statement if after is None else statement.where(columns.id > after)))
        if rows:
            yield rows
        if len(rows) < BATCH:
            return
        after = rows[-1].id


def event_numbers(session: Session, after: int | None = None) -> list[int]:
    """Return the next thousand event numbers, for when the events themselves cannot be read."""
    statement = select(AuditEvent.id).order_by(AuditEvent.id).limit(BATCH)
    return list(session.scalars(statement if after is None else statement.where(AuditEvent.id > after)))


def event_row(session: Session, number: int) -> Row[Any]:
    columns = AuditEvent.__table__.columns
    return session.execute(select(*columns).where(columns.id == number)).one()


def json_lines(database: Database, filters: Filters) -> Iterator[str]:
    """Yield the log as JSON Lines, oldest first. Each thousand has its own transaction: slow readers block nothing."""
    after: int | None = None
    while True:
        with database.read() as session:
            rows = next(batches(session, filters, after), [])
        yield "".join(json.dumps(as_dict(row)) + "\n" for row in rows)
        if len(rows) < BATCH:
            return
        after = rows[-1].id
