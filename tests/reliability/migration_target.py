"""A migration that dies at its n-th statement, for every n (or every STRIDE-th).

Run: python -m tests.reliability.migration_target URL STRIDE

Each attempt is a process of its own, forked so that Python need not start anew, that kills itself with -9 just before a
statement or the commit. After each the database must be exactly what it was; the attempt that nobody kills ends it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import signal
import sys
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import MetaData, event, inspect, text

from app.bootstrap import upgrade
from app.core.db.database import Database
from app.domain.pairs.indexes import search_queries

POSTGRES_SCHEMA = (
    "SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default "
    "FROM information_schema.columns WHERE table_schema = 'public'",
    "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace",
    "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
)
SQLITE_SCHEMA = ("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'",)


def schema(connection: Any) -> list[str]:
    """Every table, column, constraint, index and trigger, sorted."""
    questions = SQLITE_SCHEMA if connection.dialect.name == "sqlite" else POSTGRES_SCHEMA
    return sorted(str(tuple(row)) for question in questions for row in connection.execute(text(question)))


def rows(connection: Any) -> dict[str, list[str]]:
    tables = inspect(connection).get_table_names()
    return {name: sorted(map(str, connection.execute(text(f'SELECT * FROM "{name}"')))) for name in sorted(tables)}


def fingerprint(url: str) -> str:
    database = Database(url)
    with database.engine.connect() as connection:
        everything = json.dumps([schema(connection), rows(connection)])
    database.dispose()
    return hashlib.sha256(everything.encode()).hexdigest()


def fill(url: str, per_table: int = 2) -> None:
    """Some rows in every table, whatever its columns are at this revision."""
    database = Database(url)
    with database.engine.begin() as connection:
        metadata = MetaData()
        metadata.reflect(connection)
        for table in metadata.sorted_tables:
            if table.name != "alembic_version" and not search_queries.is_derived(table.name):
                for number in range(per_table):
                    connection.execute(table.insert().values({c.name: value(c, number) for c in table.columns}))
    database.dispose()


def value(column: Any, number: int) -> Any:
    """A value that fits; a foreign key and what it points at get the same one."""
    kind = column.type.python_type.__name__
    if kind == "str":
        return f"text {number}"[: column.type.length or 100]
    made = {
        "bytes": bytes([number]),
        "int": number,
        "float": number / 2,
        "bool": bool(number % 2),
        "datetime": datetime(2026, 1, 2, 3, tzinfo=UTC),
    }
    return made.get(kind, {"number": number})


def die_at(database: Database, number: int) -> None:
    """SIGKILL before the number-th statement; the commit counts as one."""
    seen = 0

    def step(*_: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(database.engine, "before_cursor_execute", step)
    event.listen(database.engine, "commit", step)


def attempt(url: str, number: int) -> bool:
    """Whether the migration came to its end before its number-th statement."""
    if pid := os.fork():
        return os.waitpid(pid, 0)[1] == 0
    code = 1
    try:
        database = Database(url)
        die_at(database, number)
        upgrade(database, "head")
        code = 0
    finally:
        os._exit(code)


def main() -> None:
    logging.disable()
    url, stride = sys.argv[1], int(sys.argv[2])
    before, number, kills = fingerprint(url), 1, 0
    while not attempt(url, number):
        if fingerprint(url) != before:
            sys.exit(f"killed at statement {number}, it left a half-made schema")
        number, kills = number + stride, kills + 1
    print(json.dumps({"kills": kills}))


if __name__ == "__main__":
    main()
