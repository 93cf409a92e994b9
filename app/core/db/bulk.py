"""Many rows at once, by the driver: what an import writes. Knows no word of the product.

SQLAlchemy spends more time per row than the database; here each column's type is resolved once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Table
from sqlalchemy.orm import Session

BULK_CACHE_KIB = 256 * 1024
"""KiB of pages that SQLite keeps in memory while it writes many rows; pages that do not fit are written twice."""
DEFAULT_CACHE_KIB = 2 * 1024
Row = Mapping[str, Any]


def insert(session: Session, table: Table, rows: Sequence[Row]) -> None:
    """Rows that all name the same columns; of the other columns those with a default in Python get it."""
    if not rows:
        return
    connection = session.connection()
    columns = [column for column in table.columns if column.name in rows[0] or column.default is not None]
    values = [_values(connection, column, rows) for column in columns]
    into = _into(connection, table.name, [column.name for column in columns])
    connection.exec_driver_sql(f"{into} VALUES {_marks(connection, len(columns))}", list(zip(*values, strict=True)))


def insert_plain(session: Session, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Rows that are already as the driver takes them, texts and numbers: to PostgreSQL as one list for each column."""
    if not rows:
        return
    connection = session.connection()
    into = _into(connection, table.name, columns)
    if connection.dialect.name == "postgresql":
        kinds = [table.columns[name].type.compile(connection.dialect) for name in columns]
        lists = ", ".join(f"%s::{kind}[]" for kind in kinds)
        values = tuple(map(list, zip(*rows, strict=True)))
        connection.exec_driver_sql(f"{into} SELECT * FROM unnest({lists})", values)
    else:
        connection.exec_driver_sql(f"{into} VALUES {_marks(connection, len(columns))}", list(rows))


def insert_together(session: Session, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Such rows in one statement: for a table whose triggers do most of their work at the end of each."""
    if rows:
        connection = session.connection()
        marks = ", ".join([_marks(connection, len(columns))] * len(rows))
        values = tuple(value for row in rows for value in row)
        connection.exec_driver_sql(f"{_into(connection, table.name, columns)} VALUES {marks}", values)


def raise_cache_size(session: Session) -> None:
    """Call before writing many rows, and `restore_cache_size` after the commit."""
    if session.connection().dialect.name == "sqlite":
        session.connection().exec_driver_sql(f"PRAGMA cache_size=-{BULK_CACHE_KIB}")


def restore_cache_size(session: Session) -> None:
    if session.connection().dialect.name == "sqlite":
        session.connection().exec_driver_sql(f"PRAGMA cache_size=-{DEFAULT_CACHE_KIB}")
        session.connection().exec_driver_sql("PRAGMA shrink_memory")


def placeholder(connection: Connection) -> str:
    """What stands for a value in a statement that goes straight to the driver."""
    return "?" if connection.dialect.paramstyle == "qmark" else "%s"


def _into(connection: Connection, table: str, columns: Sequence[str]) -> str:
    quote = connection.dialect.identifier_preparer.quote
    return f"INSERT INTO {quote(table)} ({', '.join(map(quote, columns))})"


def _marks(connection: Connection, count: int) -> str:
    return f"({', '.join([placeholder(connection)] * count)})"


def _values(connection: Connection, column: Column[Any], rows: Sequence[Row]) -> list[Any]:
    """What the driver gets for one column of each row."""
    values = [row[column.name] for row in rows] if column.name in rows[0] else _defaults(column, len(rows))
    stored: Callable[[Any], Any] | None = column.type.dialect_impl(connection.dialect).bind_processor(
        connection.dialect
    )
    return list(map(stored, values)) if stored else values


def _defaults(column: Column[Any], count: int) -> list[Any]:
    default: Any = column.default
    return [default.arg(None) for _ in range(count)] if default.is_callable else [default.arg] * count
