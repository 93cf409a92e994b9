"""Rate limits that hold across processes: the counters of the library `limits`, kept in our own database.

Each count is a transaction of its own, so that a request that fails afterwards is counted all the same. Count before
the request's own transaction has begun: on SQLite there is one writer at a time.
"""

from __future__ import annotations

import hashlib
import math
import time
from typing import Any

import limits
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter
from sqlalchemy import Float, String, case, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.base import Base
from app.core.db.database import Database
from app.core.errors import TooManyRequests

SIGN_IN = limits.parse("10 per 5 minutes")
SIGN_IN_ALL = limits.parse("1000 per 5 minutes")
COSTLY = limits.parse("300 per hour")
TEST_MESSAGES = limits.parse("10 per 10 minutes")
DENIALS = limits.parse("1000 per hour")


class RateWindow(Base):
    """How often `key` was hit in the window that ends at `expires_at` (seconds since 1970)."""

    __tablename__ = "rate_windows"
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    count: Mapped[int]
    expires_at: Mapped[float] = mapped_column(Float)


class SqlStorage(Storage):
    """What the library needs of a store for fixed windows."""

    STORAGE_SCHEME = None

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database
        self._insert: Any = sqlite.insert if database.is_sqlite else postgresql.insert

    @property
    def base_exceptions(self) -> type[Exception]:
        return SQLAlchemyError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to the window of `key`, a new one of `expiry` seconds where the last has ended; its count."""
        at = time.time()
        over = RateWindow.expires_at <= at
        statement = self._insert(RateWindow).values(key=key, count=amount, expires_at=at + expiry)
        statement = statement.on_conflict_do_update(
            index_elements=[RateWindow.key],
            set_={
                "count": case((over, amount), else_=RateWindow.count + amount),
                "expires_at": case((over, at + expiry), else_=RateWindow.expires_at),
            },
        ).returning(RateWindow.count)
        with self._database.session() as session:
            count = int(session.execute(statement).scalar_one())
        if count == amount:
            self._forget(at)
        return count

    def _forget(self, at: float) -> None:
        """Windows that have ended, whenever a new one begins."""
        with self._database.session() as session:
            session.execute(delete(RateWindow).where(RateWindow.expires_at <= at))

    def get(self, key: str) -> int:
        return self._window(key)[0]

    def get_expiry(self, key: str) -> float:
        return self._window(key)[1]

    def _window(self, key: str) -> tuple[int, float]:
        at = time.time()
        statement = select(RateWindow.count, RateWindow.expires_at).where(RateWindow.key == key)
        with self._database.read() as session:
            row = session.execute(statement.where(RateWindow.expires_at > at)).first()
        return (row[0], row[1]) if row else (0, at)

    def check(self) -> bool:
        with self._database.read() as session:
            session.execute(select(RateWindow.key).limit(1))
        return True

    def reset(self) -> int:
        with self._database.session() as session:
            return len(session.execute(delete(RateWindow).returning(RateWindow.key)).all())

    def clear(self, key: str) -> None:
        with self._database.session() as session:
            session.execute(delete(RateWindow).where(RateWindow.key == key))


class Limits:
    """The windows of one installation. What identifies a person or a machine is stored as a digest only."""

    def __init__(self, database: Database) -> None:
        self._storage = SqlStorage(database)
        self._limiter = FixedWindowRateLimiter(self._storage)

    def hit(self, item: limits.RateLimitItem, purpose: str, who: str = "") -> None:
        """Count one try. Raises TooManyRequests when it is one too many."""
        names = (purpose, _blind(who))
        if self._limiter.hit(item, *names):
            return
        wait = max(1, math.ceil(self._limiter.get_window_stats(item, *names).reset_time - time.time()))
        raise TooManyRequests(
            f"Too many tries. Try again in {wait // 60 + 1} minutes."
            if wait >= 60
            else "Too many tries. Wait a minute.",
            retry_after=wait,
        )

    def forgive(self, item: limits.RateLimitItem, purpose: str, who: str = "") -> None:
        """Take one try back: it was right, and only wrong ones count."""
        self._storage.incr(item.key_for(purpose, _blind(who)), item.get_expiry(), -1)


def _blind(who: str) -> str:
    return hashlib.sha256(who.encode()).hexdigest()[:32]
