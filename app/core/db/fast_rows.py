"""One row read or written by a plain statement: for what every request does, since a flush costs three times as much.

The object stays true, so that whoever holds it in this transaction sees what the database has. What waits in the
session is flushed first. Knows no word of the product.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Table, bindparam, delete, insert, inspect, select, update
from sqlalchemy.orm import Session, class_mapper, make_transient_to_detached
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.orm.util import identity_key

from app.core.db.base import Base

Row = TypeVar("Row", bound=Base)


def get(session: Session, kind: type[Row], key: str, *, fresh: bool = False) -> Row | None:
    """The row with this key, as `session.get` finds it; `fresh`: as it stands in the database now."""
    session.flush()
    known: Row | None = session.identity_map.get(identity_key(kind, key))
    if known is not None and not fresh and not inspect(known).expired:
        return known
    options = {"populate_existing": True} if fresh else {}
    found: Row | None = session.scalar(_by_key(kind), {"key": key}, execution_options=options)
    return found


def add(session: Session, row: Base) -> None:
    """A new row, at once. What is not said is the column's default, or nothing."""
    session.flush()
    statement, columns, defaults = _add(type(row))
    for name, default in defaults.items():
        if name not in row.__dict__:
            setattr(row, name, default(None))
    session.execute(statement, {name: row.__dict__[name] for name in columns if name in row.__dict__})
    for name in columns:
        row.__dict__.setdefault(name, None)
    make_transient_to_detached(row)
    session.add(row)


def restored(kind: type[Row], values: Mapping[str, Any]) -> Row:
    """The object of a row that was read plainly: all its columns by name. Of no session yet; what hangs on it comes
    when it is asked for."""
    row = class_mapper(kind).class_manager.new_instance()
    row.__dict__.update(values)
    make_transient_to_detached(row)
    return row


def change(session: Session, row: Base, **values: Any) -> None:
    """These columns of a row, at once. Raises StaleDataError when it is gone."""
    session.flush()
    given = {f"new_{name}": one for name, one in values.items()} | _key(row)
    done: Any = session.execute(_change(type(row), tuple(values)), given)
    if done.rowcount != 1:
        raise StaleDataError(f"a row of {type(row).__tablename__} was deleted meanwhile")
    for name, value in values.items():
        set_committed_value(row, name, value)


def remove(session: Session, row: Base) -> None:
    session.flush()
    session.execute(_remove(type(row)), _key(row))
    session.expunge(row)


def _key(row: Base) -> dict[str, Any]:
    (key,) = inspect(row).identity or ()
    return {"key": key}


def _table(kind: type[Base]) -> Table:
    return Base.metadata.tables[kind.__tablename__]


# Statements are made once: making one takes longer than running it.


@cache
def _by_key(kind: type[Base]) -> Any:
    (key,) = inspect(kind).primary_key
    return select(kind).where(key == bindparam("key"))


@cache
def _add(kind: type[Base]) -> tuple[Any, list[str], dict[str, Callable[[None], Any]]]:
    """The statement, the columns, and what those with a default are when nothing is said."""
    table = _table(kind)
    defaults = {column.key: _default(column) for column in table.columns if column.default is not None}
    return insert(table), table.columns.keys(), defaults


def _default(column: Any) -> Callable[[None], Any]:
    value = column.default.arg
    return value if column.default.is_callable else lambda _: value


@cache
def _change(kind: type[Base], names: tuple[str, ...]) -> Any:
    (key,) = _table(kind).primary_key
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
    return update(_table(kind)).where(key == bindparam("key")).values(values)


@cache
def _remove(kind: type[Base]) -> Any:
    (key,) = _table(kind).primary_key
    return delete(_table(kind)).where(key == bindparam("key"))
