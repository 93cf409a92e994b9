"""Keyset pages: a cursor is the last id seen, opaque to callers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.core.errors import Invalid

T = TypeVar("T")
MAX_LIMIT = 500


@dataclass(frozen=True)
class Page(Generic[T]):
    """At most `limit` items and the cursor of the next page, or None at the end."""

    items: list[T]
    next: str | None


def page_of(
    session: Session,
    statement: Select[Any],
    key: InstrumentedAttribute[Any],
    *,
    limit: int = 50,
    cursor: str | None = None,
    newest_first: bool = True,
) -> Page[Any]:
    """A page of ORM rows ordered by `key`. Raises Invalid when the limit or the cursor is out of range."""
    require_limit(limit)
    if cursor:
        after = parse_position(cursor) if key.type.python_type is int else cursor
        statement = statement.where(key < after if newest_first else key > after)
    rows = list(session.scalars(statement.order_by(key.desc() if newest_first else key.asc()).limit(limit + 1)))
    more = len(rows) > limit
    return Page(rows[:limit], str(getattr(rows[limit - 1], key.key)) if more else None)


def require_limit(limit: int) -> None:
    """Raises Invalid when the limit is out of range."""
    if not 1 <= limit <= MAX_LIMIT:
        raise Invalid(f"limit must be between 1 and {MAX_LIMIT}.", field="limit")


def parse_position(cursor: str, max_digits: int = 18) -> int:
    """The number in a cursor. Raises Invalid for a cursor that no page returned."""
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= max_digits):
        raise Invalid("cursor must be the `next` of the previous page.", field="cursor")
    return int(cursor)
