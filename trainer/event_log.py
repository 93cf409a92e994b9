"""The numbered progress lines of a run in `events.jsonl`. Knows the file; knows nothing of who reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainer.protocol import Event


class EventLog:
    """Appends events; `seq` goes on from what the file already holds, so that a resumed run never reuses a number."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = _whole_lines(path)
        self._seq = Event.model_validate_json(kept[-1]).seq if kept else 0
        self._file = path.open("a", encoding="utf-8")

    def add(self, kind: str, **fields: Any) -> Event:
        self._seq += 1
        event = Event.model_validate({"seq": self._seq, "kind": kind, **fields})
        self._file.write(event.model_dump_json(exclude_none=True) + "\n")
        self._file.flush()
        return event

    def phase(self, message: str, **fields: Any) -> None:
        self.add("phase", message=message, **fields)

    def log(self, message: str, **fields: Any) -> None:
        self.add("log", message=message, **fields)

    def close(self) -> None:
        self._file.close()


def _whole_lines(path: Path) -> list[str]:
    """The complete lines; a half line left by a kill is cut off the file, or the next one would be glued to it."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        path.write_bytes(whole)
    return whole.decode("utf-8").splitlines()


def read_events(path: Path, after: int = 0) -> list[Event]:
    """Complete events with `seq` greater than `after`; safe while another process appends."""
    if not path.exists():
        return []
    content = path.read_bytes()
    lines = content[: content.rfind(b"\n") + 1].decode("utf-8").splitlines()
    return [event for line in lines[after:] if (event := Event.model_validate_json(line)).seq > after]
