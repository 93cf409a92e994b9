"""All rows of all tables as lines of JSON from one snapshot, and back: the same bytes on either engine.

Tables are those that the database has, not those that the code knows: nothing is forgotten, and a dump of an older
schema can be read. A JSON value is written as its text, so that what was hashed keeps its hash; bytes as base64.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import JSON, Connection, DateTime, LargeBinary, MetaData, String, Table, Text

from app.core.db.database import Database
from app.core.errors import AppError
from app.domain.pairs.indexes import search_queries

SKIPPED = "alembic_version"
BATCH = 500


class NotTheSame(AppError):
    """What was written is not what the dump holds; the transaction is rolled back."""


def tables(connection: Connection) -> list[Table]:
    """In an order in which a row comes after those that it points at. The index of texts is made anew from them."""
    metadata = MetaData()
    metadata.reflect(connection, only=lambda name, _: not search_queries.is_derived(name))
    return [table for table in metadata.sorted_tables if table.name != SKIPPED]


def write_tables(database: Database, folder: Path) -> dict[str, dict[str, Any]]:
    """{table: {rows, sha256}}, all as of one moment, while others go on writing."""
    options = {} if database.is_sqlite else {"isolation_level": "REPEATABLE READ"}
    with database.readers.connect().execution_options(**options) as connection:
        return {table.name: _write(connection, table, folder / f"{table.name}.jsonl") for table in tables(connection)}


def _write(connection: Connection, table: Table, path: Path) -> dict[str, Any]:
    hasher, count = hashlib.sha256(), 0
    with path.open("xb") as file:
        path.chmod(0o600)
        for line in _lines(connection, table):
            file.write(line)
            hasher.update(line)
            count += 1
    return {"rows": count, "sha256": hasher.hexdigest()}


def _lines(connection: Connection, table: Table) -> Iterator[bytes]:
    columns = sorted(table.columns, key=lambda column: column.name)
    statement = sa.select(*[_shown(column) for column in columns]).order_by(*_order(connection, table))
    names = [column.name for column in columns]
    for row in connection.execution_options(yield_per=BATCH).execute(statement):
        values = dict(zip(names, map(_as_json, row), strict=True))
        yield json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _shown(column: Any) -> Any:
    return sa.cast(column, Text).label(column.name) if isinstance(column.type, JSON) else column


def _order(connection: Connection, table: Table) -> list[Any]:
    """By primary key, compared byte by byte whatever the database's language is."""
    plain = connection.dialect.name == "sqlite"
    keys = list(table.primary_key.columns) or list(table.columns)
    return [key if plain or not isinstance(key.type, String) else key.collate("C") for key in keys]


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)).isoformat()
    return base64.b64encode(value).decode() if isinstance(value, bytes | memoryview) else value


# --- back ---


def first_filled(database: Database) -> str | None:
    """The name of a table that has rows."""
    with database.engine.connect() as connection:
        filled = (
            t.name for t in tables(connection) if connection.execute(sa.select(sa.literal(1)).select_from(t)).first()
        )
        return next(filled, None)


def read_tables(database: Database, folder: Path, expected: dict[str, dict[str, Any]]) -> None:
    """Write all rows in one transaction, read them again, compare the hashes, then commit."""
    with database.engine.begin() as connection:
        schema = tables(connection)
        if unknown := sorted(expected.keys() ^ {table.name for table in schema}):
            raise NotTheSame(f"The backup and the schema disagree about the table {unknown[0]}.")
        for table in schema:
            _fill(connection, table, folder / f"{table.name}.jsonl")
        for table in schema:
            hasher = hashlib.sha256()
            for line in _lines(connection, table):
                hasher.update(line)
            if hasher.hexdigest() != expected[table.name]["sha256"]:
                raise NotTheSame(f"The rows of {table.name} did not come back as they were; nothing was restored.")


def _fill(connection: Connection, table: Table, path: Path) -> None:
    writable = sa.table(table.name, *[sa.column(column.name, _written(column.type)) for column in table.columns])
    kinds = {column.name: column.type for column in table.columns}
    with path.open("rb") as file:
        while batch := list(islice(file, BATCH)):
            rows = [{name: _as_value(value, kinds[name]) for name, value in json.loads(line).items()} for line in batch]
            if table.name == search_queries.TEXTS:  # its index writes at the end of each statement
                connection.execute(sa.insert(writable).values(rows))
            else:
                connection.execute(sa.insert(writable), rows)


def _written(kind: Any) -> Any:
    """A JSON column tells SQL's NULL from JSON's null."""
    return JSON(none_as_null=True) if isinstance(kind, JSON) else kind


def _as_value(value: Any, kind: Any) -> Any:
    if value is None:
        return None
    if isinstance(kind, JSON):
        return JSON.NULL if value == "null" else json.loads(value)
    if isinstance(kind, LargeBinary):
        return base64.b64decode(value)
    if isinstance(kind, DateTime):
        moment = datetime.fromisoformat(value)
        return moment if kind.timezone else moment.replace(tzinfo=None)
    return value
