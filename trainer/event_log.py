"""The numbered progress events in `events.jsonl`. Knows the file; knows nothing of its readers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainer.protocol import Event


class EventLog:
    """Appends events. `seq` continues from the last line of the file, so that a resumed run never reuses a number."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        complete = _complete(path)
        self._seq = Event.model_validate_json(complete.splitlines()[-1]).seq if complete else 0
        self._file = path.open("a", encoding="utf-8")
        self._file.truncate(len(complete))  # a partial line would join the next event

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


def _complete(path: Path) -> bytes:
    """Return the complete lines; the last one may be partial after a kill, or while another process appends."""
    content = path.read_bytes() if path.exists() else b""
    return content[: content.rfind(b"\n") + 1]


def read_events(path: Path, after: int = 0) -> list[Event]:
    """Return the complete events with `seq` greater than `after`; safe while another process appends."""
    lines = _complete(path).splitlines()[after:]
    return [event for line in lines if (event := Event.model_validate_json(line)).seq > after]
