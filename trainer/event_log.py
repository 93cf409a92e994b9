"""The numbered progress events in `events.jsonl`. Knows the file; knows nothing of its readers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainer.protocol import Event


class EventLog:
    """Appends events. `seq` continues from the last line of the file, so that a resumed run never reuses a number."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = _complete_lines(path)
        self._seq = Event.model_validate_json(lines[-1]).seq if lines else 0
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


def _complete_lines(path: Path) -> list[str]:
    """Return the complete lines. A partial line left by a kill is cut off, or the next event would join it."""
    if not path.exists():
        return []
    content = path.read_bytes()
    complete = content[: content.rfind(b"\n") + 1]
    if len(complete) < len(content):
        path.write_bytes(complete)
    return complete.decode("utf-8").splitlines()


def read_events(path: Path, after: int = 0) -> list[Event]:
    """Return the complete events with `seq` greater than `after`; safe while another process appends."""
    if not path.exists():
        return []
    content = path.read_bytes()
    lines = content[: content.rfind(b"\n") + 1].decode("utf-8").splitlines()
    return [event for line in lines[after:] if (event := Event.model_validate_json(line)).seq > after]
