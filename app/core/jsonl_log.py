"""A file of JSON objects, one a line, that is only ever appended to. Knows nothing of what is in them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def append(path: Path, record: dict[str, Any]) -> None:
    """One line, synced, for this user only. A line that a crash tore stays a line of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(record) + "\n"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "rb+") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            line = line if file.read(1) == b"\n" else "\n" + line
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())


def read(path: Path, fields: dict[str, type]) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """(number of the line, the object), None for a line that is not an object of just these fields. Raises OSError."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, _parsed(line, fields)


def _parsed(line: str, fields: dict[str, type]) -> dict[str, Any] | None:
    try:
        record: Any = json.loads(line)
    except ValueError:
        return None
    if not isinstance(record, dict) or set(record) != set(fields):
        return None
    return record if all(type(record[name]) is kind for name, kind in fields.items()) else None
