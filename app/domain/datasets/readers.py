"""Files of the field's formats -> contents of pairs. Hostile input: every row is checked; pure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from app.core.errors import Invalid
from app.domain.pairs import messages
from app.domain.pairs.messages import Content

FORMATS = ("auto", "jsonl", "csv", "openai", "sharegpt", "alpaca")
MAX_ROWS = 200_000
NOT_TAGS = {"id", "prompt", "completion", "messages", "context", "tags", "source", "licence", "meta"}
SPEAKERS = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "system": "system"}


def read(data: bytes, form: str, *, filename: str, source: str, licence: str) -> list[Content]:
    """One content per row. Raises Invalid that names the row and what is wrong with it; nothing is half read."""
    if form not in FORMATS:
        raise Invalid(f"The format is one of {', '.join(FORMATS)}.", field="format")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(f"The file is not UTF-8 (byte {error.start}); save it as UTF-8 and send it again.") from error
    contents = []
    for number, record in _records(text, form, filename):
        if number > MAX_ROWS:
            raise Invalid(f"The file has more than {MAX_ROWS} rows; split it.")
        contents.append(_content(number, record, source, licence))
    if not contents:
        raise Invalid("The file holds no rows.")
    return contents


def _records(text: str, form: str, filename: str) -> Iterator[tuple[int, dict[str, Any]]]:
    if form == "csv" or (form == "auto" and filename.lower().endswith(".csv")):
        yield from enumerate(csv.DictReader(io.StringIO(text)), start=2)
        return
    stripped = text.lstrip()
    if stripped.startswith("["):
        yield from enumerate(_array(stripped), start=1)
        return
    for number, row in enumerate(text.split("\n"), start=1):
        if row.strip():
            yield number, _object(number, row)


def _array(text: str) -> list[dict[str, Any]]:
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"The file is no JSON: {error}.") from error
    if any(not isinstance(row, dict) for row in rows):
        raise Invalid("Each element of the array must be an object.")
    return rows  # type: ignore[no-any-return]


def _object(number: int, row: str) -> dict[str, Any]:
    try:
        record = json.loads(row)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"Row {number} is no JSON: {error}.") from error
    if not isinstance(record, dict):
        raise Invalid(f"Row {number} is no object; write one JSON object a line.")
    return record


def _content(number: int, record: dict[str, Any], source: str, licence: str) -> Content:
    try:
        return messages.parse(
            {
                "messages": _messages(record),
                "context": record.get("context") or [],
                "tags": _tags(record),
                "source": record.get("source") or source,
                "licence": record.get("licence") or licence,
            }
        )
    except Invalid as error:
        raise Invalid(f"Row {number}: {error.detail}", field=error.field) from error


def _messages(record: dict[str, Any]) -> list[dict[str, Any]]:
    if "messages" in record:
        return record["messages"]  # type: ignore[no-any-return]
    if "conversations" in record:
        turns = record["conversations"] if isinstance(record["conversations"], list) else []
        return [
            {"role": SPEAKERS.get(str(turn.get("from")), "?"), "content": turn.get("value")}
            for turn in turns
            if isinstance(turn, dict)
        ]
    if "instruction" in record:
        prompt = "\n\n".join(str(part) for part in (record["instruction"], record.get("input")) if part)
        return _two(prompt, record.get("output"))
    if "prompt" not in record or "completion" not in record:
        raise Invalid("the row has neither prompt and completion, nor messages, conversations or instruction.")
    return _two(record["prompt"], record["completion"])


def _two(prompt: Any, completion: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": prompt}, {"role": "assistant", "content": completion}]


def _tags(record: dict[str, Any]) -> dict[str, Any]:
    """The row's `tags`, and its other short scalar fields, `meta` included."""
    if "conversations" in record or "instruction" in record:
        flat: dict[str, Any] = {}
    else:
        meta = record.get("meta")
        flat = {**(meta if isinstance(meta, dict) else {}), **{k: v for k, v in record.items() if k not in NOT_TAGS}}
    short = {key: value for key, value in flat.items() if key and _is_tag(value) and len(str(key)) <= 60}
    given = record.get("tags")
    return {**dict(list(short.items())[:20]), **(given if isinstance(given, dict) else {})}


def _is_tag(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool) and 0 < len(str(value)) <= 120
