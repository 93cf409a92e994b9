"""The limits of an upload. The import page documents every number."""

from __future__ import annotations

import contextlib
import ctypes
import resource

from app.core.errors import Invalid, TooLarge

MAX_ROWS = 200_000
MAX_DECODED = 512 * 1024 * 1024
MAX_COLUMNS = 200
MAX_CELL = 1024 * 1024
MAX_ROW = 16 * 1024 * 1024
MAX_ERRORS = 20
MAX_SHOWN = 2000  # characters of a bad row that are stored
MAX_COUNTED = 20_000  # rows that a preview counts beyond its head
CPU_SECONDS = 120
WALL_SECONDS = 300
MEMORY = 2 * 1024**3
NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000


def confine() -> None:
    """Limit this process: memory, CPU time, no file writes, no network if the kernel allows a new namespace."""
    for kind, limit in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).unshare(NEW_USER | NEW_NETWORK)


class Meter:
    """Counts rows and decoded bytes of a stream. Raises TooLarge."""

    def __init__(self) -> None:
        self.rows = 0
        self.decoded = 0

    def add(self, rows: int, size: int) -> None:
        self.rows += rows
        if self.rows > MAX_ROWS:
            raise TooLarge(f"The file has more than {MAX_ROWS:,} rows; split it.")
        self.decoded += size
        if self.decoded > MAX_DECODED:
            raise TooLarge(f"The file decodes to more than {MAX_DECODED // 1024**2} MiB of text; split it.")


def check_column_count(count: int) -> None:
    """Raise Invalid for too many columns."""
    if count > MAX_COLUMNS:
        raise Invalid(f"The file has {count:,} columns; at most {MAX_COLUMNS} are read.")
