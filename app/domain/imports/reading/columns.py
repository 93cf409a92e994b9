"""What columns the first rows of a file have, with samples of each, for a person who maps them. Pure."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from app.domain.imports.reading import limits
from app.domain.imports.reading import mapping as column_mapping

SAMPLES, SAMPLE = 3, 120


class Columns:
    """Gathers the names at the top of each row, and one step down where an object stands there."""

    def __init__(self) -> None:
        self.filled: Counter[str] = Counter()
        self.samples: dict[str, list[str]] = {}

    def note(self, record: dict[str, Any]) -> None:
        for name, value in record.items():
            self._add(str(name), value)
            if isinstance(value, dict):
                for inner, one in value.items():
                    self._add(f"{name}.{inner}", one)

    def _add(self, name: str, value: Any) -> None:
        if not name or len(name) > column_mapping.MAX_COLUMN:
            return
        if name not in self.samples and len(self.samples) >= limits.MAX_COLUMNS:
            return
        samples = self.samples.setdefault(name, [])
        if value in (None, "", [], {}):
            return
        self.filled[name] += 1
        if len(samples) < SAMPLES and (text := _short(value)) not in samples:
            samples.append(text)

    def lacking(self, names: column_mapping.Names) -> str | None:
        """The first column of a mapping that no row has."""
        return next((column for column in column_mapping.columns_of(names) if column not in self.samples), None)

    def as_list(self) -> list[dict[str, Any]]:
        return [{"name": name, "filled": self.filled[name], "samples": some} for name, some in self.samples.items()]


def _short(value: Any) -> str:
    text = plain(value)
    return text if len(text) <= SAMPLE else text[: SAMPLE - 1] + "…"


def plain(value: Any) -> str:
    """The value as text that every engine and every page takes."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")
