"""Fair turns among the processes that write one SQLite file.

A writer that SQLite keeps waiting retries at growing intervals, so a busy process can starve the others until they give
up: "database is locked". Here a writer first takes the lock of the line, then waits for the lock of the turn. A process
that wants to write again joins the end of the line. The locks are advisory and vanish with their process; SQLite's own
lock still protects the data. Knows nothing of SQL.
"""

from __future__ import annotations

import os
import time
from io import FileIO
from pathlib import Path

from sqlalchemy.exc import TimeoutError as TookTooLong

try:
    import fcntl
except ImportError:  # Windows: SQLite's own retries decide
    fcntl = None  # type: ignore[assignment]

PAUSE_SECONDS = 0.001


class ProcessWriteLock:
    """Two lock files beside the database, one for the line and one for the turn, opened at first use."""

    def __init__(self, database: Path, patience: float) -> None:
        self._database, self._patience = database, patience
        self._files: list[FileIO] = []

    def enter(self) -> None:
        """Wait for the turn. Raises SQLAlchemy's TimeoutError after the time limit."""
        if fcntl is None:
            return
        line, turn = self._files = self._files or [_opened(f"{self._database}-{name}") for name in ("line", "turn")]
        end = time.monotonic() + self._patience
        _lock(line, end)
        try:
            _lock(turn, end)
        finally:
            fcntl.flock(line, fcntl.LOCK_UN)

    def leave(self) -> None:
        if self._files:
            fcntl.flock(self._files[1], fcntl.LOCK_UN)

    def close(self) -> None:
        for file in self._files:
            file.close()
        self._files = []


def _opened(path: str) -> FileIO:
    return FileIO(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+")


def _lock(file: FileIO, end: float) -> None:
    """Poll instead of blocking in the kernel, so that the wait can time out."""
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise TookTooLong("another process held the database for too long") from None
            time.sleep(PAUSE_SECONDS)
