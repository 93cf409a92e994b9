"""Files that survive a crash: whole or absent, and on disk. Knows nothing of their contents."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

PRIVATE, SHARED = 0o600, 0o666
"""For this user only; as the umask allows."""


def sync(path: str | Path) -> None:
    """Write a file, or the names in a folder, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, chunks: Iterable[bytes], *, mode: int = PRIVATE) -> None:
    """Write `chunks` to a temporary name, then sync and rename: after a crash the file is whole or absent."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.writelines(chunks)
        sync(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync(path.parent)
