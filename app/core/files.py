"""Files that survive a crash: written whole or not at all, or appended to a line at a time, and on disk."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

Record = TypeVar("Record")
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


def append_json_line(path: Path, record: Any) -> None:
    """Append a dataclass as an object, synced, for this user only. A line that a crash tore stays a line of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(asdict(record)) + "\n"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "rb+") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            line = line if file.read(1) == b"\n" else "\n" + line
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())


def read_json_lines(path: Path, kind: type[Record]) -> Iterator[tuple[int, Record | None]]:
    """(number of the line, the record), None for a line that is not an object of just its fields. Raises OSError."""
    fields = get_type_hints(kind)
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                values = _parsed(line)
                is_record = {name: type(value) for name, value in values.items()} == fields
                yield number, kind(**values) if is_record else None


def _parsed(line: str) -> dict[str, Any]:
    try:
        values = json.loads(line)
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}
