"""The columns of a file, and mappings: which columns become which parts of a pair. Pure.

A mapping is {target: [columns]}. A column is a key of the row, or a path into nested objects with dots between keys.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from app.core import strict_json
from app.core.errors import Invalid
from app.domain.imports.reading import formats, limits, platforms
from app.domain.pairs import content as pair_content
from app.domain.pairs.content import Content

TARGETS = ("prompt", "completion", "system", "messages", "context", "tags", "source", "licence")
SINGLE_COLUMN = ("messages", "source", "licence")
TAG_PREFIX = "tag:"
MAX_COLUMN = 200
MAX_SAMPLES, MAX_SAMPLE_LENGTH = 3, 120
Names = dict[str, list[str]]


def parse(value: Any) -> Names:
    """Validate {target: column or columns}. Raises Invalid."""
    if not isinstance(value, Mapping):
        raise Invalid('The map must be an object such as {"prompt": "question", "completion": "answer"}.', field="map")
    names: Names = {}
    for name, columns in value.items():
        target = "licence" if name == "license" else name
        listed = [columns] if isinstance(columns, str) else columns
        if target not in TARGETS and not (str(target).startswith(TAG_PREFIX) and len(target) > len(TAG_PREFIX)):
            known = ", ".join(TARGETS)
            raise Invalid(f"{str(target)[:80]!r} is not a target; use {known}, or tag:NAME for one tag.", field="map")
        if not isinstance(listed, list) or not all(
            isinstance(column, str) and 0 < len(column) <= MAX_COLUMN for column in listed
        ):
            raise Invalid(f"{target} must be the name of a column, or a list of names.", field="map")
        if len(listed) > 1 and (target in SINGLE_COLUMN or target.startswith(TAG_PREFIX)):
            raise Invalid(f"{target} takes one column.", field="map")
        names[target] = list(dict.fromkeys(listed))
    return _checked_whole(names)


def _checked_whole(names: Names) -> Names:
    """Return the names, or {} when no column is mapped. Raises Invalid for a prompt without completion."""
    if bool(names.get("prompt")) != bool(names.get("completion")) and not names.get("messages"):
        raise Invalid("Map both the prompt and the completion.", field="map")
    if names.get("messages") and (names.get("prompt") or names.get("completion")):
        raise Invalid("Map either messages, or prompt and completion.", field="map")
    return names if any(names.values()) else {}


def from_text(text: str) -> Names:
    """Parse JSON text; empty text is no mapping. Raises Invalid."""
    return parse(strict_json.loads(text.encode())) if text.strip() else {}


def as_text(names: Names) -> str:
    """Return the JSON text that `from_text` parses; empty for no mapping."""
    return json.dumps(names, ensure_ascii=False) if names else ""


def columns_of(names: Names) -> list[str]:
    """Return each mapped column once."""
    return list(dict.fromkeys(column for columns in names.values() for column in columns))


def guess(columns: Sequence[str]) -> Names:
    """Guess a mapping from common column names, for the user to check; {} when nothing matches."""
    leaf = {column.rsplit(".", 1)[-1].strip().casefold(): column for column in reversed(columns)}
    prompt = next((leaf[name] for name in platforms.PROMPTS if name in leaf), "")
    answer = next((leaf[name] for name in platforms.ANSWERS if name in leaf and leaf[name] != prompt), "")
    if not prompt or not answer:
        return {}
    other = {"system": "system", "context": "context", "source": "source", "licence": "licence", "license": "licence"}
    return {"prompt": [prompt], "completion": [answer]} | {
        target: [leaf[name]] for name, target in other.items() if name in leaf
    }


def to_content(record: dict[str, Any], names: Names, format: str, *, source: str, license: str) -> Content:
    """Convert a record; targets without a mapping are read as usual. Raises Invalid that says what the row lacks."""
    values = dict(record)
    if "context" in names:
        values["context"] = [document for column in names["context"] for document in _documents(record, column)]
    for target in ("source", "licence"):
        if target in names:
            values[target] = next(iter(_texts(record, names[target])), "")
    is_chosen = bool(names.get("messages") or names.get("prompt"))
    shape = "jsonl" if is_chosen else formats.shape_in(record, format)
    system = [{"role": "system", "content": text} for text in _texts(record, names.get("system", ()))]
    turns = _messages(record, names) if is_chosen else formats.turns_of(record, shape)
    return pair_content.parse(
        {
            "messages": [*system, *turns],
            "context": values.get("context") or [],
            "tags": _tags(record, names, shape),
            "source": values.get("source") or source,
            "licence": values.get("licence") or license,
        }
    )


def value(record: dict[str, Any], column: str) -> Any:
    """Return the value of a column; None when the row has no such column."""
    if column in record:
        return record[column]
    nested: Any = record
    for key in column.split("."):
        nested = nested.get(key) if isinstance(nested, dict) else None
    return nested


def _messages(record: dict[str, Any], names: Names) -> list[Any]:
    if names.get("messages"):
        return formats.parse_turns(value(record, names["messages"][0]))
    texts = {target: "\n\n".join(_texts(record, names[target])) for target in ("prompt", "completion")}
    for target, text in texts.items():
        if not text:
            raise Invalid(f"the row has nothing under {' or '.join(map(repr, names[target]))}.", field=target)
    return formats.prompt_and_answer(texts["prompt"], texts["completion"])


def _texts(record: dict[str, Any], columns: Sequence[str]) -> list[str]:
    return [text for column in columns if (text := _text(value(record, column)))]


def _text(item: Any) -> str:
    """Return text unchanged, None as empty text, and other values as JSON."""
    if item is None:
        return ""
    return item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)


def _documents(record: dict[str, Any], column: str) -> list[Any]:
    documents = value(record, column)
    return [
        document if isinstance(document, dict) and "text" in document else {"text": _text(document), "title": column}
        for document in (documents if isinstance(documents, list) else [documents])
        if document not in (None, "", {}, [])
    ]


def _tags(record: dict[str, Any], names: Names, shape: str) -> dict[str, Any]:
    """Return the mapped tags; without any, the short fields that are not mapped to another target."""
    if "tags" in names:
        tags = {key: tag for column in names["tags"] for key, tag in _column_tags(record, column).items()}
    else:
        used = {column.split(".", 1)[0] for column in columns_of(names)}
        tags = formats.tags({key: item for key, item in record.items() if key not in used or key == "tags"}, shape)
    single = {
        target.removeprefix(TAG_PREFIX): _text(value(record, columns[0]))
        for target, columns in names.items()
        if target.startswith(TAG_PREFIX) and columns
    }
    return tags | {name: text for name, text in single.items() if text}


def _column_tags(record: dict[str, Any], column: str) -> dict[str, Any]:
    item = value(record, column)
    if isinstance(item, dict | list):
        return formats.parse_tags(item)
    return {column.rsplit(".", 1)[-1]: _text(item)} if _text(item) else {}


class Columns:
    """Collects the keys of the first rows, and of objects one level down, with samples for the user who maps them."""

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
        if not name or len(name) > MAX_COLUMN:
            return
        if name not in self.samples and len(self.samples) >= limits.MAX_COLUMNS:
            return
        samples = self.samples.setdefault(name, [])
        if value in (None, "", [], {}):
            return
        self.filled[name] += 1
        if len(samples) < MAX_SAMPLES and (text := _sample_text(value)) not in samples:
            samples.append(text)

    def missing(self, names: Names) -> str | None:
        """Return the first column of a mapping that no row has, or None."""
        return next((column for column in columns_of(names) if column not in self.samples), None)

    def as_list(self) -> list[dict[str, Any]]:
        return [{"name": name, "filled": self.filled[name], "samples": texts} for name, texts in self.samples.items()]


def _sample_text(value: Any) -> str:
    text = plain_text(value)
    return text if len(text) <= MAX_SAMPLE_LENGTH else text[: MAX_SAMPLE_LENGTH - 1] + "…"


def plain_text(value: Any) -> str:
    """Return the value as text that every database and every page accepts."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")
