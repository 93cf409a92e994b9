"""What a failing disk or database means for the person who asks: full, away, or a defect. Knows no HTTP library."""

from __future__ import annotations

import errno
from typing import Any

from sqlalchemy.exc import DBAPIError, OperationalError, TimeoutError as PoolTimeout

from app.core.errors import AppError, StorageFull, Unavailable

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
POSTGRES_FULL = "53100"
POSTGRES_AWAY = ("08", "53", "57", "40", "55P03")
"""Classes of SQLSTATE: connection, resources, operator, rollback by conflict; and: lock not available."""
SQLITE_AWAY = ("locked", "busy", "disk i/o error", "unable to open database", "readonly database")


def as_app_error(error: BaseException) -> AppError | None:
    """StorageFull or Unavailable for what the disk and the database may do at any time; None for a defect of ours."""
    if isinstance(error, OSError):
        return StorageFull() if error.errno in FULL else None
    if isinstance(error, PoolTimeout):
        return Unavailable("Too many requests wait for the database; try again in some seconds.")
    if not isinstance(error, DBAPIError):
        return None
    if is_full(error):
        return StorageFull()
    if is_away(error):
        return Unavailable("The database does not answer just now, so nothing was changed; try again in some seconds.")
    return None


def is_full(error: DBAPIError) -> bool:
    return _sqlstate(error) == POSTGRES_FULL or "disk is full" in str(error.orig).lower()


def is_away(error: DBAPIError) -> bool:
    """Away, restarting or busy: another try may succeed."""
    if error.connection_invalidated:
        return True
    if state := _sqlstate(error):
        return state.startswith(POSTGRES_AWAY)
    words = str(error.orig).lower()
    is_sqlite = type(error.orig).__module__.partition(".")[0] in ("sqlite3", "pysqlite3")
    if is_sqlite:
        return any(part in words for part in SQLITE_AWAY)
    return isinstance(error, OperationalError)  # psycopg could not connect: there is no SQLSTATE


def _sqlstate(error: DBAPIError) -> str:
    sqlstate: Any = getattr(error.orig, "sqlstate", None)
    return sqlstate or ""
