"""Forgeries of the audit log that an owner of the database can make after dropping the triggers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, text

from app.core.db.base import now
from app.core.db.database import Database
from app.domain.audit import actions as audit_actions
from app.domain.audit.tables import GENESIS, AuditEvent, digest_of

EVENTS = 12
TABLE = AuditEvent.__table__
COLUMNS: dict[str, Any] = {
    "id": 999,
    "at": now(),
    "actor": "f" * 32,
    "action": "pair.approved",
    "subject_kind": "run",
    "subject_id": "e" * 32,
    "project_id": "d" * 32,
    "details": {"revision": "another"},
    "previous_hash": "b" * 64,
    "hash": "a" * 64,
}


def write_log(database: Database, events: int = EVENTS) -> None:
    """Record events with and without actor, project and details."""
    for at in range(events):
        with database.session() as session:
            audit_actions.record(
                session,
                None if at % 5 == 0 else f"{at % 3:032x}",
                ["pair.saved", "pair.submitted", "member.added"][at % 3],
                "pair",
                f"{at:032x}",
                project_id=None if at % 4 == 0 else "c" * 32,
                **({"revision": f"r{at}", "ratings": {"accuracy": 4.5}, "tags": ["ä", "\r\n", None]} if at % 2 else {}),
            )


def drop_triggers(database: Database) -> None:
    with database.engine.begin() as connection:
        if database.is_sqlite:
            for verb in ("update", "delete"):
                connection.execute(text(f"DROP TRIGGER audit_events_no_{verb}"))
        else:
            connection.execute(text("DROP TRIGGER audit_events_append_only ON audit_events"))


def forge(database: Database, change: Callable[[Connection], object]) -> None:
    """Change the table directly, without the triggers."""
    drop_triggers(database)
    with database.engine.begin() as connection:
        change(connection)


def edit(number: int, column: str, value: Any) -> Callable[[Connection], object]:
    return lambda connection: connection.execute(TABLE.update().where(TABLE.c.id == number).values({column: value}))


def delete(first: int, last: int) -> Callable[[Connection], object]:
    return lambda connection: connection.execute(TABLE.delete().where(TABLE.c.id.between(first, last)))


def row(connection: Connection, number: int) -> dict[str, Any]:
    return dict(connection.execute(TABLE.select().where(TABLE.c.id == number)).one()._mapping)


def swap(left: int, right: int) -> Callable[[Connection], object]:
    """Swap the content of two events and keep their numbers."""

    def change(connection: Connection) -> None:
        first, second = row(connection, left), row(connection, right)
        for number, other in ((left, second), (right, first)):
            connection.execute(TABLE.update().where(TABLE.c.id == number).values({**other, "id": number}))

    return change


def insert_after(number: int) -> Callable[[Connection], object]:
    """Insert a well-formed event between two others; later events move up by one number."""

    def change(connection: Connection) -> None:
        before = row(connection, number)
        for later in range(EVENTS, number, -1):
            connection.execute(TABLE.update().where(TABLE.c.id == later).values(id=later + 1))
        event = AuditEvent(**{**before, "id": number + 1, "action": "pair.approved", "previous_hash": before["hash"]})
        event.hash = digest_of(event)
        connection.execute(TABLE.insert().values({name: getattr(event, name) for name in COLUMNS}))

    return change


def insert_as(number: int) -> Callable[[Connection], object]:
    """Insert a copy of event 3 under another number."""
    return lambda connection: connection.execute(TABLE.insert().values({**row(connection, 3), "id": number}))


def restamp(number: int) -> Callable[[Connection], object]:
    """Change event `number` and recompute every digest from there on, so that the chain itself is consistent."""

    def change(connection: Connection) -> None:
        connection.execute(TABLE.update().where(TABLE.c.id == number).values(actor="0" * 31 + "9"))
        previous = row(connection, number - 1)["hash"] if number > 1 else GENESIS
        for at in range(number, EVENTS + 1):
            event = AuditEvent(**{**row(connection, at), "previous_hash": previous})
            previous = digest_of(event)
            values = {"previous_hash": event.previous_hash, "hash": previous}
            connection.execute(TABLE.update().where(TABLE.c.id == at).values(values))

    return change


def spoil(column: str, raw: str) -> Callable[[Connection], object]:
    """Store bytes that are not a value of the column's type; only SQLite accepts them."""
    return lambda connection: connection.execute(
        text(f"UPDATE audit_events SET {column} = :raw WHERE id = 5"), {"raw": raw}
    )


def lines(path: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
