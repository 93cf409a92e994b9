"""The log of erasures, in a file outside the database. It holds no personal data.

A backup from before an erasure brings the person back. After a restore, this log lists the people to erase again.
One JSON object per line; `contributor` and `by` are pseudonyms.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from app.core.files import append_json_line, read_json_lines

FIELDS: dict[str, type] = {"contributor": str, "content": str, "by": str, "at": str}


@dataclass(frozen=True)
class Entry:
    """`content` is `keep` or `withdraw`; `at` is the time of the first erasure, ISO 8601 in UTC."""

    contributor: str
    content: str
    by: str
    at: str


def read(path: Path) -> list[Entry]:
    """Return the entries, oldest first. Incomplete lines are skipped: the next sweep writes them again."""
    if not path.exists():
        return []
    return [Entry(**record) for _, record in read_json_lines(path, FIELDS) if record is not None]


def append(path: Path, entries: Iterable[Entry]) -> None:
    """Append entries to the file."""
    for entry in entries:
        append_json_line(path, asdict(entry))
