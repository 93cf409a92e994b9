"""The list of erasures, in a file outside of the database: who went, and what became of the content; no personal data.

A backup that is older than an erasure brings the person back. The list is what tells, after it was restored, whom to
erase once more. One object a line: `contributor` and `by` are pseudonyms.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from app.core import jsonl_log

FIELDS: dict[str, type] = {"contributor": str, "content": str, "by": str, "at": str}


@dataclass(frozen=True)
class Entry:
    """`content` is `keep` or `withdraw`; `at` is when it was first done, ISO 8601 in UTC."""

    contributor: str
    content: str
    by: str
    at: str


def read(path: Path) -> list[Entry]:
    """Oldest first; none where there is no file. A line that is not whole is passed over: it is written again."""
    if not path.exists():
        return []
    return [Entry(**given) for _, given in jsonl_log.read(path, FIELDS) if given is not None]


def append(path: Path, entries: Iterable[Entry]) -> None:
    for entry in entries:
        jsonl_log.append(path, asdict(entry))
