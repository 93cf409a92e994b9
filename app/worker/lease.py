"""A claimed job and the heartbeat thread that keeps its lease. Knows nothing of what the jobs do."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from sqlalchemy.exc import OperationalError

from app.core import jobs
from app.core.db.database import Database
from app.core.errors import Conflict

log = logging.getLogger("preceptor.jobs")


class Stopped(Exception):
    """The job was cancelled, or another worker holds it now. Drop it."""


@dataclass
class ClaimedJob:
    """A job that this process has claimed. As a context manager it renews the lease from a thread of its own."""

    database: Database
    id: str
    token: int
    kind: str
    payload: dict[str, Any]
    lease_seconds: float
    attempt: int = 1
    done: float = 0.0
    total: float = 0.0
    cancelled: bool = False
    lost: bool = False
    started: float = field(default_factory=time.monotonic)
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> ClaimedJob:
        self._thread = threading.Thread(target=self._beat_until_end, name=f"lease-{self.id[:8]}", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._ended.set()
        if self._thread:
            self._thread.join()

    def _beat_until_end(self) -> None:
        while not self._ended.wait(self.lease_seconds / 6):
            self.beat()

    def beat(self) -> None:
        """Renew the lease once. A busy database is tolerated: the next beat comes before the lease ends."""
        try:
            with self.database.session() as session:
                row = jobs.heartbeat(
                    session,
                    self.id,
                    self.token,
                    self.lease_seconds,
                    done=self.done,
                    total=self.total,
                    eta_seconds=self.eta(),
                )
                self.cancelled = row.cancel_requested
        except Conflict:
            self.lost = True
        except OperationalError as error:
            log.warning("heartbeat of %s missed: %s", self.id, error.orig)

    def eta(self) -> float | None:
        """Seconds left at the speed since the first progress."""
        elapsed = time.monotonic() - self.started
        return elapsed / self.done * (self.total - self.done) if self.done and elapsed > 1 else None

    def progress(self, done: float, total: float) -> None:
        """Record progress. Raises Stopped when the work must not go on."""
        self.started = self.started if self.done else time.monotonic()
        self.done, self.total = done, total
        self.beat()
        self.require_running()

    def require_running(self) -> None:
        """Raises Stopped when the job was cancelled or its lease is lost."""
        if self.cancelled or self.lost:
            raise Stopped()
