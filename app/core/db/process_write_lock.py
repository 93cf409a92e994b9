"""Fair turns among the processes that write one SQLite file.

SQLite lets a writer that waits ask again at growing pauses, and so a busy process can starve the others until they give
up: "database is locked". Here a writer first holds the turnstile, then waits for the file; whoever leaves the file and
wants it again finds the turnstile held and comes after. The locks are advisory, vanish with their process, and SQLite's
own lock stays what protects the data. Knows nothing of SQL.
"""

from __future__ import annotations

import os
import time
from io import FileIO
from pathlib import Path

from sqlalchemy.exc import TimeoutError as TookTooLong

try:
    import fcntl
except ImportError:  # not on Windows: there SQLite's own pauses decide
    fcntl = None  # type: ignore[assignment]

PAUSE_SECONDS = 0.001


class ProcessWriteLock:
    """Two lock files beside the database: one to stand in line with, one for whose turn it is; opened at first use."""

    def __init__(self, database: Path, patience: float) -> None:
        self._database, self._patience = database, patience
        self._files: list[FileIO] = []

    def enter(self) -> None:
        """Wait for one's turn. Raises sqlalchemy's TimeoutError when others keep it for too long."""
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
    """Asks again and again rather than sleeping in the kernel, so that the wait can end without the lock."""
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise TookTooLong("another process held the database for too long") from None
            time.sleep(PAUSE_SECONDS)
