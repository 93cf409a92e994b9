"""The log of erasures, in a file outside the database. It holds no personal data.

A backup from before an erasure brings the person back. After a restore, this log lists the people to erase again.
One JSON object per line; `contributor` and `by` are pseudonyms.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.core.files import read_json_lines


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
    return [entry for _, entry in read_json_lines(path, Entry) if entry is not None]
