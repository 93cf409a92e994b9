"""Rate limits that hold across processes: fixed windows, counted in our own database.

Each count is a transaction of its own, so that a request that fails afterwards is counted all the same. Count before
the request's own transaction has begun: on SQLite there is one writer at a time.
"""

from __future__ import annotations

import hashlib
import math
import time
from typing import NamedTuple

from sqlalchemy import Float, String, case, delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.base import Base
from app.core.db.database import Database
from app.core.errors import TooManyRequests


class RateLimit(NamedTuple):
    """So many tries in a window of so many seconds."""

    tries: int
    seconds: int


SIGN_IN = RateLimit(10, 5 * 60)
SIGN_IN_ALL = RateLimit(1000, 5 * 60)
COSTLY = RateLimit(300, 60 * 60)
TEST_MESSAGES = RateLimit(10, 10 * 60)
DENIALS = RateLimit(1000, 60 * 60)


class RateWindow(Base):
    """How often `key` was hit in the window that ends at `expires_at` (seconds since 1970)."""

    __tablename__ = "rate_windows"
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    count: Mapped[int]
    expires_at: Mapped[float] = mapped_column(Float)


class Limits:
    """The windows of one installation. What identifies a person or a machine is stored as a digest only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def hit(self, limit: RateLimit, purpose: str, who: str = "") -> None:
        """Count one try. Raises TooManyRequests when it is one too many."""
        count, expires_at = self._count(limit, purpose, who, 1)
        if count <= limit.tries:
            return
        wait = max(1, math.ceil(expires_at - time.time()))
        raise TooManyRequests(
            f"Too many tries. Try again in {wait // 60 + 1} minutes."
            if wait >= 60
            else "Too many tries. Wait a minute.",
            retry_after=wait,
        )

    def forgive(self, limit: RateLimit, purpose: str, who: str = "") -> None:
        """Take one try back: it was right, and only wrong ones count."""
        self._count(limit, purpose, who, -1)

    def _count(self, limit: RateLimit, purpose: str, who: str, tries: int) -> tuple[int, float]:
        """Add to the window, to a new one where the last has ended. Return its count and its end."""
        at = time.time()
        key = f"{purpose}/{hashlib.sha256(who.encode()).hexdigest()[:32]}/{limit.tries}/{limit.seconds}"
        over = RateWindow.expires_at <= at
        insert = (sqlite if self._database.is_sqlite else postgresql).insert(RateWindow)
        statement = insert.values(key=key, count=tries, expires_at=at + limit.seconds).on_conflict_do_update(
            index_elements=[RateWindow.key],
            set_={
                "count": case((over, tries), else_=RateWindow.count + tries),
                "expires_at": case((over, at + limit.seconds), else_=RateWindow.expires_at),
            },
        )
        with self._database.session() as session:
            count, expires_at = session.execute(statement.returning(RateWindow.count, RateWindow.expires_at)).one()
        if count == tries:  # a new window: forget those that have ended
            with self._database.session() as session:
                session.execute(delete(RateWindow).where(RateWindow.expires_at <= at))
        return count, expires_at
