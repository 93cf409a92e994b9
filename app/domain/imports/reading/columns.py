"""The columns of the first rows of a file, with samples, for the user who maps them. Pure."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from app.domain.imports.reading import limits, mapping as column_mapping

MAX_SAMPLES, MAX_SAMPLE_LENGTH = 3, 120


class Columns:
    """Collects the keys of each row, and the keys of objects one level down."""

    def __init__(self) -> None:
        self.filled: Counter[str] = Counter()
        self.samples: dict[str, list[str]] = {}

    def add_row(self, record: dict[str, Any]) -> None:
        for name, value in record.items():
            self._add(str(name), value)
            if isinstance(value, dict):
                for key, item in value.items():
                    self._add(f"{name}.{key}", item)

    def _add(self, name: str, value: Any) -> None:
        if not name or len(name) > column_mapping.MAX_COLUMN:
            return
        if name not in self.samples and len(self.samples) >= limits.MAX_COLUMNS:
            return
        samples = self.samples.setdefault(name, [])
        if value in (None, "", [], {}):
            return
        self.filled[name] += 1
        if len(samples) < MAX_SAMPLES and (text := _sample_text(value)) not in samples:
            samples.append(text)

    def missing(self, names: column_mapping.Names) -> str | None:
        """Return the first column of a mapping that no row has, or None."""
        return next((column for column in column_mapping.columns_of(names) if column not in self.samples), None)

    def as_list(self) -> list[dict[str, Any]]:
        return [{"name": name, "filled": self.filled[name], "samples": texts} for name, texts in self.samples.items()]


def _sample_text(value: Any) -> str:
    text = plain_text(value)
    return text if len(text) <= MAX_SAMPLE_LENGTH else text[: MAX_SAMPLE_LENGTH - 1] + "…"


def plain_text(value: Any) -> str:
    """Return the value as text that every database and every page accepts."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")
